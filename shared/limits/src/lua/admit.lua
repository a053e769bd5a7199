-- Tokens for a batch of messages: for each from all its buckets, or none.
-- KEYS: pulse, buckets …
-- ARGV: generation, beat, tokens to give back first (none: 0), buckets, routes, then per item: route, rows
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now = now_us()
local place = give_back(1, 3, now)
local buckets, routes
buckets, place = open_buckets(2, place, now, KEYS[1])
routes, place = read_routes(place)
local answer = { 'ok', beat, whole(now) }
push_firsts(answer, buckets, now)
for at = place, #ARGV, 2 do
    local granted, refuser, why, wait = take(buckets, routes[tonumber(ARGV[at])], tonumber(ARGV[at + 1]), now)
    answer[#answer + 1] = whole(granted)
    answer[#answer + 1] = whole(refuser)
    answer[#answer + 1] = why
    answer[#answer + 1] = whole(wait)
end
close_buckets(buckets, now)
return answer
