-- More connections of a sender for a worker: up to its share, as far as the others leave some. Who gets fewer asks them.
-- KEYS: pulse, connections (hash: worker → count|expires, w:worker → until when it wants more), dead workers
-- ARGV: generation, beat, worker, how many the sender may have, how many more are wanted, milliseconds they are held,
--       milliseconds a wish lasts, channel to ask on, sender
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now, worker, held, mine = now_ms(), ARGV[3], 0, 0
local contenders, count = { [worker] = true }, 1
local function contend(name)
    if not contenders[name] then
        contenders[name] = true
        count = count + 1
    end
end
local entries = redis.call('HGETALL', KEYS[2])
for at = 1, #entries, 2 do
    local wisher = string.match(entries[at], '^w:(.+)$')
    local connections, expires = string.match(entries[at + 1], '^(%d+)|(%d+)$')
    if wisher then
        if tonumber(entries[at + 1]) > now then contend(wisher) end
    elseif tonumber(expires) > now and redis.call('SISMEMBER', KEYS[3], entries[at]) == 0 then
        held = held + connections
        contend(entries[at])
        if entries[at] == worker then mine = tonumber(connections) end
    else
        redis.call('HDEL', KEYS[2], entries[at])
    end
end
local most, wanted = tonumber(ARGV[4]), tonumber(ARGV[5])
local share = math.ceil(most / count)
local granted = math.max(math.min(wanted, most - held, share - mine), 0)
if granted > 0 then redis.call('HSET', KEYS[2], worker, (mine + granted) .. '|' .. whole(now + ARGV[6])) end
if granted < wanted then
    redis.call('HSET', KEYS[2], 'w:' .. worker, whole(now + ARGV[7]))
    -- Nobody else can give any to who has its share.
    if mine + granted < share then redis.call('PUBLISH', ARGV[8], ARGV[9]) end
else
    redis.call('HDEL', KEYS[2], 'w:' .. worker)
end
redis.call('PEXPIRE', KEYS[2], ARGV[6] * 2)
return { 'ok', beat, whole(granted), whole(share) }
