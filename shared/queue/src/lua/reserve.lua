-- Room for rows that are about to be committed as queued, before they are.
-- KEYS: pulse, window, caps, backlog, reserved (zset by expiry), reservations
-- ARGV: generation, beat, tenant, sender, rows, job, milliseconds it may take
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local tenant, sender, rows = ARGV[3], ARGV[4], tonumber(ARGV[5])
local lane = tenant .. '/' .. sender
if redis.call('SISMEMBER', KEYS[4], lane) == 1 or not room(KEYS[2], KEYS[3], tenant, sender, rows, 0) then
    redis.call('SADD', KEYS[4], lane)
    return { 'refused', beat }
end
count(KEYS[2], tenant, sender, rows)
redis.call('ZADD', KEYS[5], now_ms() + ARGV[7], ARGV[6])
redis.call('HSET', KEYS[6], ARGV[6], tenant .. '|' .. sender .. '|' .. rows)
return { 'reserved', beat }
