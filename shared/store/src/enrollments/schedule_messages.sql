-- $1 tenant; per message: $2 ids, $3 senders, $4 contents, $5 addresses, $6 suppression keys, $7 reply-tos, $8 headers, $9 tags,
-- $10 data, $11 dedupe hashes, $12 run_ats, $13 campaigns, $14 enrollments, $15 visits, $16 recipient domains
--
-- As enqueue_messages.sql, for what campaigns send: contents are stored with the plan and nothing is queued at once.
WITH asked AS (
    SELECT *
    FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::jsonb[], $9::jsonb[], $10::jsonb[],
                $11::bytea[], $12::timestamptz[], $13::uuid[], $14::uuid[], $15::integer[], $16::text[])
        AS a (id, sender_id, content_id, to_address, suppression_key, reply_to, headers, tags, data, dedupe_hash, run_at,
              campaign_id, enrollment_id, visit, recipient_domain)
), stored AS (
    INSERT INTO messages (id, tenant_id, sender_id, content_id, to_address, reply_to, headers, tags, data, dedupe_hash,
                          enrollment_id, visit)
    SELECT a.id, $1, a.sender_id, a.content_id, a.to_address, a.reply_to, a.headers,
           CASE WHEN a.tags IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(a.tags)) END, a.data, a.dedupe_hash,
           a.enrollment_id, a.visit
    FROM asked a
    -- In one order everywhere: two statements with the same keys must not wait for each other in a ring.
    ORDER BY a.dedupe_hash
    ON CONFLICT (tenant_id, dedupe_hash) WHERE dedupe_hash IS NOT NULL DO NOTHING
    RETURNING id
)
INSERT INTO message_runs (message_id, tenant_id, sender_id, state, priority, run_at, finished_at, recipient_domain,
                          campaign_id, enrollment_id, visit)
SELECT a.id, $1, a.sender_id, s.state, 1, greatest(a.run_at, postfleet_now()),
       CASE WHEN s.state = 'suppressed' THEN postfleet_now() END, a.recipient_domain, a.campaign_id, a.enrollment_id, a.visit
FROM asked a
JOIN stored ON stored.id = a.id
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN EXISTS (SELECT 1 FROM suppressions x
                     WHERE x.tenant_id = $1 AND x.channel = 'email' AND x.address = a.suppression_key) THEN 'suppressed'
        ELSE 'scheduled'
    END AS state
    -- A fence: without it the look at the suppressions is done for each use of the state.
    OFFSET 0
) s
RETURNING sender_id
