//! A process of the service.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use larder::Env;
use rustix::process::{Pid, Signal, kill_process};

/// One that runs; killed when it is dropped.
pub(crate) struct Service {
    child: Child,
    pub(crate) base: String,
}

/// The tiers of processes on one host: memory, an LMDB front that they share, and files.
pub(crate) fn over_files(folder: &Path) -> Vec<String> {
    let at = |name: &str| folder.join(name).display().to_string();
    vec![
        "memory:?capacity=8MiB".to_owned(),
        format!("lmdb:{}?capacity=32MiB", at("front")),
        format!("file:{}?sync=none", at("origin")),
    ]
}

/// The same in front of a bucket, without memory: every process looks into the one front.
pub(crate) fn over_bucket(folder: &Path, bucket: &str) -> Vec<String> {
    vec![format!("lmdb:{}?capacity=32MiB", folder.join("front").display()), bucket.to_owned()]
}

/// The settings of a process over these tiers.
pub(crate) fn settings(tiers: &[String], more: &str) -> String {
    // A text in TOML is quoted as one in JSON.
    let tiers = serde_json::to_string(tiers).unwrap();
    format!(
        "listen = \"127.0.0.1:0\"\nstop_seconds = 20\n{more}\n[store]\nfresh = \"sole_writer\"\ntiers = {tiers}\n"
    )
}

impl Service {
    /// Starts one, and waits until it listens.
    pub(crate) fn start(settings: &str) -> Service {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), settings).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_larder-example-service"))
            .arg(file.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect("it says where it listens");
        Service { base: format!("http://{address}"), child }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, as a supervisor does.
    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for its end; gives its exit code.
    pub(crate) async fn ended(mut self, within: Duration) -> i32 {
        let env = Env::system();
        let deadline = env.now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().expect("it ends by itself");
            }
            assert!(env.now() < deadline, "it did not stop within {within:?}");
            env.sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
