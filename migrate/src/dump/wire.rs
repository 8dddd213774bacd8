//! The CBOR that a dump is made of (RFC 8949): heads written and read one by one, never more memory than there are bytes.

use super::damage::{Damage, Result};
use super::item::MAX_FIELDS;

/// Deepest nesting of a field that is skipped.
const MAX_DEPTH: usize = 16;

pub(super) const UINT: u8 = 0;
pub(super) const NEGATIVE: u8 = 1;
pub(super) const BYTES: u8 = 2;
pub(super) const TEXT: u8 = 3;
pub(super) const ARRAY: u8 = 4;
pub(super) const MAP: u8 = 5;
pub(super) const TAG: u8 = 6;
const SIMPLE: u8 = 7;

/// Appends the head of an item: its major type and its number, in the fewest bytes.
pub(super) fn head(out: &mut Vec<u8>, major: u8, n: u64) {
    let major = major << 5;
    match n {
        0..24 => out.push(major | n as u8),
        24..0x100 => out.extend([major | 24, n as u8]),
        0x100..0x1_0000 => {
            out.push(major | 25);
            out.extend((n as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(major | 26);
            out.extend((n as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend(n.to_be_bytes());
        }
    }
}

pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    head(out, TEXT, text.len() as u64);
    out.extend(text.as_bytes());
}

pub(super) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    head(out, BYTES, bytes.len() as u64);
    out.extend(bytes);
}

pub(super) fn int(out: &mut Vec<u8>, n: i64) {
    match u64::try_from(n) {
        Ok(n) => head(out, UINT, n),
        Err(_) => head(out, NEGATIVE, !n as u64),
    }
}

/// Reads items one by one. Whatever length an item claims, nothing is set aside for it.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// What was read since `start`.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.at]
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len()).ok_or(Damage::Short)?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// A head: the major type and its number. Lengths must be definite.
    pub(super) fn head(&mut self) -> Result<(u8, u64)> {
        let first = self.take(1)?[0];
        let n = match first & 0x1f {
            n @ 0..24 => u64::from(n),
            24 => u64::from(self.take(1)?[0]),
            25 => u64::from(u16::from_be_bytes(self.take(2)?.try_into().expect("two bytes"))),
            26 => u64::from(u32::from_be_bytes(self.take(4)?.try_into().expect("four bytes"))),
            27 => u64::from_be_bytes(self.take(8)?.try_into().expect("eight bytes")),
            _ => return Err(Damage::Wrong("a length that is not definite")),
        };
        Ok((first >> 5, n))
    }

    fn expect(&mut self, major: u8, what: &'static str) -> Result<u64> {
        match self.head()? {
            (found, n) if found == major => Ok(n),
            _ => Err(Damage::Wrong(what)),
        }
    }

    pub(super) fn array(&mut self) -> Result<u64> {
        self.expect(ARRAY, "something else where an array belongs")
    }

    pub(super) fn map(&mut self) -> Result<u64> {
        self.expect(MAP, "something else where a map belongs")
    }

    pub(super) fn tag(&mut self) -> Result<u64> {
        self.expect(TAG, "something else where a tag belongs")
    }

    pub(super) fn uint(&mut self) -> Result<u64> {
        self.expect(UINT, "something else where a number from 0 belongs")
    }

    pub(super) fn int(&mut self) -> Result<i64> {
        let n = match self.head()? {
            (UINT, n) => i64::try_from(n).ok(),
            (NEGATIVE, n) => i64::try_from(n).ok().map(|n| !n),
            _ => None,
        };
        n.ok_or(Damage::Wrong("something else where a whole number belongs"))
    }

    pub(super) fn boolean(&mut self) -> Result<bool> {
        match self.head()? {
            (SIMPLE, 20) => Ok(false),
            (SIMPLE, 21) => Ok(true),
            _ => Err(Damage::Wrong("something else where true or false belongs")),
        }
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8]> {
        let n = self.expect(BYTES, "something else where bytes belong")?;
        self.take(usize::try_from(n).map_err(|_| Damage::Short)?)
    }

    pub(super) fn digest(&mut self) -> Result<[u8; 32]> {
        self.bytes()?.try_into().map_err(|_| Damage::Wrong("a digest that has not 32 bytes"))
    }

    pub(super) fn text(&mut self) -> Result<&'a str> {
        let n = self.expect(TEXT, "something else where text belongs")?;
        let bytes = self.take(usize::try_from(n).map_err(|_| Damage::Short)?)?;
        str::from_utf8(bytes).map_err(|_| Damage::Wrong("text that is not UTF-8"))
    }

    /// Passes over one item, whatever it is; gives its bytes.
    pub(super) fn skip(&mut self) -> Result<&'a [u8]> {
        let start = self.at;
        // How many items are still to come on each level.
        let mut levels = [0u64; MAX_DEPTH];
        let mut depth = 0;
        levels[0] = 1;
        loop {
            while levels[depth] == 0 {
                if depth == 0 {
                    return Ok(self.since(start));
                }
                depth -= 1;
            }
            levels[depth] -= 1;
            let inside = match self.head()? {
                (ARRAY | MAP, n) if n > MAX_FIELDS => {
                    return Err(Damage::Many("a map or a list is longer than any can be"));
                }
                (BYTES | TEXT, n) => {
                    self.take(usize::try_from(n).map_err(|_| Damage::Short)?)?;
                    continue;
                }
                (UINT | NEGATIVE | SIMPLE, _) => continue,
                (ARRAY, n) => n,
                (MAP, n) => 2 * n,
                _ => 1,
            };
            // Each item takes a byte at least: a count beyond what is there needs no walk.
            if inside > (self.bytes.len() - self.at) as u64 {
                return Err(Damage::Short);
            }
            depth += 1;
            if depth == MAX_DEPTH {
                return Err(Damage::Wrong("items that are nested too deep"));
            }
            levels[depth] = inside;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_the_shortest_and_come_back() {
        for n in [0, 23, 24, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32, u64::MAX] {
            let mut out = Vec::new();
            head(&mut out, ARRAY, n);
            let len = [1, 2, 3, 5, 9][usize::from(n >= 24)
                + usize::from(n >= 1 << 8)
                + usize::from(n >= 1 << 16)
                + usize::from(n >= 1 << 32)];
            assert_eq!(out.len(), len, "{n}");
            assert_eq!(Reader::new(&out).head().unwrap(), (ARRAY, n));
        }
        for n in [0, 1, -1, -24, -25, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            int(&mut out, n);
            assert_eq!(Reader::new(&out).int().unwrap(), n);
        }
    }

    #[test]
    fn what_claims_more_than_there_is_is_short() {
        for claim in [
            &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..],
            &[0x99, 0x40, 0x00, 0],
            &[0xb9, 0x3f, 0xff, 0],
            &[0x42, 0],
            &[0x1a, 0],
        ] {
            assert!(matches!(Reader::new(claim).skip(), Err(Damage::Short)), "{claim:x?}");
        }
    }

    #[test]
    fn nesting_width_and_indefinite_lengths_are_refused() {
        for bad in [&[0x81; 1000][..], &[0x9f, 0xff], &[0x5f, 0xff], &[0xc1; 40]] {
            assert!(matches!(Reader::new(bad).skip(), Err(Damage::Wrong(_))), "{bad:x?}");
        }
        for (major, n) in [(ARRAY, MAX_FIELDS + 1), (MAP, u64::MAX)] {
            let mut wide = Vec::new();
            head(&mut wide, major, n);
            assert!(matches!(Reader::new(&wide).skip(), Err(Damage::Many(_))));
        }
        let fine = [0x82, 0x81, 0x01, 0xa1, 0x61, b'a', 0xf6, 0x07];
        assert_eq!(Reader::new(&fine).skip().unwrap(), &fine[..7]);
    }
}
