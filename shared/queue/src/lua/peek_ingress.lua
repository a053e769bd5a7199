-- Tasks that somebody pushed with the stock apalis-redis, oldest first; they stay until they are dropped.
-- KEYS: active list, scheduled set, data. ARGV: how many. Answers id, when it is due (seconds; 0: now), data …
local answer, most = {}, tonumber(ARGV[1])
local function tell(id, due)
    answer[#answer + 1] = id
    answer[#answer + 1] = due
    answer[#answer + 1] = redis.call('HGET', KEYS[3], id) or ''
end
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, most - 1)) do tell(id, '0') end
local left = most - #answer / 3
if left > 0 then
    local scheduled = redis.call('ZRANGE', KEYS[2], 0, left - 1, 'WITHSCORES')
    for at = 1, #scheduled, 2 do tell(scheduled[at], scheduled[at + 1]) end
end
return answer
