-- A provider asked for a pause. The longer of two holds. KEYS: pulse, bucket. ARGV: generation, beat, microseconds
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now = now_us()
local standing = tonumber(redis.call('HGET', KEYS[2], 'parked')) or 0
-- A clock that went back must not park for longer than was asked.
if standing > now + 900000000 then standing = 0 end
local parked = math.max(standing, now + tonumber(ARGV[3]))
redis.call('HSET', KEYS[2], 'parked', whole(parked))
local expires = math.floor(parked / 1000) + 1000
if redis.call('PTTL', KEYS[2]) < expires - now / 1000 then redis.call('PEXPIREAT', KEYS[2], whole(expires)) end
return { 'ok', beat }
