-- $1 tenant, $2 message, $3 state, $4 outcome, $5 who, $6 seconds behind the commit's deadline before which it is not sent again
WITH resolved AS (
    UPDATE message_runs SET
        state = $3,
        run_at = CASE WHEN $3 = 'scheduled' THEN postfleet_now() ELSE run_at END,
        resent = resent OR $3 = 'scheduled',
        job_id = CASE WHEN $3 = 'scheduled' THEN NULL ELSE job_id END,
        queued_at = CASE WHEN $3 = 'scheduled' THEN NULL ELSE queued_at END,
        attempt_id = CASE WHEN $3 = 'scheduled' THEN NULL ELSE attempt_id END,
        commit_deadline = CASE WHEN $3 = 'scheduled' THEN NULL ELSE commit_deadline END,
        accepted_at = CASE WHEN $3 = 'accepted' THEN postfleet_now() END,
        finished_at = CASE WHEN $3 <> 'scheduled' THEN postfleet_now() END
    WHERE tenant_id = $1 AND message_id = $2 AND state = 'uncertain'
      AND ($3 <> 'scheduled' OR postfleet_now() > commit_deadline + make_interval(secs => $6))
    RETURNING message_id, tenant_id, attempt_id
)
INSERT INTO message_attempts (message_id, tenant_id, at, attempt_id, outcome, reply)
SELECT message_id, tenant_id, postfleet_now(), attempt_id, $4, 'by ' || $5 FROM resolved
RETURNING message_id
