-- Tasks that somebody pushed with the stock apalis-redis, oldest first; they stay until they are dropped.
-- KEYS: active list, scheduled set, data. ARGV: how many, the largest data that is told, how many bytes in all
-- Answers id, when it is due (seconds; 0: now), how large its data is (-1: gone), data (empty where it is too large) …
local answer, most, largest, bytes = {}, tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local seen = {}
local function tell(id, due)
    if seen[id] or bytes <= 0 then return end
    seen[id] = true
    local length = redis.call('HSTRLEN', KEYS[3], id)
    if redis.call('HEXISTS', KEYS[3], id) == 0 then length = -1 end
    local data = ''
    if length > 0 and length <= largest then
        data = redis.call('HGET', KEYS[3], id)
        bytes = bytes - length
    end
    answer[#answer + 1] = id
    answer[#answer + 1] = due
    answer[#answer + 1] = tostring(length)
    answer[#answer + 1] = data
end
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, most - 1)) do tell(id, '0') end
local left = most - #answer / 4
if left > 0 then
    local scheduled = redis.call('ZRANGE', KEYS[2], 0, left - 1, 'WITHSCORES')
    for at = 1, #scheduled, 2 do tell(scheduled[at], scheduled[at + 1]) end
end
return answer
