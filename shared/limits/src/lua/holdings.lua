-- Who holds connections of a sender, and who wants some: a hash, worker → count|expires, w:worker → until when.
-- What ran out, or belonged to a worker that is known to be dead, is dropped on the way.
local function read_holdings(key, dead_key, worker, now)
    local found = { total = 0, mine = 0, contenders = 1, wanted = false }
    local contenders = { [worker] = true }
    local function contend(name)
        if not contenders[name] then
            contenders[name] = true
            found.contenders = found.contenders + 1
        end
    end
    local entries = redis.call('HGETALL', key)
    for at = 1, #entries, 2 do
        local name, wisher = entries[at], string.match(entries[at], '^w:(.+)$')
        local expires = tonumber(string.match(entries[at + 1], '(%d+)$'))
        if not expires or expires <= now or redis.call('SISMEMBER', dead_key, wisher or name) == 1 then
            redis.call('HDEL', key, name)
        elseif wisher then
            contend(wisher)
            found.wanted = found.wanted or wisher ~= worker
        else
            local count = tonumber(string.match(entries[at + 1], '^(%d+)'))
            contend(name)
            found.total = found.total + count
            if name == worker then found.mine = count end
        end
    end
    return found
end

-- What each may hold while as many as now want some.
local function fair_share(most, contenders)
    return math.ceil(most / contenders)
end
