-- Writes into a lease which row is being handled, so that a crash is charged to that row alone.
-- KEYS: pulse, held:<token>, marks. ARGV: generation, beat, job, row ('' clears)
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
if redis.call('SISMEMBER', KEYS[2], ARGV[3]) == 0 then return { 'gone', beat } end
if ARGV[4] == '' then redis.call('HDEL', KEYS[3], ARGV[3]) else redis.call('HSET', KEYS[3], ARGV[3], ARGV[4]) end
return { 'marked', beat }
