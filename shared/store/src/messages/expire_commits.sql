-- $1 owner, $2 term, $3 limit
WITH expired AS MATERIALIZED (
    SELECT r.message_id,
           CASE WHEN r.commit_deadline < postfleet_now() THEN 'deadline_passed' ELSE 'worker_lost' END AS cause
    FROM message_runs r
    LEFT JOIN workers w ON w.id = r.worker_id
    WHERE r.state = 'committing'
      AND (r.commit_deadline < postfleet_now() OR w.ended_at IS NOT NULL)
      AND EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
    -- In the order of the index that holds nothing else: in the order of their ids, a plan for any limit walks all messages.
    ORDER BY r.commit_deadline
    LIMIT $3
    FOR UPDATE OF r SKIP LOCKED
), shown AS (
    UPDATE message_runs r SET state = 'uncertain', uncertain_at = postfleet_now(), uncertain_cause = e.cause
    FROM expired e
    WHERE r.message_id = e.message_id
    RETURNING r.message_id, r.tenant_id, r.attempt_id, r.worker_id, e.cause
), history AS (
    INSERT INTO message_attempts (message_id, tenant_id, at, attempt_id, worker_id, outcome, class)
    SELECT message_id, tenant_id, postfleet_now(), attempt_id, worker_id, 'uncertain', cause FROM shown
)
SELECT message_id, cause FROM shown
