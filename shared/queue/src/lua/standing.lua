-- Which of these jobs stand here. KEYS: pulse, data, reserved. ARGV: generation, beat, job …
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local answer = { 'ok', beat }
for place = 3, #ARGV do
    local stands = redis.call('HEXISTS', KEYS[2], ARGV[place]) == 1 or redis.call('ZSCORE', KEYS[3], ARGV[place])
    answer[#answer + 1] = stands and '1' or '0'
end
return answer
