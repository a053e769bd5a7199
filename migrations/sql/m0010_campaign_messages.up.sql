-- A build that was broken off leaves an index that is never used.
DROP INDEX CONCURRENTLY IF EXISTS messages_enrollment;
-- The messages of an enrollment: to cancel and to list them. Other messages never touch it.
CREATE INDEX CONCURRENTLY messages_enrollment ON messages (enrollment_id, visit) WHERE enrollment_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS message_runs_campaign;
-- To move what waits into the room of a paused campaign, and out of it. coalesce: who asks in these words is answered by this
-- index alone, whatever the statistics say of scheduled rows.
CREATE INDEX CONCURRENTLY message_runs_campaign ON message_runs (campaign_id, wait_key) WHERE campaign_id IS NOT NULL AND coalesce(state, '') = 'scheduled';
