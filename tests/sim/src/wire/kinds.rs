//! Which errors are right under these faults.

use larder_store_core::{Error, ErrorKind};

/// What was asked, as far as its errors depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Read,
    Write,
    ConditionalWrite,
    /// A read and a conditional write.
    Update,
}

/// How services say that credentials have expired, which is done to requests and true of none.
const EXPIRED: [&str; 5] = ["ExpiredToken", "NOAUTH", "Invalid Credentials", "authError", "UNAUTHENTICATED"];

/// What is wrong with an error, if anything.
pub(super) fn wrong(asked: Asked, error: &Error) -> Option<String> {
    let right = match (asked, error.kind()) {
        // The credentials are refused by a fault, and by nothing else.
        (_, ErrorKind::Denied) => EXPIRED.iter().any(|said| error.to_string().contains(said)),
        // So is the region.
        (_, ErrorKind::Invalid) => error.to_string().contains("another region"),
        (_, ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Timeout) => {
            // "Not made" of a write is said only where that is sure.
            asked == Asked::Read || error.settled()
        }
        // A write that asks what is there first reads as well.
        (_, ErrorKind::Corrupt) => error.settled(),
        // A read of several requests keeps to one version, or says that it is gone.
        (Asked::Read, ErrorKind::Conflict) => true,
        (Asked::Read, _) => false,
        (_, ErrorKind::Unknown) => !error.settled(),
        (Asked::ConditionalWrite, ErrorKind::Conflict) => true,
        // One with somebody else is tried again; what stands there may be the update's own.
        (Asked::Update, ErrorKind::Conflict) => !error.settled(),
        _ => false,
    };
    (!right).then(|| format!("an error of the wrong kind ({asked:?}, settled {}): {error}", error.settled()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_store_core::Op;

    #[test]
    fn a_conflict_of_an_update_is_never_certain() {
        let conflict = Error::new(ErrorKind::Conflict, Op::Update, "another write replaced it");
        assert!(wrong(Asked::Update, &conflict).is_some());
        assert_eq!(wrong(Asked::Update, &conflict.clone().with_settled(false)), None);
        assert_eq!(wrong(Asked::ConditionalWrite, &conflict), None);
        assert!(wrong(Asked::Write, &conflict).is_some());
    }
}
