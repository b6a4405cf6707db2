-- The state of consent at a moment, from the consent events: for each sender code and phone number the last event of
-- each list, and of the sender code as a whole (phone_list_id 0). Put the moment in place of {moment}, with its offset:
-- 2026-03-09 12:00:00+00:00. Somebody is on a list whose latest event is subscribed, and has said stop to the sender
-- code where the latest event is opted_out.
--
-- It tells what is known today. For what was known then, add: AND observed_at <= CAST('{moment}' AS ...).
SELECT sender_code_id, phone_list_id, phone_number, event, event_at, observed_at, seen_in, reason
FROM (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY sender_code_id, phone_list_id, phone_number
            -- Of one moment, a stop is what counts.
            ORDER BY event_at DESC, observed_at DESC, CASE WHEN event = 'opted_out' THEN 0 ELSE 1 END
        ) AS latest
    FROM consent_events
    WHERE event_at <= CAST('{moment}' AS TIMESTAMP WITH TIME ZONE)
) AS events
WHERE latest = 1
ORDER BY sender_code_id, phone_number, phone_list_id
