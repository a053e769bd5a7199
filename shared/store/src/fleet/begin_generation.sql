-- $1 owner, $2 term, $3 old generation, $4 new generation
WITH begun AS (
    UPDATE fleet SET generation = $4, beat = beat + 1, generation_since = postfleet_now()
    WHERE generation = $3
      AND EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
    RETURNING 1
), returned AS (
    UPDATE message_runs SET state = 'scheduled', job_id = NULL, queued_at = NULL
    WHERE state = 'queued' AND EXISTS (SELECT 1 FROM begun)
    RETURNING 1
)
SELECT CASE WHEN EXISTS (SELECT 1 FROM begun) THEN (SELECT count(*) FROM returned) END
