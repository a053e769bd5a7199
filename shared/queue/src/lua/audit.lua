-- Do the counts add up? Every job with data stands in exactly one place.
-- KEYS: pulse, window, reservations, data, ready:0, ready:1, ready:2, delayed, leases, crashed, held
-- ARGV: generation, beat
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local jobs = redis.call('HLEN', KEYS[4])
local ready = redis.call('LLEN', KEYS[5]) + redis.call('LLEN', KEYS[6]) + redis.call('LLEN', KEYS[7])
local leased = 0
for _, token in ipairs(redis.call('ZRANGE', KEYS[9], 0, -1)) do
    leased = leased + redis.call('SCARD', KEYS[11] .. ':' .. token)
end
local placed = ready + redis.call('ZCARD', KEYS[8]) + leased + redis.call('HLEN', KEYS[10])
local leaked = jobs == 0 and redis.call('HLEN', KEYS[3]) == 0 and redis.call('EXISTS', KEYS[2]) == 1
if leaked or redis.call('HGET', KEYS[2], 'recount') then
    -- Bounded by the window: what may stand here is what is counted.
    redis.call('DEL', KEYS[2])
    for _, record in ipairs(redis.call('HVALS', KEYS[4])) do
        local tenant, sender, rows = parse(record)
        if tenant then count(KEYS[2], tenant, sender, rows) end
    end
    for _, held in ipairs(redis.call('HVALS', KEYS[3])) do
        local tenant, sender, rows = string.match(held, '^([^|]+)|([^|]+)|(%d+)$')
        if tenant then count(KEYS[2], tenant, sender, rows) end
    end
end
local rows = redis.call('HGET', KEYS[2], 'rows') or '0'
return { 'ok', beat, tostring(jobs), tostring(placed), tostring(ready), tostring(leased), rows }
