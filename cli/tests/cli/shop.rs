//! A folder to work in, and the command in it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The built command.
pub(crate) const LARDER: &str = env!("CARGO_BIN_EXE_larder");

/// A folder that is gone at the end, in which the command runs.
pub(crate) struct Shop {
    folder: tempfile::TempDir,
}

/// What a run said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) bytes: Vec<u8>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Shop {
    pub(crate) fn new() -> Shop {
        Shop { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside the stores.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The command, with nothing of the machine's own configuration and credentials.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = plain(LARDER, self.folder.path());
        command.args(args);
        command
    }

    /// A line of shell.
    pub(crate) fn shell(&self, line: &str) -> Said {
        let mut command = plain("sh", self.folder.path());
        let bin = Path::new(LARDER).parent().unwrap();
        command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
        command.args(["-c", line]);
        said(command, b"")
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.feed(args, b"")
    }

    /// Runs it with this on its standard input.
    pub(crate) fn feed(&self, args: &[&str], input: &[u8]) -> Said {
        said(self.command(args), input)
    }

    /// Runs it; it must succeed and say nothing on the error output.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        self.ok_fed(args, b"")
    }

    pub(crate) fn ok_fed(&self, args: &[&str], input: &[u8]) -> String {
        let said = self.feed(args, input);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{args:?}: {said:?}");
        said.out
    }

    /// Runs it with `--json`; it must succeed, and each line of its output be an object.
    pub(crate) fn json(&self, args: &[&str]) -> Vec<Value> {
        let all = [&["--json"], args].concat();
        objects(&self.ok(&all))
    }

    /// Starts it, for what happens meanwhile.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// Each line as a JSON object.
pub(crate) fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
            assert!(value.is_object(), "{line}");
            value
        })
        .collect()
}

fn plain(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command.env_remove("LARDER_CONFIG").env("AWS_EC2_METADATA_DISABLED", "true");
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"] {
        command.env_remove(name);
    }
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command
}

/// Runs a command to its end.
pub(crate) fn said(mut command: Command, input: &[u8]) -> Said {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that reads nothing may be gone before it is all written.
    let writer = std::thread::Builder::new().spawn(move || drop(stdin.write_all(&input))).unwrap();
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: text(&output.stdout),
        err: text(&output.stderr),
        bytes: output.stdout,
    }
}
