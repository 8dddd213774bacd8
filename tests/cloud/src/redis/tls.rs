//! An authority of a test's own, and what it signs: made by the `openssl` command.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::{Failure, installed};

/// An authority, a server's certificate for 127.0.0.1 and a client's, each for two days, in a folder of their own.
#[derive(Debug, Clone)]
pub struct Certificates {
    folder: Arc<tempfile::TempDir>,
}

impl Certificates {
    /// Makes them for a test, or says that the test is skipped.
    ///
    /// # Panics
    /// If `openssl` is not installed and `CI` is set, or if it fails.
    pub fn for_test(test: &str) -> Option<Certificates> {
        let openssl = installed::or_skip(test, "openssl", "LARDER_OPENSSL")?;
        Some(Certificates::make(&openssl).unwrap_or_else(|e| panic!("{test}: no certificates: {e}")))
    }

    /// Makes them.
    ///
    /// # Errors
    /// What `openssl` says.
    pub fn make(openssl: &Path) -> Result<Certificates, Failure> {
        let folder = tempfile::Builder::new().prefix("redis-tls-").tempdir()?;
        let at = |name: &str| folder.path().join(name).display().to_string();
        let run = |args: &[&str]| -> Result<(), Failure> {
            let done = Command::new(openssl).args(args).stdin(Stdio::null()).output()?;
            match done.status.success() {
                true => Ok(()),
                false => Err(String::from_utf8_lossy(&done.stderr).into_owned().into()),
            }
        };
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout"];
        let ca = (at("ca.key"), at("ca.crt"));
        let mut args = vec!["req", "-x509", "-days", "2", "-subj", "/CN=larder test authority"];
        args.extend(key);
        args.extend([ca.0.as_str(), "-out", ca.1.as_str()]);
        run(&args)?;
        std::fs::write(at("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n")?;
        for name in ["server", "client"] {
            let (secret, request, signed) =
                (at(&format!("{name}.key")), at(&format!("{name}.csr")), at(&format!("{name}.crt")));
            let subject = format!("/CN=larder test {name}");
            let mut args = vec!["req", "-subj", &subject];
            args.extend(key);
            args.extend([secret.as_str(), "-out", request.as_str()]);
            run(&args)?;
            let names = at("names");
            run(&[
                "x509",
                "-req",
                "-in",
                &request,
                "-CA",
                &ca.1,
                "-CAkey",
                &ca.0,
                "-CAcreateserial",
                "-days",
                "2",
                "-extfile",
                &names,
                "-out",
                &signed,
            ])?;
        }
        Ok(Certificates { folder: Arc::new(folder) })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.file("ca.crt")
    }

    /// The server's certificate.
    pub fn server_cert(&self) -> PathBuf {
        self.file("server.crt")
    }

    /// Its key.
    pub fn server_key(&self) -> PathBuf {
        self.file("server.key")
    }

    /// A client's certificate.
    pub fn client_cert(&self) -> PathBuf {
        self.file("client.crt")
    }

    /// Its key.
    pub fn client_key(&self) -> PathBuf {
        self.file("client.key")
    }
}
