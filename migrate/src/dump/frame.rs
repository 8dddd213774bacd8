//! zstd frames (RFC 8878) around segments: one each, its content's size in its header, its checksum behind it.

use std::sync::Mutex;

use larder_store_core::{Error, ErrorKind, Op, Result as Fallible};
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{self, CParameter};

use super::damage::{Damage, Result};
use super::item::MAX_SEGMENT;

/// How a frame begins.
pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The longest frame that a segment can become.
pub(super) const MAX_FRAME: usize = MAX_SEGMENT + (MAX_SEGMENT >> 8) + 1024;
/// The most that a frame header takes.
const MAX_HEADER: usize = 18;
/// The largest block that there is.
const MAX_BLOCK: usize = 128 << 10;

/// Contexts that nobody uses just now: each is some hundred KiB, is set up slowly, and the one used last is the one that
/// the processor still has at hand.
static COMPRESSORS: Mutex<Vec<(i32, Compressor<'static>)>> = Mutex::new(Vec::new());
static DECOMPRESSORS: Mutex<Vec<Decompressor<'static>>> = Mutex::new(Vec::new());
/// So many are kept of each.
const KEPT: usize = 8;

/// Takes one for which `fits` holds.
fn take<T>(kept: &Mutex<Vec<T>>, fits: impl Fn(&T) -> bool) -> Option<T> {
    let mut kept = kept.lock().unwrap_or_else(|e| e.into_inner());
    let at = kept.iter().rposition(fits)?;
    Some(kept.remove(at))
}

fn give<T>(kept: &Mutex<Vec<T>>, one: T) {
    let mut kept = kept.lock().unwrap_or_else(|e| e.into_inner());
    if kept.len() == KEPT {
        kept.remove(0);
    }
    kept.push(one);
}

fn broken(source: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, Op::Export, "zstd could not be used").caused_by(source)
}

/// Compresses a segment into a frame of its own.
pub(super) fn compress(content: &[u8], level: i32) -> Fallible<Vec<u8>> {
    let mut compressor = match take(&COMPRESSORS, |(set, _)| *set == level) {
        Some((_, compressor)) => compressor,
        None => {
            let mut fresh = Compressor::new(level).map_err(broken)?;
            fresh.set_parameter(CParameter::ChecksumFlag(true)).map_err(broken)?;
            fresh
        }
    };
    let frame = compressor.compress(content).map_err(broken)?;
    give(&COMPRESSORS, (level, compressor));
    Ok(frame)
}

/// Takes a frame apart that [`end_of`] found whole. No more memory than its header says, which was checked.
pub(super) fn decompress(frame: &[u8]) -> Result<Vec<u8>> {
    let size = content_size(frame)?.ok_or(Damage::Short)?;
    let content = inflate(frame, size)?;
    match content.len() == size {
        true => Ok(content),
        false => Err(Damage::Wrong("a frame holds less than its header says")),
    }
}

/// What the first block of a large frame holds: enough to see what the rest is not worth taking apart for, in a thirtieth of the
/// time. Nothing says yet that it is what was written.
pub(super) fn first_block(frame: &[u8]) -> Option<Vec<u8>> {
    content_size(frame).ok()?.filter(|size| *size > MAX_SEGMENT / 2)?;
    let from = header_length(frame)?;
    let block = Block::at(frame, from)?;
    let content = frame.get(from + 3..from + 3 + block.stored().ok()?)?;
    // A frame of its own, that says nothing about its size, with a window of 8 MiB, and no checksum.
    let mut alone = [&MAGIC[..], &[0, 13 << 3], &(block.0 | 1).to_le_bytes()[..3]].concat();
    alone.extend(content);
    inflate(&alone, MAX_BLOCK).ok()
}

fn inflate(frame: &[u8], most: usize) -> Result<Vec<u8>> {
    let mut decompressor = match take(&DECOMPRESSORS, |_| true) {
        Some(decompressor) => decompressor,
        None => Decompressor::new().map_err(|_| Damage::Wrong("zstd could not be used"))?,
    };
    let content = decompressor.decompress(frame, most);
    give(&DECOMPRESSORS, decompressor);
    content.map_err(|_| Damage::Wrong("a frame that zstd cannot read, or whose checksum does not match"))
}

