-- Ends the leases of a worker that is known to be dead. KEYS: pulse, leases, held. ARGV: generation, beat, worker
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local prefix, forfeited = ARGV[3] .. ':', 0
for _, token in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if string.sub(token, 1, #prefix) == prefix then
        redis.call('ZADD', KEYS[2], 0, token)
        forfeited = forfeited + redis.call('SCARD', KEYS[3] .. ':' .. token)
    end
end
return { 'ok', beat, tostring(forfeited) }
