INSERT INTO message_runs (message_id, tenant_id, sender_id, state, priority, run_at, queued_at, job_id, finished_at,
                          recipient_domain)
SELECT a.id, $1, a.sender_id, s.state, a.priority, greatest(a.send_at, postfleet_now()),
       CASE WHEN s.state = 'queued' THEN postfleet_now() END,
       CASE WHEN s.state = 'queued' THEN a.job_id END,
       CASE WHEN s.state = 'suppressed' THEN postfleet_now() END,
       a.recipient_domain
FROM asked a
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM suppressions x
                     WHERE x.tenant_id = $1 AND x.channel = 'email' AND x.address = a.suppression_key) THEN 'suppressed'
        WHEN a.job_id IS NOT NULL THEN 'queued'
        ELSE 'scheduled'
    END AS state
    -- A fence: without it the look at the suppressions is done for each use of the state.
    OFFSET 0
) s
