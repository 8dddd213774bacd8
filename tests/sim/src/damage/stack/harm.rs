//! Ways to damage a file where it is, which may be mapped by processes.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::Outcome;
use crate::damage::harm::Harm;
use crate::rng::Rng;
use crate::tiers::{DATA, FENCE};

const PAGE: u64 = 4096;

/// All of them, by how often they come.
pub(super) const HARMS: &[(u32, Harm)] = &[
    (38, Harm::Flip),
    (18, Harm::HeadFlip),
    (14, Harm::Truncate),
    (16, Harm::Zero),
    (6, Harm::Swap),
    (4, Harm::Noise),
    (2, Harm::Extend),
    (2, Harm::Remove),
];

/// What is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// LMDB's file.
    Data,
    /// The fence file.
    Fence,
}

impl Harm {
    /// The one of that number in [`HARMS`].
    pub(super) fn numbered(number: u64) -> Outcome<Harm> {
        let found = HARMS.get(number as usize).map(|(_, harm)| *harm);
        found.ok_or_else(|| format!("there is no harm {number}").into())
    }

    pub(super) fn number(self) -> usize {
        HARMS.iter().position(|(_, harm)| *harm == self).unwrap_or_default()
    }

    /// Damages the file. Says what, in words.
    pub(super) fn apply_in_place(self, path: &Path, rng: &mut Rng) -> Outcome<String> {
        if self == Harm::Remove {
            std::fs::remove_file(path)?;
            return Ok("removed".to_owned());
        }
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let len = file.metadata()?.len();
        let page = used_page(&file, len, rng)?;
        Ok(match self {
            Harm::Flip => flip(&file, page + rng.below(PAGE.min(len - page)), rng)?,
            Harm::HeadFlip => flip(&file, page + rng.below(64.min(len - page)), rng)?,
            Harm::Truncate => {
                let cut = rng.below(len);
                file.set_len(cut)?;
                format!("cut from {len} to {cut} bytes")
            }
            Harm::Zero => {
                file.write_all_at(&[0; PAGE as usize], page)?;
                format!("page at {page} zeroed")
            }
            Harm::Noise => {
                let noise: Vec<u8> = (0..PAGE).map(|_| rng.word() as u8).collect();
                file.write_all_at(&noise, page)?;
                format!("page at {page} is noise")
            }
            Harm::Swap => {
                let other = used_page(&file, len, rng)?;
                let (one, two) = (read_page(&file, page)?, read_page(&file, other)?);
                file.write_all_at(&two, page)?;
                file.write_all_at(&one, other)?;
                format!("pages at {page} and {other} swapped")
            }
            Harm::Extend => {
                let noise: Vec<u8> = (0..rng.between(1, 2 * PAGE)).map(|_| rng.word() as u8).collect();
                file.write_all_at(&noise, len)?;
                format!("{} bytes of noise behind it", noise.len())
            }
            Harm::Remove => unreachable!("done above"),
        })
    }
}

impl Target {
    /// Both.
    pub(super) const ALL: [Target; 2] = [Target::Data, Target::Fence];

    /// Its file.
    pub fn file(self) -> &'static str {
        match self {
            Target::Data => DATA,
            Target::Fence => FENCE,
        }
    }
}

/// A page in which something stands, nearly always: most of a file may never have been used.
fn used_page(file: &File, len: u64, rng: &mut Rng) -> Outcome<u64> {
    let pages = len / PAGE;
    if pages == 0 {
        return Err("the file has no page that could be damaged".into());
    }
    let mut page = 0;
    for _ in 0..64 {
        page = rng.below(pages) * PAGE;
        if read_page(file, page)?.iter().any(|byte| *byte != 0) {
            break;
        }
    }
    Ok(page)
}

fn read_page(file: &File, at: u64) -> Outcome<Vec<u8>> {
    let mut page = vec![0; PAGE as usize];
    file.read_exact_at(&mut page, at)?;
    Ok(page)
}

fn flip(file: &File, at: u64, rng: &mut Rng) -> Outcome<String> {
    let mut byte = [0];
    file.read_exact_at(&mut byte, at)?;
    let bit = rng.index(8);
    file.write_all_at(&[byte[0] ^ 1 << bit], at)?;
    Ok(format!("bit {bit} of byte {at} flipped"))
}
