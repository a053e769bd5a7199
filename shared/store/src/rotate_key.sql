-- $1 tenant, $2 old key, $3 successor, $4 its prefix, $5 its hash, $6 seconds that the old one lives on
WITH old AS (
    SELECT * FROM api_keys
    WHERE tenant_id = $1 AND id = $2
      AND (replaced_by = $3
           OR (replaced_by IS NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > postfleet_now())))
    FOR UPDATE
), ended AS (
    UPDATE api_keys k SET
        replaced_by = $3,
        revoked_at = CASE WHEN $6 = 0 THEN postfleet_now() END,
        expires_at = CASE WHEN $6 = 0 THEN k.expires_at ELSE least(k.expires_at, postfleet_now() + make_interval(secs => $6)) END
    FROM old WHERE k.id = old.id AND old.replaced_by IS NULL
)
INSERT INTO api_keys (id, tenant_id, name, prefix, hash, scopes, operator, expires_at)
SELECT $3, $1, old.name, $4, $5, old.scopes, old.operator, old.expires_at FROM old
ON CONFLICT (id) DO UPDATE SET hash = EXCLUDED.hash WHERE api_keys.tenant_id = EXCLUDED.tenant_id
RETURNING id, name, prefix, scopes, operator, created_at, expires_at, last_used_at, revoked_at
