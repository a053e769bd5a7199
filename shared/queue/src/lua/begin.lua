-- Begins a generation in a Redis that was cleared for it: every bucket is empty now. KEYS: pulse. ARGV: generation, beat
local beat = redis.call('HGET', KEYS[1], 'beat')
if beat and tonumber(beat) > tonumber(ARGV[2]) then return { 'ahead', beat } end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'beat', ARGV[2], 'since', whole(now_us()))
return { 'ok', ARGV[2] }
