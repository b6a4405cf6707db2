-- People who joined and who stopped, by day (UTC). Joined: list memberships that a window of one day placed.
-- Stopped: opt-outs of the sender code. The days before the first pull are placed as far as its windows reach.
WITH joined AS (
    SELECT CAST(subscribed_from AS DATE) AS day, count(*) AS people
    FROM list_memberships
    WHERE subscribed_from IS NOT NULL
    GROUP BY 1
),
stopped AS (
    SELECT CAST(opt_out_date AS DATE) AS day, count(*) AS people
    FROM opt_outs
    WHERE opt_out_date >= (SELECT min(subscribed_from) FROM list_memberships)
    GROUP BY 1
)
SELECT
    coalesce(joined.day, stopped.day) AS day,
    coalesce(joined.people, 0) AS joined,
    coalesce(stopped.people, 0) AS stopped
FROM joined
FULL JOIN stopped ON stopped.day = joined.day
ORDER BY 1
