-- $1 tenant, $2 job, $3 timers. Their enrollments are locked: nobody else ends or cancels one of these meanwhile. They are
-- done with this transaction; what is put off is put back by it.
WITH ours AS MATERIALIZED (
    SELECT id FROM timers WHERE id = ANY($3) AND tenant_id = $1 AND job_id = $2 AND state = 'queued' ORDER BY id FOR UPDATE
), claimed AS (
    UPDATE timers t SET state = 'done', finished_at = postfleet_now()
    FROM ours o WHERE t.id = o.id
    RETURNING t.id, t.enrollment_id, t.visit, t.kind, t.due
)
SELECT c.id, c.enrollment_id, c.visit, c.kind, c.due, r.state AS message_state, r.last_class AS message_class
FROM claimed c
LEFT JOIN LATERAL (
    SELECT r.state, r.last_class FROM messages m JOIN message_runs r ON r.message_id = m.id
    WHERE c.kind = 'refused' AND m.enrollment_id = c.enrollment_id AND m.visit = c.visit
    LIMIT 1
) r ON true
ORDER BY c.due, c.id
