-- A job's record: tenant|sender|rows|priority|pushed_ms|payload
local function parse(record)
    return string.match(record, '^([^|]+)|([^|]+)|(%d+)|([012])|(%d+)|(.*)$')
end

local function lower(window_key, field, rows)
    if redis.call('HINCRBY', window_key, field, -rows) <= 0 then redis.call('HDEL', window_key, field) end
end

local function count(window_key, tenant, sender, rows)
    for _, field in ipairs({ 'rows', 't:' .. tenant, 's:' .. sender }) do lower(window_key, field, -rows) end
end

-- Whether so many rows of a sender find room. `sender_max` 0 means: what the leader last measured, or the default.
local function room(window_key, caps_key, tenant, sender, rows, sender_max)
    local caps = redis.call('HMGET', caps_key, 'window', 'tenant', 's:' .. sender)
    local held = redis.call('HMGET', window_key, 'rows', 't:' .. tenant, 's:' .. sender)
    local most = { tonumber(caps[1]) or 256, tonumber(caps[2]) or 64, tonumber(caps[3]) or 10 }
    if sender_max > 0 then most[3] = sender_max end
    for place = 1, 3 do
        if (tonumber(held[place]) or 0) + rows > most[place] then return false end
    end
    return true
end
