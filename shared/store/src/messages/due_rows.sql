-- Lanes: $1 tenants, $2 senders, $3 waiting rooms (empty: fresh rows), $4 how deep to look, per priority
SELECT d.message_id, d.place, a.tenant_id, a.sender_id, d.priority, d.run_at, a.wait_key,
       COALESCE(d.recipient_domain,
                (SELECT lower(substring(m.to_address FROM '@([^@]*)$')) FROM messages m
                 WHERE m.tenant_id = a.tenant_id AND m.id = d.message_id), '')
           AS recipient_domain
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[]) AS a (tenant_id, sender_id, wait_key, depth)
CROSS JOIN (VALUES (0::smallint), (1::smallint), (2::smallint)) AS p (priority)
CROSS JOIN LATERAL (
    SELECT r.message_id, r.ctid AS place, r.priority, r.run_at, r.recipient_domain FROM message_runs r
    WHERE r.state = 'scheduled' AND r.tenant_id = a.tenant_id AND r.sender_id = a.sender_id
      AND r.wait_key = a.wait_key AND r.priority = p.priority AND r.run_at <= postfleet_now() AND r.crashes = 0
    ORDER BY r.run_at, r.message_id
    LIMIT a.depth
) d
