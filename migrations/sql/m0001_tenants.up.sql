-- Every SQL statement asks this for the time, so that a test can shift it for one database.
CREATE FUNCTION postfleet_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now()';

CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    uncertain_policy text NOT NULL DEFAULT 'show' CHECK (uncertain_policy IN ('show', 'resend')),
    paused_at timestamptz,
    pause_reason text,
    created_at timestamptz NOT NULL DEFAULT postfleet_now(),
    CONSTRAINT tenants_name_length CHECK (length(name) BETWEEN 1 AND 200),
    CONSTRAINT tenants_pause_has_a_reason CHECK ((paused_at IS NULL) = (pause_reason IS NULL))
);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    name text NOT NULL,
    -- What may be shown of it; the secret itself is kept as a hash only.
    prefix text NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    created_at timestamptz NOT NULL DEFAULT postfleet_now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_tenant ON api_keys (tenant_id);

CREATE TABLE suppressions (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    channel text NOT NULL CHECK (channel IN ('email')),
    -- Lower case: see domain::address.
    address text NOT NULL CHECK (address = lower(address)),
    reason text NOT NULL CHECK (reason IN ('unsubscribe', 'bounce', 'complaint', 'blocked', 'invalid', 'manual')),
    source text NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT postfleet_now(),
    last_seen_at timestamptz NOT NULL DEFAULT postfleet_now(),
    PRIMARY KEY (tenant_id, channel, address)
);
