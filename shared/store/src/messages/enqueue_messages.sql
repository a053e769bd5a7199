-- $1 tenant; contents: $2 ids, $3 subjects, $4 htmls, $5 texts; messages: $6 ids, $7 senders, $8 contents, $9 addresses,
-- $10 suppression keys, $11 reply-tos, $12 headers, $13 tags, $14 data, $15 dedupe hashes, $16 priorities, $17 send_ats,
-- $18 jobs, $19 recipient domains
-- Rows come in the order of their dedupe hashes: two statements with the same keys must not wait for each other in a ring.
-- What follows the insert, and which runs are written, is said where these parts are put together: enqueue_messages.rs.
WITH new_contents AS (
    INSERT INTO contents (tenant_id, id, subject, html, text)
    SELECT $1, c.id, c.subject, c.html, c.text
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS c (id, subject, html, text)
    ON CONFLICT DO NOTHING
), asked AS (
    SELECT *
    FROM unnest($6::uuid[], $7::uuid[], $8::uuid[], $9::text[], $10::text[], $11::text[], $12::jsonb[], $13::jsonb[],
                $14::jsonb[], $15::bytea[], $16::smallint[], $17::timestamptz[], $18::uuid[], $19::text[])
        AS a (id, sender_id, content_id, to_address, suppression_key, reply_to, headers, tags, data, dedupe_hash,
              priority, send_at, job_id, recipient_domain)
), stored AS (
    INSERT INTO messages (id, tenant_id, sender_id, content_id, to_address, reply_to, headers, tags, data, dedupe_hash)
    SELECT a.id, $1, a.sender_id, a.content_id, a.to_address, a.reply_to, a.headers,
           CASE WHEN a.tags IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(a.tags)) END, a.data, a.dedupe_hash
    FROM asked a
