-- One JSON line at the end of a wrk run; what to ask comes from the environment of bench/run.
local thread_count = 0
function setup(thread)
  thread:set("thread_id", thread_count)
  thread_count = thread_count + 1
end

function init(args)
  counter = 0
  path_template = args[1]
  paths = tonumber(args[2] or "1")
  body = args[3]
  if body == "" then body = nil end
  if args[4] then
    names = {}
    for name in io.lines(args[4]) do table.insert(names, name) end
  end
end

function request()
  counter = counter + 1
  local n = (thread_id * 7919 + counter) % paths
  local path = string.gsub(path_template, "@", names and names[n + 1] or tostring(n))
  return wrk.format(nil, path, nil, body)
end


function done(summary, latency, requests)
  io.write(string.format(
    '{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"errors":%d,"socket_errors":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
