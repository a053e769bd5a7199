CREATE TABLE workers (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    pools text[] NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'draining', 'stopped', 'lost')),
    started_at timestamptz NOT NULL DEFAULT postfleet_now(),
    heartbeat_at timestamptz NOT NULL DEFAULT postfleet_now(),
    ended_at timestamptz,
    CONSTRAINT workers_ended_at CHECK ((state IN ('stopped', 'lost')) = (ended_at IS NOT NULL))
);
CREATE INDEX workers_alive ON workers (heartbeat_at) WHERE ended_at IS NULL;

-- One row. `generation` and `beat` stand in Redis too: if they differ there, Redis was lost or rolled back.
CREATE TABLE fleet (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    generation uuid NOT NULL,
    beat bigint NOT NULL,
    generation_since timestamptz NOT NULL DEFAULT postfleet_now(),
    -- Set when Postgres itself seems to have gone back in time; an operator clears it.
    halted_at timestamptz,
    halt_reason text,
    CONSTRAINT fleet_halt_has_a_reason CHECK ((halted_at IS NULL) = (halt_reason IS NULL))
);
INSERT INTO fleet (generation, beat) VALUES (gen_random_uuid(), 1);

CREATE TABLE leaders (
    name text PRIMARY KEY,
    owner uuid NOT NULL,
    term bigint NOT NULL,
    elected_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
