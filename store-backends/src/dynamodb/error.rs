//! What an answer of DynamoDB, or none, means.

use std::error::Error as StdError;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemError;
use aws_sdk_dynamodb::operation::batch_write_item::BatchWriteItemError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::operation::describe_time_to_live::DescribeTimeToLiveError;
use aws_sdk_dynamodb::operation::get_item::GetItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::QueryError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_time_to_live::UpdateTimeToLiveError;
use aws_sdk_dynamodb::types::CancellationReason;
use larder_store_core::{Error, ErrorKind, Op};

use super::item::Item;
use crate::aws;
use crate::aws::error::{Refusal, THROTTLED, find};

/// A request that did not succeed.
pub(super) type Failure = aws::error::Failure<More>;

/// What else an answer says.
#[derive(Debug, Default)]
pub(super) struct More {
    /// The item that stood in the way of a conditional write, where the service tells.
    pub(super) item: Option<Item>,
    /// Why a transaction was not made, item by item.
    pub(super) reasons: Vec<CancellationReason>,
}

/// The error of one of the service's operations.
pub(super) trait Says: ProvideErrorMetadata + StdError + Send + Sync + 'static {
    /// What it says beside code and message.
    fn more(&self) -> More {
        More::default()
    }
}

macro_rules! plain {
    ($($error:ty),*) => { $(impl Says for $error {})* };
}

plain!(
    BatchGetItemError,
    BatchWriteItemError,
    CreateTableError,
    DescribeTableError,
    DescribeTimeToLiveError,
    GetItemError,
    QueryError,
    UpdateTimeToLiveError
);

macro_rules! conditional {
    ($($error:ident),*) => {
        $(impl Says for $error {
            fn more(&self) -> More {
                let item = match self {
                    $error::ConditionalCheckFailedException(refused) => refused.item().cloned(),
                    _ => None,
                };
                More { item, reasons: Vec::new() }
            }
        })*
    };
}

conditional!(DeleteItemError, PutItemError, UpdateItemError);

impl Says for TransactWriteItemsError {
    fn more(&self) -> More {
        let reasons = match self {
            TransactWriteItemsError::TransactionCanceledException(why) => why.cancellation_reasons().to_vec(),
            _ => Vec::new(),
        };
        More { item: None, reasons }
    }
}

/// The code of a condition that does not hold.
pub(super) const REFUSED: &str = "ConditionalCheckFailedException";
/// The code of a table that is not there.
pub(super) const NO_TABLE: &str = "ResourceNotFoundException";
/// The code of a transaction that was not made.
pub(super) const CANCELLED: &str = "TransactionCanceledException";
/// The code of a transaction that is being made, by an earlier request.
pub(super) const IN_PROGRESS: &str = "TransactionInProgressException";

/// Whether the code asks for fewer requests. Nothing was done.
pub(super) fn is_throttle(code: &str) -> bool {
    matches!(
        code,
        "ProvisionedThroughputExceededException" | "ProvisionedThroughputExceeded" | "ThrottlingError"
    ) || THROTTLED.contains(&code)
}

/// A request that was held up for so long that it must not be sent any more.
#[derive(Debug)]
pub(super) struct Late;

impl std::fmt::Display for Late {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("held up for too long")
    }
}

impl StdError for Late {}

/// Reads a failed request. `action` is the right that it takes.
pub(super) fn failure<E: Says>(
    op: Op,
    writes: bool,
    action: &'static str,
    error: SdkError<E, HttpResponse>,
) -> Failure {
    if find::<Late>(&error).is_some() {
        let why = "the request was held up for too long before it was sent, and was not";
        let error = Error::new(ErrorKind::Unavailable, op, why);
        return Failure { error, status: None, code: None, more: More::default(), broken: true };
    }
    aws::error::failure("DynamoDB", op, writes, error, |said, refusal| {
        (answered(op, writes, action, refusal), said.more())
    })
}

/// An answer that says no.
fn answered(op: Op, writes: bool, action: &'static str, refusal: &Refusal<'_>) -> Error {
    let plain = |kind: ErrorKind| refusal.plain(kind, op);
    match (refusal.status, refusal.code) {
        (429, _) => refusal.throttled(op),
        (400 | 503, code) if is_throttle(code) => refusal.throttled(op),
        (_, REFUSED) => plain(ErrorKind::Conflict),
        // Others write the same item at this moment: nothing was done, and it may be a moment later.
        (_, "TransactionConflictException" | "ReplicatedWriteConflictException") => {
            plain(ErrorKind::Unavailable)
        }
        // It may still be made.
        (_, IN_PROGRESS) => plain(ErrorKind::Unknown),
        (_, NO_TABLE) => plain(ErrorKind::Invalid)
            .hint("there is no such table, or it is just being made: create=true makes it, or mend its name and region"),
        _ if refusal.denied().is_some() => {
            plain(ErrorKind::Denied).hint(refusal.denied().unwrap_or_default())
        }
        (401 | 403, _) | (_, "AccessDeniedException" | "AccessDenied" | "MissingAuthenticationTokenException") => {
            plain(ErrorKind::Denied).hint(format!("{action} on the table is missing"))
        }
        // Only tables with a local secondary index have such a limit.
        (_, "ItemCollectionSizeLimitExceededException") => plain(ErrorKind::Full)
            .hint("the table has a local secondary index, which limits a write shard to 10 GB: use a table without"),
        (_, "LimitExceededException") => plain(ErrorKind::Unavailable),
        (_, "ResourceInUseException") => plain(ErrorKind::Unavailable),
        (_, "UnknownOperationException" | "UnsupportedOperation") | (501, _) => {
            plain(ErrorKind::Unsupported).hint("this service does not offer what was asked")
        }
        (_, "ValidationException") if is_size(refusal.message) => plain(ErrorKind::Unsupported),
        (_, "ValidationException") if is_schema(refusal.message) => plain(ErrorKind::Invalid).hint(SCHEMA),
        (404, "") if writes => plain(ErrorKind::Unknown).hint(BARE_404),
        (404, "") => plain(ErrorKind::Unavailable).hint(BARE_404),
        (400..=499, _) => plain(ErrorKind::Invalid),
        _ if writes => plain(ErrorKind::Unknown).hint("read the key before anything depends on it"),
        _ => plain(ErrorKind::Unavailable),
    }
}

