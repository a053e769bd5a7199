-- $1 owner, $2 term, $3 old generation, $4 new generation
WITH begun AS (
    UPDATE fleet SET generation = $4, beat = beat + 1, generation_since = postfleet_now()
    WHERE generation = $3
      AND EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
    RETURNING 1
), ours AS MATERIALIZED (
    -- In order, and past what workers hand back at this very moment: the rescue collects what is skipped.
    SELECT message_id FROM message_runs WHERE state = 'queued' AND EXISTS (SELECT 1 FROM begun)
    ORDER BY message_id FOR UPDATE SKIP LOCKED
), returned AS (
    UPDATE message_runs r SET state = 'scheduled', job_id = NULL, queued_at = NULL
    FROM ours o WHERE r.message_id = o.message_id
    RETURNING 1
)
SELECT CASE WHEN EXISTS (SELECT 1 FROM begun) THEN (SELECT count(*) FROM returned) END
