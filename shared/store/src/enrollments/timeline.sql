-- $1 tenant, $2 enrollment, $3 limit
WITH ours AS (SELECT * FROM enrollments WHERE tenant_id = $1 AND id = $2)
SELECT at, kind, visit, what, id, details FROM (
    SELECT created_at AS at, 'enrolled' AS kind, NULL::integer AS visit, 'enrolled' AS what, id,
           jsonb_build_object('version', version, 'test_mode', test_mode) AS details, 0 AS rank
    FROM ours
    UNION ALL
    SELECT COALESCE(r.accepted_at, r.finished_at, r.run_at), 'message', m.visit, r.state, m.id,
           jsonb_strip_nulls(jsonb_build_object('sender', m.sender_id, 'tries', r.tries, 'class', r.last_class,
               'delivered_at', f.delivered_at, 'opened_at', f.opened_at, 'clicked_at', f.clicked_at,
               'bounced_at', f.bounced_at)), 1
    FROM messages m
    JOIN message_runs r ON r.message_id = m.id
    LEFT JOIN message_facts f ON f.message_id = m.id
    WHERE m.enrollment_id = $2 AND m.tenant_id = $1
    UNION ALL
    SELECT occurred_at, 'event', NULL, type, id,
           jsonb_strip_nulls(jsonb_build_object('source', source, 'message', message_id, 'metadata', metadata)), 2
    FROM message_events WHERE enrollment_id = $2 AND tenant_id = $1
    UNION ALL
    SELECT COALESCE(finished_at, due), 'timer', visit, kind, id, jsonb_build_object('state', state, 'due', due), 3
    FROM timers WHERE enrollment_id = $2 AND tenant_id = $1 AND kind NOT IN ('accepted', 'refused')
    UNION ALL
    SELECT at, 'transition', visit, on_event, cause_id,
           jsonb_strip_nulls(jsonb_build_object('from', from_node, 'to', to_node, 'cause', cause)), 4
    FROM transitions WHERE enrollment_id = $2 AND tenant_id = $1
    UNION ALL
    SELECT ended_at, 'ended', NULL, state, NULL, NULL, 5 FROM ours WHERE ended_at IS NOT NULL
) told
WHERE EXISTS (SELECT 1 FROM ours)
ORDER BY at, rank LIMIT $3
