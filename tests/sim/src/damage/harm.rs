//! Ways to damage a file.

use std::path::{Path, PathBuf};

use super::image::Image;
use crate::Outcome;
use crate::rng::Rng;

const PAGE: usize = 4096;

/// A way to damage something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Harm {
    /// One bit anywhere.
    Flip,
    /// One bit among the first 64 bytes of a page, where structure lives.
    HeadFlip,
    /// A file ends early.
    Truncate,
    /// A page is zeroes.
    Zero,
    /// Two pages have changed places, within a file or between two.
    Swap,
    /// A page is noise.
    Noise,
    /// A file goes on after its end.
    Extend,
    /// A file is gone.
    Remove,
}

/// Those of a campaign, by how often they come.
pub(super) const HARMS: &[(u32, Harm)] = &[
    (40, Harm::Flip),
    (18, Harm::HeadFlip),
    (13, Harm::Truncate),
    (11, Harm::Zero),
    (11, Harm::Swap),
    (3, Harm::Noise),
    (2, Harm::Extend),
    (2, Harm::Remove),
];

impl Harm {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Harm::Flip => "flip",
            Harm::HeadFlip => "head flip",
            Harm::Truncate => "truncate",
            Harm::Zero => "zero page",
            Harm::Swap => "swap pages",
            Harm::Noise => "noise page",
            Harm::Extend => "extend",
            Harm::Remove => "remove file",
        }
    }

    /// Damages something of what is laid out. Says what, in words.
    pub(super) fn apply(self, image: &Image, rng: &mut Rng) -> Outcome<String> {
        loop {
            let path = pick(image, rng);
            let before = &image.files()[&path];
            let name = image.name(&path);
            if self == Harm::Remove {
                std::fs::remove_file(&path)?;
                return Ok(format!("{name} removed"));
            }
            let mut bytes = before.clone();
            let page = rng.index(bytes.len().div_ceil(PAGE).max(1)) * PAGE;
            let end = (page + PAGE).min(bytes.len());
            let what = match self {
                Harm::Flip | Harm::HeadFlip if bytes.is_empty() => continue,
                Harm::Flip => flip(&mut bytes, 0, usize::MAX, rng),
                Harm::HeadFlip => flip(&mut bytes, page, page + 64, rng),
                Harm::Truncate => {
                    bytes.truncate(rng.index(before.len().max(1)));
                    format!("cut from {} to {} bytes", before.len(), bytes.len())
                }
                Harm::Zero => {
                    bytes[page..end].fill(0);
                    format!("bytes {page}..{end} zeroed")
                }
                Harm::Noise => {
                    bytes[page..end].fill_with(|| rng.word() as u8);
                    format!("bytes {page}..{end} noise")
                }
                Harm::Extend => {
                    let more = rng.between(1, 2 * PAGE as u64) as usize;
                    let noise = rng.one_in(2);
                    bytes.extend((0..more).map(|_| if noise { rng.word() as u8 } else { 0 }));
                    format!("{more} bytes of {} behind it", if noise { "noise" } else { "zeroes" })
                }
                Harm::Swap => match swap(image, rng, &path, page, &mut bytes)? {
                    Some(what) => what,
                    None => continue,
                },
                Harm::Remove => unreachable!("done above"),
            };
            if bytes != *before {
                std::fs::write(&path, &bytes)?;
                return Ok(format!("{name}: {what}"));
            }
        }
    }
}

/// A file, the larger the likelier, and none left out.
fn pick(image: &Image, rng: &mut Rng) -> PathBuf {
    let weight = |bytes: &Vec<u8>| bytes.len() as u64 + 1000;
    let mut at = rng.below(image.files().values().map(weight).sum());
    for (path, bytes) in image.files() {
        match at.checked_sub(weight(bytes)) {
            None => return path.clone(),
            Some(rest) => at = rest,
        }
    }
    unreachable!("the weights add up")
}

fn flip(bytes: &mut [u8], from: usize, to: usize, rng: &mut Rng) -> String {
    let to = to.min(bytes.len());
    let at = from + rng.index(to - from);
    let bit = rng.index(8);
    bytes[at] ^= 1 << bit;
    format!("bit {bit} of byte {at} flipped")
}

/// Swaps a page of a file with one of the same or another. `None` if there is none of that length.
fn swap(image: &Image, rng: &mut Rng, path: &Path, page: usize, bytes: &mut [u8]) -> Outcome<Option<String>> {
    let len = PAGE.min(bytes.len() - page);
    let other = if rng.one_in(2) { path.to_owned() } else { pick(image, rng) };
    let there = &image.files()[&other];
    if len == 0 || there.len() < len {
        return Ok(None);
    }
    let at = rng.index((there.len() - len) / PAGE + 1) * PAGE;
    if other == path {
        if at == page {
            return Ok(None);
        }
        let first = bytes[page..page + len].to_vec();
        bytes.copy_within(at..at + len, page);
        bytes[at..at + len].copy_from_slice(&first);
        return Ok(Some(format!("{len} bytes at {page} and {at} swapped")));
    }
    let mut there = there.clone();
    if there[at..at + len] == bytes[page..page + len] {
        return Ok(None);
    }
    bytes[page..page + len].swap_with_slice(&mut there[at..at + len]);
    std::fs::write(&other, &there)?;
    Ok(Some(format!("{len} bytes at {page} swapped with {} at {at}", image.name(&other))))
}
