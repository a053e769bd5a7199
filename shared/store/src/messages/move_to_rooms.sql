-- $1 owner, $2 term, $3 messages, $4 their rooms
WITH asked AS (
    SELECT * FROM unnest($3::uuid[], $4::text[]) AS a (message_id, room)
    WHERE EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
    ORDER BY message_id
), ours AS MATERIALIZED (
    SELECT r.message_id, a.room
    FROM asked a
    CROSS JOIN LATERAL (
        SELECT r.message_id FROM message_runs r
        WHERE r.message_id = a.message_id AND coalesce(r.state, '') = 'scheduled' AND r.wait_key = ''
        FOR UPDATE OF r SKIP LOCKED
    ) r
)
UPDATE message_runs r SET wait_key = o.room FROM ours o WHERE r.message_id = o.message_id
