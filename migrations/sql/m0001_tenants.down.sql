DROP TABLE suppressions;
DROP TABLE api_keys;
DROP TABLE tenants;
DROP FUNCTION postfleet_now();
