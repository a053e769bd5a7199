-- What a key may do. Keys of the version before may do everything, as they could.
ALTER TABLE api_keys ADD COLUMN scopes text[] NOT NULL DEFAULT '{read,send,manage}'
    CONSTRAINT api_keys_scopes CHECK (scopes <@ '{read,send,manage}'::text[]);
-- To the minute: a key is not worth a write per request.
ALTER TABLE api_keys ADD COLUMN last_used_at timestamptz;
-- Its successor, where it was rotated: a key is replaced once.
ALTER TABLE api_keys ADD COLUMN replaced_by uuid;

-- Answers to requests that may be repeated. `id` is what a request creates, so that one that crashed in the middle and
-- is repeated creates nothing twice.
CREATE TABLE idempotency_keys (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    key_hash bytea NOT NULL CHECK (length(key_hash) = 32),
    id uuid NOT NULL,
    request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
    locked_until timestamptz,
    status smallint CHECK (status BETWEEN 200 AND 499),
    body bytea,
    created_at timestamptz NOT NULL DEFAULT postfleet_now(),
    PRIMARY KEY (tenant_id, key_hash),
    CONSTRAINT idempotency_keys_answer_is_whole CHECK ((status IS NULL) = (body IS NULL)),
    CONSTRAINT idempotency_keys_runs_or_answers CHECK ((status IS NULL) <> (locked_until IS NULL))
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- Somebody has seen that it failed; it no longer counts as failed in the queue's status.
ALTER TABLE message_runs ADD COLUMN cleared_at timestamptz;

-- What came through the ingress queue and was refused: kept for whoever sent it.
CREATE TABLE ingress_refusals (
    -- The hash of task and payload: the same refused again is the same row.
    id bytea PRIMARY KEY CHECK (length(id) = 32),
    task_id bytea NOT NULL,
    tenant_id uuid,
    problem text NOT NULL,
    payload bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT postfleet_now()
);
CREATE INDEX ingress_refusals_at ON ingress_refusals (at);
