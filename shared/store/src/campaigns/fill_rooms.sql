-- Behind `waiting_campaigns.sql`. $1 owner, $2 term, $3 rows at most.
, ours AS MATERIALIZED (
    SELECT r.message_id, 'campaign:' || c.id AS room
    FROM waiting w
    JOIN campaigns c ON c.id = w.campaign_id AND c.state <> 'active'
    -- Before the room and behind it, so that a full room is not read to find that nothing is missing.
    CROSS JOIN LATERAL (VALUES ('', 'campaign:' || c.id), ('campaign:' || c.id || '!', '~')) AS b (low, high)
    CROSS JOIN LATERAL (
        SELECT r.message_id FROM message_runs r
        WHERE r.campaign_id = c.id AND coalesce(r.state, '') = 'scheduled' AND r.wait_key >= b.low AND r.wait_key < b.high
          AND EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
        LIMIT $3
        FOR UPDATE OF r SKIP LOCKED
    ) r
    LIMIT $3
)
-- coalesce here too: a plan for any limit would read all that is scheduled instead of these few by their keys.
UPDATE message_runs r SET wait_key = o.room FROM ours o WHERE r.message_id = o.message_id AND coalesce(r.state, '') = 'scheduled'
