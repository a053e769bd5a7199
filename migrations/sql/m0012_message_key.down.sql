DROP INDEX CONCURRENTLY IF EXISTS messages_id;
CREATE UNIQUE INDEX CONCURRENTLY messages_id ON messages (id);
DROP INDEX CONCURRENTLY IF EXISTS messages_tenant;
CREATE INDEX CONCURRENTLY messages_tenant ON messages (tenant_id, id);
DROP INDEX CONCURRENTLY IF EXISTS messages_key;
CREATE UNIQUE INDEX CONCURRENTLY messages_key ON messages (tenant_id, id);
-- On one line, and so in one transaction.
SET LOCAL lock_timeout = '2s'; ALTER TABLE messages DROP CONSTRAINT messages_pkey, ADD CONSTRAINT messages_pkey PRIMARY KEY USING INDEX messages_id;
