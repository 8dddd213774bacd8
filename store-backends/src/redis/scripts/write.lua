-- Puts, deletes and checks, each decided and made where nobody comes in between.
--
-- KEYS  1 marker, 2 index of the user's keys, 3 index of the system's, 4 what expires, 5 leftovers, 6 a key that never
--       exists; then, for each step, its value and the parts that it commits.
-- ARGV  1 the marker's text; 2 'all' (all steps or none) or 'each'; 3 and 4 the time in nanoseconds since 1970, its upper
--       32 bits signed and its lower ones; 5 the same in milliseconds; 6 how many expired entries are tidied away; then ten
--       for each step: 'p', 'd' or 'c'; the place of its value in KEYS; the index's; the key; the condition ('' none,
--       '-' absent, or a write id); the record; the entry of the index; milliseconds to live, or ''; how many parts; the
--       parts' entry among the leftovers.
--
-- Gives {'m', marker} where another marker stands, {'n', step, what stands in the way} where 'all' was refused, else an
-- answer for each step: 0 or 1 for "there was a value", {0, head, 0 or 1} where that had parts, or {1, head} for a
-- condition that does not hold, {2} for what is no record, {3, error} for a key of another type, {4} for parts that are
-- gone.

local call = redis.call

local function expired(head, key)
  if string.byte(head, 6) % 2 == 0 then return false end
  local at = 40 + #key + 25
  local a, b, c, d, e, f, g, h = string.byte(head, at, at + 7)
  local low = a + b * 256 + c * 65536 + d * 16777216
  local high = e + f * 256 + g * 65536 + h * 16777216
  if high >= 2147483648 then high = high - 4294967296 end
  local now_high, now_low = tonumber(ARGV[3]), tonumber(ARGV[4])
  return high < now_high or (high == now_high and low <= now_low)
end

-- The head that stands in a step's place: '' for none. Or nil and what is wrong.
local function stands(step)
  local head = redis.pcall('GETRANGE', KEYS[step.at], 0, 2526)
  if type(head) == 'table' then return nil, {3, head.err} end
  if head == '' then return '' end
  local is_record = #head >= 80 + #step.key and string.sub(head, 1, 4) == 'LRDR'
    and string.byte(head, 17) + string.byte(head, 18) * 256 == #step.key
  if not is_record then return nil, {2} end
  return head
end

-- What stands in the way of a step, or nil.
local function refused(step)
  local head, wrong = stands(step)
  if not head then
    -- What is no record may be replaced or removed by who asks for no condition.
    if step.pre == '' and wrong[1] == 2 then
      step.head, step.there = '', true
    else
      return wrong
    end
  else
    step.head = head
    step.there = head ~= '' and not expired(head, step.key)
  end
  if step.pre == '-' then
    if step.there then return {1, step.head} end
  elseif step.pre ~= '' then
    if not step.there then return {1, ''} end
    if string.sub(step.head, 25, 40) ~= step.pre then return {1, step.head} end
  end
  for i = 1, step.parts do
    if call('EXISTS', KEYS[step.at + i]) == 0 then return {4} end
  end
  return nil
end

local now_ms
local function server_ms()
  if not now_ms then
    local t = call('TIME')
    now_ms = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
  end
  return now_ms
end

-- Rights, room and types are asked for before anything is changed: a script that fails half way is not undone. The first
-- to be asked for is what needs room, as Redis looks for it no more once something was written.
local asked = {}
local function may(command, at, ...)
  local id = command .. at
  if asked[id] then return end
  asked[id] = true
  call(command, KEYS[at], ...)
end

-- What it takes to note when a value ends.
local function may_end(step)
  if step.ttl == '' then return end
  may('ZADD', 4, 'XX', 0, '')
  server_ms()
end

-- What it takes to commit the parts of an upload.
local function may_commit(step)
  if step.parts == 0 then return end
  if step.ttl == '' then may('PERSIST', 6) else may('PEXPIRE', 6, 1) end
  may('ZREM', 5, '')
end

-- What any step of its kind may take, where it is not looked at yet what stands there.
local function may_all(step)
  if step.what == 'c' then return end
  if step.what == 'p' then
    may('SET', 6, '', 'XX')
    may('ZADD', step.index, 'XX', 0, '')
    may_end(step)
    may_commit(step)
  end
  may('DEL', 6)
  may('ZREM', step.index, '')
  may('ZREM', 4, '')
  may('ZADD', 5, 'XX', 0, '')
end

local function space(step) return step.index == 2 and 'u' or 's' end

-- Whether an entry of the index is that of a value that expires.
local function ends(entry) return string.byte(entry, -17) ~= 0 end

-- Takes what was there out of the index.
local function forget(step, old)
  for _, entry in ipairs(old) do
    if entry ~= step.entry then call('ZREM', KEYS[step.index], entry) end
    if ends(entry) then call('ZREM', KEYS[4], space(step) .. entry) end
  end
