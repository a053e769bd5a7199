-- $1 tenant, $2 after (id), $3 sender, $4 class, $5 how many to look at
WITH looked AS MATERIALIZED (
    SELECT message_id, cleared_at, sender_id, last_class FROM message_runs
    WHERE tenant_id = $1 AND message_id > $2 AND state IN ('failed', 'quarantined', 'unknown')
    ORDER BY message_id LIMIT $5
    FOR UPDATE
), cleared AS (
    UPDATE message_runs r SET cleared_at = postfleet_now()
    FROM looked l
    WHERE r.message_id = l.message_id AND l.cleared_at IS NULL
      AND ($3::uuid IS NULL OR l.sender_id = $3) AND ($4::text IS NULL OR l.last_class = $4)
    RETURNING 1
)
SELECT (SELECT count(*) FROM cleared) AS repaired, count(*) AS looked,
       (SELECT message_id FROM looked ORDER BY message_id DESC LIMIT 1) AS last
FROM looked
