-- How many people each list reaches: members who have not opted out of its sender code.
SELECT
    s.code AS sender_code,
    l.phone_list_name AS list,
    l.status AS status,
    count(m.phone_number) AS members,
    count(CASE WHEN NOT c.opted_out THEN 1 END) AS reachable
FROM lists AS l
JOIN sender_codes AS s ON s.sender_code_id = l.sender_code_id
LEFT JOIN list_memberships AS m
    ON m.sender_code_id = l.sender_code_id AND m.phone_list_id = l.phone_list_id AND m.removed_at IS NULL
LEFT JOIN contacts AS c ON c.sender_code_id = m.sender_code_id AND c.phone_number = m.phone_number
WHERE l.removed_at IS NULL
GROUP BY 1, 2, 3
ORDER BY members DESC, 1, 2
