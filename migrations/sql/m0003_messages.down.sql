DROP TABLE message_attempts;
DROP TABLE message_runs;
DROP TABLE messages;
DROP TABLE contents;
