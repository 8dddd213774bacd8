//! MiniStack, a second S3 server with other mistakes: a Python program that `tests/run` installs.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Failure, installed};

/// How long it may take to answer for the first time: it is Python on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where there is room for the port to be lost to somebody else between being found free and being taken.
const TRIES: usize = 3;

/// A running MiniStack. It ends when this is dropped, and when the thread that started it ends.
#[derive(Debug)]
pub struct MiniStack {
    child: Child,
    port: u16,
    /// Its state and its log.
    folder: tempfile::TempDir,
}

impl MiniStack {
    /// Starts it for a test, or says on the error output that the test is skipped.
    ///
    /// # Panics
    /// If it is not installed and `CI` is set, or if it does not start.
    pub fn for_test(test: &str) -> Option<Self> {
        let program = installed::or_skip(test, "ministack", "LARDER_MINISTACK")?;
        match Self::start(&program) {
            Ok(started) => Some(started),
            Err(failure) => panic!("{test}: {} does not start: {failure}", program.display()),
        }
    }

    /// Starts `program` on a free port of 127.0.0.1, and returns when it answers.
    ///
    /// # Errors
    /// If it cannot be run, ends, or does not answer within a minute; its log is told.
    pub fn start(program: &Path) -> Result<Self, Failure> {
        let mut tries = 1;
        loop {
            match Self::start_once(program) {
                Err(_) if tries < TRIES => tries += 1,
                done => return done,
            }
        }
    }

    fn start_once(program: &Path) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix("ministack-").tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let log = File::create(folder.path().join("log"))?;
        // setpriv gives it to the kernel to end this child with its parent, however that ends.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut started = Self { child, port, folder };
        let begun = Instant::now();
        while !started.answers() {
            if let Some(status) = started.child.try_wait()? {
                return Err(format!("it ended with {status}: {}", started.log()).into());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("no answer for {PATIENCE:?}: {}", started.log()).into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(started)
    }

    /// Whether it answers HTTP, with whatever.
    fn answers(&self) -> bool {
        self.ask("GET /").is_ok_and(|head| head.starts_with(b"HTTP/"))
    }

    /// Makes a bucket, if it is not there.
    ///
    /// # Errors
    /// What came instead of an answer, or the status of one that says no.
    pub fn create_bucket(&self, name: &str) -> Result<(), Failure> {
        let head = self.ask(&format!("PUT /{name}"))?;
        match &head[9..] {
            b"200" => Ok(()),
            other => Err(format!("no bucket was made: HTTP {}", String::from_utf8_lossy(other)).into()),
        }
    }

    /// The first bytes of an answer, up to the status.
    fn ask(&self, what: &str) -> std::io::Result<[u8; 12]> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let length = "Content-Length: 0\r\nConnection: close";
        write!(stream, "{what} HTTP/1.1\r\nHost: {address}\r\n{length}\r\n\r\n")?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(head)
    }

    fn log(&self) -> String {
        let log = std::fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(2000)..]).trim().to_owned()
    }

    /// Where it is, as `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A store's URL for `place`, a bucket or a bucket and a prefix. It takes any key and any secret.
    pub fn url(&self, place: &str) -> String {
        let port = self.port;
        format!(
            "s3://{place}?endpoint=http%3A//127.0.0.1%3A{port}&region=us-east-1&access_key=test&secret_key=test"
        )
    }
}

impl Drop for MiniStack {
    fn drop(&mut self) {
        // Only the child that was started here, by its handle.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
