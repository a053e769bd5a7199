-- $1 owner, $2 term, $3 messages, $4 their jobs
--
-- LATERAL, so that each row is found by its key whatever the planner believes of a table that has just been filled; and
-- coalesce, which no partial index answers: statistics from when nothing was scheduled say that one of these is the
-- shorter way, and it would be read from end to end for each row.
WITH asked AS (
    SELECT * FROM unnest($3::uuid[], $4::uuid[]) AS a (message_id, job_id)
    WHERE EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
      AND NOT EXISTS (SELECT 1 FROM fleet WHERE halted_at IS NOT NULL)
    ORDER BY message_id
), due AS MATERIALIZED (
    SELECT r.place, a.job_id
    FROM asked a
    CROSS JOIN LATERAL (
        SELECT r.ctid AS place FROM message_runs r
        WHERE r.message_id = a.message_id
          AND coalesce(r.state, '') = 'scheduled' AND r.run_at <= postfleet_now() AND r.crashes = 0
          AND EXISTS (SELECT 1 FROM senders s WHERE s.id = r.sender_id AND s.paused_at IS NULL)
          AND EXISTS (SELECT 1 FROM tenants t WHERE t.id = r.tenant_id AND t.paused_at IS NULL)
          AND (r.campaign_id IS NULL OR EXISTS (SELECT 1 FROM campaigns c WHERE c.id = r.campaign_id AND c.state = 'active'))
        FOR UPDATE OF r SKIP LOCKED
    ) r
)
UPDATE message_runs r
SET state = 'queued', queued_at = postfleet_now(), job_id = d.job_id, wait_key = ''
FROM due d
WHERE r.ctid = d.place
RETURNING r.message_id
