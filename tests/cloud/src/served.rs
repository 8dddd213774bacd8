//! A server that is a program of others: started on a free port, and ended with whoever started it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::port::Port;

/// How long it may take to answer for the first time: it is slow to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// A running server. It ends when this is dropped, and when the thread that started it ends.
#[derive(Debug)]
pub struct Served {
    child: Child,
    port: Port,
    /// Its state and its log.
    folder: tempfile::TempDir,
}

impl Served {
    /// Starts `program` on a free port of 127.0.0.1, and returns when it answers. `tell` says the port to it.
    ///
    /// # Errors
    /// If it cannot be run, ends, or does not answer within a minute; its log is told.
    pub fn start(name: &str, program: &Path, tell: impl Fn(&mut Command, u16)) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix(&format!("{name}-")).tempdir()?;
        let port = Port::take()?;
        let log = File::create(folder.path().join("log"))?;
        // setpriv gives it to the kernel to end this child with its parent, however that ends.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        tell(&mut command, port.number());
        let child = command
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

    /// The first bytes of an answer, up to the status.
    ///
    /// # Errors
    /// If none comes.
    pub fn ask(&self, what: &str) -> std::io::Result<[u8; 12]> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port()));
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
        format!("http://127.0.0.1:{}", self.port())
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Only the child that was started here, by its handle.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
