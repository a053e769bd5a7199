-- Hands jobs to a worker, after promoting a bounded number of delayed ones and reaping a bounded number of leases. What
-- is taken together has one lease, under one token: `held:<token>` names its jobs.
-- KEYS: pulse, held, data, ready:0, ready:1, ready:2, delayed, leases, deliveries, marks, crashed
-- ARGV: generation, beat, token, most jobs, lease in ms, silence in ms that means Redis was out of reach
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now_us = now_us()
local now, lease = math.floor(now_us / 1000), tonumber(ARGV[5])

-- Nobody was heard for a while: leases ran out because Redis was away, not because their holders are.
local heard = redis.call('HMGET', KEYS[1], 'heard', 'grace')
local grace = tonumber(heard[2]) or 0
if heard[1] and now - heard[1] > tonumber(ARGV[6]) then
    grace = now + lease
    redis.call('HSET', KEYS[1], 'grace', grace)
end
redis.call('HSET', KEYS[1], 'heard', now)
-- A clock that went forward and back must not suspend reaping for as long.
if grace > now + lease then grace = now + lease end

local function ready(id)
    local _, _, _, priority = parse(redis.call('HGET', KEYS[3], id) or '')
    return KEYS[4 + (priority or 1)]
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[7], '-inf', now, 'LIMIT', 0, 100)) do
    redis.call('ZREM', KEYS[7], id)
    redis.call('RPUSH', ready(id), id)
end

-- A lease of score 0 was forfeited: its worker is known to be dead.
local reap_until, reaped = now < grace and 0 or now, 0
for _, token in ipairs(redis.call('ZRANGEBYSCORE', KEYS[8], '-inf', reap_until, 'LIMIT', 0, 32)) do
    if reaped >= 32 then break end
    for _, id in ipairs(redis.call('SMEMBERS', KEYS[2] .. ':' .. token)) do
        reaped = reaped + 1
        local row = redis.call('HGET', KEYS[10], id)
        if row then
            redis.call('HDEL', KEYS[10], id)
            redis.call('HSET', KEYS[11], id, row)
        else
            redis.call('HINCRBY', KEYS[9], id, 1)
            redis.call('LPUSH', ready(id), id)
        end
    end
    redis.call('DEL', KEYS[2] .. ':' .. token)
    redis.call('ZREM', KEYS[8], token)
end

-- Records go out as they stand: to read them here would cost Redis more than all that it does with them.
local answer, left = { 'ok', beat, whole(now_us) }, tonumber(ARGV[4])
local again = redis.call('EXISTS', KEYS[9]) == 1
for list = 4, 6 do
    local ids = left > 0 and redis.call('LPOP', KEYS[list], left)
    if ids then
        left = left - #ids
        redis.call('SADD', KEYS[2] .. ':' .. ARGV[3], unpack(ids))
        local place = #answer
        answer[place + 1] = ids
        answer[place + 2] = redis.call('HMGET', KEYS[3], unpack(ids))
        answer[place + 3] = again and redis.call('HMGET', KEYS[9], unpack(ids)) or {}
    end
end
if #answer > 3 then redis.call('ZADD', KEYS[8], now + lease, ARGV[3]) end
return answer
