-- $1 tenant, $2 message ids
SELECT r.message_id, r.state, r.job_id, r.tries, r.first_refused_at, m.to_address, m.reply_to, m.headers, m.data, m.content_id,
       EXISTS (SELECT 1 FROM suppressions x
               WHERE x.tenant_id = $1 AND x.channel = 'email' AND x.address = lower(m.to_address)) AS suppressed,
       t.paused_at IS NOT NULL AS tenant_paused,
       s.paused_at IS NOT NULL AS sender_paused,
       s.archived_at IS NOT NULL AS sender_archived,
       s.version AS sender_version,
       s.faults AS sender_faults,
       COALESCE(c.state <> 'active', false) AS campaign_stands,
       e.plan_hash, e.engine ->> 'zone' AS zone, COALESCE(e.test_mode, false) AS test_mode,
       postfleet_now() AS now
FROM message_runs r
JOIN messages m ON m.id = r.message_id
JOIN senders s ON s.id = r.sender_id
JOIN tenants t ON t.id = r.tenant_id
LEFT JOIN campaigns c ON c.id = r.campaign_id
LEFT JOIN enrollments e ON e.id = r.enrollment_id
WHERE r.tenant_id = $1 AND r.message_id = ANY($2)
