-- $1 owner, $2 term, $3 job, $4 the row the worker died on, $5 crashes that quarantine
WITH ours AS MATERIALIZED (
    SELECT message_id, message_id = $4 AS charged, crashes + 1 >= $5 AS once_too_often
    FROM message_runs
    WHERE state = 'queued' AND job_id = $3
      AND EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
    ORDER BY message_id
    FOR UPDATE
), moved AS (
    UPDATE message_runs r SET
        state = CASE WHEN o.charged AND o.once_too_often THEN 'quarantined' ELSE 'scheduled' END,
        crashes = r.crashes + CASE WHEN o.charged THEN 1 ELSE 0 END,
        last_error = CASE WHEN o.charged THEN 'its worker died while it was handled' ELSE r.last_error END,
        finished_at = CASE WHEN o.charged AND o.once_too_often THEN postfleet_now() END,
        job_id = NULL,
        queued_at = NULL
    FROM ours o
    WHERE r.message_id = o.message_id
    RETURNING r.message_id, r.tenant_id, o.charged, r.state
), history AS (
    INSERT INTO message_attempts (message_id, tenant_id, at, outcome, reply)
    SELECT message_id, tenant_id, postfleet_now(), CASE state WHEN 'quarantined' THEN 'quarantined' ELSE 'crashed' END,
           'its worker died while it was handled'
    FROM moved WHERE charged
)
SELECT COALESCE(bool_or(charged), false) FROM moved
