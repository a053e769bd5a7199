-- $1 tenant; per address: $2 keys, $3 addresses, $4 ids, $5 names, $6 external ids, $7 zones, $8 data
--
-- Contacts by address: those that are new are made, those that are known get what is said of them. Answers whose each
-- address is, and what is known of them now. One that somebody else makes at this moment is not seen: it is asked for once more.
--
-- LATERAL and OFFSET 0: each is found by its whole key, whatever the planner believes of tables that have just been filled.
WITH asked AS MATERIALIZED (
    SELECT a.*, row_number() OVER (PARTITION BY a.external_id ORDER BY a.key) AS place
    FROM unnest($2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::jsonb[])
        AS a (key, address, id, name, external_id, timezone, data)
), known AS MATERIALIZED (
    SELECT a.key, a.name, a.timezone, a.data, c.contact_id
    FROM asked a
    CROSS JOIN LATERAL (
        SELECT c.contact_id FROM contact_addresses c
        WHERE c.tenant_id = $1 AND c.channel = 'email' AND c.key = a.key
        OFFSET 0
    ) c
), claimed AS (
    INSERT INTO contact_addresses (tenant_id, channel, key, address, contact_id)
    SELECT $1, 'email', a.key, a.address, a.id FROM asked a
    WHERE a.key NOT IN (SELECT k.key FROM known k)
    ORDER BY a.key
    ON CONFLICT DO NOTHING
    RETURNING key, contact_id
), made AS (
    INSERT INTO contacts (tenant_id, id, name, external_id, timezone, data)
    SELECT $1, a.id, a.name,
           -- An id of the caller's that another contact has stays with that one.
           CASE WHEN a.external_id IS NOT NULL AND a.place = 1 AND NOT EXISTS (
               SELECT 1 FROM contacts o
               WHERE o.tenant_id = $1 AND o.external_id = a.external_id AND o.external_id IS NOT NULL)
                THEN a.external_id END,
           a.timezone, a.data
    FROM asked a JOIN claimed c ON c.key = a.key
    RETURNING id, external_id
), told AS MATERIALIZED (
    -- In one order everywhere: two streams of the same people must not wait for each other in a ring.
    SELECT k.*, c.place AS row
    FROM (SELECT * FROM known WHERE name IS NOT NULL OR timezone IS NOT NULL OR data IS NOT NULL ORDER BY contact_id) k
    CROSS JOIN LATERAL (
        SELECT c.ctid AS place FROM contacts c WHERE c.tenant_id = $1 AND c.id = k.contact_id FOR UPDATE OF c
    ) c
), added AS (
    UPDATE contacts c SET
        name = COALESCE(k.name, c.name),
        timezone = COALESCE(k.timezone, c.timezone),
        data = CASE WHEN k.data IS NULL THEN c.data ELSE COALESCE(c.data, '{}') || k.data END,
        updated_at = postfleet_now()
    FROM told k WHERE c.ctid = k.row
)
SELECT a.key, c.contact_id, a.timezone, a.name, m.external_id, NULL::text AS owner, a.data
FROM claimed c JOIN asked a ON a.key = c.key JOIN made m ON m.id = c.contact_id
UNION ALL
SELECT k.key, k.contact_id, COALESCE(k.timezone, c.timezone), COALESCE(k.name, c.name), c.external_id, c.owner,
       CASE WHEN k.data IS NULL THEN c.data ELSE COALESCE(c.data, '{}') || k.data END
FROM known k
LEFT JOIN LATERAL (
    SELECT c.timezone, c.name, c.external_id, c.owner, c.data FROM contacts c
    WHERE c.tenant_id = $1 AND c.id = k.contact_id
    OFFSET 0
) c ON true
