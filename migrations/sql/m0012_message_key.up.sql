-- One key in place of two indexes, which each message had to enter. Ids are looked for with their tenant. On one line, and
-- so in one transaction; where it was done and not noted, it does nothing.
SET LOCAL lock_timeout = '2s'; DO $$ BEGIN IF to_regclass('messages_key') IS NOT NULL THEN ALTER TABLE messages DROP CONSTRAINT messages_pkey, ADD CONSTRAINT messages_pkey PRIMARY KEY USING INDEX messages_key; END IF; END $$; DROP INDEX IF EXISTS messages_tenant;
