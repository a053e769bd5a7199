-- $1 owner, $2 term, $3 messages, $4 their jobs, $5 where their rows stood, $6 senders
--
-- By place (ctid) and LATERAL, so that each row is found where it was seen whatever the planner believes of a table that has
-- just been filled. One that was changed since stands elsewhere, and is looked at again in the next pass. coalesce: no
-- partial index may answer instead, which statistics from when nothing was scheduled make the shorter way.
WITH asked AS (
    SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::tid[], $6::uuid[]) AS a (message_id, job_id, place, sender_id)
    WHERE EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
      AND NOT EXISTS (SELECT 1 FROM fleet WHERE halted_at IS NOT NULL)
    ORDER BY message_id
), open_senders AS MATERIALIZED (
    SELECT s.id FROM senders s JOIN tenants t ON t.id = s.tenant_id
    WHERE s.id = ANY($6) AND s.paused_at IS NULL AND t.paused_at IS NULL
), due AS MATERIALIZED (
    SELECT r.place, a.job_id
    FROM asked a
    JOIN open_senders s ON s.id = a.sender_id
    CROSS JOIN LATERAL (
        SELECT r.ctid AS place FROM message_runs r
        WHERE r.ctid = a.place AND r.message_id = a.message_id
          AND coalesce(r.state, '') = 'scheduled' AND r.run_at <= postfleet_now() AND r.crashes = 0
          AND r.sender_id = a.sender_id
          AND (r.campaign_id IS NULL OR EXISTS (SELECT 1 FROM campaigns c WHERE c.id = r.campaign_id AND c.state = 'active'))
        FOR UPDATE OF r SKIP LOCKED
    ) r
)
UPDATE message_runs r
SET state = 'queued', queued_at = postfleet_now(), job_id = d.job_id, wait_key = ''
FROM due d
WHERE r.ctid = d.place
RETURNING r.message_id
