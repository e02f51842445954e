-- The account of a concurrency: what concurrency_account.py says.

local Concurrency = { fields = { 'shared_until_us' }, longest = LIGHT }

function Concurrency.measure(numbers)
  return { slots = numbers[1] }
end

function Concurrency.begin(account)
  account.shared_until_us = 0
end

function Concurrency.look() end

function Concurrency.end_lease() end

function Concurrency.book(_, _, lease, ask)
  lease[SPENT], lease[RETURNED] = ask.spent, ask.returned
end

function Concurrency.spare(account, concurrency)
  return concurrency.slots - out_of_all(account)
end

Concurrency.part = equal_part

function Concurrency.take() end

function Concurrency.keep(account, concurrency, holders, now_us)
  if now_us < account.shared_until_us then
    return (div(concurrency.slots, max(holders, 2)))
  end
  return concurrency.slots
end

function Concurrency.wait(account, _, lease, _, _, now_us)
  if has_others(account, lease) then
    account.shared_until_us = now_us + 2 * HEARTBEAT_US
    return told_us(account, lease, now_us), ASK_US
  end
  return HEARTBEAT_US, HEARTBEAT_US
end

function Concurrency.window_us()
  return 0
end

function Concurrency.silent_us(account, _, now_us)
  return max(last_end_us(account, now_us), account.shared_until_us) - now_us
end
