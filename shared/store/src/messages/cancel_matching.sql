-- $1 tenant, $2 from (id), $3 sender, $4 tag, $5 how many to look at. Locks in id order, as every group statement does;
-- a row that a worker is about to commit is waited for, and then is canceled or is not. The next page begins
-- with the last row of this one.
WITH looked AS MATERIALIZED (
    SELECT id, sender_id, tags FROM messages WHERE tenant_id = $1 AND id >= $2 ORDER BY id LIMIT $5
), ours AS MATERIALIZED (
    SELECT r.message_id
    FROM message_runs r
    JOIN looked l ON l.id = r.message_id
    WHERE r.state IN ('scheduled', 'queued')
      AND ($3::uuid IS NULL OR l.sender_id = $3) AND ($4::text IS NULL OR $4 = ANY(l.tags))
    ORDER BY r.message_id
    FOR UPDATE OF r
), canceled AS (
    UPDATE message_runs r SET state = 'canceled', wait_key = '', finished_at = postfleet_now()
    FROM ours WHERE r.message_id = ours.message_id AND r.state IN ('scheduled', 'queued')
    RETURNING 1
)
SELECT (SELECT count(*) FROM canceled) AS canceled, count(*) AS looked, (SELECT id FROM looked ORDER BY id DESC LIMIT 1) AS last
FROM looked
