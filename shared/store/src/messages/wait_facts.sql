-- $1 tenant, $2 message
SELECT r.state, r.sender_id, r.run_at, r.tries, r.last_class, r.last_error, r.last_refused_at, r.queued_at, r.job_id,
       r.worker_id, r.committed_at, r.commit_deadline, r.uncertain_at, r.uncertain_cause, r.resent,
       COALESCE(r.recipient_domain, lower(substring(m.to_address FROM '@([^@]*)$'))) AS recipient_domain,
       t.uncertain_policy, t.paused_at AS tenant_paused_at, t.paused_by AS tenant_paused_by,
       t.pause_reason AS tenant_pause_reason,
       s.paused_at AS sender_paused_at, s.paused_by AS sender_paused_by, s.pause_reason AS sender_pause_reason,
       c.paused_at AS campaign_paused_at, c.paused_by AS campaign_paused_by, c.pause_reason AS campaign_pause_reason,
       r.campaign_id, f.halted_at, f.halt_reason, postfleet_now() AS now
FROM message_runs r
JOIN messages m ON m.tenant_id = r.tenant_id AND m.id = r.message_id
JOIN tenants t ON t.id = r.tenant_id
JOIN senders s ON s.id = r.sender_id
LEFT JOIN campaigns c ON c.id = r.campaign_id
CROSS JOIN fleet f
WHERE r.tenant_id = $1 AND r.message_id = $2
