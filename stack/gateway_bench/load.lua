-- For wrk: POSTs of one tensor, each with the next key and the next path, made before the run.
-- Arguments: file of the body, length of its JSON head, file of tokens, file of paths, how many
-- requests to make, first index. No two are the same string, which Lua would keep once: traffic of
-- one key is to take as much of the machine's cache here as traffic of many.
local requests = {}
local turn = 0

local function lines_of(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local body = file:read("*a")
  file:close()
  local tokens, paths = lines_of(args[3]), lines_of(args[4])
  for index = 1, tonumber(args[5]) do
    local headers = {
      ["Content-Type"] = "application/octet-stream",
      ["Inference-Header-Content-Length"] = args[2],
      ["Authorization"] = "Bearer " .. tokens[(index - 1) % #tokens + 1],
    }
    local numbered = body:sub(1, -9) .. string.format("%08d", index)
    requests[index] = wrk.format("POST", paths[(index - 1) % #paths + 1], headers, numbered)
  end
  turn = tonumber(args[6]) % #requests
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "duration_us": %d, "bytes": %d, "p50_us": %d, "p99_us": %d, '
      .. '"refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
