-- The leader's pulse. Answers what it found, and what was drained since the last one.
-- KEYS: pulse, window, reserved, reservations, drained
-- ARGV: generation, lowest beat Redis may have, new beat
local pulse = redis.call('HMGET', KEYS[1], 'generation', 'beat')
if not pulse[1] then return { 'empty' } end
if pulse[1] ~= ARGV[1] then return { 'another' } end
if tonumber(pulse[2]) < tonumber(ARGV[2]) then return { 'rolled_back' } end
if tonumber(pulse[2]) > tonumber(ARGV[3]) then return { 'ahead', pulse[2] } end
redis.call('HSET', KEYS[1], 'beat', ARGV[3])
for _, job in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now_ms(), 'LIMIT', 0, 1000)) do
    local tenant, sender, rows = string.match(redis.call('HGET', KEYS[4], job) or '', '^([^|]+)|([^|]+)|(%d+)$')
    if tenant then count(KEYS[2], tenant, sender, -rows) end
    redis.call('HDEL', KEYS[4], job)
    redis.call('ZREM', KEYS[3], job)
end
local drained = redis.call('HGETALL', KEYS[5])
redis.call('DEL', KEYS[5])
local answer = { 'ok', ARGV[3] }
for _, part in ipairs(drained) do answer[#answer + 1] = part end
return answer
