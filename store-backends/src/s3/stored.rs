//! How the service is to keep what is written: its class, its tags, its encryption.

use aws_sdk_s3::types::{ServerSideEncryption, StorageClass};
use larder_store_core::{Error, ErrorKind, Op, Result};
use percent_encoding::utf8_percent_encode;

use super::copy::ESCAPED;

/// Tags of an object (Amazon S3 User Guide, "Categorizing your objects using tags").
const MAX_TAGS: usize = 10;
/// Characters of a tag's name, and of its value.
const MAX_TAG: (usize, usize) = (128, 256);

/// How the service encrypts objects with keys of its own or of its key service. Every service encrypts or not as its
/// bucket is set if nothing is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// With keys of S3 (`AES256`).
    S3,
    /// With a key of AWS KMS (`aws:kms`).
    Kms {
        /// Its id or ARN; S3's own key of the account if it is not said.
        key: Option<String>,
        /// Whether S3 derives keys from one of the bucket, and asks KMS less often.
        bucket_key: bool,
    },
    /// Twice, with a key of AWS KMS (`aws:kms:dsse`).
    KmsTwice {
        /// Its id or ARN.
        key: Option<String>,
    },
}

/// What every object of a store is written with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Stored {
    pub(super) class: Option<String>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) encryption: Option<Encryption>,
}

impl Stored {
    /// Whether there is anything to say.
    pub(super) fn says(&self) -> bool {
        *self != Stored::default()
    }

    pub(super) fn class(&self) -> Option<StorageClass> {
        self.class.as_deref().map(StorageClass::from)
    }

    /// The tags as S3's header has them: the query of a URL.
    pub(super) fn tagging(&self) -> Option<String> {
        let escaped = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
        let one = |(name, value): &(String, String)| format!("{}={}", escaped(name), escaped(value));
        (!self.tags.is_empty()).then(|| self.tags.iter().map(one).collect::<Vec<_>>().join("&"))
    }

    pub(super) fn encryption(&self) -> Option<ServerSideEncryption> {
        self.encryption.as_ref().map(|encryption| match encryption {
            Encryption::S3 => ServerSideEncryption::Aes256,
            Encryption::Kms { .. } => ServerSideEncryption::AwsKms,
            Encryption::KmsTwice { .. } => ServerSideEncryption::AwsKmsDsse,
        })
    }

    pub(super) fn kms_key(&self) -> Option<String> {
        match self.encryption.as_ref()? {
            Encryption::S3 => None,
            Encryption::Kms { key, .. } | Encryption::KmsTwice { key } => key.clone(),
        }
    }

    pub(super) fn bucket_key(&self) -> Option<bool> {
        matches!(self.encryption, Some(Encryption::Kms { bucket_key: true, .. })).then_some(true)
    }

    /// Refuses what S3 would refuse with the first write, and a class whose objects cannot be read at once.
    pub(super) fn check(&self) -> Result<()> {
        let refuse =
            |why: String, hint: &'static str| Err(Error::new(ErrorKind::Invalid, Op::Open, why).hint(hint));
        if let Some(class) = &self.class {
            if class.is_empty() || !class.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') {
                return refuse("s3: storage_class is none".into(), "storage_class=INTELLIGENT_TIERING");
            }
            if matches!(class.as_str(), "GLACIER" | "DEEP_ARCHIVE") {
                let why = format!("s3: what is stored as {class} has to be restored before it can be read");
                return refuse(why, "storage_class=GLACIER_IR is read at once");
            }
        }
        if self.tags.len() > MAX_TAGS {
            return refuse(format!("s3: tags has more than {MAX_TAGS} tags"), "S3 keeps ten of an object");
        }
        for (at, (name, value)) in self.tags.iter().enumerate() {
            let long = name.chars().count() > MAX_TAG.0 || value.chars().count() > MAX_TAG.1;
            if name.is_empty() || long || name.starts_with("aws:") {
                return refuse(
                    format!("s3: tags has one that S3 does not take: {name:?}"),
                    "tags=team=data,env=prod",
                );
            }
            if self.tags[..at].iter().any(|(other, _)| other == name) {
                return refuse(format!("s3: tags names {name:?} twice"), "each name has one value");
            }
        }
        Ok(())
    }
}

/// Says it in a request that writes; each of the setters moves all of the request, so that only those are called that
/// say something.
macro_rules! stored {
    ($request:expr, $stored:expr) => {{
        let (request, stored) = ($request, $stored);
        match stored.says() {
            false => request,
            true => request
                .set_storage_class(stored.class())
                .set_tagging(stored.tagging())
                .set_server_side_encryption(stored.encryption())
                .set_ssekms_key_id(stored.kms_key())
                .set_bucket_key_enabled(stored.bucket_key()),
        }
    }};
}

pub(super) use stored;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_the_query_of_a_url() {
        let tags = vec![("team".into(), "data & more".into()), ("ä=b".into(), String::new())];
        let stored = Stored { tags, ..Stored::default() };
        assert_eq!(stored.tagging().as_deref(), Some("team=data%20%26%20more&%C3%A4%3Db="));
        assert_eq!(Stored::default().tagging(), None);
        stored.check().unwrap();
    }

    #[test]
    fn what_s3_would_refuse_is_refused() {
        let tags = |tags: &[(&str, &str)]| Stored {
            tags: tags.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            ..Stored::default()
        };
        let class = |class: &str| Stored { class: Some(class.into()), ..Stored::default() };
        let long = "x".repeat(129);
        for bad in [
            tags(&[("", "x")]),
            tags(&[("aws:x", "x")]),
            tags(&[("a", "x"), ("a", "y")]),
            tags(&[(&long, "x")]),
            tags(&[("a", &"x".repeat(257))]),
            tags(&(0..11).map(|_| ("a", "x")).collect::<Vec<_>>()),
            class(""),
            class("standard"),
            class("GLACIER"),
            class("DEEP_ARCHIVE"),
        ] {
            assert_eq!(bad.check().unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
        }
        class("GLACIER_IR").check().unwrap();
    }
}
