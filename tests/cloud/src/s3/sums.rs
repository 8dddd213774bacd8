//! The checksums that S3 knows, over bodies and over parts.

use base64_simd::STANDARD;
use crc_fast::{CrcAlgorithm, checksum_combine};
use hyper::HeaderMap;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::{Checksum, ChecksumType};
use s3s::{S3Result, s3_error};

/// One of the checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Kind {
    pub(super) const ALL: [Kind; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// As `x-amz-checksum-algorithm` names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    /// Whether it can be had over a whole object from those of its parts.
    pub(super) fn combines(self) -> bool {
        self.crc().is_some()
    }

    /// Whether it can be made over the checksums of the parts.
    pub(super) fn composes(self) -> bool {
        self != Self::Crc64Nvme
    }

    /// Reads the value of its header.
    pub(super) fn parse(self, text: &str) -> S3Result<Vec<u8>> {
        match STANDARD.decode_to_vec(text) {
            Ok(bytes) if bytes.len() == self.length() => Ok(bytes),
            _ => Err(s3_error!(InvalidRequest, "Value for {} header is invalid.", self.header())),
        }
    }
}

/// What a body is said to sum to: by a header before it, or by a trailer behind it.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) said: Option<(Kind, Vec<u8>)>,
    pub(super) trailer: Option<Kind>,
}

impl Expected {
    pub(super) fn of(headers: &HeaderMap) -> S3Result<Self> {
        let mut said = None;
        for kind in Kind::ALL {
            let Some(value) = headers.get(kind.header()) else { continue };
            if said.is_some() {
                return Err(s3_error!(InvalidRequest, "Expecting a single x-amz-checksum- header."));
            }
            said = Some((kind, kind.parse(value.to_str().unwrap_or(""))?));
        }
        let trailer = headers.get("x-amz-trailer").and_then(|value| value.to_str().ok()).unwrap_or("");
        let trailer = trailer
            .split(',')
            .map(str::trim)
            .find_map(|name| Kind::ALL.into_iter().find(|kind| kind.header().eq_ignore_ascii_case(name)));
        if said.is_some() && trailer.is_some() {
            return Err(s3_error!(InvalidRequest, "Expecting a single x-amz-checksum- header."));
        }
        Ok(Self { said, trailer })
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        self.said.as_ref().map(|(kind, _)| *kind).or(self.trailer)
    }
}

/// Takes a body's bytes for all the checksums that it needs.
pub(super) struct Summing {
    crc64: Crc64Nvme,
    other: Option<Other>,
}

