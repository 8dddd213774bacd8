//! Ways to damage a dump.

use bytes::Bytes;

use super::image::Image;
use crate::rng::Rng;

/// The key of a line that stands in place of a header, as others would have written it.
pub(super) const OF_OTHERS: &str = "of others";

/// A way to damage a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Harm {
    /// A bit is flipped.
    Flip,
    /// Some bytes are others.
    Bytes,
    /// A run of bytes is zeroes.
    Zero,
    /// Two pieces have changed places.
    Swap,
    /// Something stands between.
    Insert,
    /// A piece is missing.
    Remove,
    /// A piece comes twice.
    Twice,
    /// The end is missing.
    Cut,
    /// Two lines have changed places, or one is missing or comes twice: for lines of JSON.
    Line,
    /// Something is made of the first line: for lines of JSON.
    Header,
    /// Two parts have changed places, or one is missing or comes twice.
    Parts,
}

/// Those of a campaign, by how often they come.
pub(super) const HARMS: &[(u32, Harm)] = &[
    (30, Harm::Flip),
    (12, Harm::Bytes),
    (8, Harm::Zero),
    (8, Harm::Swap),
    (8, Harm::Insert),
    (10, Harm::Remove),
    (8, Harm::Twice),
    (4, Harm::Cut),
    (10, Harm::Line),
    (6, Harm::Header),
    (6, Harm::Parts),
];

impl Harm {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Harm::Flip => "bit flipped",
            Harm::Bytes => "bytes changed",
            Harm::Zero => "run zeroed",
            Harm::Swap => "pieces swapped",
            Harm::Insert => "inserted",
            Harm::Remove => "piece removed",
            Harm::Twice => "piece doubled",
            Harm::Cut => "cut",
            Harm::Line => "lines moved",
            Harm::Header => "header changed",
            Harm::Parts => "parts moved",
        }
    }

    /// Damages a copy of a dump: its parts, and in words what was done. None if this cannot be done to it, or changed nothing.
    pub(super) fn apply(self, image: &Image, rng: &mut Rng) -> Option<(Vec<Bytes>, String)> {
        let mut parts = image.parts.clone();
        if self == Harm::Parts {
            let what = of_parts(&mut parts, rng)?;
            return (parts != image.parts).then_some((parts, what));
        }
        let at = pick(&parts, rng);
        let mut bytes = parts[at].to_vec();
        if bytes.is_empty() {
            return None;
        }
        let what = match self {
            Harm::Line if bytes.first() == Some(&b'{') => of_lines(&mut bytes, rng)?,
            Harm::Header if bytes.first() == Some(&b'{') => of_header(&mut bytes, rng)?,
            Harm::Line | Harm::Header => return None,
            _ => self.of_bytes(&mut bytes, rng),
        };
        if bytes == parts[at] {
            return None;
        }
        parts[at] = bytes.into();
        Some((parts, format!("part {at}: {what}")))
    }

    fn of_bytes(self, bytes: &mut Vec<u8>, rng: &mut Rng) -> String {
        let len = bytes.len();
        let at = place(len, rng);
        let n = length(rng).clamp(1, len - at);
        match self {
            Harm::Flip => {
                let bit = rng.index(8);
                bytes[at] ^= 1 << bit;
                format!("bit {bit} of byte {at} flipped")
            }
            Harm::Bytes => {
                let n = n.min(16);
                bytes[at..at + n].fill_with(|| rng.word() as u8);
                format!("{n} bytes at {at} changed")
            }
            Harm::Zero => {
                bytes[at..at + n].fill(0);
                format!("{n} bytes at {at} zeroed")
            }
            Harm::Swap => {
                let other = place(len, rng);
                let (low, high) = (at.min(other), at.max(other));
                let n = n.min(high - low).min(len - high);
                let (head, tail) = bytes.split_at_mut(high);
                head[low..low + n].swap_with_slice(&mut tail[..n]);
                format!("{n} bytes at {low} and {high} swapped")
            }
            Harm::Insert => {
                let more: Vec<u8> = match rng.below(3) {
                    0 => vec![0; n],
                    1 => (0..n).map(|_| rng.word() as u8).collect(),
                    // An item that is legal somewhere.
                    _ => [&[0x81, 0x07][..], b"\n{\"abandon\":true}\n", b"\n", b"}", b"\"text\":\"x\","]
                        [rng.index(5)]
                    .to_vec(),
                };
                let n = more.len();
                bytes.splice(at..at, more);
                format!("{n} bytes inserted at {at}")
            }
            Harm::Remove => {
                bytes.drain(at..at + n);
                format!("{n} bytes removed at {at}")
            }
            Harm::Twice => {
                let piece = bytes[at..at + n].to_vec();
                bytes.splice(at..at, piece);
                format!("{n} bytes at {at} doubled")
            }
            _ => {
                bytes.truncate(at);
                format!("cut at {at} of {len}")
            }
        }
    }
}

