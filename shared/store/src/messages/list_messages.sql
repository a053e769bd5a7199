-- $1 tenant, $2 before (id), $3 state, $4 sender, $5 recipient (lower case), $6 tag, $7 since (id), $8 how many to look at,
-- $9 limit. Looks at so many of the tenant's messages, newest first, and no further: the last one looked at comes with every row.
WITH looked AS MATERIALIZED (
    SELECT id, sender_id, to_address, tags, created_at FROM messages
    WHERE tenant_id = $1 AND id < $2 AND id >= $7
    ORDER BY id DESC LIMIT $8
), bound AS (
    SELECT (SELECT id FROM looked ORDER BY id LIMIT 1) AS last, count(*) AS many FROM looked
), found AS (
    SELECT l.*, r.state, r.run_at, r.tries, r.priority, r.last_class, r.last_error, r.finished_at
    FROM looked l
    JOIN message_runs r ON r.message_id = l.id
    WHERE ($3::text IS NULL OR r.state = $3)
      AND ($4::uuid IS NULL OR l.sender_id = $4)
      AND ($5::text IS NULL OR lower(l.to_address) = $5)
      AND ($6::text IS NULL OR $6 = ANY(l.tags))
    ORDER BY l.id DESC LIMIT $9
)
SELECT f.id, f.sender_id, f.to_address, f.tags, f.created_at, f.state, f.run_at, f.tries, f.priority, f.last_class,
       f.last_error, f.finished_at, b.last, b.many
FROM bound b LEFT JOIN found f ON true
ORDER BY f.id DESC
