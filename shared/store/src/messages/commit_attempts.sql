-- $1 messages, $2 jobs, $3 attempts, $4 suppression keys, $5 body hashes, $6 worker, $7 seconds to the deadline,
-- $8 senders, $9 where their rows stood
--
-- SKIP LOCKED, not a plain UPDATE: one that waits for a row which a cancellation or an unsubscribe holds would go on
-- with the snapshot from before that commit. A skipped row is not won; it is handed back.
-- By place (ctid), first where the row stood when it was loaded, then where it is locked: each descent of the index by its
-- key would cost as much as the change. A row that was changed since stands elsewhere, and is not won; the key is compared
-- because another row may stand there by now.
-- coalesce: no partial index may answer instead of the place, whatever the statistics say of queued rows.
-- Senders and tenants are looked at once a statement, not once a row.
WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $9::tid[], $8::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bytea[])
        AS a (message_id, place, sender_id, job_id, attempt_id, suppression_key, body_sha256)
    ORDER BY message_id
), open_senders AS MATERIALIZED (
    SELECT s.id FROM senders s JOIN tenants t ON t.id = s.tenant_id
    WHERE s.id = ANY($8) AND s.paused_at IS NULL AND s.archived_at IS NULL AND t.paused_at IS NULL
), won AS MATERIALIZED (
    SELECT r.place, r.tenant_id, r.sender_id, a.attempt_id, a.body_sha256
    FROM asked a
    JOIN open_senders s ON s.id = a.sender_id
    CROSS JOIN LATERAL (
        SELECT r.ctid AS place, r.tenant_id, r.sender_id FROM message_runs r
        WHERE r.ctid = a.place
          AND r.message_id = a.message_id
          AND coalesce(r.state, '') = 'queued'
          AND r.job_id = a.job_id
          AND r.sender_id = a.sender_id
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
RETURNING r.attempt_id, r.ctid
