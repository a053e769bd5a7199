-- $1 owner, $2 term, $3 message, $4 attempt
WITH given_up AS (
    UPDATE message_runs SET state = 'unknown', finished_at = postfleet_now()
    WHERE message_id = $3 AND state = 'uncertain' AND attempt_id = $4
      AND EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
    RETURNING message_id, tenant_id
)
INSERT INTO message_attempts (message_id, tenant_id, at, attempt_id, outcome)
SELECT message_id, tenant_id, postfleet_now(), $4, 'unknown' FROM given_up
RETURNING message_id
