//! Dumps made by hand, with digests that are right, as nobody's writer would make them.

use std::io::{Cursor, Read};

/// A head of CBOR: the major type and its number.
pub(crate) fn head(out: &mut Vec<u8>, major: u8, n: u64) {
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

pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    head(out, 3, text.len() as u64);
    out.extend(text.as_bytes());
}

pub(crate) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    head(out, 2, bytes.len() as u64);
    out.extend(bytes);
}

pub(crate) fn hash(bytes: &[u8]) -> [u8; 32] {
    blake3::hash(bytes).into()
}

/// A dump in the making, without compression.
#[derive(Default, Clone)]
pub(crate) struct Made {
    pub(crate) out: Vec<u8>,
    proofs: Vec<[u8; 32]>,
    running: [u8; 32],
    pub(crate) entries: u64,
    pub(crate) value_bytes: u64,
}

impl Made {
    /// With a header.
    pub(crate) fn new() -> Made {
        let mut made = Made::default();
        let mut item = Vec::new();
        head(&mut item, 6, 55_799);
        head(&mut item, 4, 2);
        head(&mut item, 0, 0);
        head(&mut item, 5, 3);
        text(&mut item, "id");
        bytes(&mut item, &[7; 16]);
        text(&mut item, "format");
        text(&mut item, "larder dump");
        text(&mut item, "version");
        head(&mut item, 0, 1);
        made.item(&item);
        made
    }

    /// An item whose proof is the hash of its bytes.
    pub(crate) fn item(&mut self, item: &[u8]) {
        self.out.extend(item);
        self.proofs.push(hash(item));
    }

    /// An entry with these facts, which are a map.
    pub(crate) fn entry(&mut self, key: &str, facts: &[u8], value: &[u8]) {
        let mut context = Vec::new();
        text(&mut context, key);
        context.extend(facts);
        let digest = hash(&[&hash(value)[..], &context].concat());
        head(&mut self.out, 4, 5);
        head(&mut self.out, 0, 1);
        self.out.extend(context);
        bytes(&mut self.out, value);
        bytes(&mut self.out, &digest);
        self.proofs.push(digest);
        self.entries += 1;
        self.value_bytes += value.len() as u64;
    }

    /// A value in chunks begins, and says that it has so many bytes.
    pub(crate) fn begin(&mut self, key: &str, size: u64) {
        let mut item = Vec::new();
        head(&mut item, 4, 4);
        head(&mut item, 0, 2);
        text(&mut item, key);
        head(&mut item, 5, 0);
        head(&mut item, 0, size);
        self.item(&item);
    }

    /// A chunk.
    pub(crate) fn chunk(&mut self, value: &[u8]) {
        head(&mut self.out, 4, 2);
        head(&mut self.out, 0, 3);
        bytes(&mut self.out, value);
        self.proofs.push(hash(value));
        self.value_bytes += value.len() as u64;
    }

    /// A checkpoint ends the segment.
    pub(crate) fn checkpoint(&mut self) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.running);
        self.proofs.drain(..).for_each(|proof| {
            hasher.update(&proof);
        });
        self.running = hasher.finalize().into();
        head(&mut self.out, 4, 4);
        head(&mut self.out, 0, 5);
        head(&mut self.out, 0, self.entries);
        head(&mut self.out, 0, self.value_bytes);
        bytes(&mut self.out, &self.running);
    }
}

/// A zstd frame of these bytes, its size in its header, its checksum behind it.
pub(crate) fn frame(content: &[u8]) -> Vec<u8> {
    let mut compressor = zstd::bulk::Compressor::new(3).unwrap();
    compressor.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(true)).unwrap();
    compressor.compress(content).unwrap()
}

/// Block heads of a frame that repeats one byte, 128 KiB a block.
pub(crate) fn repeats(out: &mut Vec<u8>, byte: u8, size: u64) {
    let blocks = size.div_ceil(128 << 10);
    for block in 0..blocks {
        let last = u32::from(block + 1 == blocks);
        let head: u32 = last | 1 << 1 | (128 << 10) << 3;
        out.extend(&head.to_le_bytes()[..3]);
        out.push(byte);
    }
}

/// Reads first one thing, then another over and over, without an end.
pub(crate) fn endless(first: &'static [u8], then: u8) -> impl Read + Send + 'static {
    Cursor::new(first).chain(std::io::repeat(then))
}
