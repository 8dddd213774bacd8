-- A page of an index that passes over what has a common prefix: one entry for all of them.
--
-- KEYS  1 marker, 2 index.
-- ARGV  1 and 2 the bounds as ZRANGEBYLEX takes them; 3 the most entries; 4 the delimiter; 5 the length of the prefix
--       behind which it is looked for.
-- Gives {marker, entries, 1 if there may be more}.

local mark = redis.call('GET', KEYS[1])
local from, most, behind = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[5])
local found, more = {}, 1
while #found < most do
  local wanted = math.min(64, most - #found)
  local page = redis.call('ZRANGEBYLEX', KEYS[2], from, ARGV[2], 'LIMIT', 0, wanted)
  local passed
  for _, entry in ipairs(page) do
    if not (passed and string.sub(entry, 1, #passed) == passed) then
      passed = nil
      found[#found + 1] = entry
      from = '(' .. entry
      local zero = string.find(entry, '\0', 1, true)
      local key = zero and string.sub(entry, 1, zero - 1) or entry
      local _, last = string.find(key, ARGV[4], behind + 1, true)
      if last then
        passed = string.sub(key, 1, last)
        -- Behind all that begins so: no key has this byte.
        from = '[' .. passed .. '\255'
      end
    end
  end
  if #page < wanted then
    more = 0
    break
  end
end
return {mark, found, more}
