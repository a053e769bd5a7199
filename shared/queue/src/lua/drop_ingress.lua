-- Tasks that are in Postgres now. KEYS: active list, scheduled set, data, prefix of their metadata. ARGV: ids
for _, id in ipairs(ARGV) do
    redis.call('LREM', KEYS[1], 0, id)
    redis.call('ZREM', KEYS[2], id)
    redis.call('HDEL', KEYS[3], id)
    redis.call('DEL', KEYS[4] .. ':' .. id)
end
return #ARGV
