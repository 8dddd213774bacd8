//! The checksums of an object: CRC-32C always, MD5 where it was not composed of others.

use base64_simd::STANDARD;
use crc_fast::{CrcAlgorithm, checksum_combine};
use s3s::crypto::{Checksum as _, Crc32c, Md5};

use super::refusal::Refusal;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sums {
    pub(super) crc32c: u32,
    pub(super) md5: Option<[u8; 16]>,
}

/// What a writer says that they are.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub(super) crc32c: Option<u32>,
    pub(super) md5: Option<[u8; 16]>,
}

impl Said {
    /// Takes in what is said at the end.
    pub(super) fn merge(&mut self, later: &Said) {
        self.crc32c = later.crc32c.or(self.crc32c);
        self.md5 = later.md5.or(self.md5);
    }

    pub(super) fn check(&self, sums: &Sums) -> Result<(), Refusal> {
        if let Some(said) = self.crc32c.filter(|said| *said != sums.crc32c) {
            let (said, sum) = (encode_crc32c(said), encode_crc32c(sums.crc32c));
            let what = format!("Provided CRC32C \"{said}\" doesn't match calculated CRC32C \"{sum}\".");
            return Err(Refusal::Invalid(what));
        }
        if self.md5.is_some_and(|said| sums.md5.is_some_and(|sum| sum != said)) {
            return Err(Refusal::invalid("Provided MD5 hash doesn't match calculated MD5 hash."));
        }
        Ok(())
    }
}

pub(super) fn encode_crc32c(sum: u32) -> String {
    STANDARD.encode_to_string(sum.to_be_bytes())
}

pub(super) fn encode_md5(sum: [u8; 16]) -> String {
    STANDARD.encode_to_string(sum)
}

pub(super) fn decode_crc32c(text: &str) -> Result<u32, Refusal> {
    let bytes = STANDARD.decode_to_vec(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(u32::from_be_bytes).ok_or_else(|| Refusal::Invalid(format!("Invalid CRC32C {text:?}.")))
}

pub(super) fn decode_md5(text: &str) -> Result<[u8; 16], Refusal> {
    let bytes = STANDARD.decode_to_vec(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| Refusal::Invalid(format!("Invalid MD5 hash {text:?}.")))
}

/// Reads `crc32c=…,md5=…` of `x-goog-hash`.
pub(super) fn decode_header(text: &str) -> Result<Said, Refusal> {
    let mut said = Said::default();
    for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        match one.split_once('=') {
            Some(("crc32c", sum)) => said.crc32c = Some(decode_crc32c(sum)?),
            Some(("md5", sum)) => said.md5 = Some(decode_md5(sum)?),
            _ => return Err(Refusal::Invalid(format!("Unknown hash {one:?} in x-goog-hash."))),
        }
    }
    Ok(said)
}

/// Takes a body's bytes.
pub(super) struct Summing {
    crc32c: Crc32c,
    md5: Md5,
}

impl Summing {
    pub(super) fn new() -> Self {
        Self { crc32c: Crc32c::new(), md5: Md5::new() }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.crc32c.update(bytes);
        self.md5.update(bytes);
    }

    pub(super) fn finish(self) -> Sums {
        Sums { crc32c: u32::from_be_bytes(self.crc32c.finalize()), md5: Some(self.md5.finalize()) }
    }
}

impl std::fmt::Debug for Summing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Summing")
    }
}

/// The CRC-32C of bytes that stand behind each other.
pub(super) fn combined(parts: impl IntoIterator<Item = (u32, u64)>) -> u32 {
    let mut whole: Option<u64> = None;
    for (sum, length) in parts {
        let sum = u64::from(sum);
        whole = Some(match whole {
            None => sum,
            Some(before) => checksum_combine(CrcAlgorithm::Crc32Iscsi, before, sum, length),
        });
    }
    whole.unwrap_or(0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(bytes: &[u8]) -> Sums {
        let mut summing = Summing::new();
        summing.update(bytes);
        summing.finish()
    }

    #[test]
    fn known_sums() {
        // The check value of CRC-32/ISCSI in the catalogue of parametrised CRC algorithms.
        assert_eq!(sums(b"123456789").crc32c, 0xe306_9283);
        assert_eq!(encode_md5(sums(b"").md5.unwrap()), "1B2M2Y8AsgTpgAmY7PhCfg==");
        let (a, b) = (sums(b"1234"), sums(b"56789"));
        assert_eq!(combined([(a.crc32c, 4), (b.crc32c, 5)]), 0xe306_9283);
        assert_eq!(decode_crc32c(&encode_crc32c(7)).unwrap(), 7);
        assert!(decode_header("crc32c=AAAAAA==,sha=x").is_err());
    }
}
