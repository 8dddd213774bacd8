//! `cargo lambda watch`, as its emulator of the Runtime API alone.

use std::fs::File;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use larder_cloud_tests::installed;
use larder_cloud_tests::port::Port;

/// The function's name.
const NAME: &str = "larder-lambda";
/// How long it may take to listen, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running emulator. It ends when this is dropped.
pub(crate) struct Emulator {
    program: PathBuf,
    child: Child,
    port: Port,
    folder: tempfile::TempDir,
}

impl Emulator {
    /// Starts it, or says that the test is skipped.
    pub(crate) fn for_test(test: &str) -> Option<Emulator> {
        let program = installed::or_skip(test, "cargo-lambda", "LARDER_CARGO_LAMBDA")?;
        let folder = tempfile::tempdir().unwrap();
        let port = Port::take().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        // It asks cargo about the package in its folder, and goes with the test however that ends.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&program)
            .args(["lambda", "watch", "--only-lambda-apis", "--ignore-changes", "-A", "127.0.0.1", "-P"])
            .arg(port.number().to_string())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("CARGO_NET_OFFLINE", "true")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("setpriv runs");
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port.number())).is_err() {
            let said = std::fs::read_to_string(folder.path().join("log")).unwrap();
            assert!(child.try_wait().unwrap().is_none(), "cargo lambda watch ended: {said}");
            assert!(begun.elapsed() < PATIENCE, "cargo lambda watch does not listen: {said}");
            thread::sleep(Duration::from_millis(20));
        }
        Some(Emulator { program, child, port, folder })
    }

    /// What a function finds in `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn runtime_api(&self) -> String {
        format!("http://127.0.0.1:{}/.rt/{NAME}", self.port.number())
    }

    /// Invokes the function.
    pub(crate) fn invoke(&self, event: &str) -> Result<String, String> {
        let done = Command::new(&self.program)
            .args(["lambda", "invoke", "-A", "127.0.0.1", "-P", &self.port.number().to_string(), NAME])
            .args(["--data-ascii", event])
            .current_dir(self.folder.path())
            .output()
            .expect("cargo lambda invoke runs");
        match done.status.success() {
            true => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
