WITH RECURSIVE lanes AS (
    (SELECT tenant_id, sender_id, wait_key FROM message_runs WHERE state = 'scheduled'
     ORDER BY tenant_id, sender_id, wait_key LIMIT 1)
    UNION ALL
    SELECT n.tenant_id, n.sender_id, n.wait_key
    FROM lanes l
    CROSS JOIN LATERAL (
        SELECT r.tenant_id, r.sender_id, r.wait_key FROM message_runs r
        WHERE r.state = 'scheduled' AND (r.tenant_id, r.sender_id, r.wait_key) > (l.tenant_id, l.sender_id, l.wait_key)
        ORDER BY r.tenant_id, r.sender_id, r.wait_key LIMIT 1
    ) n
)
SELECT l.tenant_id, l.sender_id, l.wait_key, s.max_connections,
       extract(epoch FROM postfleet_now() - due.oldest_run_at)::float8,
       s.paused_at IS NOT NULL OR t.paused_at IS NOT NULL AS paused
FROM lanes l
JOIN senders s ON s.id = l.sender_id
JOIN tenants t ON t.id = l.tenant_id
CROSS JOIN LATERAL (
    SELECT min(first.run_at) AS oldest_run_at
    FROM (VALUES (0::smallint), (1::smallint), (2::smallint)) AS p (priority)
    CROSS JOIN LATERAL (
        SELECT r.run_at FROM message_runs r
        WHERE r.state = 'scheduled' AND r.tenant_id = l.tenant_id AND r.sender_id = l.sender_id
          AND r.wait_key = l.wait_key AND r.priority = p.priority AND r.run_at <= postfleet_now()
        ORDER BY r.run_at LIMIT 1
    ) first
) due
WHERE due.oldest_run_at IS NOT NULL
  -- Rooms of campaigns that do not send: nobody is let out of them one by one.
  AND l.wait_key NOT LIKE 'campaign:%'
  AND NOT EXISTS (SELECT 1 FROM fleet WHERE halted_at IS NOT NULL)
LIMIT $1
