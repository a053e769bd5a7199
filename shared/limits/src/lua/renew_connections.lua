-- A worker says how many connections it holds of each sender, and learns how many it should hold while others want some.
-- KEYS: pulse, connections … ARGV: generation, beat, worker, milliseconds they are held, then per sender:
-- how many the sender may have, how many the worker holds
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now, worker, answer = now_ms(), ARGV[3], { 'ok', beat }
for at = 2, #KEYS do
    local most, holds = tonumber(ARGV[5 + (at - 2) * 2]), tonumber(ARGV[6 + (at - 2) * 2])
    if holds > 0 then
        redis.call('HSET', KEYS[at], worker, holds .. '|' .. whole(now + ARGV[4]))
        redis.call('PEXPIRE', KEYS[at], ARGV[4] * 2)
    else
        redis.call('HDEL', KEYS[at], worker)
    end
    local contenders, wanted, total = { [worker] = true }, false, 0
    local entries = redis.call('HGETALL', KEYS[at])
    for entry = 1, #entries, 2 do
        local wants = string.match(entries[entry], '^w:(.+)$')
        local expires = tonumber(string.match(entries[entry + 1], '(%d+)$'))
        if not expires or expires <= now then
            redis.call('HDEL', KEYS[at], entries[entry])
        elseif wants then
            contenders[wants] = true
            wanted = wanted or wants ~= worker
        else
            contenders[entries[entry]] = true
            total = total + tonumber(string.match(entries[entry + 1], '^(%d+)'))
        end
    end
    local count = 0
    for _ in pairs(contenders) do count = count + 1 end
    -- After a Redis that was lost, or a renewal that crossed a lease, there may be too many: who hears of it first gives
    -- up what is too much.
    local share = wanted and math.ceil(most / count) or most
    if total > most then share = math.max(math.min(share, holds - (total - most)), 0) end
    wanted = wanted or total > most
    answer[#answer + 1] = whole(share)
    answer[#answer + 1] = wanted and '1' or '0'
end
return answer
