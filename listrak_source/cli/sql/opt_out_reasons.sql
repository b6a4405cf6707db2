-- Why people left: opt-outs by reason, with the date of the latest.
SELECT coalesce(opt_out_reason, 'unknown') AS reason, count(*) AS people, max(opt_out_date) AS latest
FROM opt_outs
GROUP BY 1
ORDER BY 2 DESC, 1
