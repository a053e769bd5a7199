-- $1 owner, $2 term, $3 jobs: one row each
--
-- The few first, by their own index: a planner that joins from the senders' side reads every scheduled row.
WITH crashed AS MATERIALIZED (
    SELECT message_id FROM message_runs
    WHERE state = 'scheduled' AND crashes > 0 AND run_at <= postfleet_now()
), due AS MATERIALIZED (
    SELECT r.message_id FROM crashed
    JOIN message_runs r ON r.message_id = crashed.message_id
    JOIN senders s ON s.id = r.sender_id AND s.paused_at IS NULL
    JOIN tenants t ON t.id = r.tenant_id AND t.paused_at IS NULL
    WHERE r.state = 'scheduled' AND r.crashes > 0 AND r.run_at <= postfleet_now()
      AND EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
      AND NOT EXISTS (SELECT 1 FROM fleet WHERE halted_at IS NOT NULL)
    ORDER BY r.run_at
    LIMIT cardinality($3::uuid[])
    FOR UPDATE OF r SKIP LOCKED
), placed AS (
    SELECT message_id, row_number() OVER () AS place FROM due
)
UPDATE message_runs r SET state = 'queued', queued_at = postfleet_now(), job_id = ($3::uuid[])[p.place]
FROM placed p
WHERE r.message_id = p.message_id
RETURNING r.message_id, r.tenant_id, r.sender_id, r.priority, r.job_id
