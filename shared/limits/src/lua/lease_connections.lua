-- More connections of a sender for a worker: up to its share, as far as the others leave some. Who gets fewer asks them.
-- KEYS: pulse, connections, dead workers
-- ARGV: generation, beat, worker, how many the sender may have, how many more are wanted, milliseconds they are held,
--       milliseconds a wish lasts, channel to ask on, sender
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now, worker, most, wanted = now_ms(), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local held = read_holdings(KEYS[2], KEYS[3], worker, now)
local share = fair_share(most, held.contenders)
local granted = math.max(math.min(wanted, most - held.total, share - held.mine), 0)
if granted > 0 then redis.call('HSET', KEYS[2], worker, (held.mine + granted) .. '|' .. whole(now + ARGV[6])) end
if granted < wanted then
    redis.call('HSET', KEYS[2], 'w:' .. worker, whole(now + ARGV[7]))
    -- Nobody else can give any to who has its share.
    if held.mine + granted < share then redis.call('PUBLISH', ARGV[8], ARGV[9]) end
else
    redis.call('HDEL', KEYS[2], 'w:' .. worker)
end
redis.call('PEXPIRE', KEYS[2], ARGV[6] * 2)
return { 'ok', beat, whole(granted), whole(share) }
