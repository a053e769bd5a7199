-- A build that was broken off leaves an index that is never used.
DROP INDEX CONCURRENTLY IF EXISTS messages_tenant;
-- A tenant's messages, newest first: ids are ordered by time.
CREATE INDEX CONCURRENTLY messages_tenant ON messages (tenant_id, id);
DROP INDEX CONCURRENTLY IF EXISTS message_runs_failures;
-- Exceptions only, so the usual message never touches it.
CREATE INDEX CONCURRENTLY message_runs_failures ON message_runs (tenant_id, message_id) WHERE state IN ('failed', 'quarantined', 'unknown');
