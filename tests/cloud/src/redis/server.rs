//! One server.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::tls::Certificates;
use crate::port::Port;
use crate::{Failure, installed};

/// How long it may take to answer for the first time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The server.
    pub server: PathBuf,
    /// The command line.
    pub cli: PathBuf,
}

impl Programs {
    /// Finds them for a test, or says on the error output that the test is skipped.
    ///
    /// # Panics
    /// If they are not installed and `CI` is set.
    pub fn for_test(test: &str) -> Option<Programs> {
        let server = installed::or_skip(test, "redis-server", "LARDER_REDIS_SERVER")?;
        let cli = installed::or_skip(test, "redis-cli", "LARDER_REDIS_CLI")?;
        Some(Programs { server, cli })
    }
}

/// A Redis server.
#[derive(Debug)]
pub struct Server {
    programs: Programs,
    child: Option<Child>,
    port: Port,
    settings: Vec<String>,
    tls: Option<Certificates>,
    /// Its data, its settings and its log.
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts one for a test, with more lines of settings, or says that the test is skipped.
    ///
    /// # Panics
    /// If it is not installed and `CI` is set, or if it does not start.
    pub fn for_test(test: &str, settings: &[&str]) -> Option<Server> {
        let programs = Programs::for_test(test)?;
        Some(Server::start(&programs, settings).unwrap_or_else(|e| panic!("{test}: no server: {e}")))
    }

    /// Starts one, and returns when it answers.
    ///
    /// # Errors
    /// If it cannot be run, ends, or does not answer; its log is told.
    pub fn start(programs: &Programs, settings: &[&str]) -> Result<Server, Failure> {
        Server::start_on(programs, settings, None)
    }

    /// The same on a port with TLS, and on no other.
    ///
    /// # Errors
    /// Those of [`Server::start`].
    pub fn start_tls(
        programs: &Programs,
        settings: &[&str],
        certificates: Certificates,
    ) -> Result<Server, Failure> {
        Server::start_on(programs, settings, Some(certificates))
    }

    fn start_on(
        programs: &Programs,
        settings: &[&str],
        tls: Option<Certificates>,
    ) -> Result<Server, Failure> {
        let mut server = Server {
            programs: programs.clone(),
            child: None,
            port: Port::take()?,
            settings: settings.iter().map(|line| (*line).to_owned()).collect(),
            tls,
            folder: tempfile::Builder::new().prefix("redis-").tempdir()?,
        };
        server.restart()?;
        Ok(server)
    }

    /// Starts it again on its port, with the data that is in its folder. One that runs is killed before.
    ///
    /// # Errors
    /// Those of [`Server::start`].
    pub fn restart(&mut self) -> Result<(), Failure> {
        self.kill();
        let folder = self.folder.path();
        let mut lines = vec![
            "bind 127.0.0.1".to_owned(),
            "daemonize no".to_owned(),
            format!("dir {}", folder.display()),
            "save \"\"".to_owned(),
        ];
        match &self.tls {
            None => lines.push(format!("port {}", self.port())),
            Some(tls) => {
                lines.extend(["port 0".to_owned(), format!("tls-port {}", self.port())]);
                lines.push(format!("tls-cert-file {}", tls.server_cert().display()));
                lines.push(format!("tls-key-file {}", tls.server_key().display()));
                lines.push(format!("tls-ca-cert-file {}", tls.ca().display()));
            }
        }
        lines.extend(self.settings.iter().cloned());
        let conf = folder.join("redis.conf");
        std::fs::write(&conf, lines.join("\n") + "\n")?;
        let log = File::options().create(true).append(true).open(folder.join("log"))?;
        // setpriv gives it to the kernel to end this child with its parent, however that ends.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&self.programs.server)
            .arg(&conf)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.child = Some(child);
        let begun = Instant::now();
        while !self.answers() {
            if let Some(status) =
                self.child.as_mut().and_then(|child| child.try_wait().transpose()).transpose()?
            {
                return Err(format!("it ended with {status}: {}", self.log()).into());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("no answer for {PATIENCE:?}: {}", self.log()).into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Ends it at once, as a crash would: SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Only the child that was started here, by its handle.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Whether it takes calls by now.
    fn answers(&self) -> bool {
        if self.tls.is_some() {
            return self.cli(&["PING"]).is_ok_and(|said| said.contains("PONG") || said.contains("NOAUTH"));
        }
        let ask = || -> std::io::Result<[u8; 5]> {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port()));
            let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            stream.write_all(b"PING\r\n")?;
            let mut said = [0; 5];
            stream.read_exact(&mut said)?;
            Ok(said)
        };
        ask().is_ok_and(|said| matches!(&said, b"+PONG" | b"-NOAU"))
    }

    /// Runs a command by `redis-cli`, as the user who may do everything; what it prints.
    ///
    /// # Errors
    /// If the program fails.
    pub fn cli(&self, args: &[&str]) -> Result<String, Failure> {
        let mut command = Command::new(&self.programs.cli);
        command.args(["-h", "127.0.0.1", "-p", &self.port().to_string()]);
        if let Some(tls) = &self.tls {
            command.arg("--tls").arg("--cacert").arg(tls.ca());
            command.arg("--cert").arg(tls.client_cert()).arg("--key").arg(tls.client_key());
        }
        let done = command.args(args).stdin(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&done.stdout).trim_end().to_owned();
        match done.status.success() {
            true => Ok(said),
            false => {
                Err(format!("redis-cli {args:?}: {said} {}", String::from_utf8_lossy(&done.stderr)).into())
            }
        }
    }

    /// How often each command was called since the server started, or since `CONFIG RESETSTAT`. Scripts' own included.
    ///
    /// # Errors
    /// Those of [`Server::cli`].
    pub fn calls(&self, command: &str) -> Result<u64, Failure> {
        let said = self.cli(&["INFO", "commandstats"])?;
        let begin = format!("cmdstat_{command}:calls=");
        let calls = said.lines().find_map(|line| line.strip_prefix(&begin)?.split(',').next()?.parse().ok());
        Ok(calls.unwrap_or(0))
    }

    /// How many commands it carried out, those in scripts too, but for the scripts themselves and what is asked here.
    ///
    /// # Errors
    /// If it does not tell.
    pub fn commands(&self) -> Result<u64, Failure> {
        let said = self.cli(&["INFO", "commandstats"])?;
        let counted = said.lines().filter_map(|line| {
            let (name, facts) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            let none_of_it = matches!(name, "info" | "eval" | "evalsha");
            facts.split(',').next()?.parse::<u64>().ok().filter(|_| !none_of_it)
        });
        Ok(counted.sum())
    }

    fn log(&self) -> String {
        let log = std::fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(2000)..]).trim().to_owned()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Its process, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A store's URL for a namespace of database 0, written as it stands in a URL.
    pub fn url(&self, namespace: &str) -> String {
        let port = self.port();
        match &self.tls {
            None => format!("redis://127.0.0.1:{port}/0/{namespace}?attempt_timeout=10s"),
            Some(tls) => {
                format!("rediss://127.0.0.1:{port}/0/{namespace}?ca_file={}", tls.ca().display())
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
