-- Answers one Renewal; with it ends the script of redis_script.py.
--
-- KEYS: the account of each Ask, or any one. ARGV[1]: the Renewal in MessagePack, as redis_messages.py writes it.

local KINDS = {
  rate = Rate,
  concurrency = Concurrency,
  day = with_windows(day_end_us),
  month = with_windows(month_end_us),
}

-- The account as it is kept: when it was seen, how far its clock is ahead, leases, its own fields,
-- from when on leases may be light.

local function unpack_account(kind, packed, measure, wall_us)
  local account = { shift_us = 0, leases = {}, light_from_us = 0 }
  if not packed then
    account.now_us = wall_us
    kind.begin(account, measure, wall_us)
    return account
  end
  local kept = cmsgpack.unpack(packed)
  account.shift_us, account.leases = kept[2], kept[3]
  for index, field in ipairs(kind.fields) do
    account[field] = kept[3 + index]
  end
  -- What an earlier version kept has it not.
  account.light_from_us = kept[4 + #kind.fields] or 0
  -- The clock of leases goes on from where it was when that of the machine is set back.
  account.shift_us = account.shift_us + max(kept[1] - (wall_us + account.shift_us), 0)
  account.now_us = wall_us + account.shift_us
  return account
end

local function keep_account(key, kind, account, measure, wall_us)
  local kept = { account.now_us, account.shift_us, account.leases }
  for index, field in ipairs(kind.fields) do
    kept[3 + index] = account[field]
  end
  kept[4 + #kind.fields] = account.light_from_us
  -- When it says no more than an account that is new, it may go.
  local silent_us = kind.silent_us(account, measure, account.now_us, wall_us)
  local silent_ms = math.ceil(min(silent_us, FOREVER_US) / 1000) + 1
  redis.call('SET', key, cmsgpack.pack(kept), 'PX', silent_ms)
end

local function parse_ask(numbers)
  return {
    epoch = numbers[3],
    granted = numbers[4],
    spent = numbers[5],
    returned = numbers[6],
    quiet_us = numbers[7],
    needs = numbers[8],
    needed = numbers[9],
    wants = numbers[10],
  }
end

local time = redis.call('TIME')
local wall_us = time[1] * MILLION + time[2]
local holder, number, asks = unpack(cmsgpack.unpack(ARGV[1]))
local packed = redis.call('MGET', unpack(KEYS))
local given = {}
if #asks == 0 then
  -- Only to know whether Redis can be written to.
  redis.call('SET', KEYS[1], '', 'PX', 1000)
end
for index, numbers in ipairs(asks) do
  local kind = KINDS[numbers[1]]
  local measure = kind.measure(numbers[2])
  local account = unpack_account(kind, packed[index], measure, wall_us)
  local ask = parse_ask(numbers)
  given[index] = renew(kind, account, measure, holder, number, ask, account.now_us, wall_us)
  keep_account(KEYS[index], kind, account, measure, wall_us)
end
return cmsgpack.pack(given)
