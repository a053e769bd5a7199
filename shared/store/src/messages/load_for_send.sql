-- $1 tenant, $2 message ids, $3 the sender of them all, who is looked at once
WITH sender AS MATERIALIZED (
    SELECT s.id, t.paused_at IS NOT NULL AS tenant_paused, s.paused_at IS NOT NULL AS sender_paused,
           s.archived_at IS NOT NULL AS sender_archived, s.version AS sender_version, s.faults AS sender_faults
    FROM senders s JOIN tenants t ON t.id = s.tenant_id
    WHERE s.id = $3 AND s.tenant_id = $1
)
SELECT r.message_id, r.ctid AS place, r.state, r.job_id, r.tries, r.first_refused_at, m.to_address, m.reply_to, m.headers, m.data, m.content_id,
       EXISTS (SELECT 1 FROM suppressions x
               WHERE x.tenant_id = $1 AND x.channel = 'email' AND x.address = lower(m.to_address)) AS suppressed,
       s.tenant_paused, s.sender_paused, s.sender_archived, s.sender_version, s.sender_faults,
       COALESCE(c.state <> 'active', false) AS campaign_stands,
       e.plan_hash, e.engine ->> 'zone' AS zone, COALESCE(e.test_mode, false) AS test_mode,
       postfleet_now() AS now
FROM message_runs r
CROSS JOIN LATERAL (
    SELECT * FROM messages m WHERE m.tenant_id = $1 AND m.id = r.message_id
    -- A fence: where the tables are believed to be nearly empty, the other way round would be to read all of the tenant's.
    OFFSET 0
) m
JOIN sender s ON s.id = r.sender_id
LEFT JOIN campaigns c ON c.id = r.campaign_id
LEFT JOIN enrollments e ON e.id = r.enrollment_id
WHERE r.tenant_id = $1 AND r.message_id = ANY($2)
