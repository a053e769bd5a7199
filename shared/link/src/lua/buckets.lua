-- Token buckets. Each is a hash: per period the time (TAT, microseconds) at which all that was taken has drained, per
-- day of UTC how many were taken, and until when it is parked. The arithmetic is domain::limits::Gcra.
local DAY_US = 86400000000

local function day_of(now)
    return math.floor(now / DAY_US)
end

local function day_field(now)
    return 'd' .. whole(day_of(now))
end

-- Reads a bucket once. ARGV from `place`: how many windows, per window its field, interval and burst, then the quota
-- (-1: none). Answers the bucket and the place after it.
local function open_bucket(key, place, now, since)
    local bucket = { key = key, windows = {}, quota = nil, taken = 0 }
    local fields = { 'parked', day_field(now) }
    local windows = tonumber(ARGV[place])
    place = place + 1
    for _ = 1, windows do
        local interval = tonumber(ARGV[place + 1])
        bucket.windows[#bucket.windows + 1] =
            { field = ARGV[place], interval = interval, tolerance = interval * tonumber(ARGV[place + 2]) }
        fields[#fields + 1] = ARGV[place]
        fields[#fields + 1] = 'r' .. ARGV[place]
        place = place + 3
    end
    local quota = tonumber(ARGV[place])
    local stored = redis.call('HMGET', key, unpack(fields))
    local parked = tonumber(stored[1])
    if parked and parked > now then bucket.parked = parked end
    if quota >= 0 then
        bucket.quota = quota
        bucket.used = tonumber(stored[2])
    elseif stored[2] then
        -- Counted under a quota that is gone: it would be wrong by the time there is one again.
        bucket.drop_count = true
    end
    for at, window in ipairs(bucket.windows) do
        local kept, latest = tonumber(stored[at * 2 + 1]), now + window.tolerance
        window.returned = tonumber(stored[at * 2 + 2]) or 0
        -- Empty when its generation began. What is beyond a full bucket's debt was lent by a slower limit, or by a
        -- clock that has gone back since: it is forgiven, and written down as such, or it would be forgiven anew at
        -- every look and never drain.
        if kept and kept > latest then
            window.returned = window.returned + kept - latest
            kept = latest
            bucket.changed = true
        end
        window.tat = math.max(math.min(math.max(kept or 0, since + window.tolerance), latest), now)
        -- As if nothing had ever been given back: see give_back.
        window.first = window.tat + window.interval + window.returned
    end
    return bucket, place + 1
end

-- Opens buckets whose keys begin at KEYS[first]. ARGV[place]: how many, then each.
local function open_buckets(first, place, now, pulse_key)
    local since = tonumber(redis.call('HGET', pulse_key, 'since')) or 0
    if since > now then
        since = now
        redis.call('HSET', pulse_key, 'since', whole(now))
    end
    local buckets = {}
    local count = tonumber(ARGV[place])
    place = place + 1
    for at = 1, count do buckets[at], place = open_bucket(KEYS[first + at - 1], place, now, since) end
    return buckets, place
end

-- How many tokens it has, at most `most`.
local function available(bucket, most, now)
    if bucket.parked then return 0 end
    if bucket.quota then
        if not bucket.used then return 0 end
        most = math.min(most, bucket.quota - bucket.used)
    end
    for _, window in ipairs(bucket.windows) do
        most = math.min(most, math.floor((now + window.tolerance - window.tat) / window.interval))
    end
    return math.max(most, 0)
end

-- Why it has none and for how long: rate | quota | pushback | unknown, microseconds.
local function refusal(bucket, now)
    if bucket.quota and not bucket.used then return 'unknown', 0 end
    local why, wait = 'rate', 0
    for _, window in ipairs(bucket.windows) do
        wait = math.max(wait, window.tat + window.interval - window.tolerance - now)
    end
    if bucket.parked and bucket.parked - now > wait then why, wait = 'pushback', bucket.parked - now end
    if bucket.quota and bucket.used >= bucket.quota then
        local midnight = (day_of(now) + 1) * DAY_US
        if midnight - now > wait then why, wait = 'quota', midnight - now end
    end
    return why, wait
end

-- One token per row from every bucket of the route, for as many rows as all of them have. Where fewer than asked:
-- also the bucket that makes the rest wait longest, why, and for how long.
local function take(buckets, route, rows, now)
    local granted = rows
    for _, at in ipairs(route) do granted = available(buckets[at], granted, now) end
    if granted > 0 then
        for _, at in ipairs(route) do
            local bucket = buckets[at]
            bucket.taken = bucket.taken + granted
            if bucket.quota then bucket.used = bucket.used + granted end
            for _, window in ipairs(bucket.windows) do window.tat = window.tat + granted * window.interval end
        end
    end
    if granted == rows then return granted, 0, '', 0 end
    local refuser, why, longest = 0, 'rate', -1
    for _, at in ipairs(route) do
        if available(buckets[at], 1, now) == 0 then
            local reason, wait = refusal(buckets[at], now)
            if reason == 'unknown' then return granted, at, reason, 0 end
            if wait > longest then refuser, why, longest = at, reason, wait end
        end
    end
    return granted, refuser, why, longest
end

-- Writes back what was taken, once per bucket.
local function close_buckets(buckets, now)
    for _, bucket in ipairs(buckets) do
        if bucket.drop_count then redis.call('HDEL', bucket.key, day_field(now)) end
        if bucket.taken > 0 or bucket.changed then
            local last, fields = now, {}
            for _, window in ipairs(bucket.windows) do
                fields[#fields + 1] = window.field
                fields[#fields + 1] = whole(window.tat)
                if window.returned > 0 then
                    fields[#fields + 1] = 'r' .. window.field
                    fields[#fields + 1] = whole(window.returned)
                end
                last = math.max(last, window.tat)
            end
            if bucket.quota and bucket.used then
                fields[#fields + 1] = day_field(now)
                fields[#fields + 1] = whole(bucket.used)
                last = math.max(last, (day_of(now) + 1) * DAY_US)
            end
            last = math.max(last, bucket.parked or 0)
            if #fields > 0 then
                redis.call('HSET', bucket.key, unpack(fields))
                -- Longer than any grant whose tokens may still come back.
                redis.call('PEXPIREAT', bucket.key, whole(math.floor(last / 1000) + 20000))
            end
        end
    end
end

-- Per bucket: per window the TAT after the first token that was taken in this call; then the day of its quota.
local function push_firsts(answer, buckets, now)
    for _, bucket in ipairs(buckets) do
        for _, window in ipairs(bucket.windows) do answer[#answer + 1] = whole(window.first) end
        answer[#answer + 1] = bucket.quota and day_field(now) or ''
    end
end

-- Gives tokens back: of each only what has not drained yet. Whatever went back since a token was taken has moved its
-- TAT as well, so the sum of that (field r<period>) is taken off. ARGV from `place`: how many returns, then per return the
-- place of its key after KEYS[before], field, interval (0: a quota), first TAT, tokens. Answers the place after them.
local function give_back(before, place, now)
    local count = tonumber(ARGV[place])
    place = place + 1
    for _ = 1, count do
        local key, field = KEYS[before + tonumber(ARGV[place])], ARGV[place + 1]
        local interval, first, tokens = tonumber(ARGV[place + 2]), tonumber(ARGV[place + 3]), tonumber(ARGV[place + 4])
        local kept = redis.call('HMGET', key, field, 'r' .. field)
        local stored, returned = tonumber(kept[1]), tonumber(kept[2]) or 0
        if stored and interval == 0 then
            redis.call('HSET', key, field, whole(math.max(stored - tokens, 0)))
        elseif stored then
            local credit = 0
            for at = 0, tokens - 1 do
                credit = credit + math.min(math.max(first - returned + at * interval - now, 0), interval)
            end
            if credit > 0 then
                redis.call('HSET', key, field, whole(stored - credit), 'r' .. field, whole(returned + credit))
            end
        end
        place = place + 5
    end
    return place
end

-- Routes: how many, then per route how many buckets and their places.
local function read_routes(place)
    local routes, count = {}, tonumber(ARGV[place])
    place = place + 1
    for at = 1, count do
        local route, length = {}, tonumber(ARGV[place])
        for step = 1, length do route[step] = tonumber(ARGV[place + step]) end
        routes[at] = route
        place = place + length + 1
    end
    return routes, place
end
