-- $1 messages, $2 jobs, $3 attempts, $4 suppression keys, $5 body hashes, $6 worker, $7 seconds to the deadline
--
-- SKIP LOCKED, not a plain UPDATE: one that waits for a row which a cancellation or an unsubscribe holds would go on
-- with the snapshot from before that commit. A skipped row is not won; it is handed back.
-- By place (ctid), since the row is locked: finding it by its key once more would cost another descent. A row that
-- changed between snapshot and lock is not at that place in the snapshot, and so is not won either.
-- coalesce: no partial index may answer instead of the key, whatever the statistics say of queued rows.
WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bytea[])
        AS a (message_id, job_id, attempt_id, suppression_key, body_sha256)
    ORDER BY message_id
), won AS MATERIALIZED (
    SELECT r.place, r.tenant_id, r.sender_id, a.attempt_id, a.body_sha256
    FROM asked a
    CROSS JOIN LATERAL (
        SELECT r.ctid AS place, r.tenant_id, r.sender_id FROM message_runs r
        WHERE r.message_id = a.message_id
          AND coalesce(r.state, '') = 'queued'
          AND r.job_id = a.job_id
          AND EXISTS (SELECT 1 FROM senders s WHERE s.id = r.sender_id AND s.paused_at IS NULL AND s.archived_at IS NULL)
          AND EXISTS (SELECT 1 FROM tenants t WHERE t.id = r.tenant_id AND t.paused_at IS NULL)
          AND (r.campaign_id IS NULL OR EXISTS (SELECT 1 FROM campaigns c WHERE c.id = r.campaign_id AND c.state = 'active'))
          AND NOT EXISTS (SELECT 1 FROM fleet WHERE halted_at IS NOT NULL)
          AND NOT EXISTS (SELECT 1 FROM suppressions x
                          WHERE x.tenant_id = r.tenant_id AND x.channel = 'email' AND x.address = a.suppression_key)
        FOR UPDATE OF r SKIP LOCKED
    ) r
), counted AS (
    INSERT INTO daily_sends (day, tenant_id, sender_id, sent)
    SELECT (postfleet_now() AT TIME ZONE 'UTC')::date, tenant_id, sender_id, count(*)
    FROM won GROUP BY tenant_id, sender_id
)
UPDATE message_runs r
SET state = 'committing', attempt_id = won.attempt_id, worker_id = $6, body_sha256 = won.body_sha256,
    committed_at = postfleet_now(), commit_deadline = postfleet_now() + make_interval(secs => $7)
FROM won
WHERE r.ctid = won.place
RETURNING r.attempt_id
