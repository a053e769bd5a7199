-- A worker says how many connections it holds of each sender, and learns how many it should hold while others want some.
-- KEYS: pulse, dead workers, connections … ARGV: generation, beat, worker, milliseconds they are held, then per sender:
-- how many the sender may have, how many the worker holds
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now, worker, answer = now_ms(), ARGV[3], { 'ok', beat }
for at = 3, #KEYS do
    local most, holds = tonumber(ARGV[5 + (at - 3) * 2]), tonumber(ARGV[6 + (at - 3) * 2])
    if holds > 0 then
        redis.call('HSET', KEYS[at], worker, holds .. '|' .. whole(now + ARGV[4]))
        redis.call('PEXPIRE', KEYS[at], ARGV[4] * 2)
    else
        redis.call('HDEL', KEYS[at], worker)
    end
    local held = read_holdings(KEYS[at], KEYS[2], worker, now)
    local share = held.wanted and fair_share(most, held.contenders) or most
    -- After a Redis that was lost, or a smaller number for the sender, there may be too many: who hears of it first gives
    -- up what is too much.
    local beyond = held.total - most
    if beyond > 0 then share = math.max(math.min(share, holds - beyond), 0) end
    answer[#answer + 1] = whole(share)
    answer[#answer + 1] = (held.wanted or beyond > 0) and '1' or '0'
end
return answer
