-- $1 tenant
SELECT
    (SELECT count(*) FROM message_runs WHERE tenant_id = $1 AND state = 'scheduled')
        + (SELECT count(*) FROM message_runs WHERE tenant_id = $1 AND state = 'queued') AS pending,
    (SELECT count(*) FROM message_runs WHERE tenant_id = $1 AND state IN ('committing', 'uncertain') AND state = 'committing') AS sending,
    (SELECT count(*) FROM message_runs WHERE tenant_id = $1 AND state IN ('committing', 'uncertain') AND state = 'uncertain') AS uncertain,
    (SELECT count(*) FROM message_runs
     WHERE tenant_id = $1 AND state IN ('failed', 'quarantined', 'unknown')
       AND finished_at >= date_trunc('day', postfleet_now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') AS failed_today,
    (SELECT COALESCE(sum(sent), 0)::bigint FROM daily_sends
     WHERE day = (postfleet_now() AT TIME ZONE 'UTC')::date AND tenant_id = $1) AS sent_today,
    (SELECT count(*) FROM senders WHERE tenant_id = $1 AND archived_at IS NULL AND paused_at IS NULL) AS senders_active,
    (SELECT count(*) FROM senders WHERE tenant_id = $1 AND archived_at IS NULL AND paused_at IS NOT NULL) AS senders_paused,
    (SELECT count(*) FROM senders WHERE tenant_id = $1 AND archived_at IS NOT NULL) AS senders_archived,
    (SELECT count(*) FROM suppressions WHERE tenant_id = $1) AS suppressions
