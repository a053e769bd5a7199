-- Where a job is: who holds it, or whether it stands here at all. Looks through the leases, for it is asked seldom.
-- KEYS: pulse, data, reserved, leases, held. ARGV: generation, beat, job
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local there = redis.call('HEXISTS', KEYS[2], ARGV[3]) == 1
for _, token in ipairs(there and redis.call('ZRANGE', KEYS[4], 0, -1) or {}) do
    if redis.call('SISMEMBER', KEYS[5] .. ':' .. token, ARGV[3]) == 1 then return { 'held', beat, token } end
end
return { (there or redis.call('ZSCORE', KEYS[3], ARGV[3])) and 'ready' or 'gone', beat }
