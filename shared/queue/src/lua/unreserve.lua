-- Gives reserved room back. KEYS: pulse, window, reserved, reservations. ARGV: generation, beat, job …
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
for place = 3, #ARGV do
    local held = redis.call('HGET', KEYS[4], ARGV[place])
    if held then
        local tenant, sender, rows = string.match(held, '^([^|]+)|([^|]+)|(%d+)$')
        if tenant then count(KEYS[2], tenant, sender, -rows) end
        redis.call('HDEL', KEYS[4], ARGV[place])
        redis.call('ZREM', KEYS[3], ARGV[place])
    end
end
return { 'ok', beat }