/// What the header says about the size of the content; `None` if the header is not all there.
fn content_size(frame: &[u8]) -> Result<Option<usize>> {
    let start = &frame[..frame.len().min(MAGIC.len())];
    if !MAGIC.starts_with(start) {
        return Err(Damage::Wrong("something that is no frame"));
    }
    if frame.len() < MAX_HEADER && header_length(frame).is_none_or(|length| length > frame.len()) {
        return Ok(None);
    }
    match zstd_safe::get_frame_content_size(frame) {
        Ok(Some(size)) if size <= MAX_SEGMENT as u64 => Ok(Some(size as usize)),
        Ok(Some(_)) => Err(Damage::Wrong("a frame that would become larger than any segment")),
        Ok(None) => Err(Damage::Wrong("a frame that does not say how large it will become")),
        Err(_) => Err(Damage::Wrong("a frame header that cannot be")),
    }
}

/// How long the header of a frame is, once its second field is there.
fn header_length(frame: &[u8]) -> Option<usize> {
    let descriptor = *frame.get(4)?;
    let single = descriptor & 0x20 != 0;
    let size = match descriptor >> 6 {
        0 => usize::from(single),
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    Some(5 + usize::from(!single) + dictionary + size)
}

/// The head of a block, three bytes.
struct Block(u32);

impl Block {
    fn at(frame: &[u8], at: usize) -> Option<Block> {
        let head = frame.get(at..at + 3)?;
        Some(Block(u32::from_le_bytes([head[0], head[1], head[2], 0])))
    }

    fn is_last(&self) -> bool {
        self.0 & 1 == 1
    }

    /// How many bytes follow it.
    fn stored(&self) -> Result<usize> {
        let size = (self.0 >> 3) as usize;
        match self.0 >> 1 & 3 {
            _ if size > MAX_BLOCK => Err(Damage::Wrong("a block that is larger than blocks can be")),
            0 | 2 => Ok(size),
            1 => Ok(1),
            _ => Err(Damage::Wrong("a block of a kind that there is not")),
        }
    }
}

/// Where the frame that `bytes` begin with ends, if it is all there.
pub(super) fn end_of(bytes: &[u8]) -> Result<Option<usize>> {
    if content_size(bytes)?.is_none() {
        return Ok(None);
    }
    let (Some(mut at), checksum) = (header_length(bytes), bytes[4] & 4 != 0) else { return Ok(None) };
    if !checksum || bytes[4] & 0x0b != 0 {
        return Err(Damage::Wrong("a frame without a checksum, or with a dictionary"));
    }
    loop {
        let Some(block) = Block::at(bytes, at) else { return Ok(None) };
        at += 3 + block.stored()?;
        if at > MAX_FRAME {
            return Err(Damage::Wrong("a frame that is longer than frames can be"));
        }
        if block.is_last() {
            let end = at + 4;
            return Ok((end <= bytes.len()).then_some(end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_found_by_any_prefix_that_holds_it() {
        let content: Vec<u8> = (0..300_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for part in [&content[..0], &content[..1], &content[..70_000], &content] {
            let frame = compress(part, 3).unwrap();
            let mut two = frame.clone();
            two.extend(&frame);
            assert_eq!(end_of(&two).unwrap(), Some(frame.len()));
            for cut in [0, 1, 3, 4, 5, 6, 9, frame.len() / 2, frame.len() - 1] {
                assert_eq!(end_of(&frame[..cut]).unwrap(), None, "{cut} of {}", frame.len());
            }
            assert_eq!(decompress(&frame).unwrap(), part);
            assert_eq!(first_block(&frame), None);
        }
    }

    #[test]
    fn a_large_frame_shows_its_first_block() {
        let content: Vec<u8> = (0..2_000_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let large = &content[..MAX_SEGMENT / 2 + 1];
        let first = first_block(&compress(large, 3).unwrap()).unwrap();
        // zstd splits blocks where that helps.
        assert!((1000..=MAX_BLOCK).contains(&first.len()) && large.starts_with(&first));
        assert_eq!(first_block(&compress(&large[1..], 3).unwrap()), None);
        // One of which nothing can be seen.
        let mut cut = compress(large, 3).unwrap();
        cut.truncate(100);
        assert_eq!(first_block(&cut), None);
    }

    #[test]
    fn a_bomb_is_refused_by_its_header() {
        let bomb = zstd::bulk::compress(&vec![0; MAX_SEGMENT + 1], 19).unwrap();
        assert!(bomb.len() < 2048);
        assert!(matches!(end_of(&bomb), Err(Damage::Wrong(_))));
        // One that keeps silent about its size.
        let silent = zstd::stream::encode_all(std::io::repeat(0).take(1 << 30), 1).unwrap();
        assert!(matches!(end_of(&silent), Err(Damage::Wrong(_))));
    }

    use std::io::Read as _;
}
