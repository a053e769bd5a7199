-- What Postgres says was sent on this day of UTC; whoever came first has already counted on.
-- KEYS: pulse, bucket. ARGV: generation, beat, day, used
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now = now_us()
-- Read before midnight and brought after it: it says nothing about today.
if whole(day_of(now)) ~= ARGV[3] then return { 'stale', beat } end
redis.call('HSETNX', KEYS[2], day_field(now), ARGV[4])
local expires = math.floor((day_of(now) + 1) * DAY_US / 1000) + 1000
if redis.call('PTTL', KEYS[2]) < expires - now / 1000 then redis.call('PEXPIREAT', KEYS[2], whole(expires)) end
return { 'ok', beat }
