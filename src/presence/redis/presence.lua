-- Changes of the presence registry that take more than one step. Times are this server's own,
-- since the clocks of nodes may be off by hours.
--
-- A person is a hash `presence:<user id>`:
--   s:<session id>   "<epoch of the node> <until>": the node writes it again long before `until`;
--                    "… front" where the session is in the foreground
--   declared         what the person said, and declared_at, when
--   grace_until      the last session of a node dropped; counts where no living node has one
-- The registry itself is a hash `presence`:
--   run, born        the run of this server in which it began, and when
--   node:<name>      the epoch in which a node has written all its sessions since
--
-- sync, epoch, ttl_ms, grace_ms, { ended, declared, declared_at, n, session 1, front 1 … n } for each
--   key; front: ' front' or nothing
--   The sessions that the node has of these people are exactly those named. Doing it again
--   changes nothing, so a node that is not sure repeats it. Sessions of others stay as they are,
--   and each has a field of its own: what comes late can't remove or overwrite a newer one.
--   ended: '' | 'drop' | 'goodbye', where the node has none any more. declared: '' for none;
--   declared_at: '' for now. Returns { declared, declared_at } for each, as it was before a
--   goodbye. Those who watch hear of it on the channel that is named like the key.
-- begin, run
--   Begins the registry if it is not there, or is of an earlier run. Returns { run, born }.
-- mark, run, born, name, epoch
--   The node has written all its sessions; nothing if the registry began anew meanwhile.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function sync(key, at)
  local epoch, ttl, grace = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
  local ended, declared, declared_at = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local count = tonumber(ARGV[at + 3])
  local mine = {}
  for i = 1, count do
    mine['s:' .. ARGV[at + 2 + 2 * i]] = ARGV[at + 3 + 2 * i]
  end

  local fields = redis.call('HGETALL', key)
  local others, said, said_at = 0, '', '0'
  for i = 1, #fields, 2 do
    local field, value = fields[i], fields[i + 1]
    if field == 'declared' then
      said = value
    elseif field == 'declared_at' then
      said_at = value
    elseif string.sub(field, 1, 2) == 's:' then
      local holder, keep_until = string.match(value, '^(%S+) (%d+)')
      if (holder == epoch and not mine[field]) or (tonumber(keep_until) or 0) <= now then
        redis.call('HDEL', key, field)
      elseif not mine[field] then
        others = others + 1
      end
    end
  end

  if declared ~= '' then
    local stamp = declared_at == '' and now or tonumber(declared_at)
    if stamp >= tonumber(said_at) then
      said, said_at = declared, string.format('%.0f', stamp)
      redis.call('HSET', key, 'declared', said, 'declared_at', said_at)
    end
  end

  for field, front in pairs(mine) do
    redis.call('HSET', key, field, string.format('%s %.0f%s', epoch, now + ttl, front))
  end
  if count > 0 then
    redis.call('HDEL', key, 'grace_until')
    redis.call('PEXPIRE', key, ttl)
  elseif ended == 'goodbye' then
    if others == 0 then
      redis.call('DEL', key)
    else
      redis.call('HDEL', key, 'grace_until')
    end
  elseif ended == 'drop' then
    -- Also where others have sessions: they may be of a node that is dead.
    redis.call('HSET', key, 'grace_until', string.format('%.0f', now + grace))
    redis.call('PEXPIRE', key, others == 0 and grace or ttl)
  elseif redis.call('PTTL', key) == -1 then
    redis.call('PEXPIRE', key, ttl)
  end
  redis.call('PUBLISH', key, '')
  return { said, said_at }
end

if ARGV[1] == 'sync' then
  local reply, at = {}, 5
  for i, key in ipairs(KEYS) do
    reply[i] = sync(key, at)
    at = at + 4 + 2 * tonumber(ARGV[at + 3])
  end
  return reply
elseif ARGV[1] == 'begin' then
  local run = redis.call('HGET', KEYS[1], 'run')
  if run ~= ARGV[2] then
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], 'run', ARGV[2], 'born', string.format('%.0f', now))
  end
  return redis.call('HMGET', KEYS[1], 'run', 'born')
elseif ARGV[1] == 'mark' then
  local is = redis.call('HMGET', KEYS[1], 'run', 'born')
  if is[1] ~= ARGV[2] or is[2] ~= ARGV[3] then
    return 0
  end
  redis.call('HSET', KEYS[1], 'node:' .. ARGV[4], ARGV[5])
  return 1
end
return redis.error_reply('no such change')
