-- Who may be mailed. `data` is what templates read beside the name.
CREATE TABLE contacts (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    -- The caller's own name for it: a lead, a row of a CRM.
    external_id text CHECK (length(external_id) BETWEEN 1 AND 200),
    owner text CHECK (length(owner) BETWEEN 1 AND 200),
    name text CHECK (length(name) <= 200),
    -- IANA name; the plan's zone where there is none.
    timezone text CHECK (length(timezone) <= 64),
    data jsonb,
    created_at timestamptz NOT NULL DEFAULT postfleet_now(),
    updated_at timestamptz NOT NULL DEFAULT postfleet_now(),
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX contacts_external_id ON contacts (tenant_id, external_id) WHERE external_id IS NOT NULL;

-- Addresses of contacts; one address is one contact's.
CREATE TABLE contact_addresses (
    tenant_id uuid NOT NULL,
    channel text NOT NULL CHECK (channel IN ('email')),
    -- Lower case: see domain::address.
    key text NOT NULL CHECK (key = lower(key)),
    address text NOT NULL,
    contact_id uuid NOT NULL,
    -- In this order they are shown.
    place smallint NOT NULL DEFAULT 0 CHECK (place BETWEEN 0 AND 9),
    PRIMARY KEY (tenant_id, channel, key)
);
CREATE INDEX contact_addresses_contact ON contact_addresses (tenant_id, contact_id, place);

-- Immutable: another version is another plan. The canonical JSON of domain::plans::Plan.
CREATE TABLE plans (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    plan text NOT NULL CHECK (length(plan) <= 4194304),
    created_at timestamptz NOT NULL DEFAULT postfleet_now(),
    PRIMARY KEY (tenant_id, hash)
);

CREATE TABLE campaigns (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    kind text NOT NULL CHECK (kind IN ('plan', 'blast', 'journey')),
    state text NOT NULL CHECK (state IN ('draft', 'active', 'paused', 'completed', 'stopped', 'error')),
    -- Of nodes that name none.
    sender_id uuid,
    reply_to text,
    -- Of campaign_versions: what new enrollments run.
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    paused_at timestamptz,
    paused_by text,
    pause_reason text,
    -- Why it is in state error.
    error text,
    created_at timestamptz NOT NULL DEFAULT postfleet_now(),
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT campaigns_started_at CHECK (state IN ('draft', 'stopped') OR started_at IS NOT NULL),
    CONSTRAINT campaigns_finished_at CHECK ((state IN ('completed', 'stopped')) = (finished_at IS NOT NULL)),
    CONSTRAINT campaigns_pause_has_a_reason CHECK ((state = 'paused') = (pause_reason IS NOT NULL) AND (state = 'paused') = (paused_at IS NOT NULL)),
    CONSTRAINT campaigns_error_is_told CHECK ((state = 'error') = (error IS NOT NULL))
);
CREATE INDEX campaigns_tenant ON campaigns (tenant_id, id);

CREATE TABLE campaign_versions (
    tenant_id uuid NOT NULL,
    campaign_id uuid NOT NULL REFERENCES campaigns (id),
    version integer NOT NULL CHECK (version >= 1),
    plan_hash bytea NOT NULL CHECK (length(plan_hash) = 32),
    generated_by text CHECK (length(generated_by) <= 200),
    notes text CHECK (length(notes) <= 10000),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT postfleet_now(),
    PRIMARY KEY (campaign_id, version),
    FOREIGN KEY (tenant_id, plan_hash) REFERENCES plans (tenant_id, hash)
);

-- One contact's run through a campaign. Whoever changes anything of it locks this row first.
CREATE TABLE enrollments (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    campaign_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    -- Raised where somebody enrolls a contact again by force.
    run integer NOT NULL DEFAULT 0 CHECK (run >= 0),
    -- It keeps the plan it began with.
    version integer NOT NULL,
    plan_hash bytea NOT NULL CHECK (length(plan_hash) = 32),
    address text NOT NULL,
    -- What a link to unsubscribe must know beside the id.
    secret uuid NOT NULL DEFAULT gen_random_uuid(),
    state text NOT NULL,
    -- domain::engine::Enrollment.
    engine jsonb NOT NULL,
    test_mode boolean NOT NULL DEFAULT false,
    reply_to text,
    headers jsonb,
    tags text[],
    -- What templates read beside the contact's own.
    data jsonb,
    created_at timestamptz NOT NULL DEFAULT postfleet_now(),
    ended_at timestamptz,
    CONSTRAINT enrollments_state CHECK (state IN ('active', 'completed', 'converted', 'unsubscribed', 'complained', 'replied', 'bounced', 'blocked', 'canceled', 'too_many_steps')),
    CONSTRAINT enrollments_ended_at CHECK ((state = 'active') = (ended_at IS NULL))
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX enrollments_once ON enrollments (campaign_id, contact_id, run);
CREATE INDEX enrollments_active ON enrollments (campaign_id, id) WHERE state = 'active';
CREATE INDEX enrollments_contact ON enrollments (tenant_id, contact_id) WHERE state = 'active';
CREATE INDEX enrollments_campaign ON enrollments (campaign_id, id);

-- Synthetic events: what an enrollment is told at a time, and what became of its messages.
CREATE TABLE timers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL,
    enrollment_id uuid NOT NULL,
    visit integer NOT NULL CHECK (visit >= 1),
    kind text NOT NULL,
    -- When it counts as having happened; run_at is moved by retries.
    due timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'scheduled',
    priority smallint NOT NULL DEFAULT 1 CHECK (priority BETWEEN 0 AND 2),
    run_at timestamptz NOT NULL,
    queued_at timestamptz,
    job_id uuid,
    tries smallint NOT NULL DEFAULT 0,
    crashes smallint NOT NULL DEFAULT 0,
    last_error text,
    finished_at timestamptz,
    CONSTRAINT timers_kind CHECK (kind IN ('no_open', 'no_click', 'elapsed', 'patience', 'accepted', 'refused')),
    CONSTRAINT timers_state CHECK (state IN ('scheduled', 'queued', 'done', 'failed', 'canceled', 'quarantined')),
    CONSTRAINT timers_scheduled_has_no_job CHECK (state <> 'scheduled' OR (job_id IS NULL AND queued_at IS NULL)),
    CONSTRAINT timers_queued_has_a_job CHECK (state <> 'queued' OR (job_id IS NOT NULL AND queued_at IS NOT NULL)),
    CONSTRAINT timers_finished_at CHECK ((state IN ('done', 'failed', 'canceled', 'quarantined')) = (finished_at IS NOT NULL))
) WITH (fillfactor = 85);
-- One for each visit and kind, whoever sets it twice.
CREATE UNIQUE INDEX timers_once ON timers (enrollment_id, visit, kind);
CREATE INDEX timers_due ON timers (tenant_id, run_at, id) WHERE state = 'scheduled';
CREATE INDEX timers_queued ON timers (job_id) WHERE state = 'queued';
-- Exceptions only.
CREATE INDEX timers_crashed ON timers (run_at) WHERE state = 'scheduled' AND crashes > 0;
CREATE INDEX timers_failed ON timers (tenant_id, finished_at) WHERE state IN ('failed', 'quarantined');

-- Every way that was taken, and by what. A visit is left once.
CREATE TABLE transitions (
    tenant_id uuid NOT NULL,
    enrollment_id uuid NOT NULL,
    visit integer NOT NULL,
    from_node text NOT NULL,
    on_event text NOT NULL,
    -- Null where it ended.
    to_node text,
    cause text NOT NULL CHECK (cause IN ('timer', 'event', 'message', 'request')),
    cause_id uuid,
    at timestamptz NOT NULL DEFAULT postfleet_now(),
    PRIMARY KEY (enrollment_id, visit)
);

-- What came back of messages and contacts, once each. `event_hash` is of what tells an event from every other.
CREATE TABLE message_events (
    id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    event_hash bytea NOT NULL CHECK (length(event_hash) = 32),
    type text NOT NULL CHECK (type IN ('delivered', 'delayed', 'opened', 'clicked', 'replied', 'bounced', 'blocked', 'complained', 'unsubscribed', 'converted', 'custom')),
    -- When it happened, as the teller says.
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT postfleet_now(),
    message_id uuid,
    enrollment_id uuid,
    contact_id uuid,
    source text NOT NULL,
    metadata jsonb,
    PRIMARY KEY (event_hash, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE TABLE message_events_default PARTITION OF message_events DEFAULT;
CREATE INDEX message_events_enrollment ON message_events (enrollment_id, occurred_at) WHERE enrollment_id IS NOT NULL;
CREATE INDEX message_events_message ON message_events (message_id) WHERE message_id IS NOT NULL;

-- When each kind of thing was first known of a message: order and repeats make no difference.
CREATE TABLE message_facts (
    message_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    delivered_at timestamptz,
    delayed_at timestamptz,
    opened_at timestamptz,
    clicked_at timestamptz,
    replied_at timestamptz,
    bounced_at timestamptz,
    blocked_at timestamptz,
    complained_at timestamptz,
    unsubscribed_at timestamptz
);

-- A stream of contacts that is being enrolled: how far it came is kept with what it did, so that it can go on there.
CREATE TABLE bulk_enrollments (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    campaign_id uuid NOT NULL REFERENCES campaigns (id),
    state text NOT NULL CHECK (state IN ('open', 'done', 'canceled')),
    -- Records of the stream that were dealt with.
    read bigint NOT NULL DEFAULT 0,
    enrolled bigint NOT NULL DEFAULT 0,
    existing bigint NOT NULL DEFAULT 0,
    suppressed bigint NOT NULL DEFAULT 0,
    invalid bigint NOT NULL DEFAULT 0,
    -- The first of them, with line and problem.
    problems jsonb NOT NULL DEFAULT '[]',
    locked_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT postfleet_now(),
    updated_at timestamptz NOT NULL DEFAULT postfleet_now(),
    finished_at timestamptz,
    CONSTRAINT bulk_enrollments_finished_at CHECK ((state = 'open') = (finished_at IS NULL))
);
CREATE INDEX bulk_enrollments_campaign ON bulk_enrollments (campaign_id, id);

-- Raw calls of providers, kept as they came; their rows are jobs too.
CREATE TABLE webhook_calls (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    source text NOT NULL,
    headers jsonb,
    body bytea NOT NULL CHECK (length(body) <= 16777216),
    body_sha256 bytea NOT NULL CHECK (length(body_sha256) = 32),
    received_at timestamptz NOT NULL DEFAULT postfleet_now(),
    state text NOT NULL DEFAULT 'scheduled',
    priority smallint NOT NULL DEFAULT 1 CHECK (priority BETWEEN 0 AND 2),
    run_at timestamptz NOT NULL DEFAULT postfleet_now(),
    queued_at timestamptz,
    job_id uuid,
    tries smallint NOT NULL DEFAULT 0,
    crashes smallint NOT NULL DEFAULT 0,
    last_error text,
    finished_at timestamptz,
    CONSTRAINT webhook_calls_state CHECK (state IN ('scheduled', 'queued', 'done', 'failed', 'canceled', 'quarantined')),
    CONSTRAINT webhook_calls_scheduled_has_no_job CHECK (state <> 'scheduled' OR (job_id IS NULL AND queued_at IS NULL)),
    CONSTRAINT webhook_calls_queued_has_a_job CHECK (state <> 'queued' OR (job_id IS NOT NULL AND queued_at IS NOT NULL)),
    CONSTRAINT webhook_calls_finished_at CHECK ((state IN ('done', 'failed', 'canceled', 'quarantined')) = (finished_at IS NOT NULL))
);
CREATE INDEX webhook_calls_unread ON webhook_calls (tenant_id, run_at, id) WHERE state IN ('scheduled', 'queued');

-- Whose message it is, where it is one of a campaign. Null for all others, which no index below then holds.
ALTER TABLE messages ADD COLUMN enrollment_id uuid;
ALTER TABLE messages ADD COLUMN visit integer;
ALTER TABLE message_runs ADD COLUMN campaign_id uuid;
ALTER TABLE message_runs ADD COLUMN enrollment_id uuid;
ALTER TABLE message_runs ADD COLUMN visit integer;

-- A message of a campaign that ends tells its enrollment, whoever ends it: in the same transaction, by a timer that is
-- due at once. A statement that forgot to would leave the contact waiting for ever.
CREATE FUNCTION postfleet_tell_enrollment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO timers (tenant_id, enrollment_id, visit, kind, due, run_at)
    SELECT e.tenant_id, e.id, NEW.visit, CASE WHEN NEW.state IN ('accepted', 'unknown') THEN 'accepted' ELSE 'refused' END,
           postfleet_now(), postfleet_now()
    FROM enrollments e WHERE e.id = NEW.enrollment_id AND e.state = 'active'
    ON CONFLICT (enrollment_id, visit, kind) DO NOTHING;
    RETURN NULL;
END
$$;
-- What was past the point of no return when its enrollment ended, and comes back unsent, is canceled with the others.
CREATE FUNCTION postfleet_cancel_unsent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM enrollments e WHERE e.id = NEW.enrollment_id AND e.state = 'active') THEN
        NEW.state := 'canceled';
        NEW.wait_key := '';
        NEW.finished_at := postfleet_now();
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER message_runs_cancel_unsent BEFORE UPDATE OF state ON message_runs FOR EACH ROW
    WHEN (NEW.enrollment_id IS NOT NULL AND NEW.state = 'scheduled' AND OLD.state IN ('committing', 'uncertain'))
    EXECUTE FUNCTION postfleet_cancel_unsent();
CREATE TRIGGER message_runs_tell_enrollment AFTER INSERT OR UPDATE OF state ON message_runs FOR EACH ROW
    WHEN (NEW.enrollment_id IS NOT NULL AND NEW.state IN ('accepted', 'unknown', 'failed', 'suppressed', 'canceled', 'quarantined'))
    EXECUTE FUNCTION postfleet_tell_enrollment();
