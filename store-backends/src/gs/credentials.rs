//! Who asks, and who signs URLs.

use std::fmt;
use std::path::Path;

use google_cloud_auth::credentials::{
    self, CacheableResource, Credentials, CredentialsProvider, EntityTag, anonymous, service_account,
};
use google_cloud_auth::errors::CredentialsError;
use google_cloud_auth::signer::Signer;
use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap, HeaderValue};
use larder_store_core::{Error, ErrorKind, Op, Result, Secret};
use serde_json::Value;

use super::config::Login;

/// The right that everything here needs (Cloud Storage, "OAuth 2.0 scopes").
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";

fn no_credentials(op: Op, why: impl fmt::Display) -> Error {
    Error::new(ErrorKind::Denied, op, format!("no credentials were found: {why}")).hint(
        "give service_account_file=…, run `gcloud auth application-default login`, set \
         GOOGLE_APPLICATION_CREDENTIALS, or give the machine a service account",
    )
}

/// What the requests are made with.
pub(super) fn find(op: Op, login: &Login) -> Result<Credentials> {
    match login {
        Login::Default => {
            let builder = credentials::Builder::default().with_scopes([SCOPE]);
            builder.build().map_err(|error| no_credentials(op, error))
        }
        Login::ServiceAccount(path) => {
            let access = service_account::AccessSpecifier::from_scopes([SCOPE]);
            let builder = service_account::Builder::new(key(op, path)?).with_access_specifier(access);
            builder.build().map_err(|_| no_key(op, path, "is no key of a service account"))
        }
        Login::Token(token) => {
            let token = Token(token.clone());
            token.header().map_err(|_| {
                Error::new(ErrorKind::Invalid, op, "access_token holds a character that no token has")
            })?;
            Ok(Credentials::from(token))
        }
        Login::Nobody => Ok(anonymous::Builder::new().build()),
    }
}

/// What signs URLs.
pub(super) fn signer(op: Op, login: &Login) -> Result<Signer> {
    match login {
        Login::Default => {
            credentials::Builder::default().build_signer().map_err(|error| no_credentials(op, error))
        }
        Login::ServiceAccount(path) => service_account::Builder::new(key(op, path)?)
            .build_signer()
            .map_err(|_| no_key(op, path, "is no key of a service account")),
        Login::Token(_) | Login::Nobody => Err(Error::unsupported(op, "signed URLs without a signer")
            .hint("a token cannot sign, nor can nobody: open with service_account_file=…")),
    }
}

fn no_key(op: Op, path: &Path, why: &str) -> Error {
    let why = format!("the file {} {why}", path.display());
    Error::new(ErrorKind::Invalid, op, why)
        .hint("service_account_file wants the JSON file that Google gives out")
}

fn key(op: Op, path: &Path) -> Result<Value> {
    let text = std::fs::read(path).map_err(|error| no_key(op, path, "cannot be read").caused_by(error))?;
    // Its error would show what it met.
    serde_json::from_slice(&text).map_err(|_| no_key(op, path, "is no JSON"))
}

/// A token that is there already.
#[derive(Debug)]
struct Token(Secret);

impl Token {
    fn header(&self) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0.reveal()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl CredentialsProvider for Token {
    async fn headers(&self, _: Extensions) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        let value = self.header().map_err(|_| CredentialsError::from_msg(false, "the token is none"))?;
        let data = HeaderMap::from_iter([(AUTHORIZATION, value)]);
        Ok(CacheableResource::New { entity_tag: EntityTag::new(), data })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}
