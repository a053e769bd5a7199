-- Renews leases; answers the tokens of those that are no longer the caller's.
-- KEYS: pulse, leases. ARGV: generation, beat, lease in ms, silence in ms, then token …
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now, answer = now_ms(), { 'ok', beat }
local heard = redis.call('HGET', KEYS[1], 'heard')
if heard and now - heard > tonumber(ARGV[4]) then redis.call('HSET', KEYS[1], 'grace', now + ARGV[3]) end
redis.call('HSET', KEYS[1], 'heard', now)
for place = 5, #ARGV do
    if redis.call('ZSCORE', KEYS[2], ARGV[place]) then
        redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[place])
    else
        answer[#answer + 1] = ARGV[place]
    end
end
return answer
