-- Room and tokens for rows that are about to be committed as queued, before they are: all of it, or none.
-- KEYS: pulse, window, caps, backlog, reserved (zset by expiry), reservations, buckets …
-- ARGV: generation, beat, tenant, sender, rows, job, milliseconds it may take, how many waiting rooms, their names …,
--       buckets, routes, then per item: route, rows
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now, tenant, sender, rows = now_us(), ARGV[3], ARGV[4], tonumber(ARGV[5])
local lane, rooms = tenant .. '/' .. sender, tonumber(ARGV[8])

local function refuse(why)
    redis.call('SADD', KEYS[4], lane)
    return { 'refused', beat, why }
end

if redis.call('SISMEMBER', KEYS[4], lane) == 1 then return refuse('turn') end
for at = 1, rooms do
    if redis.call('SISMEMBER', KEYS[4], ARGV[8 + at]) == 1 then return refuse('turn') end
end
if not room(KEYS[2], KEYS[3], tenant, sender, rows, 0) then return refuse('window') end
local buckets, routes, place
buckets, place = open_buckets(7, 9 + rooms, now, KEYS[1])
routes, place = read_routes(place)
for at = place, #ARGV, 2 do
    local asked = tonumber(ARGV[at + 1])
    if take(buckets, routes[tonumber(ARGV[at])], asked, now) < asked then return refuse('limit') end
end
close_buckets(buckets, now)
count(KEYS[2], tenant, sender, rows)
redis.call('ZADD', KEYS[5], whole(now / 1000 + ARGV[7]), ARGV[6])
redis.call('HSET', KEYS[6], ARGV[6], tenant .. '|' .. sender .. '|' .. rows)
local answer = { 'reserved', beat, whole(now) }
push_firsts(answer, buckets, now)
return answer
