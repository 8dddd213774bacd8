//! The real service, where somebody gave a bucket of it.

use std::io::Write as _;

/// Names a bucket of Google Cloud Storage that tests may write to, under prefixes of their own. The credentials are the
/// application default ones.
const BUCKET: &str = "LARDER_GS_BUCKET";

/// The bucket; where there is none, the test says on the error output that it is skipped. Credentials cannot be
/// installed, so this is no failure anywhere.
pub(crate) fn bucket(test: &str) -> Option<String> {
    let bucket = std::env::var(BUCKET).ok().filter(|bucket| !bucket.is_empty());
    if bucket.is_none() {
        // Past the capture of the test harness.
        let _ =
            writeln!(std::io::stderr(), "{test} is SKIPPED: {BUCKET} names no bucket of the real service");
    }
    bucket
}

/// A prefix that no other run uses.
pub(crate) fn prefix() -> String {
    format!("larder-test-{:016x}", larder::Env::system().random_u64())
}
