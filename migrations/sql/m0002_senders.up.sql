CREATE TABLE senders (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    address text NOT NULL,
    display_name text,
    provider text NOT NULL CHECK (provider IN ('smtp')),
    smtp_host text NOT NULL,
    smtp_port integer NOT NULL CHECK (smtp_port BETWEEN 1 AND 65535),
    tls_mode text NOT NULL CHECK (tls_mode IN ('starttls', 'tls', 'none')),
    username text,
    -- AES-256-GCM with key id; the row's own place is authenticated, so it cannot be moved to another row.
    secret bytea,
    max_connections integer NOT NULL CHECK (max_connections BETWEEN 1 AND 100),
    -- Raised by every change that a worker must notice.
    version integer NOT NULL DEFAULT 1,
    -- Refusals in a row that were this sender's own fault.
    faults integer NOT NULL DEFAULT 0,
    paused_at timestamptz,
    pause_reason text,
    archived_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT postfleet_now(),
    CONSTRAINT senders_credentials_are_whole CHECK ((username IS NULL) = (secret IS NULL)),
    CONSTRAINT senders_no_secret_in_the_clear CHECK (secret IS NULL OR tls_mode <> 'none'),
    CONSTRAINT senders_pause_has_a_reason CHECK ((paused_at IS NULL) = (pause_reason IS NULL))
);
CREATE INDEX senders_tenant ON senders (tenant_id);
