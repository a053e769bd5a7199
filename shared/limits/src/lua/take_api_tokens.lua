-- Requests of one API key. They need no fence: after a loss the bucket is merely full. KEYS: bucket
-- ARGV: interval in microseconds, burst, how many are wanted
local now, interval, burst, wanted = now_us(), tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tolerance = interval * burst
local tat = math.min(math.max(tonumber(redis.call('GET', KEYS[1])) or 0, now), now + tolerance)
local granted = math.min(wanted, math.floor((now + tolerance - tat) / interval))
tat = tat + granted * interval
if granted > 0 then redis.call('SET', KEYS[1], whole(tat), 'PXAT', whole(math.floor(tat / 1000) + 1000)) end
local left = math.floor((now + tolerance - tat) / interval)
return { 'ok', '0', whole(granted), whole(left), whole(math.max(tat + interval - tolerance - now, 0)) }
