-- $1 name, $2 owner, $3 seconds
INSERT INTO leaders AS l (name, owner, term, elected_at, expires_at)
VALUES ($1, $2, 1, postfleet_now(), postfleet_now() + make_interval(secs => $3))
ON CONFLICT (name) DO UPDATE SET
    owner = $2,
    term = CASE WHEN l.owner = $2 AND l.expires_at > postfleet_now() THEN l.term ELSE l.term + 1 END,
    elected_at = CASE WHEN l.owner = $2 AND l.expires_at > postfleet_now() THEN l.elected_at ELSE postfleet_now() END,
    expires_at = postfleet_now() + make_interval(secs => $3)
WHERE l.owner = $2 OR l.expires_at <= postfleet_now()
RETURNING term
