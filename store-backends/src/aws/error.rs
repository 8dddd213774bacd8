//! What an answer of a service, or none, means.

use std::error::Error as StdError;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use larder_store_core::{Error, ErrorKind, Op};

/// A request that did not succeed.
#[derive(Debug)]
pub(crate) struct Failure<M = ()> {
    /// What the caller is told, if nobody makes more of it.
    pub(crate) error: Error,
    /// HTTP's status, where there was an answer.
    pub(crate) status: Option<u16>,
    /// The service's own word for it.
    pub(crate) code: Option<String>,
    /// What else the service's answer says.
    pub(crate) more: M,
    /// The connection is of no more use.
    pub(crate) broken: bool,
}

impl<M> Failure<M> {
    pub(crate) fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

impl<M: Default> Failure<M> {
    /// Nobody answered in time.
    pub(crate) fn silent(op: Op, writes: bool, limit: Duration) -> Failure<M> {
        let error = unanswered(op, writes, format!("the service gave no answer within {limit:?}"));
        Failure { error, status: None, code: None, more: M::default(), broken: true }
    }
}

impl<M> From<Failure<M>> for Error {
    fn from(failure: Failure<M>) -> Error {
        failure.error
    }
}

/// A request that got no answer: a write may have been made.
fn unanswered(op: Op, writes: bool, why: String) -> Error {
    let kind = if writes { ErrorKind::Unknown } else { ErrorKind::Unavailable };
    Error::new(kind, op, why).with_settled(!writes)
}

/// Codes by which services ask for fewer requests. Nothing was done.
pub(crate) const THROTTLED: [&str; 9] = [
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
];

/// An answer that says no.
pub(crate) struct Refusal<'a> {
    pub(crate) status: u16,
    /// The service's code, or nothing.
    pub(crate) code: &'a str,
    pub(crate) message: &'a str,
    /// All of it, as it is told to people.
    pub(crate) said: String,
    pub(crate) raw: &'a HttpResponse,
}

impl Refusal<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.raw.headers().get(name)
    }

    /// An error of `kind` that says what the service said.
    pub(crate) fn plain(&self, kind: ErrorKind, op: Op) -> Error {
        Error::new(kind, op, self.said.clone())
    }

    /// The service asks for fewer requests.
    pub(crate) fn throttled(&self, op: Op) -> Error {
        let error = self.plain(ErrorKind::Throttled, op);
        match self.header("retry-after").and_then(|after| after.parse().ok()) {
            Some(seconds) => error.with_retry_after(Duration::from_secs(seconds)),
            None => error,
        }
    }

    /// What is wrong with the credentials or the clock, where that is what the service says.
    pub(crate) fn denied(&self) -> Option<&'static str> {
        Some(match self.code {
            "RequestTimeTooSkewed" => "this machine's clock is more than 15 minutes off: set it",
            "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => {
                "the credentials have expired: get new ones"
            }
            "InvalidAccessKeyId" | "InvalidToken" | "UnrecognizedClientException" => {
                "the access key is not known there: is it of this account and endpoint?"
            }
            "InvalidSignatureException"
                if self.message.contains("expired") || self.message.contains("not yet current") =>
            {
                "this machine's clock is off: set it"
            }
            "SignatureDoesNotMatch" | "InvalidSignatureException" => {
                "the secret key does not belong to the access key"
            }
            _ => return None,
        })
    }
}

/// Reads a failed request. Until something is known to have been refused, a write may have happened. What an answer
/// of the service means is for `answered` to say.
pub(crate) fn failure<E, M>(
    service: &str,
    op: Op,
    writes: bool,
    error: SdkError<E, HttpResponse>,
    answered: impl FnOnce(&E, &Refusal<'_>) -> (Error, M),
) -> Failure<M>
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    M: Default,
{
    let mut failed = Failure {
        error: Error::new(ErrorKind::Unavailable, op, ""),
        status: None,
        code: None,
        more: M::default(),
        broken: false,
    };
    match &error {
        SdkError::ServiceError(answer) => {
            let raw = answer.raw();
            let status = raw.status().as_u16();
            // For a 404 without a word the S3 SDK has one of its own, and nobody knows whose answer that is.
            let silent = status == 404 && raw.body().bytes().is_some_and(<[u8]>::is_empty);
            let code = answer.err().code().filter(|_| !silent);
            let message = answer.err().message().unwrap_or_default();
            let said = match (code, message) {
                (Some(code), "") => format!("{service} says {status} {code}"),
                (Some(code), message) => {
                    format!("{service} says {status} {code}: {}", message.trim_end_matches('.'))
                }
                (None, _) => format!("{service} says {status}"),
            };
            let refusal = Refusal { status, code: code.unwrap_or_default(), message, said, raw };
            (failed.error, failed.more) = answered(answer.err(), &refusal);
            failed.status = Some(status);
            failed.code = code.map(str::to_owned);
        }
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            let why =
                format!("the answer of the service (HTTP {status}) breaks off or is none of {service}'s");
            failed.error = unanswered(op, writes, why);
            failed.broken = true;
        }
        SdkError::ConstructionFailure(_) => match find::<CredentialsError>(&error) {
            Some(_) => failed.error = no_credentials(op),
            None => {
                let why = format!("the request could not be made: {}", root(&error));
                failed.error = Error::new(ErrorKind::Invalid, op, why);
            }
        },
        SdkError::DispatchFailure(_) if find::<CredentialsError>(&error).is_some() => {
            failed.error = no_credentials(op);
        }
        SdkError::DispatchFailure(_) => {
            failed.broken = true;
            failed.error = match never_sent(&error) {
                true => Error::new(
                    ErrorKind::Unavailable,
                    op,
                    format!("the service cannot be reached: {}", root(&error)),
                )
                .hint("is the endpoint right, and is there a way to it?"),
                false => unanswered(op, writes, format!("the connection broke: {}", root(&error))),
            };
        }
        _ => {
            failed.broken = true;
            let why = format!("the service gave no answer: {}", root(&error));
            failed.error = unanswered(op, writes, why);
        }
    }
    failed
}

fn no_credentials(op: Op) -> Error {
    Error::new(ErrorKind::Denied, op, "no credentials were found").hint(
        "give access_key and secret_key, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role; \
         profiles with SSO or a credential process need the feature `aws-profile`",
    )
}

/// Whether the failure came before a connection was there.
fn never_sent(error: &(dyn StdError + 'static)) -> bool {
    find::<hyper_util::client::legacy::Error>(error).is_some_and(|e| e.is_connect())
        || find::<ResolveDnsError>(error).is_some()
}

/// The first cause of this type.
pub(crate) fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The innermost cause, which is the one that says something.
fn root(error: &(dyn StdError + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
