-- Gives tokens back that were never used. KEYS: pulse, buckets … ARGV: generation, beat, returns
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
give_back(1, 3, now_us())
return { 'ok', beat }
