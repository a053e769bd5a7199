-- Stands before every script. A caller names the generation it knows and the highest beat it has seen; a Redis that
-- was emptied or rolled back knows none, another or a lower one, and is told apart from one that merely has no work.
local function refused(pulse_key, generation, beat)
    local pulse = redis.call('HMGET', pulse_key, 'generation', 'beat')
    if not pulse[1] or pulse[1] ~= generation or tonumber(pulse[2]) < tonumber(beat) then return true end
    return false, pulse[2]
end

local function now_us()
    local time = redis.call('TIME')
    return time[1] * 1000000 + time[2]
end

local function now_ms()
    return math.floor(now_us() / 1000)
end

-- A number as text, whole: Lua's own form loses digits beyond the fourteenth.
local function whole(number)
    return string.format('%.0f', number)
end
