-- A build that was broken off leaves an index that is never used.
DROP INDEX CONCURRENTLY IF EXISTS messages_key;
-- To become the one key of messages in the next step: a lock that is not given there shall not cost a second build.
CREATE UNIQUE INDEX CONCURRENTLY messages_key ON messages (tenant_id, id);
