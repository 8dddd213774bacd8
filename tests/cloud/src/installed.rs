//! Programs that tests need and that are not Larder's: `tests/run` installs them.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Where `tests/run` puts programs, in the target folder.
const FOLDERS: [&str; 3] = ["cloud-venv/bin", "test-servers", "test-servers/npm/node_modules/.bin"];

/// Where a program is: as the environment's `variable` says, on the `PATH`, or where `tests/run` installed it.
pub fn find(name: &str, variable: &str) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(variable) {
        return Some(PathBuf::from(named));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name));
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"));
    let installed = FOLDERS.iter().map(|folder| target.join(folder).join(name));
    on_path.chain(installed).find(|program| program.is_file())
}

/// The same for a test, which says on the error output that it is skipped where there is none.
///
/// # Panics
/// If there is none and `CI` is set.
pub fn or_skip(test: &str, name: &str, variable: &str) -> Option<PathBuf> {
    let found = find(name, variable);
    if found.is_none() {
        let what = format!("{name} is not installed (tests/run does it, or set {variable})");
        assert!(std::env::var_os("CI").is_none(), "{test}: {what}, and CI is set");
        // Past the capture of the test harness.
        let _ = writeln!(std::io::stderr(), "{test} is SKIPPED: {what}");
    }
    found
}
