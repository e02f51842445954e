-- The account of a budget: what budget_account.py and windows.py say.

local function day_end_us(wall_us)
  local days = div(wall_us, DAY_US)
  return (days + 1) * DAY_US
end

-- Years are counted from March, so that the day which may be missing comes last: five months have
-- 153 days, four years 1461, and four centuries 146097. 719468 days lie before 1970.
local function days_before(year, month)
  local centuries4, year4 = div(year, 400)
  return centuries4 * 146097 + year4 * 365 + div(year4, 4) - div(year4, 100)
    + div(153 * month + 2, 5) - 719468
end

local function month_end_us(wall_us)
  local days = div(wall_us, DAY_US)
  local centuries4, day = div(days + 719468, 146097)
  local year = div(day - div(day, 1460) + div(day, 36524) - div(day, 146096), 365)
  local day_of_year = day - (365 * year + div(year, 4) - div(year, 100))
  local month = div(5 * day_of_year + 2, 153)
  -- The twelfth month from March on is the first of the next such year.
  local years, next_month = div(month + 1, 12)
  return days_before(centuries4 * 400 + year + years, next_month) * DAY_US
end

local Budget = { fields = { 'used', 'window_ends_us' } }

function Budget.measure(numbers)
  return { amount = numbers[1] }
end

function Budget.begin(account)
  account.used, account.window_ends_us = 0, 0
end

function Budget.end_lease(account, _, lease)
  account.used = account.used + out_of(lease)
end

function Budget.book(account, _, lease, ask)
  account.used = account.used + ask.spent - lease[SPENT]
  lease[SPENT], lease[RETURNED] = ask.spent, ask.returned
  lease[GRANTED] = lease[GRANTED] + max(-out_of(lease), 0)
end

function Budget.spare(account, budget)
  return budget.amount - account.used - out_of_all(account)
end

Budget.part = equal_part

function Budget.take() end

function Budget.keep(_, budget)
  return budget.amount
end

function Budget.window_us(account, wall_us)
  return account.window_ends_us - wall_us
end

function Budget.wait(account, _, lease, short, _, wall_us)
  if out_of_all(account) - out_of(lease) >= short then
    return HEARTBEAT_US, HEARTBEAT_US
  end
  local window_us = Budget.window_us(account, wall_us)
  return window_us, window_us
end

-- A day longer than the window and the leases: the calendar may be set back over the window's end.
function Budget.silent_us(account, _, now_us, wall_us)
  return max(account.window_ends_us - wall_us, last_end_us(account, now_us) - now_us) + DAY_US
end

local function with_windows(ends_us)
  local kind = {}
  for name, part in pairs(Budget) do
    kind[name] = part
  end
  function kind.look(account, _, wall_us)
    if wall_us >= account.window_ends_us then
      account.used, account.window_ends_us = 0, ends_us(wall_us)
    end
  end
  return kind
end
