-- $1 owner, $2 term; lanes: $3 tenants, $4 senders, $5 takes, $6 place of the first job in $7; $7 jobs, $8 rows per job
WITH asked AS (
    SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::integer[], $6::integer[]) WITH ORDINALITY
        AS a (tenant_id, sender_id, take, first_job, lane)
    WHERE EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
      AND NOT EXISTS (SELECT 1 FROM fleet WHERE halted_at IS NOT NULL)
      AND EXISTS (SELECT 1 FROM senders s WHERE s.id = a.sender_id AND s.paused_at IS NULL)
      AND EXISTS (SELECT 1 FROM tenants t WHERE t.id = a.tenant_id AND t.paused_at IS NULL)
), due AS MATERIALIZED (
    SELECT a.lane, a.take, a.first_job, d.message_id, d.priority, d.run_at
    FROM asked a
    CROSS JOIN (VALUES (0::smallint), (1::smallint), (2::smallint)) AS p (priority)
    CROSS JOIN LATERAL (
        SELECT r.message_id, r.priority, r.run_at FROM message_runs r
        WHERE r.state = 'scheduled' AND r.tenant_id = a.tenant_id AND r.sender_id = a.sender_id
          AND r.priority = p.priority AND r.run_at <= postfleet_now() AND r.crashes = 0
        ORDER BY r.run_at, r.message_id
        LIMIT a.take
        FOR UPDATE SKIP LOCKED
    ) d
), placed AS (
    SELECT *, row_number() OVER (PARTITION BY lane ORDER BY priority, run_at, message_id) - 1 AS place FROM due
)
UPDATE message_runs r
SET state = 'queued', queued_at = postfleet_now(), job_id = ($7::uuid[])[1 + p.first_job + p.place / $8]
FROM placed p
WHERE r.message_id = p.message_id AND p.place < p.take
RETURNING r.message_id, r.tenant_id, r.sender_id, r.priority, r.job_id
