-- A worker is known to be dead: the connections it held are closed. KEYS: pulse, dead workers
-- ARGV: generation, beat, worker, milliseconds to remember it for
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
redis.call('SADD', KEYS[2], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return { 'ok', beat }
