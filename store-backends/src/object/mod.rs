//! What stores in buckets have in common: the names of objects, and what is kept beside their bytes.

pub(crate) mod facts;
pub(crate) mod name;
pub(crate) mod presigned;

/// The service that keeps the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    #[cfg(feature = "s3")]
    S3,
    #[cfg(feature = "gs")]
    Gs,
}

impl Service {
    /// The scheme of its stores.
    pub(crate) fn scheme(self) -> &'static str {
        match self {
            #[cfg(feature = "s3")]
            Service::S3 => "s3",
            #[cfg(feature = "gs")]
            Service::Gs => "gs",
        }
    }

    /// What people call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            #[cfg(feature = "s3")]
            Service::S3 => "S3",
            #[cfg(feature = "gs")]
            Service::Gs => "Google Cloud Storage",
        }
    }

    /// A beginning that it takes no names with.
    pub(crate) fn forbidden(self) -> Option<&'static str> {
        match self {
            #[cfg(feature = "s3")]
            Service::S3 => None,
            // With a slash behind it (Cloud Storage, "About Cloud Storage objects", naming).
            #[cfg(feature = "gs")]
            Service::Gs => Some(".well-known/acme-challenge"),
        }
    }
}
