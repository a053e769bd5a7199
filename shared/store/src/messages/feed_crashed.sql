-- $1 owner, $2 term, $3 jobs: one row each
--
-- The first few by their own index, and each of them then by its key: a planner that believes in many of them, as it
-- does before it has statistics, would read every scheduled row once a second.
WITH crashed AS MATERIALIZED (
    SELECT message_id FROM message_runs
    WHERE state = 'scheduled' AND crashes > 0 AND run_at <= postfleet_now()
      AND EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
      AND NOT EXISTS (SELECT 1 FROM fleet WHERE halted_at IS NOT NULL)
    ORDER BY run_at
    LIMIT 1000
), due AS MATERIALIZED (
    SELECT r.message_id
    FROM crashed c
    CROSS JOIN LATERAL (
        SELECT r.message_id FROM message_runs r
        WHERE r.message_id = c.message_id AND coalesce(r.state, '') = 'scheduled'
          AND EXISTS (SELECT 1 FROM senders s WHERE s.id = r.sender_id AND s.paused_at IS NULL)
          AND EXISTS (SELECT 1 FROM tenants t WHERE t.id = r.tenant_id AND t.paused_at IS NULL)
          AND (r.campaign_id IS NULL OR EXISTS (SELECT 1 FROM campaigns c WHERE c.id = r.campaign_id AND c.state = 'active'))
        FOR UPDATE OF r SKIP LOCKED
    ) r
    LIMIT cardinality($3::uuid[])
), placed AS (
    SELECT message_id, row_number() OVER () AS place FROM due
)
UPDATE message_runs r SET state = 'queued', queued_at = postfleet_now(), job_id = ($3::uuid[])[p.place]
FROM placed p
WHERE r.message_id = p.message_id
RETURNING r.message_id, r.tenant_id, r.sender_id, r.priority, r.job_id
