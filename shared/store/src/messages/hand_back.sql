-- $1 job, $2 messages, $3 seconds before they are due again (0: their time is unchanged)
WITH ours AS MATERIALIZED (
    SELECT r.message_id,
           EXISTS (SELECT 1 FROM messages m
                   JOIN suppressions x ON x.tenant_id = m.tenant_id AND x.channel = 'email' AND x.address = lower(m.to_address)
                   WHERE m.tenant_id = r.tenant_id AND m.id = r.message_id) AS suppressed
    FROM message_runs r
    WHERE r.message_id = ANY($2) AND r.job_id = $1 AND r.state = 'queued'
    ORDER BY r.message_id
    FOR UPDATE OF r
)
UPDATE message_runs r SET
    state = CASE WHEN o.suppressed THEN 'suppressed' ELSE 'scheduled' END,
    job_id = NULL,
    queued_at = NULL,
    run_at = CASE WHEN $3 > 0 THEN greatest(r.run_at, postfleet_now() + make_interval(secs => $3)) ELSE r.run_at END,
    finished_at = CASE WHEN o.suppressed THEN postfleet_now() END
FROM ours o
WHERE r.message_id = o.message_id
RETURNING r.message_id, r.state
