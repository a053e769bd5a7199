-- Pushes jobs; each is taken or refused by the window. Pushing one twice changes nothing.
-- KEYS: pulse, window, caps, reserved, reservations, data, ready:0, ready:1, ready:2
-- ARGV: generation, beat, wake channel, then per job: id, tenant, sender, rows, priority, sender_max, payload
local lost, beat = refused(KEYS[1], ARGV[1], ARGV[2])
if lost then return { 'lost' } end
local now, answer, pushed = now_ms(), { 'ok', beat }, 0
for place = 4, #ARGV, 7 do
    local id, tenant, sender, rows = ARGV[place], ARGV[place + 1], ARGV[place + 2], tonumber(ARGV[place + 3])
    local priority, sender_max, payload = ARGV[place + 4], tonumber(ARGV[place + 5]), ARGV[place + 6]
    local taken = redis.call('HEXISTS', KEYS[6], id) == 1
    if not taken then
        local reservation = redis.call('HGET', KEYS[5], id)
        if reservation then
            redis.call('HDEL', KEYS[5], id)
            redis.call('ZREM', KEYS[4], id)
            local spare = tonumber(string.match(reservation, '(%d+)$')) - rows
            if spare ~= 0 then count(KEYS[2], tenant, sender, -spare) end
            taken = true
        elseif room(KEYS[2], KEYS[3], tenant, sender, rows, sender_max) then
            count(KEYS[2], tenant, sender, rows)
            taken = true
        end
        if taken then
            redis.call('HSET', KEYS[6], id, table.concat({ tenant, sender, rows, priority, now, payload }, '|'))
            redis.call('RPUSH', KEYS[7 + priority], id)
            pushed = pushed + 1
        end
    end
    answer[#answer + 1] = taken and '1' or '0'
end
if pushed > 0 then
    -- How full it was made: the bell rings when a quarter of that is free again.
    redis.call('HSET', KEYS[3], 'level', redis.call('HGET', KEYS[2], 'rows') or 0)
    redis.call('PUBLISH', ARGV[3], pushed)
end
return answer
