-- A page of an index that passes over what has a common prefix: one entry for all of them.
--
-- KEYS  1 marker, 2 index.
-- ARGV  1 and 2 the bounds as ZRANGEBYLEX takes them; 3 the most entries; 4 the delimiter; 5 the length of the prefix
--       behind which it is looked for; 6 and 7 the time in nanoseconds since 1970, its upper 32 bits signed and its lower
--       ones: what has expired is passed over here, as it may be all that its folder had.
-- Gives {marker, entries, 1 if there may be more}.

local mark = redis.call('GET', KEYS[1])
local from, most, behind = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[5])
local now_high, now_low = tonumber(ARGV[6]), tonumber(ARGV[7])
local found, more = {}, 1

-- Behind the key stand facts of a fixed length, and in them whether and when it expires.
local function expired(entry)
  local flag, a, b, c, d, e, f, g, h = string.byte(entry, -17, -9)
  if not h or flag == 0 then return false end
  local low = a + b * 256 + c * 65536 + d * 16777216
  local high = e + f * 256 + g * 65536 + h * 16777216
  if high >= 2147483648 then high = high - 4294967296 end
  return high < now_high or (high == now_high and low <= now_low)
end

while #found < most do
  local wanted = math.min(64, most - #found)
  local page = redis.call('ZRANGEBYLEX', KEYS[2], from, ARGV[2], 'LIMIT', 0, wanted)
  local passed
  for _, entry in ipairs(page) do
    if not (passed and string.sub(entry, 1, #passed) == passed) then
      passed = nil
      from = '(' .. entry
      local gone = expired(entry)
      if not gone then found[#found + 1] = entry end
      local zero = string.find(entry, '\0', 1, true)
      local key = zero and string.sub(entry, 1, zero - 1) or entry
      local _, last = string.find(key, ARGV[4], behind + 1, true)
      if last and not gone then
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
