//! Encrypted connections.
//!
//! The `redis` crate would take its cryptography from a process-wide setting of rustls, which it makes if nobody has, and
//! panic where two kinds are compiled in and none was chosen. Here the connection is made by rustls with *ring*, named for
//! this connection alone, and handed to the crate as a stream.

use std::path::Path;
use std::sync::Arc;

use larder_store_core::{Error, ErrorKind, Op, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::config::RedisConfig;

fn wrong(why: String) -> Error {
    Error::new(ErrorKind::Invalid, Op::Open, why)
}

/// What a file has, in PEM.
fn certificates(path: &Path, what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let unread = |e: rustls::pki_types::pem::Error| {
        wrong(format!("redis: {what} {} is not read: {e}", path.display()))
    };
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(unread)?.collect::<Result<_, _>>().map_err(unread)?;
    if found.is_empty() {
        return Err(wrong(format!("redis: {what} {} holds no certificate", path.display())));
    }
    Ok(found)
}

/// The authorities that the machine trusts. One that cannot be read is not trusted, and the others are.
fn system_roots(roots: &mut RootCertStore) -> Result<()> {
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = "redis: this machine has no authorities that sign certificates".to_owned();
        return Err(wrong(why).hint("install them (on Debian: ca-certificates), or give ca_file=…"));
    }
    Ok(())
}

/// The settings of a store's connections. Reads files.
///
/// # Errors
/// [`ErrorKind::Invalid`], naming the file.
pub(super) fn client(config: &RedisConfig) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    match &config.ca_file {
        Some(path) => {
            for certificate in certificates(path, "ca_file")? {
                roots.add(certificate).map_err(|e| {
                    wrong(format!("redis: ca_file {} holds a bad certificate: {e}", path.display()))
                })?;
            }
        }
        None => system_roots(&mut roots)?,
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(format!("redis: TLS cannot be set up: {e}")))?
        .with_root_certificates(roots);
    let client = match &config.client_files {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = certificates(cert, "cert_file")?;
            let secret = PrivateKeyDer::from_pem_file(key)
                .map_err(|e| wrong(format!("redis: key_file {} is not read: {e}", key.display())))?;
            builder
                .with_client_auth_cert(chain, secret)
                .map_err(|e| wrong(format!("redis: cert_file and key_file do not fit: {e}")))?
        }
    };
    Ok(Arc::new(client))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        for path in [folder.path().join("absent.pem"), empty] {
            let config = RedisConfig::new("host").with_tls(true).with_ca_file(&path);
            let error = client(&config).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
    }

    #[test]
    fn nothing_process_wide_is_set() {
        let is_set = || rustls::crypto::CryptoProvider::get_default().is_some();
        let before = is_set();
        let _ = client(&RedisConfig::new("host").with_tls(true));
        assert_eq!(is_set(), before);
    }
}
