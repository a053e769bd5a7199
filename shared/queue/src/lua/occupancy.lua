-- What stands in the window, by tenant and sender, and which lanes have a backlog; sets the caps for pushes.
-- KEYS: pulse, window, caps, backlog. ARGV: generation, beat, window, tenant cap, then s:<sender>, cap …
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
redis.call('DEL', KEYS[3])
redis.call('HSET', KEYS[3], 'window', ARGV[3], 'tenant', ARGV[4], unpack(ARGV, 5))
local answer = { 'ok', beat, cjson.encode(redis.call('SMEMBERS', KEYS[4])) }
for _, part in ipairs(redis.call('HGETALL', KEYS[2])) do answer[#answer + 1] = part end
return answer
