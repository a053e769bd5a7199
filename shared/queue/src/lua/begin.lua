-- Begins a generation in a Redis that was cleared for it: every bucket is empty now, or full where nothing was ever sent.
-- KEYS: pulse. ARGV: generation, beat, whether nothing was ever sent
local beat = redis.call('HGET', KEYS[1], 'beat')
if beat and tonumber(beat) > tonumber(ARGV[2]) then return { 'ahead', beat } end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'beat', ARGV[2], 'since', ARGV[3] == '1' and '0' or whole(now_us()))
return { 'ok', ARGV[2] }
