//! `larder-s3-double`: the S3 double for other processes.

use std::process::ExitCode;

fn main() -> ExitCode {
    larder_cloud_tests::s3::program::play(std::env::args().skip(1))
}