/// What to do about a table with other keys.
pub(super) const SCHEMA: &str =
    "the table was not made for Larder: choose another one, or let it be made with create=true";

/// The service itself never answers so.
const BARE_404: &str = "this 404 is none of the service's: is the endpoint right, or does a proxy answer?";

/// Whether something was too large.
fn is_size(message: &str) -> bool {
    ["Item size has exceeded", "size limit", "Transaction request exceeds"]
        .iter()
        .any(|part| message.contains(part))
}

/// Whether the table has other keys than were sent.
pub(super) fn is_schema(message: &str) -> bool {
    [
        "does not match the schema",
        "Missing the key",
        "Type mismatch for key",
        "missed key schema element",
        "parameter type does not match schema type",
        "number of conditions on the keys is invalid",
        "keys was not given a value",
    ]
    .iter()
    .any(|part| message.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodb::config::http::HttpResponse;
    use aws_sdk_dynamodb::error::ErrorMetadata;
    use aws_smithy_types::body::SdkBody;

    fn said(status: u16, code: &str, message: &str, writes: bool) -> Error {
        let meta = ErrorMetadata::builder().code(code).message(message).build();
        let raw = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
        let error = SdkError::service_error(PutItemError::generic(meta), raw);
        failure(Op::Put, writes, "dynamodb:PutItem", error).error
    }

    #[test]
    fn what_the_service_says_becomes_what_to_do() {
        use ErrorKind::{Conflict, Denied, Full, Invalid, Throttled, Unavailable, Unknown, Unsupported};
        for (status, code, message, kind, settled) in [
            (400, "ConditionalCheckFailedException", "", Conflict, true),
            (400, "ProvisionedThroughputExceededException", "", Throttled, true),
            (400, "ThrottlingException", "", Throttled, true),
            (400, "RequestLimitExceeded", "", Throttled, true),
            (503, "ThrottlingException", "", Throttled, true),
            (429, "", "", Throttled, true),
            (400, "TransactionConflictException", "", Unavailable, true),
            (400, "ReplicatedWriteConflictException", "", Unavailable, true),
            (400, "TransactionInProgressException", "", Unknown, false),
            (400, "ResourceNotFoundException", "", Invalid, true),
            (400, "AccessDeniedException", "", Denied, true),
            (403, "", "", Denied, true),
            (400, "UnrecognizedClientException", "", Denied, true),
            (400, "ExpiredTokenException", "", Denied, true),
            (400, "InvalidSignatureException", "", Denied, true),
            (400, "ItemCollectionSizeLimitExceededException", "", Full, true),
            (
                400,
                "ValidationException",
                "Item size has exceeded the maximum allowed size",
                Unsupported,
                true,
            ),
            (400, "ValidationException", "The provided key element does not match the schema", Invalid, true),
            (400, "ValidationException", "something else", Invalid, true),
            (400, "UnknownOperationException", "", Unsupported, true),
            (500, "InternalServerError", "", Unknown, false),
            (503, "ServiceUnavailable", "", Unknown, false),
            (404, "", "", Unknown, false),
        ] {
            let error = said(status, code, message, true);
            assert_eq!(
                (error.kind(), error.settled()),
                (kind, settled),
                "{status} {code} {message}: {error}"
            );
        }
        // What only reads changed nothing.
        let error = said(500, "InternalServerError", "", false);
        assert_eq!((error.kind(), error.settled()), (Unavailable, true));
    }

    #[test]
    fn errors_say_what_to_do() {
        for (code, message, hint) in [
            (
                "AccessDeniedException",
                "User: x is not authorized",
                "dynamodb:PutItem on the table is missing",
            ),
            ("ResourceNotFoundException", "", "create=true"),
            ("ValidationException", "Type mismatch for key pk expected: S actual: B", "not made for Larder"),
            ("InvalidSignatureException", "Signature expired: 2026", "clock"),
            ("InvalidSignatureException", "does not match", "secret key"),
            ("ItemCollectionSizeLimitExceededException", "", "local secondary index"),
        ] {
            let error = said(400, code, message, true).to_string();
            assert!(error.contains(hint) && error.contains(code), "{error}");
        }
    }

    #[test]
    fn one_that_was_held_up_was_not_sent() {
        use aws_smithy_runtime_api::client::result::ConnectorError;
        let late = ConnectorError::other(Box::new(Late), None);
        let error: SdkError<PutItemError, HttpResponse> = SdkError::dispatch_failure(late);
        let error = failure(Op::Put, true, "dynamodb:PutItem", error).error;
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Unavailable, true));
    }
}
