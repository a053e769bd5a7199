WITH RECURSIVE lanes AS (
    (SELECT tenant_id, sender_id FROM message_runs WHERE state = 'scheduled' ORDER BY tenant_id, sender_id LIMIT 1)
    UNION ALL
    SELECT n.tenant_id, n.sender_id
    FROM lanes l
    CROSS JOIN LATERAL (
        SELECT r.tenant_id, r.sender_id FROM message_runs r
        WHERE r.state = 'scheduled' AND (r.tenant_id, r.sender_id) > (l.tenant_id, l.sender_id)
        ORDER BY r.tenant_id, r.sender_id LIMIT 1
    ) n
)
SELECT l.tenant_id, l.sender_id, s.max_connections
FROM lanes l
JOIN senders s ON s.id = l.sender_id AND s.paused_at IS NULL
JOIN tenants t ON t.id = l.tenant_id AND t.paused_at IS NULL
WHERE NOT EXISTS (SELECT 1 FROM fleet WHERE halted_at IS NOT NULL)
  AND EXISTS (
    SELECT 1 FROM (VALUES (0::smallint), (1::smallint), (2::smallint)) AS p (priority)
    CROSS JOIN LATERAL (
        SELECT 1 FROM message_runs r
        WHERE r.state = 'scheduled' AND r.tenant_id = l.tenant_id AND r.sender_id = l.sender_id
          AND r.priority = p.priority AND r.run_at <= postfleet_now()
        LIMIT 1
    ) due
)
