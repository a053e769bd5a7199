-- A build that was broken off leaves an index that is never used.
DROP INDEX CONCURRENTLY IF EXISTS message_runs_lanes;
-- One index for both: a sender's fresh rows are the lane with the empty key, its rows in waiting rooms have theirs.
CREATE INDEX CONCURRENTLY message_runs_lanes ON message_runs (tenant_id, sender_id, wait_key, priority, run_at, message_id) WHERE state = 'scheduled';
DROP INDEX CONCURRENTLY IF EXISTS message_runs_rooms;
-- For counting them; most rows never enter it.
CREATE INDEX CONCURRENTLY message_runs_rooms ON message_runs (tenant_id) WHERE state = 'scheduled' AND wait_key <> '';
-- The version before this one still finds its rows by the first index, only slower; two of this size would cost every message.
DROP INDEX CONCURRENTLY IF EXISTS message_runs_due;
