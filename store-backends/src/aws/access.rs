//! Where a service is, and who signs requests to it.

use aws_credential_types::Credentials;
use larder_store_core::config::{Param, StoreConfig};
use larder_store_core::{Error, ErrorKind, Op, Secret};

pub(crate) const ENDPOINT: Param = Param {
    name: "endpoint",
    about: "http:// or https:// and the host of another service than AWS; by default AWS",
    secret: false,
};
pub(crate) const ACCESS_KEY: Param = Param {
    name: "access_key",
    about: "the id of the access key; by default the credentials that AWS's chain of providers finds",
    secret: true,
};
pub(crate) const SECRET_KEY: Param =
    Param { name: "secret_key", about: "the secret access key, together with access_key", secret: true };
pub(crate) const SESSION_TOKEN: Param = Param {
    name: "session_token",
    about: "the session token of temporary credentials, together with access_key",
    secret: true,
};
pub(crate) const ATTEMPT_TIMEOUT: Param = Param {
    name: "attempt_timeout",
    about: "how long a request may go without progress (default 10s); one second more for each 256 KiB that are sent",
    secret: false,
};
pub(crate) const ATTEMPTS: Param = Param {
    name: "attempts",
    about: "how many times a request is sent at most, 1 to 100 (default 10)",
    secret: false,
};
pub(crate) const PATIENCE: Param = Param {
    name: "patience",
    about: "how long all attempts of a call may take together (default 60s)",
    secret: false,
};
pub(crate) const CONCURRENCY: Param = Param {
    name: "concurrency",
    about: "requests under way at once, 1 to 10000 (default 256); others wait for their turn",
    secret: false,
};

/// Who signs requests.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) enum Signer {
    /// Whatever AWS's chain finds: environment, profile, web identity, container, instance.
    #[default]
    Chain,
    Keys {
        access_key: Secret,
        secret_key: Secret,
        session_token: Option<Secret>,
    },
    #[cfg_attr(not(feature = "s3"), allow(dead_code, reason = "only S3 has something for everybody"))]
    Nobody,
}

/// Where a service is, and who signs.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Access {
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) signer: Signer,
}

impl Access {
    /// Reads endpoint and keys. The region, of which each service says something else, is for the caller to read.
    pub(crate) fn read(config: &StoreConfig, anonymous: bool) -> Result<Access, Error> {
        let scheme = config.scheme();
        let wrong =
            |why: String, hint: &'static str| Err(Error::new(ErrorKind::Invalid, Op::Parse, why).hint(hint));
        let keys = (config.text(&ACCESS_KEY)?, config.text(&SECRET_KEY)?, config.text(&SESSION_TOKEN)?);
        let signer = match (keys, anonymous) {
            ((None, None, None), false) => Signer::Chain,
            ((None, None, None), true) => Signer::Nobody,
            ((Some(access_key), Some(secret_key), token), false) => Signer::Keys {
                access_key: Secret::new(access_key),
                secret_key: Secret::new(secret_key),
                session_token: token.map(Secret::new),
            },
            (_, true) => {
                return wrong(
                    format!("{scheme}: keys are given, and anonymous=true"),
                    "leave one of them out",
                );
            }
            _ => {
                let why = format!("{scheme}: access_key and secret_key go together");
                return wrong(why, "give both, or neither");
            }
        };
        Ok(Access { region: None, endpoint: config.text(&ENDPOINT)?.map(str::to_owned), signer })
    }

    /// Sets an access key.
    pub(crate) fn set_keys(&mut self, access_key: Secret, secret_key: Secret) {
        self.signer = Signer::Keys { access_key, secret_key, session_token: None };
    }

    /// Sets the session token of an access key.
    pub(crate) fn set_session_token(&mut self, token: Secret) {
        if let Signer::Keys { session_token, .. } = &mut self.signer {
            *session_token = Some(token);
        }
    }

    /// Where `name` is, for a store's id: never a secret.
    pub(crate) fn place(&self, name: &str) -> String {
        match &self.endpoint {
            Some(endpoint) => {
                let host = endpoint.split_once("://").map_or(endpoint.as_str(), |(_, host)| host);
                format!("//{}/{name}", host.trim_end_matches('/'))
            }
            None => format!("//{name}"),
        }
    }

    /// Refuses an endpoint that is none.
    pub(crate) fn check(&self, scheme: &str) -> Result<(), Error> {
        let Some(endpoint) = &self.endpoint else { return Ok(()) };
        let host = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
        let host = host.map(|host| host.trim_end_matches('/')).unwrap_or_default();
        if host.is_empty() || host.contains(['/', '@', '?', '#', ' ']) {
            let why = format!("{scheme}: endpoint is no URL of a service");
            return Err(Error::new(ErrorKind::Invalid, Op::Open, why).hint("endpoint=https://host:port"));
        }
        Ok(())
    }

    /// Whether the service is asked without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"))
    }

    /// The keys that were given.
    pub(crate) fn keys(&self) -> Option<Credentials> {
        let Signer::Keys { access_key, secret_key, session_token } = &self.signer else { return None };
        let token = session_token.as_ref().map(|token| token.reveal().to_owned());
        Some(Credentials::new(access_key.reveal(), secret_key.reveal(), token, None, "larder"))
    }
}
