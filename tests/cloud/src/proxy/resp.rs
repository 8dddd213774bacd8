//! RESP, version 2 and 3 (redis.io, "Redis serialization protocol specification").

use std::io;

use tokio::io::AsyncRead;

use super::harm::Harm;
use super::reader::{Reader, cut};
use super::speech::{Answer, Request, Speech};

/// Commands that are told apart when they are counted.
const COMMANDS: [(&str, bool); 22] = [
    ("EVALSHA", true),
    ("EVAL", true),
    ("EVALSHA_RO", false),
    ("EVAL_RO", false),
    ("SCRIPT", false),
    ("GET", false),
    ("MGET", false),
    ("GETRANGE", false),
    ("STRLEN", false),
    ("EXISTS", false),
    ("SET", true),
    ("APPEND", true),
    ("SETRANGE", true),
    ("DEL", true),
    ("UNLINK", true),
    ("PEXPIREAT", true),
    ("ZADD", true),
    ("ZREM", true),
    ("SCAN", false),
    ("PING", false),
    ("HELLO", false),
    ("AUTH", false),
];

/// Where the line that begins at `from` ends, and the number in it.
async fn line<R: AsyncRead + Unpin>(reader: &mut Reader<R>, from: usize) -> io::Result<(usize, i64)> {
    let end = reader.end_of(b"\r\n", from).await?.ok_or_else(cut)?;
    let number = std::str::from_utf8(&reader.held()[from + 1..end - 2]).ok().and_then(|n| n.parse().ok());
    Ok((end, number.unwrap_or(0)))
}

/// Where the value that begins at `from` ends, and how deep it may go.
async fn value<R: AsyncRead + Unpin>(reader: &mut Reader<R>, from: usize) -> io::Result<usize> {
    let mut at = from;
    // Values that are still to come.
    let mut left: i64 = 1;
    while left > 0 {
        if !reader.fill(at + 1).await? {
            return Err(cut());
        }
        let kind = reader.held()[at];
        let (end, number) = line(reader, at).await?;
        at = end;
        left -= 1;
        match kind {
            b'$' | b'=' | b'!' if number >= 0 => {
                at += number as usize + 2;
                if !reader.fill(at).await? {
                    return Err(cut());
                }
            }
            b'*' | b'~' | b'>' => left += number.max(0),
            b'%' => left += 2 * number.max(0),
            // Attributes come before the value that they are those of.
            b'|' => left += 2 * number.max(0) + 1,
            _ => {}
        }
    }
    Ok(at)
}

pub(super) async fn request<R: AsyncRead + Unpin>(from: &mut Reader<R>) -> io::Result<Option<Request>> {
    if !from.fill(1).await? {
        return Ok(None);
    }
    let end = value(from, 0).await?;
    let bytes = from.take(end);
    let (operation, writes) = name(&bytes);
    Ok(Some(Request {
        speech: Speech::Resp,
        bytes,
        operation,
        writes,
        only_head: false,
        guarded: Vec::new(),
    }))
}

/// The first text of an array of texts.
fn name(bytes: &[u8]) -> (&'static str, bool) {
    let text = bytes.split(|b| *b == b'\n').nth(2).unwrap_or_default();
    let text = String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(text)).to_uppercase();
    COMMANDS.into_iter().find(|(name, _)| *name == text).unwrap_or(("Other", false))
}

pub(super) async fn answer<R: AsyncRead + Unpin>(from: &mut Reader<R>) -> io::Result<Answer> {
    let end = value(from, 0).await?;
    let bytes = from.take(end);
    let body = bytes.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
    Ok(Answer { body, bytes, summed: false, last: false })
}

pub(super) fn refusal(harm: Harm, dice: u64) -> Option<Vec<u8>> {
    let said: &[&str] = match harm {
        Harm::Throttled => &[
            "LOADING Redis is loading the dataset in memory",
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "CLUSTERDOWN The cluster is down",
        ],
        Harm::Expired => &["NOAUTH Authentication required."],
        Harm::Redirected => &[
            "READONLY You can't write against a read only replica.",
            "MASTERDOWN Link with MASTER is down and \
               replica-serve-stale-data is set to 'no'.",
        ],
        _ => return None,
    };
    Some(format!("-{}\r\n", said[dice as usize % said.len()]).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_end_where_they_do() {
        let whole: [&[u8]; 8] = [
            b"+OK\r\n",
            b"$-1\r\n",
            b"$5\r\na\r\nbc\r\n",
            b"*2\r\n$1\r\na\r\n*1\r\n:7\r\n",
            b"*-1\r\n",
            b"%1\r\n+a\r\n~2\r\n:1\r\n_\r\n",
            b"|1\r\n+ttl\r\n:3\r\n$1\r\nx\r\n",
            b"*0\r\n",
        ];
        let all = whole.concat();
        let mut reader = Reader::new(&all[..]);
        for one in whole {
            assert_eq!(answer(&mut reader).await.unwrap().bytes, one);
        }
        assert!(answer(&mut reader).await.is_err());
        let mut reader =
            Reader::new(&b"*3\r\n$7\r\nevalsha\r\n$1\r\na\r\n$1\r\n0\r\n*1\r\n$4\r\nPING\r\n"[..]);
        let first = request(&mut reader).await.unwrap().unwrap();
        assert_eq!((first.operation, first.writes), ("EVALSHA", true));
        assert_eq!(request(&mut reader).await.unwrap().unwrap().operation, "PING");
        assert!(request(&mut reader).await.unwrap().is_none());
    }
}
