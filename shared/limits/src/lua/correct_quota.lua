-- Postgres has counted fewer than were taken here, and nothing is on its way: what leaked is taken back.
-- KEYS: pulse, bucket. ARGV: generation, beat, day, used
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now = now_us()
if whole(day_of(now)) ~= ARGV[3] then return { 'stale', beat } end
local counted = tonumber(redis.call('HGET', KEYS[2], day_field(now)))
if counted and counted > tonumber(ARGV[4]) then redis.call('HSET', KEYS[2], day_field(now), ARGV[4]) end
return { 'ok', beat }
