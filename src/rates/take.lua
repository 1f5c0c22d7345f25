-- Takes one from a rate, if there is one left: the generic cell rate algorithm (ITU-T I.371),
-- by this server's clock, so that all nodes count alike.
--
-- KEYS[1]  the rate of somebody: its value is when, in microseconds, it will be at rest
-- ARGV[1]  how many in a period, and at once     ARGV[2]  the period in milliseconds
--
-- Returns 0, or after how many milliseconds there is one again.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local count, period = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000
local rests_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
-- A clock that went back must not lock anybody out.
rests_at = math.min(rests_at, now + period) + period / count
local wait = rests_at - period - now
if wait > 0 then
  return math.max(1, math.ceil(wait / 1000))
end
redis.call('SET', KEYS[1], string.format('%.0f', rests_at),
  'PX', math.max(1, math.ceil((rests_at - now) / 1000)))
return 0
