-- Ends the leases of a worker that is known to be dead. KEYS: pulse, leases, holders. ARGV: generation, beat, worker
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local prefix, forfeited = ARGV[3] .. ':', 0
local holders = redis.call('HGETALL', KEYS[3])
for place = 1, #holders, 2 do
    if string.sub(holders[place + 1], 1, #prefix) == prefix then
        redis.call('ZADD', KEYS[2], 0, holders[place])
        forfeited = forfeited + 1
    end
end
return { 'ok', beat, tostring(forfeited) }
