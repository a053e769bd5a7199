-- What somebody set; what nobody set is a default of the program.
CREATE TABLE limits (
    -- Null: the whole fleet's.
    tenant_id uuid REFERENCES tenants (id),
    scope text NOT NULL CHECK (scope IN ('global', 'tenant', 'domain', 'sender')),
    -- The domain or the sender; empty for all of them.
    key text NOT NULL DEFAULT '' CHECK (length(key) <= 253),
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    -- As written: 20/min, 1000/h, 500/day. None: this scope limits nothing.
    limits text[] NOT NULL CHECK (cardinality(limits) <= 4),
    updated_at timestamptz NOT NULL DEFAULT postfleet_now(),
    updated_by text NOT NULL,
    CONSTRAINT limits_one_of_each UNIQUE NULLS NOT DISTINCT (tenant_id, scope, key, channel),
    CONSTRAINT limits_global_is_nobodys CHECK ((scope = 'global') = (tenant_id IS NULL)),
    CONSTRAINT limits_key CHECK (scope IN ('domain', 'sender') OR key = '')
);

-- Raised with every change above, so that every process notices within a second.
ALTER TABLE fleet ADD COLUMN limits_version bigint NOT NULL DEFAULT 1;

-- Sends per sender and day of UTC, counted in the transaction that commits them. Only ever added to, so that two who
-- count for one sender never wait for each other; the leader adds rows of one key up.
CREATE TABLE daily_sends (
    day date NOT NULL,
    tenant_id uuid NOT NULL,
    sender_id uuid NOT NULL,
    sent bigint NOT NULL CHECK (sent > 0)
);
CREATE INDEX daily_sends_key ON daily_sends (day, tenant_id, sender_id);

ALTER TABLE tenants ADD COLUMN paused_by text;
ALTER TABLE senders ADD COLUMN paused_by text;
-- An operator's key may set what holds for the whole fleet and for its tenant.
ALTER TABLE api_keys ADD COLUMN operator boolean NOT NULL DEFAULT false;

-- Null only in rows of an older version, which have it in messages.to_address.
ALTER TABLE message_runs ADD COLUMN recipient_domain text;
-- The recipient domain whose waiting room the row stands in; empty outside of it.
ALTER TABLE message_runs ADD COLUMN wait_key text NOT NULL DEFAULT '';
-- When it was first refused: what its retries are counted from.
ALTER TABLE message_runs ADD COLUMN first_refused_at timestamptz;
ALTER TABLE message_runs ADD COLUMN last_refused_at timestamptz;