enum Other {
    Crc32(Crc32),
    Crc32c(Crc32c),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Summing {
    pub(super) fn new(kind: Option<Kind>) -> Self {
        let other = match kind {
            None | Some(Kind::Crc64Nvme) => None,
            Some(Kind::Crc32) => Some(Other::Crc32(Crc32::new())),
            Some(Kind::Crc32c) => Some(Other::Crc32c(Crc32c::new())),
            Some(Kind::Sha1) => Some(Other::Sha1(Sha1::new())),
            Some(Kind::Sha256) => Some(Other::Sha256(Sha256::new())),
        };
        Self { crc64: Crc64Nvme::new(), other }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.crc64.update(bytes);
        match &mut self.other {
            None => {}
            Some(Other::Crc32(hasher)) => hasher.update(bytes),
            Some(Other::Crc32c(hasher)) => hasher.update(bytes),
            Some(Other::Sha1(hasher)) => hasher.update(bytes),
            Some(Other::Sha256(hasher)) => hasher.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Sums {
        let other = self.other.map(|other| match other {
            Other::Crc32(hasher) => (Kind::Crc32, hasher.finalize().to_vec()),
            Other::Crc32c(hasher) => (Kind::Crc32c, hasher.finalize().to_vec()),
            Other::Sha1(hasher) => (Kind::Sha1, hasher.finalize().to_vec()),
            Other::Sha256(hasher) => (Kind::Sha256, hasher.finalize().to_vec()),
        });
        Sums { crc64: self.crc64.finalize().to_vec(), other }
    }
}

/// The checksums of a body: the one it was sent with, and the one that S3 adds by itself.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    crc64: Vec<u8>,
    other: Option<(Kind, Vec<u8>)>,
}

impl Sums {
    pub(super) fn get(&self, kind: Kind) -> Option<&[u8]> {
        match &self.other {
            _ if kind == Kind::Crc64Nvme => Some(&self.crc64),
            Some((other, value)) if *other == kind => Some(value),
            _ => None,
        }
    }

    /// The one that is kept with the object.
    pub(super) fn kept(&self) -> (Kind, &[u8]) {
        match &self.other {
            Some((kind, value)) => (*kind, value),
            None => (Kind::Crc64Nvme, &self.crc64),
        }
    }
}

/// A checksum as outputs carry it.
pub(super) fn dto(kind: Kind, value: &str, full: bool) -> Checksum {
    let kind_of = if full { ChecksumType::FULL_OBJECT } else { ChecksumType::COMPOSITE };
    let value = Some(value.to_owned());
    let mut sums =
        Checksum { checksum_type: Some(ChecksumType::from_static(kind_of)), ..Checksum::default() };
    match kind {
        Kind::Crc32 => sums.checksum_crc32 = value,
        Kind::Crc32c => sums.checksum_crc32c = value,
        Kind::Crc64Nvme => sums.checksum_crc64nvme = value,
        Kind::Sha1 => sums.checksum_sha1 = value,
        Kind::Sha256 => sums.checksum_sha256 = value,
    }
    sums
}

/// The checksum over the whole, from those over the parts and their lengths. Only for those that combine.
pub(super) fn combined<'a>(kind: Kind, parts: impl IntoIterator<Item = (&'a [u8], u64)>) -> Option<String> {
    let algorithm = kind.crc()?;
    let mut whole: Option<u64> = None;
    for (value, length) in parts {
        let value = value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        whole = Some(whole.map_or(value, |before| checksum_combine(algorithm, before, value, length)));
    }
    let bytes = whole?.to_be_bytes();
    Some(encode(&bytes[bytes.len() - kind.length()..]))
}

/// The checksum over the checksums of the parts, with their number.
pub(super) fn composed<'a>(kind: Kind, parts: impl IntoIterator<Item = &'a [u8]>) -> Option<String> {
    let mut summing = Summing::new(Some(kind));
    let mut number = 0;
    for part in parts {
        summing.update(part);
        number += 1;
    }
    let sums = summing.finish();
    Some(format!("{}-{number}", encode(sums.get(kind)?)))
}

pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode_to_string(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(kind: Kind, bytes: &[u8]) -> Vec<u8> {
        let mut summing = Summing::new(Some(kind));
        summing.update(bytes);
        summing.finish().get(kind).unwrap().to_vec()
    }

    #[test]
    fn parts_combine_to_the_whole() {
        for kind in [Kind::Crc32, Kind::Crc32c, Kind::Crc64Nvme] {
            let parts = [&b"a first part "[..], b"and a second", b"", b"!"];
            let whole = sums(kind, &parts.concat());
            let each: Vec<_> = parts.iter().map(|part| (sums(kind, part), part.len() as u64)).collect();
            let combined = combined(kind, each.iter().map(|(sum, len)| (&sum[..], *len)));
            assert_eq!(combined, Some(encode(&whole)), "{kind:?}");
        }
    }

    #[test]
    fn known_values() {
        assert_eq!(encode(&sums(Kind::Crc32, b"123456789")), "y/Q5Jg==");
        assert_eq!(encode(&sums(Kind::Crc32c, b"123456789")), "4waSgw==");
        assert_eq!(encode(&sums(Kind::Crc64Nvme, b"123456789")), "rosUhgp5mIg=");
    }
}
