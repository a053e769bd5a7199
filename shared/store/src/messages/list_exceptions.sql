-- As list_messages.sql, for states that few messages are in and that have an index of their own: nothing is looked at in vain.
SELECT m.id, m.sender_id, m.to_address, m.tags, m.created_at, r.state, r.run_at, r.tries, r.priority, r.last_class,
       r.last_error, r.finished_at, NULL::uuid AS last, 0::bigint AS many
FROM message_runs r
CROSS JOIN LATERAL (
    SELECT * FROM messages m WHERE m.tenant_id = $1 AND m.id = r.message_id
    -- A fence, as in load_for_send.sql.
    OFFSET 0
) m
WHERE r.tenant_id = $1 AND r.message_id < $2 AND r.message_id >= $7
  AND r.state = $3 AND r.state IN ('failed', 'quarantined', 'unknown', 'committing', 'uncertain', 'queued')
  AND ($4::uuid IS NULL OR m.sender_id = $4)
  AND ($5::text IS NULL OR lower(m.to_address) = $5)
  AND ($6::text IS NULL OR $6 = ANY(m.tags))
  AND $8::bigint > 0
ORDER BY r.message_id DESC LIMIT $9
