-- Hands jobs to a worker, after promoting a bounded number of delayed ones and reaping a bounded number of leases.
-- KEYS: pulse, window, data, ready:0, ready:1, ready:2, delayed, leases, holders, deliveries, marks, crashed, garbage
-- ARGV: generation, beat, token prefix, most jobs, lease in ms, silence in ms that means Redis was out of reach
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now, lease = now_ms(), tonumber(ARGV[5])

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

for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[7], '-inf', now, 'LIMIT', 0, 100)) do
    redis.call('ZREM', KEYS[7], id)
    local record = redis.call('HGET', KEYS[3], id)
    local _, _, _, priority = parse(record or '')
    redis.call('RPUSH', KEYS[4 + (priority or 1)], id)
end

-- A lease of score 0 was forfeited: its worker is known to be dead.
local reap_until = now < grace and 0 or now
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[8], '-inf', reap_until, 'LIMIT', 0, 32)) do
    redis.call('ZREM', KEYS[8], id)
    redis.call('HDEL', KEYS[9], id)
    local row = redis.call('HGET', KEYS[11], id)
    if row then
        redis.call('HDEL', KEYS[11], id)
        redis.call('HSET', KEYS[12], id, row)
    else
        redis.call('HINCRBY', KEYS[10], id, 1)
        local _, _, _, priority = parse(redis.call('HGET', KEYS[3], id) or '')
        redis.call('LPUSH', KEYS[4 + (priority or 1)], id)
    end
end

-- One call for all where one per job would do: a call costs more than what it does here.
local answer, left, turn = { 'ok', beat, whole(now_us()) }, tonumber(ARGV[4]), 0
local again = redis.call('EXISTS', KEYS[10]) == 1
for list = 4, 6 do
    while left > 0 do
        local ids = redis.call('LPOP', KEYS[list], left)
        if not ids then break end
        local records = redis.call('HMGET', KEYS[3], unpack(ids))
        local deliveries = again and redis.call('HMGET', KEYS[10], unpack(ids)) or {}
        local leases, holders = {}, {}
        for at, id in ipairs(ids) do
            local tenant, _, _, _, pushed, payload = parse(records[at] or '')
            if tenant then
                left, turn = left - 1, turn + 1
                local token = ARGV[3] .. ':' .. turn
                leases[#leases + 1] = now + lease
                leases[#leases + 1] = id
                holders[#holders + 1] = id
                holders[#holders + 1] = token
                local place = #answer
                answer[place + 1] = id
                answer[place + 2] = token
                answer[place + 3] = deliveries[at] or '0'
                answer[place + 4] = tostring(now - pushed)
                answer[place + 5] = payload
            else
                -- Its rows are still queued in Postgres; the rescue finds that their job is gone.
                redis.call('HDEL', KEYS[3], id)
                redis.call('HDEL', KEYS[10], id)
                redis.call('HSET', KEYS[2], 'recount', 1)
                if records[at] then
                    redis.call('LPUSH', KEYS[13], id)
                    redis.call('LTRIM', KEYS[13], 0, 99)
                    redis.call('EXPIRE', KEYS[13], 86400)
                end
            end
        end
        if #leases > 0 then
            redis.call('ZADD', KEYS[8], unpack(leases))
            redis.call('HSET', KEYS[9], unpack(holders))
        end
    end
end
return answer
