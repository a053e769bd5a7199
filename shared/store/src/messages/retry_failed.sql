-- $1 tenant, $2 after (id), $3 sender, $4 class, $5 how many to look at
WITH looked AS MATERIALIZED (
    SELECT message_id, state, sender_id, last_class FROM message_runs
    WHERE tenant_id = $1 AND message_id > $2 AND state IN ('failed', 'quarantined', 'unknown')
    ORDER BY message_id LIMIT $5
    FOR UPDATE
), retried AS (
    UPDATE message_runs r SET
        state = 'scheduled', run_at = postfleet_now(), tries = 0, crashes = 0, job_id = NULL, queued_at = NULL,
        attempt_id = NULL, commit_deadline = NULL, wait_key = '', finished_at = NULL, cleared_at = NULL,
        first_refused_at = NULL, last_refused_at = NULL
    FROM looked l
    WHERE r.message_id = l.message_id AND l.state <> 'unknown'
      AND ($3::uuid IS NULL OR l.sender_id = $3) AND ($4::text IS NULL OR l.last_class = $4)
    RETURNING r.message_id
), history AS (
    INSERT INTO message_attempts (message_id, tenant_id, at, outcome)
    SELECT message_id, $1, postfleet_now(), 'retried_by_hand' FROM retried
)
SELECT (SELECT count(*) FROM retried) AS repaired, count(*) AS looked,
       (SELECT message_id FROM looked ORDER BY message_id DESC LIMIT 1) AS last
FROM looked
