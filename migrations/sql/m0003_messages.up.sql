CREATE TABLE contents (
    tenant_id uuid NOT NULL,
    -- The hash of tenant and parts: see domain::messages::content.
    id uuid NOT NULL,
    subject text NOT NULL,
    html text,
    text text,
    created_at timestamptz NOT NULL DEFAULT postfleet_now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT contents_has_a_body CHECK (html IS NOT NULL OR text IS NOT NULL)
);

-- Written once. The lifecycle lives in message_runs, so that a change of state rewrites a narrow row.
-- No foreign keys on the hot pair: the one statement that inserts them also inserts what they point to.
CREATE TABLE messages (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    sender_id uuid NOT NULL,
    content_id uuid NOT NULL,
    to_address text NOT NULL,
    reply_to text,
    headers jsonb,
    tags text[],
    data jsonb,
    dedupe_hash bytea CHECK (length(dedupe_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT postfleet_now()
);
CREATE UNIQUE INDEX messages_dedupe ON messages (tenant_id, dedupe_hash) WHERE dedupe_hash IS NOT NULL;

CREATE TABLE message_runs (
    message_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    sender_id uuid NOT NULL,
    state text NOT NULL,
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 2),
    run_at timestamptz NOT NULL,
    queued_at timestamptz,
    job_id uuid,
    tries smallint NOT NULL DEFAULT 0,
    crashes smallint NOT NULL DEFAULT 0,
    last_class text,
    last_error text,
    attempt_id uuid,
    worker_id uuid,
    committed_at timestamptz,
    commit_deadline timestamptz,
    body_sha256 bytea,
    uncertain_at timestamptz,
    uncertain_cause text,
    resent boolean NOT NULL DEFAULT false,
    accepted_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT message_runs_state CHECK (state IN ('scheduled', 'queued', 'committing', 'accepted', 'failed', 'suppressed', 'canceled', 'uncertain', 'unknown', 'quarantined')),
    CONSTRAINT message_runs_scheduled_has_no_job CHECK (state <> 'scheduled' OR (job_id IS NULL AND queued_at IS NULL AND attempt_id IS NULL)),
    CONSTRAINT message_runs_queued_has_a_job CHECK (state <> 'queued' OR (job_id IS NOT NULL AND queued_at IS NOT NULL AND attempt_id IS NULL)),
    CONSTRAINT message_runs_commit_is_whole CHECK (state NOT IN ('committing', 'uncertain', 'accepted', 'unknown') OR (attempt_id IS NOT NULL AND worker_id IS NOT NULL AND committed_at IS NOT NULL AND commit_deadline IS NOT NULL)),
    CONSTRAINT message_runs_uncertain_since CHECK (state <> 'uncertain' OR (uncertain_at IS NOT NULL AND uncertain_cause IS NOT NULL)),
    CONSTRAINT message_runs_accepted_at CHECK ((state = 'accepted') = (accepted_at IS NOT NULL)),
    CONSTRAINT message_runs_finished_at CHECK ((state IN ('accepted', 'failed', 'suppressed', 'canceled', 'unknown', 'quarantined')) = (finished_at IS NOT NULL))
);
CREATE INDEX message_runs_due ON message_runs (tenant_id, sender_id, priority, run_at, message_id) WHERE state = 'scheduled';
CREATE INDEX message_runs_queued ON message_runs (job_id) WHERE state = 'queued';
CREATE INDEX message_runs_committed ON message_runs (commit_deadline) WHERE state IN ('committing', 'uncertain');
-- Both hold exceptions only, so the usual message never touches them.
CREATE INDEX message_runs_crashed ON message_runs (run_at) WHERE state = 'scheduled' AND crashes > 0;
CREATE INDEX message_runs_troubled ON message_runs (tenant_id, finished_at) WHERE state IN ('failed', 'quarantined', 'unknown');

-- What happened at every try but a plain acceptance, which the run itself records.
CREATE TABLE message_attempts (
    message_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    at timestamptz NOT NULL,
    attempt_id uuid,
    worker_id uuid,
    outcome text NOT NULL,
    phase text,
    class text,
    reply text
);
CREATE INDEX message_attempts_message ON message_attempts (message_id, at);
