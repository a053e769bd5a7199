-- $1 owner, $2 term, $3 message, $4 attempt
WITH resent AS (
    UPDATE message_runs SET
        state = 'scheduled', run_at = postfleet_now(), resent = true, job_id = NULL, queued_at = NULL,
        attempt_id = NULL, commit_deadline = NULL
    WHERE message_id = $3 AND state = 'uncertain' AND attempt_id = $4 AND NOT resent
      AND EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
    RETURNING message_id, tenant_id
)
INSERT INTO message_attempts (message_id, tenant_id, at, attempt_id, outcome)
SELECT message_id, tenant_id, postfleet_now(), $4, 'resend' FROM resent
RETURNING message_id