end

-- The length of the parts of what stood there; 0 if it had none.
local function part_len(step)
  if step.head == '' then return 0 end
  local a, b, c, d = string.byte(step.head, 21, 24)
  return a + b * 256 + c * 65536 + d * 16777216
end

-- The parts of what stood there belong to no value any more.
local function leave(step)
  local head, part = step.head, part_len(step)
  if part == 0 then return '' end
  local at = 40 + #step.key
  local body_len = 0
  for i = 8, 1, -1 do body_len = body_len * 256 + string.byte(head, at + 8 + i) end
  local id = string.gsub(string.sub(head, at + 33, at + 48), '.', function(byte)
    return string.format('%02x', string.byte(byte))
  end)
  call('ZADD', KEYS[5], ARGV[5], id .. ':' .. string.format('%.0f', math.ceil(body_len / part)))
  return head
end

-- The answer to a step that was made.
local function made(head, there)
  if head == '' then return there end
  return {0, head, there}
end

local marked = false
local function make(step, alone)
  if step.what == 'c' then return {0, '', 0} end
  local there = step.there and 1 or 0
  local old = call('ZRANGEBYLEX', KEYS[step.index], '[' .. step.key .. '\0', '(' .. step.key .. '\1')
  if alone then
    -- No more than it will do; its ZADD or DEL comes first, and asks for itself. What removes needs no room: its DEL.
    if step.what == 'p' then may('SET', 6, '', 'XX') else may('DEL', 6) end
    may_end(step)
    may_commit(step)
    for _, entry in ipairs(old) do
      may('ZREM', step.index, '')
      if ends(entry) then may('ZREM', 4, '') end
    end
    if part_len(step) > 0 then may('ZADD', 5, 'XX', 0, '') end
  end
  if step.what == 'd' then
    call('DEL', KEYS[step.at])
    forget(step, old)
    return made(leave(step), there)
  end
  call('ZADD', KEYS[step.index], 0, step.entry)
  forget(step, old)
  if not marked then
    call('SET', KEYS[1], ARGV[1])
    marked = true
  end
  if step.ttl == '' then
    for i = 1, step.parts do call('PERSIST', KEYS[step.at + i]) end
    call('SET', KEYS[step.at], step.record)
  else
    local ttl = tonumber(step.ttl)
    -- What a reader began to read before the end, it may read to its end.
    local longer = string.format('%.0f', ttl + 900000)
    for i = 1, step.parts do call('PEXPIRE', KEYS[step.at + i], longer) end
    call('SET', KEYS[step.at], step.record, 'PX', step.ttl)
    call('ZADD', KEYS[4], string.format('%.0f', server_ms() + ttl), space(step) .. step.entry)
  end
  local head = leave(step)
  if step.parts > 0 then call('ZREM', KEYS[5], step.leftover) end
  return made(head, there)
end

-- Entries whose values Redis has removed. As well as can be.
local function tidy(most)
  if most == 0 then return end
  local told, now = pcall(server_ms)
  if not told then return end
  local gone = redis.pcall('ZRANGEBYSCORE', KEYS[4], '-inf', string.format('%.0f', now), 'LIMIT', 0, most)
  if type(gone) ~= 'table' or gone.err then return end
  for _, entry in ipairs(gone) do
    redis.pcall('ZREM', KEYS[string.sub(entry, 1, 1) == 'u' and 2 or 3], string.sub(entry, 2))
    redis.pcall('ZREM', KEYS[4], entry)
  end
  return #gone
end

local mark = call('GET', KEYS[1])
if mark == ARGV[1] then
  marked = true
elseif mark then
  return {'m', mark}
end

local steps = {}
for i = 7, #ARGV, 10 do
  steps[#steps + 1] = {
    what = ARGV[i], at = tonumber(ARGV[i + 1]), index = tonumber(ARGV[i + 2]), key = ARGV[i + 3], pre = ARGV[i + 4],
    record = ARGV[i + 5], entry = ARGV[i + 6], ttl = ARGV[i + 7], parts = tonumber(ARGV[i + 8]), leftover = ARGV[i + 9],
  }
end

local answers = {}
local alone = #steps == 1
if ARGV[2] == 'all' then
  for i, step in ipairs(steps) do
    local wrong = refused(step)
    if wrong then return {'n', i - 1, wrong} end
  end
end
if not alone then
  for _, step in ipairs(steps) do may_all(step) end
end
for i, step in ipairs(steps) do
  answers[i] = ARGV[2] ~= 'all' and refused(step) or make(step, alone)
end
if #steps == 0 then
  return {tidy(tonumber(ARGV[6])) or 0}
end
tidy(tonumber(ARGV[6]))
return answers
