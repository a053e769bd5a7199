DROP INDEX CONCURRENTLY IF EXISTS message_runs_due;
CREATE INDEX CONCURRENTLY message_runs_due ON message_runs (tenant_id, sender_id, priority, run_at, message_id) WHERE state = 'scheduled';
DROP INDEX CONCURRENTLY IF EXISTS message_runs_rooms;
DROP INDEX CONCURRENTLY IF EXISTS message_runs_lanes;