/// A place: anywhere, or near an end, where headers and trailers are.
fn place(len: usize, rng: &mut Rng) -> usize {
    match rng.below(5) {
        0 => rng.index(len.min(256)),
        1 => len - 1 - rng.index(len.min(256)),
        _ => rng.index(len),
    }
}

/// A length: mostly small.
fn length(rng: &mut Rng) -> usize {
    let most = *rng.pick(&[1, 8, 64, 512, 4096, 200_000]);
    1 + rng.index(most)
}

/// A part, the larger the likelier.
fn pick(parts: &[Bytes], rng: &mut Rng) -> usize {
    let weight = |part: &Bytes| part.len() as u64 + 100;
    let mut at = rng.below(parts.iter().map(weight).sum());
    for (number, part) in parts.iter().enumerate() {
        match at.checked_sub(weight(part)) {
            None => return number,
            Some(rest) => at = rest,
        }
    }
    unreachable!("the weights add up")
}

fn of_parts(parts: &mut Vec<Bytes>, rng: &mut Rng) -> Option<String> {
    if parts.len() < 2 {
        return None;
    }
    let (a, b) = (rng.index(parts.len()), rng.index(parts.len()));
    Some(match rng.below(4) {
        0 => {
            parts.swap(a, b);
            format!("parts {a} and {b} swapped")
        }
        1 => {
            parts.remove(a);
            format!("part {a} left out, those behind it moved up")
        }
        2 => {
            parts[a] = Bytes::new();
            format!("part {a} empty")
        }
        _ => {
            parts.insert(a, parts[b].clone());
            format!("part {b} once more before part {a}")
        }
    })
}

fn of_lines(bytes: &mut Vec<u8>, rng: &mut Rng) -> Option<String> {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let (a, b) = (rng.index(lines.len()), rng.index(lines.len()));
    let what = match rng.below(4) {
        0 => {
            lines.swap(a, b);
            format!("lines {a} and {b} swapped")
        }
        1 => {
            lines.remove(a);
            format!("line {a} removed")
        }
        2 => {
            lines.insert(a, lines[b].clone());
            format!("line {b} once more before line {a}")
        }
        _ => {
            let (a, b) = (a.min(b), a.max(b));
            lines.drain(a..b);
            format!("lines {a} to {b} removed")
        }
    };
    *bytes = lines.concat();
    Some(what)
}

/// The first line becomes another: so that what follows may look as if others had written it.
fn of_header(bytes: &mut Vec<u8>, rng: &mut Rng) -> Option<String> {
    let end = bytes.iter().position(|b| *b == b'\n')? + 1;
    let new: &[u8] = match rng.below(7) {
        0 => b"",
        1 => b"\n",
        2 => b"{}\n",
        3 => b"{\"key\":\"of others\",\"text\":\"no digest\"}\n",
        4 => b"{\"dumps\":1}\n",
        5 => b" \n",
        _ => {
            // And with it a value further on: two edits, of which only a digest can tell.
            let text = bytes[end..].windows(7).position(|w| w == b"ipsum d").map(|at| end + at);
            if let Some(at) = text {
                bytes[at] = b'X';
            }
            bytes.drain(..end);
            return Some("the header removed, and a value changed".to_owned());
        }
    };
    let told = String::from_utf8_lossy(new).trim_end().to_owned();
    bytes.splice(..end, new.iter().copied());
    Some(format!("the header became {told:?}"))
}
