-- $1 messages, $2 jobs, $3 attempts, $4 states, $5 delays in seconds, $6 tries charged, $7 outcomes, $8 phases,
-- $9 classes, $10 replies, $11 addresses to suppress, $12 worker
WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::float8[], $6::smallint[], $7::text[],
                         $8::text[], $9::text[], $10::text[], $11::text[])
        AS a (message_id, job_id, attempt_id, state, delay, charge, outcome, phase, class, reply, suppress)
    ORDER BY message_id
), expected AS MATERIALIZED (
    SELECT a.*, found.place
    FROM asked a
    CROSS JOIN LATERAL (
        SELECT r.ctid AS place FROM message_runs r
        WHERE r.message_id = a.message_id
          AND ((r.job_id = a.job_id AND a.attempt_id IS NULL AND r.state = 'queued')
               OR (r.attempt_id = a.attempt_id
                   AND (r.state IN ('committing', 'uncertain') OR (r.state = 'unknown' AND a.state = 'accepted'))))
        FOR UPDATE OF r SKIP LOCKED
    ) found
), recorded AS (
    UPDATE message_runs r SET
        state = e.state,
        tries = r.tries + e.charge,
        run_at = CASE WHEN e.state = 'scheduled' THEN postfleet_now() + make_interval(secs => e.delay) ELSE r.run_at END,
        job_id = CASE WHEN e.state = 'scheduled' THEN NULL ELSE r.job_id END,
        queued_at = CASE WHEN e.state = 'scheduled' THEN NULL ELSE r.queued_at END,
        attempt_id = CASE WHEN e.state = 'scheduled' THEN NULL ELSE r.attempt_id END,
        commit_deadline = CASE WHEN e.state = 'scheduled' THEN NULL ELSE r.commit_deadline END,
        worker_id = COALESCE(r.worker_id, $12),
        last_class = COALESCE(e.class, CASE WHEN e.state <> 'accepted' THEN r.last_class END),
        last_error = e.reply,
        first_refused_at = CASE WHEN e.class IS NOT NULL THEN COALESCE(r.first_refused_at, postfleet_now()) ELSE r.first_refused_at END,
        last_refused_at = CASE WHEN e.class IS NOT NULL THEN postfleet_now() ELSE r.last_refused_at END,
        uncertain_at = CASE WHEN e.state = 'uncertain' THEN COALESCE(r.uncertain_at, postfleet_now()) ELSE r.uncertain_at END,
        uncertain_cause = CASE WHEN e.state = 'uncertain' THEN COALESCE(e.class, e.outcome) ELSE r.uncertain_cause END,
        accepted_at = CASE WHEN e.state = 'accepted' THEN postfleet_now() END,
        finished_at = CASE WHEN e.state IN ('accepted', 'failed', 'suppressed') THEN postfleet_now() END
    FROM expected e
    WHERE r.ctid = e.place
    RETURNING r.message_id, r.tenant_id, e.attempt_id, e.state, e.outcome, e.phase, e.class, e.reply, e.suppress
), history AS (
    INSERT INTO message_attempts (message_id, tenant_id, at, attempt_id, worker_id, outcome, phase, class, reply)
    SELECT message_id, tenant_id, postfleet_now(), attempt_id, $12, outcome, phase, class, reply
    FROM recorded WHERE state <> 'accepted'
), suppressed AS (
    INSERT INTO suppressions (tenant_id, channel, address, reason, source)
    SELECT DISTINCT tenant_id, 'email', suppress, 'bounce', 'smtp' FROM recorded WHERE suppress IS NOT NULL
    ON CONFLICT (tenant_id, channel, address) DO UPDATE SET last_seen_at = postfleet_now()
)
SELECT message_id FROM recorded
