-- What the accounts share: whole numbers, and leases. With it begins the script of redis_script.py.
--
-- All numbers are whole and below 2^53, which a double holds exactly; where a product might not be,
-- it is taken apart.

local MILLION = 1000000
local TTL_US = 5000000
local HEARTBEAT_US = 1000000
local LIGHT = 12
local VERY_LIGHT = 120
local LIGHT_PART = 4
local LIGHT_PART_OF_BUDGET = 100
local VERY_LIGHT_STRICTER = 25
local ASK_US = 25000
local BATCH_US = 250000
local DAY_US = 86400000000
-- For ever, as far as answers and expiries go: 31 years.
local FOREVER_US = 1e15

local EPOCH, NUMBER, GRANTED, SPENT, RETURNED, WANTS, ENDS_US = 1, 2, 3, 4, 5, 6, 7

local max, min, floor = math.max, math.min, math.floor

-- Floor and rest, exact below 2^53: there, a quotient that is not whole is too far from the next
-- whole number to be rounded to it.
local function div(dividend, divisor)
  local quotient = floor(dividend / divisor)
  return quotient, dividend - quotient * divisor
end

local function out_of(lease)
  return lease[GRANTED] - lease[SPENT] - lease[RETURNED]
end

local function out_of_all(account)
  local out = 0
  for _, lease in pairs(account.leases) do
    out = out + out_of(lease)
  end
  return out
end

local function holders_of(account)
  local holders = 0
  for _, lease in pairs(account.leases) do
    if out_of(lease) > 0 or lease[WANTS] > 0 then
      holders = holders + 1
    end
  end
  return holders
end

local function equal_part(units, holders)
  return (div(units, holders))
end

local function last_end_us(account, default_us)
  local last_us = default_us
  for _, lease in pairs(account.leases) do
    last_us = max(last_us, lease[ENDS_US])
  end
  return last_us
end

-- Whether other holders have units.
local function has_others(account, lease)
  for _, other in pairs(account.leases) do
    if other ~= lease and out_of(other) > 0 then
      return true
    end
  end
  return false
end

-- By then all other holders that have units have renewed, or their leases have ended.
local function told_us(account, lease, now_us)
  local left_us = 0
  for _, other in pairs(account.leases) do
    if other ~= lease and out_of(other) > 0 then
      left_us = max(left_us, other[ENDS_US] - now_us)
    end
  end
  return left_us > TTL_US and left_us or HEARTBEAT_US
end
