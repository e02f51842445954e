-- The account of a budget: what budget_account.py and windows.py say.

local function day_end_us(wall_us)
  local days = div(wall_us, DAY_US)
  return (days + 1) * DAY_US
end

local MONTH_DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function days_of(year, month)
  local is_leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  return MONTH_DAYS[month] + (month == 2 and is_leap and 1 or 0)
end

-- Counted up from 1970: it is asked for once a window.
local function month_end_us(wall_us)
  local year, month, end_us = 1970, 1, 31 * DAY_US
  while end_us <= wall_us do
    year, month = year + div(month, 12), month % 12 + 1
    end_us = end_us + days_of(year, month) * DAY_US
  end
  return end_us
end

local Budget = { fields = { 'used', 'window_ends_us' }, light_part = LIGHT_PART_OF_BUDGET }

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

function Budget.wait(account, _, lease, _, short, now_us, wall_us)
  local window_us = Budget.window_us(account, wall_us)
  if out_of_all(account) - out_of(lease) < short then
    return window_us, window_us
  end
  local told = told_us(account, lease, now_us)
  if told > HEARTBEAT_US then
    return window_us, HEARTBEAT_US
  end
  return told, HEARTBEAT_US / 4
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
