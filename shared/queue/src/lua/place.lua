-- Where a job is: who holds it, or whether it stands here at all.
-- KEYS: pulse, data, reserved, holders. ARGV: generation, beat, job
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local holder = redis.call('HGET', KEYS[4], ARGV[3])
if holder then return { 'held', beat, holder } end
local stands = redis.call('HEXISTS', KEYS[2], ARGV[3]) == 1 or redis.call('ZSCORE', KEYS[3], ARGV[3])
return { stands and 'ready' or 'gone', beat }
