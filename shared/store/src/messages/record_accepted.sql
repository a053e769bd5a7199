-- $1 messages, $2 where their rows stand, $3 attempts, $4 replies
--
-- What nearly always comes of a commit, the short way. Whoever is not answered is recorded by the long one: its row was
-- changed since, or is held by somebody.
WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $2::tid[], $3::uuid[], $4::text[]) AS a (message_id, place, attempt_id, reply)
    ORDER BY message_id
), expected AS MATERIALIZED (
    SELECT a.reply, found.place
    FROM asked a
    CROSS JOIN LATERAL (
        SELECT r.ctid AS place FROM message_runs r
        WHERE r.ctid = a.place AND r.message_id = a.message_id
          AND coalesce(r.state, '') IN ('committing', 'uncertain') AND r.attempt_id = a.attempt_id
        FOR UPDATE OF r SKIP LOCKED
    ) found
)
UPDATE message_runs r
SET state = 'accepted', tries = r.tries + 1, last_class = NULL, last_error = e.reply,
    accepted_at = postfleet_now(), finished_at = postfleet_now()
FROM expected e
WHERE r.ctid = e.place
RETURNING r.message_id
