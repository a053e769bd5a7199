-- $1 tenant
WITH parts AS (
    SELECT sender_id, state, run_at > postfleet_now() AS ahead, run_at
    FROM message_runs WHERE tenant_id = $1 AND state = 'scheduled'
    UNION ALL
    SELECT sender_id, state, false, run_at FROM message_runs WHERE tenant_id = $1 AND state = 'queued'
    UNION ALL
    SELECT sender_id, state, false, NULL FROM message_runs WHERE tenant_id = $1 AND state IN ('committing', 'uncertain')
    UNION ALL
    SELECT sender_id, 'failed', false, NULL FROM message_runs
    WHERE tenant_id = $1 AND state IN ('failed', 'quarantined', 'unknown') AND cleared_at IS NULL
      AND finished_at > postfleet_now() - interval '24 hours'
)
SELECT parts.sender_id, s.paused_at IS NOT NULL OR t.paused_at IS NOT NULL AS paused,
       count(*) FILTER (WHERE state = 'scheduled' AND ahead) AS pending,
       count(*) FILTER (WHERE state = 'scheduled' AND NOT ahead) AS due,
       count(*) FILTER (WHERE state = 'queued') AS queued,
       count(*) FILTER (WHERE state = 'committing') AS sending,
       count(*) FILTER (WHERE state = 'uncertain') AS uncertain,
       count(*) FILTER (WHERE state = 'failed') AS failed_24h,
       min(run_at) FILTER (WHERE (state = 'scheduled' AND NOT ahead) OR state = 'queued') AS oldest_due_at
FROM parts
JOIN senders s ON s.id = parts.sender_id
JOIN tenants t ON t.id = $1
GROUP BY parts.sender_id, s.paused_at, t.paused_at
ORDER BY parts.sender_id
