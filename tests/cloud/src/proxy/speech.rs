//! What the proxy knows of a protocol.

use std::io;
use std::ops::Range;

use tokio::io::AsyncRead;

use super::harm::Harm;
use super::reader::Reader;
use super::{http, resp};

/// Which protocol the server speaks, and whose words it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// S3 over HTTP/1.1.
    S3,
    /// DynamoDB over HTTP/1.1.
    DynamoDb,
    /// The JSON API of GCS over HTTP/1.1.
    Gcs,
    /// Redis, RESP2 and RESP3.
    Resp,
}

/// One request, whole.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) speech: Speech,
    pub(super) bytes: Vec<u8>,
    pub(super) operation: &'static str,
    /// Whether it changes anything, as far as can be told.
    pub(super) writes: bool,
    /// Whether its answer has no body, whatever its head says.
    pub(super) only_head: bool,
    /// Where the bytes are that a checksum goes with.
    pub(super) guarded: Vec<Range<usize>>,
}

/// One answer, whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    pub(super) body: usize,
    /// Whether a checksum of all of its body goes with it.
    pub(super) summed: bool,
    /// Whether the server ends the connection behind it.
    pub(super) last: bool,
}

impl Speech {
    /// The next request of a client; `None` if it ended the connection.
    pub(super) async fn request<R: AsyncRead + Unpin>(
        self,
        from: &mut Reader<R>,
    ) -> io::Result<Option<Request>> {
        match self {
            Speech::Resp => resp::request(from).await,
            _ => http::request(self, from).await,
        }
    }

    /// The server's answer to `request`.
    pub(super) async fn answer<R: AsyncRead + Unpin>(
        self,
        from: &mut Reader<R>,
        request: &Request,
    ) -> io::Result<Answer> {
        match self {
            Speech::Resp => resp::answer(from).await,
            _ => http::answer(from, request).await,
        }
    }
}

impl Request {
    /// Whether this kind of harm can be done to it.
    pub(super) fn can_meet(&self, harm: Harm) -> bool {
        match (self.speech, harm) {
            // What changes nothing has no effect that could be late.
            (_, Harm::Late | Harm::Replayed) => self.writes,
            (_, Harm::DamagedRequest) => !self.guarded.is_empty(),
            (Speech::S3 | Speech::Gcs, Harm::DamagedAnswer) => !self.writes,
            // Nothing but TCP's own sum guards these answers.
            (Speech::Resp, Harm::DamagedAnswer) => false,
            // S3's own answer to a head has no body either.
            (Speech::S3 | Speech::Gcs | Speech::DynamoDb, Harm::NotFound) => !self.only_head,
            (Speech::Resp, Harm::NotFound | Harm::BareBefore | Harm::BareAfter | Harm::TooMany) => false,
            (Speech::DynamoDb | Speech::Gcs, Harm::Redirected) => false,
            (Speech::S3, Harm::Redirected | Harm::Expired) => !self.only_head,
            _ => true,
        }
    }

    /// What the service, or something on the way to it, answers instead. `None` where the protocol has no word for it.
    pub(super) fn refusal(&self, harm: Harm, dice: u64) -> Option<Vec<u8>> {
        match self.speech {
            Speech::Resp => resp::refusal(harm, dice),
            _ => http::refusal(self.speech, harm, dice),
        }
    }
}
