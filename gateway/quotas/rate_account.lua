-- The account of a rate: what rate_account.py says.

local function refill(account, rate, until_us)
  local ticks = div(until_us - account.refilled_us, rate.period_s)
  if ticks < 0 then
    return
  end
  local periods, rest = div(ticks, MILLION)
  local units, millionths = div(rest * rate.amount + account.millionths, MILLION)
  units = units + periods * rate.amount
  local room = rate.burst - out_of_all(account) - account.level
  if units >= room then
    account.level = account.level + max(room, 0)
    account.millionths, account.refilled_us = 0, until_us
    return
  end
  account.level = account.level + units
  account.millionths = millionths
  account.refilled_us = account.refilled_us + ticks * rate.period_s
end

-- How long so many units take, from when the bucket was filled last.
local function filling_us(account, rate, units)
  local whole, rest = div(units, rate.amount)
  local ticks = whole * MILLION - div(account.millionths - rest * MILLION, rate.amount)
  return ticks * rate.period_s
end

local function refill_us(account, rate, units, now_us)
  return max(filling_us(account, rate, units) - (now_us - account.refilled_us), 1)
end

local Rate = { fields = { 'level', 'millionths', 'refilled_us' } }

function Rate.measure(numbers)
  return { amount = numbers[1], period_s = numbers[2], burst = numbers[3] }
end

function Rate.begin(account, rate, now_us)
  account.level, account.millionths, account.refilled_us = rate.burst, 0, now_us
end

function Rate.look(account, rate)
  account.level = min(account.level, max(rate.burst - out_of_all(account), 0))
end

function Rate.end_lease(account, rate, _, at_us)
  refill(account, rate, at_us)
end

function Rate.book(account, rate, lease, ask, now_us)
  refill(account, rate, now_us - ask.quiet_us)
  local back = ask.returned - lease[RETURNED]
  lease[SPENT] = ask.spent
  local debt = max(back - out_of(lease), 0)
  lease[GRANTED] = lease[GRANTED] + debt
  account.level = account.level - debt
  refill(account, rate, now_us)
  lease[RETURNED] = ask.returned
  account.level = account.level + back
  -- What came back may be of a larger burst.
  Rate.look(account, rate)
end

function Rate.spare(account)
  return account.level
end

function Rate.part(units)
  return units
end

function Rate.take(account, units)
  account.level = account.level - units
end

function Rate.keep(_, rate, holders)
  return (div(rate.burst, 4 * holders))
end

function Rate.wait(account, rate, lease, ask, short, now_us)
  local ready_us = refill_us(account, rate, short, now_us)
  if account.level + short > rate.burst - out_of_all(account) then
    local last_us, others_out = now_us, 0
    for _, other in pairs(account.leases) do
      if other ~= lease and out_of(other) > 0 then
        last_us = max(last_us, other[ENDS_US])
        others_out = others_out + out_of(other)
      end
    end
    if max(ask.needed, 1) + others_out <= rate.burst then
      last_us = now_us
    end
    return max(last_us - now_us, HEARTBEAT_US) + ready_us, HEARTBEAT_US
  end
  local batch = div(rate.burst, 4) - account.level
  return ready_us, max(ready_us, min(refill_us(account, rate, batch, now_us), BATCH_US))
end

function Rate.window_us()
  return 0
end

-- Full, and no lease is left. What is out refills only when its lease has ended.
function Rate.silent_us(account, rate, now_us)
  return last_end_us(account, now_us) - now_us
    + max(filling_us(account, rate, rate.burst - account.level), 0)
end
