//! `larder-gs-double`: the Google Cloud Storage double for other processes.

use std::process::ExitCode;

fn main() -> ExitCode {
    larder_cloud_tests::gs::program::play(std::env::args().skip(1))
}
