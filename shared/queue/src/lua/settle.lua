-- Ends leases. Fenced: only the holder's token counts, so what a zombie settles late changes nothing.
-- KEYS: pulse, window, caps, backlog, drained, data, ready:0, ready:1, ready:2, delayed, leases, holders, deliveries,
--       marks, garbage, buckets …
-- ARGV: generation, beat, bell channel, wake channel, then per job: id, token, verdict (done|release|retry|garbage),
--       ms, tokens to give back
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now, answer, released, freed, place = now_us(), { 'ok', beat }, 0, 0, 5
while place <= #ARGV do
    local id, token, verdict, delay = ARGV[place], ARGV[place + 1], ARGV[place + 2], tonumber(ARGV[place + 3])
    if redis.call('HGET', KEYS[12], id) == token then
        redis.call('ZREM', KEYS[11], id)
        redis.call('HDEL', KEYS[12], id)
        redis.call('HDEL', KEYS[14], id)
        local tenant, sender, rows, priority = parse(redis.call('HGET', KEYS[6], id) or '')
        if not tenant then
            redis.call('HDEL', KEYS[6], id)
            redis.call('HDEL', KEYS[13], id)
            redis.call('HSET', KEYS[2], 'recount', 1)
        elseif verdict == 'release' then
            redis.call('LPUSH', KEYS[7 + priority], id)
            released = released + 1
        elseif verdict == 'retry' then
            redis.call('HINCRBY', KEYS[13], id, 1)
            redis.call('ZADD', KEYS[10], math.floor(now / 1000) + delay, id)
        else
            redis.call('HDEL', KEYS[6], id)
            redis.call('HDEL', KEYS[13], id)
            count(KEYS[2], tenant, sender, -rows)
            freed = freed + rows
            if verdict == 'done' then
                redis.call('HINCRBY', KEYS[5], 'rows', rows)
                redis.call('HINCRBY', KEYS[5], 's:' .. sender, rows)
            else
                redis.call('LPUSH', KEYS[15], id)
                redis.call('LTRIM', KEYS[15], 0, 99)
                redis.call('EXPIRE', KEYS[15], 86400)
            end
        end
        answer[#answer + 1] = '1'
        place = give_back(15, place + 4, now)
    else
        answer[#answer + 1] = '0'
        place = place + 5 + 5 * ARGV[place + 4]
    end
end
if released > 0 then redis.call('PUBLISH', ARGV[4], released) end
if freed > 0 and redis.call('EXISTS', KEYS[4]) == 1 then
    local held = tonumber(redis.call('HGET', KEYS[2], 'rows') or 0)
    local window = tonumber(redis.call('HGET', KEYS[3], 'window') or 256)
    -- Rung once on the way down, not at every settle below.
    if held < window * 0.75 and held + freed >= window * 0.75 or held == 0 then redis.call('PUBLISH', ARGV[3], 'room') end
end
return answer
