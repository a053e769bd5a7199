-- Gives reserved room back, and the tokens taken with it.
-- KEYS: pulse, window, reserved, reservations, buckets … ARGV: generation, beat, then per job: job, returns
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now, place = now_us(), 3
while place <= #ARGV do
    local job = ARGV[place]
    local held = redis.call('HGET', KEYS[4], job)
    if held then
        local tenant, sender, rows = string.match(held, '^([^|]+)|([^|]+)|(%d+)$')
        if tenant then count(KEYS[2], tenant, sender, -rows) end
        redis.call('HDEL', KEYS[4], job)
        redis.call('ZREM', KEYS[3], job)
        place = give_back(4, place + 1, now)
    else
        -- Given back before, or taken by its push: its tokens are nobody's to return twice.
        place = place + 2 + 5 * ARGV[place + 1]
    end
end
return { 'ok', beat }
