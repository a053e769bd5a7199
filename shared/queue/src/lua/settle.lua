-- Ends leases. Fenced: only the holder's token counts, so what a zombie settles late changes nothing.
-- KEYS: pulse, window, caps, backlog, drained, data, ready:0, ready:1, ready:2, delayed, leases, holders, deliveries,
--       marks, garbage, buckets …
-- ARGV: generation, beat, bell channel, wake channel, then per job: id, token, verdict (done|release|retry|garbage),
--       ms, tokens to give back
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now = now_us()

local ids, places, place = {}, {}, 5
while place <= #ARGV do
    ids[#ids + 1] = ARGV[place]
    places[#places + 1] = place
    place = place + 5 + 5 * ARGV[place + 4]
end
local ours, our_places = {}, {}
for at, token in ipairs(redis.call('HMGET', KEYS[12], unpack(ids))) do
    if token == ARGV[places[at] + 1] then
        ours[#ours + 1] = ids[at]
        our_places[#our_places + 1] = places[at]
    end
end
if #ours == 0 then return { 'ok', beat } end
redis.call('ZREM', KEYS[11], unpack(ours))
redis.call('HDEL', KEYS[12], unpack(ours))
redis.call('HDEL', KEYS[14], unpack(ours))

local ended, released, freed, done = {}, 0, 0, 0
local by_tenant, by_sender, done_by_sender = {}, {}, {}
local function add(sums, name, rows) sums[name] = (sums[name] or 0) + rows end
for at, record in ipairs(redis.call('HMGET', KEYS[6], unpack(ours))) do
    local id, from = ours[at], our_places[at]
    local verdict, delay = ARGV[from + 2], tonumber(ARGV[from + 3])
    local tenant, sender, rows, priority = parse(record or '')
    if not tenant then
        ended[#ended + 1] = id
        redis.call('HSET', KEYS[2], 'recount', 1)
    elseif verdict == 'release' then
        redis.call('LPUSH', KEYS[7 + priority], id)
        released = released + 1
    elseif verdict == 'retry' then
        redis.call('HINCRBY', KEYS[13], id, 1)
        redis.call('ZADD', KEYS[10], math.floor(now / 1000) + delay, id)
    else
        ended[#ended + 1] = id
        freed = freed + rows
        add(by_tenant, tenant, rows)
        add(by_sender, sender, rows)
        if verdict == 'done' then
            done = done + rows
            add(done_by_sender, sender, rows)
        else
            redis.call('LPUSH', KEYS[15], id)
            redis.call('LTRIM', KEYS[15], 0, 99)
            redis.call('EXPIRE', KEYS[15], 86400)
        end
    end
    give_back(15, from + 4, now)
end
if #ended > 0 then
    redis.call('HDEL', KEYS[6], unpack(ended))
    redis.call('HDEL', KEYS[13], unpack(ended))
end
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
    local window = tonumber(redis.call('HGET', KEYS[3], 'window') or 256)
    -- Rung once on the way down, not at every settle below.
    if held < window * 0.75 and held + freed >= window * 0.75 or held == 0 then redis.call('PUBLISH', ARGV[3], 'room') end
end
return { 'ok', beat }
