-- $1 tenant, $2 campaign, $3 version, $4 plan; per enrollment: $5 ids, $6 contacts, $7 runs, $8 addresses, $9 states, $10 engines,
-- $11 test modes, $12 reply-tos, $13 headers, $14 tags, $15 data
INSERT INTO enrollments (id, tenant_id, campaign_id, contact_id, run, version, plan_hash, address, state, engine, test_mode,
                         reply_to, headers, tags, data, ended_at)
SELECT n.id, $1, $2, n.contact_id, n.run, $3, $4, n.address, n.state, n.engine, n.test_mode, n.reply_to, n.headers,
       CASE WHEN n.tags IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(n.tags)) END, n.data,
       CASE WHEN n.state <> 'active' THEN postfleet_now() END
FROM unnest($5::uuid[], $6::uuid[], $7::integer[], $8::text[], $9::text[], $10::jsonb[], $11::boolean[], $12::text[],
            $13::jsonb[], $14::jsonb[], $15::jsonb[])
    AS n (id, contact_id, run, address, state, engine, test_mode, reply_to, headers, tags, data)
-- In one order everywhere: two statements with the same contacts must not wait for each other in a ring.
ORDER BY n.contact_id
ON CONFLICT (campaign_id, contact_id, run) DO NOTHING
RETURNING id, secret
