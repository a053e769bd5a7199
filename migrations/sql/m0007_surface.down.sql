DROP TABLE ingress_refusals;
ALTER TABLE message_runs DROP COLUMN cleared_at;
DROP TABLE idempotency_keys;
ALTER TABLE api_keys DROP COLUMN replaced_by;
ALTER TABLE api_keys DROP COLUMN last_used_at;
ALTER TABLE api_keys DROP COLUMN scopes;
