//! Requests that are signed already, for whoever has no credentials.

use std::fmt;
use std::time::{Duration, SystemTime};

use larder_store_core::{Error, ErrorKind, Op, Result, Secret};

/// The longest that a signature of version 4 lasts, of both services (Amazon S3 User Guide, "Sharing objects with presigned
/// URLs"; Cloud Storage, "V4 signing process"). Google counts whole seconds.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// A request that is signed already: whoever has it may send it until it expires. What stands in it is a secret.
#[derive(Clone)]
pub struct Presigned {
    method: String,
    url: Secret,
    headers: Vec<(String, String)>,
    expires: SystemTime,
}

impl Presigned {
    pub(crate) fn new(
        method: &str,
        url: &str,
        headers: Vec<(String, String)>,
        expires: SystemTime,
    ) -> Presigned {
        Presigned { method: method.to_owned(), url: Secret::new(url), headers, expires }
    }

    /// `GET` or `PUT`.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Where to send it.
    pub fn url(&self) -> &str {
        self.url.reveal()
    }

    /// Headers that were signed, and must be sent with it as they are.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Until when it is good. Credentials of a role may expire before it, and the URL with them.
    pub fn expires(&self) -> SystemTime {
        self.expires
    }
}

impl fmt::Debug for Presigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presigned({}, until {:?})", self.method, self.expires)
    }
}

/// Refuses a time for which no URL can be signed.
pub(crate) fn check(op: Op, lasts: Duration) -> Result<()> {
    if lasts.as_secs() == 0 || lasts > LONGEST {
        let why = format!("a presigned URL lasts a second to seven days, not {lasts:?}");
        return Err(Error::new(ErrorKind::Invalid, op, why));
    }
    Ok(())
}
