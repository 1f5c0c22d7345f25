-- Takes or refreshes the lease of a node, and lists all nodes that hold one.
--
-- KEYS[1]  node:<name>, the lease: its value is the epoch of the holder
-- KEYS[2]  nodes, the set of names that were ever seen alive and not yet found dead
-- ARGV[1]  the name            ARGV[2]  the epoch
-- ARGV[3]  the epoch before, that this process itself held, or ''
-- ARGV[4]  the lease in milliseconds; '0' gives it back
--
-- One script, since another node may look between the steps: a name must not leave the set
-- while its holder takes the lease.
--
-- Returns { holder, was, name, epoch, name, epoch, … }: `holder` is '' or the epoch of somebody
-- else who has the name; `was` is 1 if the lease was there before.

local held = redis.call('GET', KEYS[1])
local mine = not held or held == ARGV[2] or held == ARGV[3]
local reply = { '', held and 1 or 0 }
if not mine then
  reply[1] = held
elseif ARGV[4] == '0' then
  redis.call('DEL', KEYS[1])
  redis.call('SREM', KEYS[2], ARGV[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[4])
  redis.call('SADD', KEYS[2], ARGV[1])
end
for _, name in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local epoch = redis.call('GET', 'node:' .. name)
  if epoch then
    reply[#reply + 1] = name
    reply[#reply + 1] = epoch
  else
    redis.call('SREM', KEYS[2], name)
  end
end
return reply
