-- Removes jobs whose crash has been charged in Postgres.
-- KEYS: pulse, window, data, deliveries, crashed. ARGV: generation, beat, job …
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
for place = 3, #ARGV do
    local id = ARGV[place]
    if redis.call('HDEL', KEYS[5], id) == 1 then
        local tenant, sender, rows = parse(redis.call('HGET', KEYS[3], id) or '')
        if tenant then count(KEYS[2], tenant, sender, -rows) end
        redis.call('HDEL', KEYS[3], id)
        redis.call('HDEL', KEYS[4], id)
    end
end
return { 'ok', beat }
