-- A part of a value, with its head and the checks that cover it: no more than covers the part.
--
-- KEYS  1 marker, 2 value.
-- ARGV  1 'b' (from, up to), 'f' (from) or 's' (the last); 2 and 3 its numbers; 4 the bytes of the value up to which it is
--       given whole.
-- Gives {marker, head, blocks, checks}; {marker} where there is no value; {marker, head} where the part covers no byte or
-- the body stands elsewhere; {marker, bytes, '!'} for what is no record.

local mark = redis.call('GET', KEYS[1])
local head = redis.call('GETRANGE', KEYS[2], 0, 2526)
if head == '' then
  if redis.call('EXISTS', KEYS[2]) == 1 then return {mark, '', '!'} end
  return {mark}
end
local function number(at, bytes)
  local n = 0
  for i = bytes, 1, -1 do n = n * 256 + string.byte(head, at + i) end
  return n
end
if #head < 81 or string.sub(head, 1, 4) ~= 'LRDR' then return {mark, head, '!'} end
local head_len, key_len, part_len = number(8, 4), number(16, 2), number(20, 4)
if head_len > #head or 40 + key_len + 32 > head_len then return {mark, head, '!'} end
head = string.sub(head, 1, head_len)
local size = number(40 + key_len, 8)
local from, to = tonumber(ARGV[2]), tonumber(ARGV[3])
if ARGV[1] == 'f' then
  to = size
elseif ARGV[1] == 's' then
  from, to = math.max(size - from, 0), size
else
  to = math.min(to, size)
end
if part_len ~= 0 or from >= size then return {mark, head} end
local block, check = 65536, 8
local first, last = math.floor(from / block), math.ceil(to / block)
local function bytes(a, b)
  if a >= b then return '' end
  return redis.call('GETRANGE', KEYS[2], string.format('%.0f', a), string.format('%.0f', b - 1))
end
return {
  mark,
  head,
  bytes(head_len + first * block, head_len + math.min(last * block, size)),
  bytes(head_len + size + first * check, head_len + size + last * check),
}
