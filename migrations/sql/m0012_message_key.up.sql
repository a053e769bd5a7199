-- One key in place of two indexes, which each message had to enter. Ids are looked for with their tenant. On one line, and
-- so in one transaction.
SET LOCAL lock_timeout = '2s'; ALTER TABLE messages DROP CONSTRAINT messages_pkey, ADD CONSTRAINT messages_pkey PRIMARY KEY USING INDEX messages_key; DROP INDEX messages_tenant;
