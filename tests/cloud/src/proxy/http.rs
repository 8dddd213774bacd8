//! HTTP/1.1 (RFC 9112), as SDKs speak it.

use std::io;

use tokio::io::AsyncRead;

use super::guarded::guarded;
use super::harm::Harm;
use super::reader::{Reader, cut};
use super::speech::{Answer, Request, Speech};
use crate::s3;

/// A head: its first line, and its headers by lower-case names.
pub(super) struct Head {
    pub(super) first: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) len: usize,
}

impl Head {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str, word: &str) -> bool {
        self.header(name).is_some_and(|value| value.to_ascii_lowercase().contains(word))
    }
}

async fn head<R: AsyncRead + Unpin>(from: &mut Reader<R>) -> io::Result<Option<Head>> {
    if !from.fill(1).await? {
        return Ok(None);
    }
    let len = from.end_of(b"\r\n\r\n", 0).await?.ok_or_else(cut)?;
    let text = String::from_utf8_lossy(&from.held()[..len - 4]).into_owned();
    let mut lines = text.split("\r\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Ok(Some(Head { first, headers, len }))
}

/// Where a body that begins at `from` ends.
async fn body<R: AsyncRead + Unpin>(
    reader: &mut Reader<R>,
    head: &Head,
    from: usize,
) -> io::Result<Option<usize>> {
    if head.has("transfer-encoding", "chunked") {
        let mut at = from;
        loop {
            let end = reader.end_of(b"\r\n", at).await?.ok_or_else(cut)?;
            let size = String::from_utf8_lossy(&reader.held()[at..end - 2]).into_owned();
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16);
            let size = size.map_err(|_| io::Error::other("a chunk has no size"))?;
            if size == 0 {
                // Trailers, and the empty line behind them.
                let mut at = end;
                loop {
                    let end = reader.end_of(b"\r\n", at).await?.ok_or_else(cut)?;
                    if end == at + 2 {
                        return Ok(Some(end));
                    }
                    at = end;
                }
            }
            at = end + size + 2;
            if !reader.fill(at).await? {
                return Err(cut());
            }
        }
    }
    let Some(length) = head.header("content-length") else { return Ok(None) };
    let length: usize = length.parse().map_err(|_| io::Error::other("a length is no number"))?;
    match reader.fill(from + length).await? {
        true => Ok(Some(from + length)),
        false => Err(cut()),
    }
}

pub(super) async fn request<R: AsyncRead + Unpin>(
    speech: Speech,
    from: &mut Reader<R>,
) -> io::Result<Option<Request>> {
    let Some(head) = head(from).await? else { return Ok(None) };
    let end = body(from, &head, head.len).await?.unwrap_or(head.len);
    let bytes = from.take(end);
    let (operation, writes) = operation(speech, &head);
    let guarded = guarded(speech, &head, &bytes);
    let only_head = head.first.starts_with("HEAD ");
    Ok(Some(Request { speech, bytes, operation, writes, only_head, guarded }))
}

/// The operation's name, and whether it writes.
fn operation(speech: Speech, head: &Head) -> (&'static str, bool) {
    let mut words = head.first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match speech {
        Speech::S3 => {
            let copies = head.header("x-amz-copy-source").is_some();
            let name = s3::operation_of(method, path, copies);
            (name, !matches!(name, "GetObject" | "HeadObject" | "HeadBucket") && !name.starts_with("List"))
        }
        Speech::DynamoDb => {
            let target = head.header("x-amz-target").and_then(|target| target.split('.').nth(1));
            let known = DYNAMODB.into_iter().find(|(name, _)| Some(*name) == target);
            known.unwrap_or(("Other", false))
        }
        Speech::Gcs => match (method, path.contains("/upload/") || path.contains("upload_id=")) {
            ("GET", _) => ("ReadObject", false),
            ("POST", true) if path.contains("uploadType=resumable") => ("StartResumableWrite", true),
            ("POST", true) => ("WriteObject", true),
            ("PUT", _) => ("ResumableWrite", true),
            ("DELETE", _) => ("CancelResumableWrite", true),
            _ => ("Other", false),
        },
        Speech::Resp => ("Other", false),
    }
}

const DYNAMODB: [(&str, bool); 17] = [
    ("GetItem", false),
    ("BatchGetItem", false),
    ("TransactGetItems", false),
    ("Query", false),
    ("Scan", false),
    ("PutItem", true),
    ("UpdateItem", true),
    ("DeleteItem", true),
    ("BatchWriteItem", true),
    ("TransactWriteItems", true),
    ("CreateTable", true),
    ("DeleteTable", true),
    ("DescribeTable", false),
    ("DescribeTimeToLive", false),
    ("UpdateTimeToLive", true),
    ("ListTables", false),
    ("TagResource", true),
];

