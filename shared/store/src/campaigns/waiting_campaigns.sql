-- Campaigns are found by skipping through the index of what they have scheduled. What follows uses them.
WITH RECURSIVE waiting AS (
    (SELECT campaign_id FROM message_runs WHERE campaign_id IS NOT NULL AND coalesce(state, '') = 'scheduled' ORDER BY campaign_id LIMIT 1)
    UNION ALL
    SELECT n.campaign_id FROM waiting w CROSS JOIN LATERAL (
        SELECT r.campaign_id FROM message_runs r
        WHERE r.campaign_id IS NOT NULL AND coalesce(r.state, '') = 'scheduled' AND r.campaign_id > w.campaign_id
        ORDER BY r.campaign_id LIMIT 1) n
)
