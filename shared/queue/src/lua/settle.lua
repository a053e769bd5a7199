-- Ends what workers hold. Fenced: only what still stands under the token counts, so what a zombie settles late changes
-- nothing.
-- KEYS: pulse, window, caps, backlog, drained, data, ready:0, ready:1, ready:2, delayed, leases, held, deliveries,
--       marks, garbage, buckets …
-- ARGV: generation, beat, bell channel, wake channel, how many tokens, then per token: it, how many jobs, the jobs …;
--       then for the jobs in that order, as many at once as are alike:
--       how many, verdict (done|release|retry|garbage|unreadable|gone), ms, tenant, sender, rows, priority, tokens to give back
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now = now_us()

local ids, ours, place = {}, {}, 6
for _ = 1, tonumber(ARGV[5]) do
    local token, first, last = ARGV[place], place + 2, place + 1 + ARGV[place + 1]
    local held, members = KEYS[12] .. ':' .. token, 0
    for at, member in ipairs(redis.call('SMISMEMBER', held, unpack(ARGV, first, last))) do
        ids[#ids + 1] = ARGV[first + at - 1]
        ours[#ids] = member == 1
        members = members + member
    end
    if redis.call('SCARD', held) == members then
        redis.call('DEL', held)
        redis.call('ZREM', KEYS[11], token)
    else
        redis.call('SREM', held, unpack(ARGV, first, last))
    end
    place = last + 1
end

local ended, released, freed, done, recount = {}, 0, 0, 0, false
local by_tenant, by_sender, done_by_sender = {}, {}, {}
local function add(sums, name, rows) sums[name] = (sums[name] or 0) + rows end

local function stands(id)
    local there = redis.call('HEXISTS', KEYS[6], id) == 1
    if not there then ended[#ended + 1] = id end
    return there
end

local function set_aside(id)
    redis.call('LPUSH', KEYS[15], id)
    redis.call('LTRIM', KEYS[15], 0, 99)
    redis.call('EXPIRE', KEYS[15], 86400)
end

local at, marked = 1, redis.call('EXISTS', KEYS[14]) == 1
while at <= #ids do
    local alike, verdict, delay = tonumber(ARGV[place]), ARGV[place + 1], tonumber(ARGV[place + 2])
    local tenant, sender, rows = ARGV[place + 3], ARGV[place + 4], tonumber(ARGV[place + 5])
    local priority, count = tonumber(ARGV[place + 6]), 0
    for turn = at, at + alike - 1 do
        local id = ids[turn]
        if ours[turn] then
            count = count + 1
            if marked then redis.call('HDEL', KEYS[14], id) end
            if verdict == 'release' then
                if stands(id) then
                    redis.call('LPUSH', KEYS[7 + priority], id)
                    released = released + 1
                end
            elseif verdict == 'retry' then
                if stands(id) then
                    redis.call('HINCRBY', KEYS[13], id, 1)
                    redis.call('ZADD', KEYS[10], math.floor(now / 1000) + delay, id)
                end
            else
                ended[#ended + 1] = id
                if verdict == 'garbage' or verdict == 'unreadable' then set_aside(id) end
            end
        end
    end
    at, place = at + alike, place + 7
    if count > 0 then
        if verdict == 'done' or verdict == 'garbage' then
            freed = freed + rows * count
            add(by_tenant, tenant, rows * count)
            add(by_sender, sender, rows * count)
        end
        if verdict == 'done' then
            done = done + rows * count
            add(done_by_sender, sender, rows * count)
        elseif verdict == 'unreadable' then
            recount = true
        end
        place = give_back(15, place, now)
    else
        place = place + 1 + 5 * ARGV[place]
    end
end
if #ended > 0 then
    if redis.call('HDEL', KEYS[6], unpack(ended)) < #ended then recount = true end
    if redis.call('EXISTS', KEYS[13]) == 1 then redis.call('HDEL', KEYS[13], unpack(ended)) end
end
-- Some had no record, or none that says whose they were: nobody knows what they held in the window.
if recount then redis.call('HSET', KEYS[2], 'recount', 1) end
if freed > 0 then
    lower(KEYS[2], 'rows', freed)
    for tenant, rows in pairs(by_tenant) do lower(KEYS[2], 't:' .. tenant, rows) end
    for sender, rows in pairs(by_sender) do lower(KEYS[2], 's:' .. sender, rows) end
end
if done > 0 then
    redis.call('HINCRBY', KEYS[5], 'rows', done)
    for sender, rows in pairs(done_by_sender) do redis.call('HINCRBY', KEYS[5], 's:' .. sender, rows) end
end
if released > 0 then redis.call('PUBLISH', ARGV[4], released) end
if freed > 0 and redis.call('EXISTS', KEYS[4]) == 1 then
    local held = tonumber(redis.call('HGET', KEYS[2], 'rows') or 0)
    local caps = redis.call('HMGET', KEYS[3], 'window', 'level')
    local window, level = tonumber(caps[1]) or 256, tonumber(caps[2]) or 0
    -- Where shares are what keeps it from being full, it is as full as it gets. Of a handful, each would ring.
    local refill = 0.75 * (level >= 16 and math.min(level, window) or window)
    -- Rung once on the way down, not at every settle below.
    if held < refill and held + freed >= refill or held == 0 then redis.call('PUBLISH', ARGV[3], 'room') end
end
return { 'ok', beat }
