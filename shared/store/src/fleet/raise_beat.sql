-- $1 owner, $2 term, $3 seconds without a heartbeat after which a worker is silent
--
-- The looks are at the first entry of a small index each, in its order: a planner that believes in many such rows, as it
-- does before it has statistics, would answer an EXISTS by reading the whole table.
UPDATE fleet SET beat = beat + 1
WHERE EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
RETURNING generation, beat, halt_reason, limits_version, postfleet_now() AS now,
    (SELECT count(*) FROM workers WHERE ended_at IS NULL) AS workers_alive,
    EXISTS (SELECT 1 FROM workers
            WHERE ended_at IS NULL AND heartbeat_at < postfleet_now() - make_interval(secs => $3)) AS worker_silent,
    (SELECT r.tenant_id FROM message_runs r WHERE r.state = 'scheduled'
     ORDER BY r.tenant_id, r.sender_id, r.wait_key LIMIT 1) IS NOT NULL AS scheduled,
    (SELECT r.job_id FROM message_runs r WHERE r.state = 'queued' ORDER BY r.job_id LIMIT 1) IS NOT NULL AS queued,
    COALESCE((SELECT r.run_at FROM message_runs r WHERE r.state = 'scheduled' AND r.crashes > 0
              ORDER BY r.run_at LIMIT 1) <= postfleet_now(), false) AS crashed,
    (SELECT r.commit_deadline FROM message_runs r WHERE r.state IN ('committing', 'uncertain')
     ORDER BY r.commit_deadline LIMIT 1) IS NOT NULL AS committed,
    (SELECT t.tenant_id FROM timers t WHERE t.state = 'scheduled' ORDER BY t.tenant_id LIMIT 1) IS NOT NULL AS timers,
    (SELECT t.job_id FROM timers t WHERE t.state = 'queued' ORDER BY t.job_id LIMIT 1) IS NOT NULL AS timers_queued,
    (SELECT r.campaign_id FROM message_runs r WHERE r.campaign_id IS NOT NULL AND coalesce(r.state, '') = 'scheduled'
     ORDER BY r.campaign_id LIMIT 1) IS NOT NULL
        OR EXISTS (SELECT 1 FROM campaigns c WHERE c.state = 'stopped' AND c.finished_at > postfleet_now() - interval '1 day')
        AS campaigns
