//! URLs that carry their own right, for whoever has no credentials.

use std::time::Duration;

use google_cloud_storage::builder::storage::SignedUrlBuilder;
use google_cloud_storage::http::Method;
use larder_store_core::{Call, Error, ErrorKind, Key, Op, Result};

use super::client::SERVICE;
use super::credentials;
use super::error::find;
use super::wire::Wire;
use crate::object::presigned::{self, Presigned};

/// Signs a URL. Nothing is asked, unless the credentials must ask Google to sign.
pub(super) async fn sign(
    wire: &Wire,
    op: Op,
    call: &Call,
    key: &Key,
    method: Method,
    lasts: Duration,
) -> Result<Presigned> {
    wire.guarantees.check_key(op, key)?;
    presigned::check(op, lasts)?;
    let name = wire.names.of(op, key)?;
    // Whoever follows a URL takes these for steps of a path.
    if name.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(Error::unsupported(op, "signed URLs of a key with a part that is a single dot"));
    }
    let config = wire.config();
    let sign = async {
        super::tls::provide();
        let signer = credentials::signer(op, &config.login)?;
        let url = SignedUrlBuilder::for_object(wire.bucket.as_str(), name)
            .with_endpoint(config.endpoint.as_deref().unwrap_or(SERVICE).trim_end_matches('/'))
            .with_method(method.clone())
            .with_expiration(lasts);
        let expires = wire.env.wall() + lasts;
        let signed = url.sign_with(&signer).await;
        signed.map(|url| Presigned::new(method.as_str(), &url, Vec::new(), expires)).map_err(|error| {
            let asked =
                find::<google_cloud_auth::signer::SigningError>(&error).is_some_and(|e| e.is_transport());
            let kind = if asked { ErrorKind::Unavailable } else { ErrorKind::Denied };
            Error::new(kind, op, "the URL could not be signed").caused_by(error)
        })
    };
    call.guard(&wire.env, op, sign).await
}