pub(super) async fn answer<R: AsyncRead + Unpin>(from: &mut Reader<R>, to: &Request) -> io::Result<Answer> {
    loop {
        let head = head(from).await?.ok_or_else(cut)?;
        let status = head.first.split(' ').nth(1).unwrap_or_default();
        if status.starts_with('1') {
            // "Go on", which the request went on without.
            from.take(head.len);
            continue;
        }
        let bodiless = to.only_head || matches!(status, "204" | "304");
        let end = if bodiless { Some(head.len) } else { body(from, &head, head.len).await? };
        let ends = head.has("connection", "close") || (!bodiless && end.is_none());
        let bytes = match end {
            Some(end) => from.take(end),
            None => from.rest().await?,
        };
        let of_whole = |name: &str| {
            name.starts_with("x-amz-checksum-crc")
                || name.starts_with("x-amz-checksum-sha")
                || name == "x-goog-hash"
        };
        // DynamoDB's is that of the answer, and not of a value.
        let sums = |name: &str| (status == "200" && of_whole(name)) || name == "x-amz-crc32";
        let summed = head.headers.iter().any(|(name, _)| sums(name));
        return Ok(Answer { body: head.len, bytes, summed, last: ends });
    }
}

fn response(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let reason = match status {
        301 => "Moved Permanently",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Gateway Timeout",
    };
    format!("HTTP/1.1 {status} {reason}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// An error as S3 says it (Amazon S3 API Reference, "Error responses").
fn xml(status: u16, headers: &str, code: &str, message: &str) -> Vec<u8> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>0</RequestId></Error>"
    );
    response(status, &format!("{headers}Content-Type: application/xml\r\n"), &body)
}

/// An error as DynamoDB says it (Amazon DynamoDB Developer Guide, "Error handling").
fn typed(status: u16, code: &str, message: &str) -> Vec<u8> {
    let body =
        format!("{{\"__type\":\"com.amazonaws.dynamodb.v20120810#{code}\",\"message\":\"{message}\"}}");
    response(status, "Content-Type: application/x-amz-json-1.0\r\n", &body)
}

/// An error as GCS says it (Cloud Storage JSON API, "HTTP status and error codes").
fn json(status: u16, reason: &str, message: &str) -> Vec<u8> {
    let body = format!(
        "{{\"error\":{{\"code\":{status},\"message\":\"{message}\",\"errors\":[{{\"domain\":\"global\",\
         \"reason\":\"{reason}\",\"message\":\"{message}\"}}]}}}}"
    );
    response(status, "Content-Type: application/json; charset=UTF-8\r\n", &body)
}

pub(super) fn refusal(speech: Speech, harm: Harm, dice: u64) -> Option<Vec<u8>> {
    let bare = |dice: u64| response([500, 502, 503, 504][dice as usize % 4], "", "");
    let later = if dice & 4 == 0 { "Retry-After: 1\r\n" } else { "" };
    Some(match (harm, speech) {
        (Harm::BareBefore | Harm::BareAfter, _) => bare(dice),
        (Harm::NotFound, _) => response(404, "", ""),
        (Harm::TooMany, Speech::Gcs) => json(429, "rateLimitExceeded", "The rate of requests is too high"),
        (Harm::TooMany, _) => response(429, later, ""),
        (Harm::Throttled, Speech::S3) => xml(503, later, "SlowDown", "Please reduce your request rate."),
        (Harm::Throttled, Speech::DynamoDb) => match dice % 2 {
            0 => {
                typed(400, "ProvisionedThroughputExceededException", "The level of throughput was exceeded.")
            }
            _ => typed(400, "ThrottlingException", "Rate of requests exceeds the allowed throughput."),
        },
        (Harm::Throttled, Speech::Gcs) => {
            json(429, "userRateLimitExceeded", "The bucket is written too often")
        }
        (Harm::Expired, Speech::S3) => xml(400, "", "ExpiredToken", "The provided token has expired."),
        (Harm::Expired, Speech::DynamoDb) => {
            typed(400, "ExpiredTokenException", "The security token included in the request is expired")
        }
        (Harm::Expired, Speech::Gcs) => json(401, "authError", "Invalid Credentials"),
        (Harm::Redirected, Speech::S3) => {
            let region = "x-amz-bucket-region: eu-central-1\r\n";
            xml(301, region, "PermanentRedirect", "The bucket must be addressed by another endpoint.")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_end_where_they_do() {
        let requests: [(&[u8], &str); 4] = [
            (b"PUT /b/k HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc", "PutObject"),
            (b"GET /b/k HTTP/1.1\r\n\r\n", "GetObject"),
            (
                b"PUT /b/k HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n0\r\na: b\r\n\r\n",
                "PutObject",
            ),
            (b"HEAD /b/k HTTP/1.1\r\n\r\n", "HeadObject"),
        ];
        let all: Vec<u8> = requests.iter().flat_map(|(bytes, _)| *bytes).copied().collect();
        let mut reader = Reader::new(&all[..]);
        let mut last = None;
        for (bytes, operation) in requests {
            let got = request(Speech::S3, &mut reader).await.unwrap().unwrap();
            assert_eq!((&got.bytes[..], got.operation), (bytes, operation));
            last = Some(got);
        }
        assert!(request(Speech::S3, &mut reader).await.unwrap().is_none());

        let of_a_head = last.unwrap();
        let mut reader =
            Reader::new(&b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nHTTP/1.1 404 N\r\n\r\n"[..]);
        assert_eq!(answer(&mut reader, &of_a_head).await.unwrap().bytes.len(), 38);
        let of_a_get = Request { only_head: false, ..of_a_head };
        let mut reader = Reader::new(
            &b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nto the end"[..],
        );
        assert!(!answer(&mut reader, &of_a_get).await.unwrap().last);
        let last = answer(&mut reader, &of_a_get).await.unwrap();
        assert!(last.last && last.bytes.ends_with(b"to the end"));
    }
}
