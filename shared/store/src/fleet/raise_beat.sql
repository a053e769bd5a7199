-- $1 owner, $2 term, $3 seconds without a heartbeat after which a worker is silent
--
-- The looks are at the beginnings of small indexes: with nothing to do they find nothing there.
UPDATE fleet SET beat = beat + 1
WHERE EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
RETURNING generation, beat, halt_reason, limits_version, postfleet_now() AS now,
    (SELECT count(*) FROM workers WHERE ended_at IS NULL) AS workers_alive,
    EXISTS (SELECT 1 FROM workers
            WHERE ended_at IS NULL AND heartbeat_at < postfleet_now() - make_interval(secs => $3)) AS worker_silent,
    EXISTS (SELECT 1 FROM message_runs WHERE state = 'queued') AS queued,
    EXISTS (SELECT 1 FROM message_runs
            WHERE state = 'scheduled' AND crashes > 0 AND run_at <= postfleet_now()) AS crashed,
    EXISTS (SELECT 1 FROM message_runs WHERE state IN ('committing', 'uncertain')) AS committed
