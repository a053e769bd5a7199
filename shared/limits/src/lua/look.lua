-- How long each bucket would make one more message wait, and why. Changes nothing.
-- KEYS: pulse, buckets … ARGV: generation, beat, buckets
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now = now_us()
local answer = { 'ok', beat }
for _, bucket in ipairs((open_buckets(2, 3, now, KEYS[1]))) do
    if available(bucket, 1, now) > 0 then
        answer[#answer + 1] = ''
        answer[#answer + 1] = '0'
    else
        local why, wait = refusal(bucket, now)
        answer[#answer + 1] = why
        answer[#answer + 1] = whole(wait)
    end
end
return answer
