-- What is done with an Ask: what ledger.py says.

local function end_leases(kind, account, measure, now_us)
  local over = {}
  for holder, lease in pairs(account.leases) do
    if lease[ENDS_US] <= now_us then
      over[#over + 1] = holder
    end
  end
  local leases = account.leases
  table.sort(over, function(one, other)
    return leases[one][ENDS_US] < leases[other][ENDS_US]
  end)
  for _, holder in ipairs(over) do
    kind.end_lease(account, measure, leases[holder], leases[holder][ENDS_US])
    leases[holder] = nil
  end
end

local function find(kind, account, measure, holder, ask, now_us)
  local lease = account.leases[holder]
  if lease and ask.epoch <= lease[EPOCH] then
    return lease
  end
  if lease then
    kind.end_lease(account, measure, lease, now_us)
    account.leases[holder] = nil
  end
  if ask.granted > 0 then
    return nil
  end
  lease = { ask.epoch, 0, 0, 0, 0, 0, 0 }
  account.leases[holder] = lease
  return lease
end

-- What the holder was told counts, where Redis has lost its last writes.
local function remember(kind, account, lease, ask)
  local forgotten = max(ask.granted - lease[GRANTED], 0)
  lease[GRANTED] = lease[GRANTED] + forgotten
  kind.take(account, forgotten)
  return forgotten
end

-- How many times the usual the lease lasts, and holds.
local function stretch_of(kind, account, measure, lease, ask, now_us)
  local wanted = max(ask.wants, ask.needs) * (kind.light_part or LIGHT_PART) * max(holders_of(account), 1)
  local left = kind.spare(account, measure) + out_of(lease)
  if now_us < account.light_from_us or wanted <= 0 or wanted * LIGHT > left then
    return 1
  end
  local is_very_light = ask.granted > 0 and wanted * VERY_LIGHT * VERY_LIGHT_STRICTER <= left
  return min(is_very_light and VERY_LIGHT or LIGHT, kind.longest or VERY_LIGHT)
end

local function grant(kind, account, measure, lease, ask, now_us, stretch)
  local spare = max(kind.spare(account, measure), 0)
  local needed = max(ask.needs - out_of(lease), 0)
  if needed > spare then
    return needed - kind.spare(account, measure)
  end
  local holders = max(holders_of(account), 1)
  local keep = kind.keep(account, measure, holders, now_us)
  local extra = min(ask.wants * stretch, keep) - out_of(lease) - needed
  local units = needed + max(0, min(extra, kind.part(spare - needed, holders)))
  lease[GRANTED] = lease[GRANTED] + units
  kind.take(account, units)
  return ask.wants > 0 and 1 - kind.spare(account, measure) or 0
end

local function renew(kind, account, measure, holder, number, ask, now_us, wall_us)
  end_leases(kind, account, measure, now_us)
  kind.look(account, measure, wall_us)
  local lease = find(kind, account, measure, holder, ask, now_us)
  local is_lost, forgotten, ready_us, ask_us = false, 0, 0, 0
  if not lease then
    lease, is_lost = { ask.epoch, 0, 0, 0, 0, 0, 0 }, true
  elseif number <= lease[NUMBER] then
    is_lost = lease[EPOCH] ~= ask.epoch
  else
    forgotten = remember(kind, account, lease, ask)
    lease[NUMBER] = number
    kind.book(account, measure, lease, ask, now_us)
    lease[WANTS] = ask.wants
    local window_us = kind.window_us(account, wall_us)
    local stretch = stretch_of(kind, account, measure, lease, ask, now_us)
    local ttl_us = TTL_US * stretch
    lease[ENDS_US] = now_us + (window_us > 0 and min(ttl_us, window_us) or ttl_us)
    local short = grant(kind, account, measure, lease, ask, now_us, stretch)
    if short > 0 then
      ready_us, ask_us = kind.wait(account, measure, lease, ask, short, now_us, wall_us)
    end
    if ready_us > 0 and has_others(account, lease) then
      local longest_us = TTL_US * (kind.longest or VERY_LIGHT)
      account.light_from_us = max(account.light_from_us, now_us + min(ready_us, longest_us))
    end
  end
  local holders = max(holders_of(account), 1)
  return {
    lease[EPOCH],
    is_lost,
    lease[GRANTED],
    max(lease[ENDS_US] - now_us, 0),
    holders,
    kind.keep(account, measure, holders, now_us),
    max(kind.spare(account, measure), 0),
    min(ready_us, FOREVER_US),
    min(ask_us, FOREVER_US),
    kind.window_us(account, wall_us),
    forgotten,
  }
end
