//! Values that tell whose they are, without help from the store.
//!
//! A value begins with a head (mark, write, length, a hash of the key, a hash of the head) and goes on with bytes that
//! only this write of this key gives, each at its own place. So a value of another key, of another write, cut short,
//! mixed of two, or with one wrong bit is told from the value itself. The store's own checks are not needed for that,
//! and not trusted.

use bytes::Bytes;

use crate::rng::mix;

/// Which write a value comes from: never two of the same in a campaign, never 0.
pub type WriteNo = u64;

const MARK: u64 = 0x6c61_7264_6572_7631;

/// Bytes of the head: the smallest value.
pub const HEAD: usize = 40;

/// The value of `len` bytes, at least [`HEAD`], that the write `write` gives to `key`.
pub fn make(key: &str, write: WriteNo, len: usize) -> Bytes {
    let len = len.max(HEAD);
    let key = hash(key.as_bytes());
    let mut bytes = Vec::with_capacity(len + 8);
    for word in head(key, write, len) {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    let mut at = 0;
    while bytes.len() < len {
        bytes.extend_from_slice(&word(key, write, at).to_le_bytes());
        at += 1;
    }
    bytes.truncate(len);
    bytes.into()
}

/// Which write made `value` under `key`, or what is wrong with it.
///
/// # Errors
/// What is wrong, in a clause.
pub fn check(key: &str, value: &[u8]) -> Result<WriteNo, String> {
    let words: Vec<u64> = value.chunks_exact(8).take(5).map(read).collect();
    let [mark, write, len, of, sum] = words[..] else {
        return Err(format!("{} bytes are fewer than the {HEAD} of a head", value.len()));
    };
    let key = hash(key.as_bytes());
    if mark != MARK || head_sum(&words[..4]) != sum {
        return Err("its head is none".to_owned());
    }
    if of != key {
        return Err(format!("it is write {write} of another key"));
    }
    if len != value.len() as u64 {
        return Err(format!("it has {} bytes, and write {write} gave {len}", value.len()));
    }
    for (at, chunk) in value[HEAD..].chunks(8).enumerate() {
        if word(key, write, at as u64).to_le_bytes()[..chunk.len()] != *chunk {
            return Err(format!("byte {} and on are not those of write {write}", HEAD + 8 * at));
        }
    }
    Ok(write)
}

/// The bytes of `range` of that value, without the rest.
pub fn part(key: &str, write: WriteNo, len: usize, range: std::ops::Range<usize>) -> Bytes {
    let key = hash(key.as_bytes());
    let range = range.start.min(len)..range.end.min(len);
    let head = head(key, write, len);
    let mut bytes = Vec::with_capacity(range.len() + 16);
    let first = range.start / 8;
    for at in first..range.end.div_ceil(8) {
        let word = match head.get(at) {
            Some(word) => *word,
            None => word(key, write, (at - head.len()) as u64),
        };
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    Bytes::from(bytes).slice(range.start - first * 8..range.end - first * 8)
}

fn head(key: u64, write: WriteNo, len: usize) -> [u64; 5] {
    let words = [MARK, write, len as u64, key];
    [words[0], words[1], words[2], words[3], head_sum(&words)]
}

fn head_sum(words: &[u64]) -> u64 {
    words.iter().fold(0x51ed, |sum, word| mix(sum ^ word))
}

fn word(key: u64, write: WriteNo, at: u64) -> u64 {
    mix(key ^ mix(write ^ (at << 1)))
}

/// FNV-1a, then spread.
pub fn hash(bytes: &[u8]) -> u64 {
    let fold = |h: u64, b: &u8| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

fn read(chunk: &[u8]) -> u64 {
    chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_right() {
        for len in [0, 1, HEAD, HEAD + 1, HEAD + 7, HEAD + 8, 1000, 70_000] {
            let value = make("a/b", 77, len);
            assert_eq!(value.len(), len.max(HEAD));
            assert_eq!(check("a/b", &value), Ok(77));
        }
        for range in [0..0, 0..40, 3..50, 100..200, 39..41, 400..500, 0..500] {
            assert_eq!(part("k", 5, 500, range.clone()), make("k", 5, 500).slice(range));
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let value = make("k", 3, 101);
        for bit in 0..value.len() * 8 {
            let mut bad = value.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(check("k", &bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn other_keys_lengths_and_mixtures_are_found() {
        let (a, b) = (make("k", 3, 9000), make("k", 4, 9000));
        assert!(check("l", &a).is_err());
        for len in [0, 7, HEAD - 1, HEAD, 4096, 8999] {
            assert!(check("k", &a[..len]).is_err(), "{len}");
        }
        assert!(check("k", &[&a[..], b"x"].concat()).is_err());
        assert!(check("k", &[&a[..4096], &b[4096..]].concat()).is_err());
        assert!(check("k", &vec![0; 9000]).is_err());
        let mut swapped = a.to_vec();
        swapped[1000..2000].rotate_left(8);
        assert!(check("k", &swapped).is_err());
    }
}
