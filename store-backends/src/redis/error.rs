//! What an answer of the server, or none, means.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use ::redis::{RedisError, ServerError, ServerErrorKind};
use larder_store_core::{Error, ErrorKind, Op};

use super::config::Node;

/// The rights that a store needs, as an ACL says them.
pub(super) const RIGHTS: &str = "the store needs ~{larder:NAMESPACE:* and +eval +evalsha +get +set +getrange +strlen \
     +exists +del +unlink +persist +pexpire +zadd +zrem +zrangebylex +zrangebyscore +time +select, in a cluster \
     +cluster|slots +asking; destroying it also +scan, and probing it +info +config|get";

/// The server is not there. Nothing was sent.
pub(super) fn unreachable(op: Op, node: &Node, error: &io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, op, format!("the server {node} cannot be reached: {error}"))
        .hint("does it run, are host and port right, and is there a way to it?")
}

/// The server did not answer when it was called. Nothing was sent.
pub(super) fn no_connection(op: Op, node: &Node, limit: Duration) -> Error {
    Error::new(ErrorKind::Unavailable, op, format!("the server {node} did not answer within {limit:?}"))
        .hint("does it run, is it overloaded, is there a way to it? rediss: wants a port with TLS")
}

/// A host that no certificate can name.
pub(super) fn no_name(op: Op, node: &Node) -> Error {
    Error::new(ErrorKind::Invalid, op, format!("{node} has no name that a certificate could prove"))
}

/// The connection could not be encrypted. Nothing was sent.
pub(super) fn untrusted(op: Op, node: &Node, error: &io::Error) -> Error {
    let tls = find::<rustls::Error>(error);
    let hint = match tls {
        Some(rustls::Error::InvalidCertificate(_)) => {
            "give the authority that signed the server's certificate by ca_file=…; the certificate must name the host"
        }
        Some(rustls::Error::InvalidMessage(_)) => "is this the server's port for TLS?",
        Some(_) => "does the server speak TLS here, and does it want cert_file and key_file?",
        None => return unreachable(op, node, error),
    };
    let why = format!("no encrypted connection to {node}: {error}");
    Error::new(ErrorKind::Invalid, op, why).hint(hint)
}

/// The server does not let in who comes. Nothing was sent but that.
pub(super) fn not_let_in(op: Op, node: &Node, said: &ServerError) -> Error {
    let text = said.details().unwrap_or("it is not said why");
    let no_password = said.code() == "ERR" && text.contains("without any password configured");
    if !no_password && !matches!(said.code(), "WRONGPASS" | "NOAUTH") {
        return answered(op, said);
    }
    Error::new(
        ErrorKind::Denied,
        op,
        format!("{node} does not let the user in: {}", text.trim_end_matches('.')),
    )
    .hint("are user and password right? redis://USER:PASSWORD@HOST, or both as parameters")
}

/// What answers is no server that a connection can be made with. Nothing was sent.
pub(super) fn refused(op: Op, node: &Node, tls: bool, error: &RedisError) -> Error {
    let said = root(error);
    // The crate's error hides what rustls said from everything but the eye.
    if tls && said.contains("fatal alert") {
        let why = format!("{node} ends the encrypted connection: {said}");
        return Error::new(ErrorKind::Denied, op, why).hint("does it want cert_file and key_file?");
    }
    let error = Error::new(
        ErrorKind::Unavailable,
        op,
        format!("{node} does not speak as Redis does, or hung up: {said}"),
    );
    if tls { error } else { error.hint("if this is its port for TLS, use rediss:") }
}

/// The connection broke before the answer came.
pub(super) fn lost(op: Op, writes: bool, error: &RedisError) -> Error {
    let kind = if writes { ErrorKind::Unknown } else { ErrorKind::Unavailable };
    let why = format!("the connection broke before the answer came: {}", root(error));
    Error::new(kind, op, why).with_settled(!writes)
}

/// Nobody answered in time.
pub(super) fn silent(op: Op, writes: bool, limit: Duration) -> Error {
    let kind = if writes { ErrorKind::Unknown } else { ErrorKind::Unavailable };
    Error::new(kind, op, format!("the server gave no answer within {limit:?}")).with_settled(!writes)
}

/// An answer that makes no sense. It was an answer: whether a write was made cannot be told from it.
pub(super) fn strange(op: Op, writes: bool, what: &str) -> Error {
    let kind = if writes { ErrorKind::Unknown } else { ErrorKind::Unavailable };
    Error::new(kind, op, format!("the server's answer is not what was asked for: {what}"))
}

/// Codes that Redis puts before what it says, and that older versions put inside what a script raised.
const CODES: [&str; 13] = [
    "OOM",
    "MISCONF",
    "NOREPLICAS",
    "READONLY",
    "WRONGTYPE",
    "NOPERM",
    "NOAUTH",
    "WRONGPASS",
    "BUSY",
    "LOADING",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
];

/// The code of an error, wherever it stands.
fn code(said: &ServerError) -> &str {
    let code = said.code();
    if code != "ERR" {
        return code;
    }
    let words = said.details().unwrap_or_default().split(|c: char| !c.is_ascii_uppercase());
    words.into_iter().find_map(|word| CODES.into_iter().find(|code| *code == word)).unwrap_or(code)
}

/// What the server said. Its scripts ask for rights and room before they change anything, so that nothing was done.
pub(super) fn answered(op: Op, said: &ServerError) -> Error {
    let text = said.details().unwrap_or_default();
    let plain =
        |kind| Error::new(kind, op, format!("Redis says {}: {}", said.code(), text.trim_end_matches('.')));
    match (said.kind(), code(said)) {
        (_, "NOAUTH" | "WRONGPASS") => plain(ErrorKind::Denied).hint("give user and password"),
        (_, "NOPERM") => plain(ErrorKind::Denied).hint(RIGHTS),
        (_, "ERR") if is_about_rights(text) => plain(ErrorKind::Denied).hint(RIGHTS),
        (_, "DENIED") => plain(ErrorKind::Denied)
            .hint("the server runs in protected mode: set a password or an ACL there, and give it here"),
        (_, "OOM") => {
            plain(ErrorKind::Full).hint("the server is at its maxmemory: delete values, or raise it")
        }
        (_, "WRONGTYPE") => plain(ErrorKind::Corrupt)
            .hint("somebody else put something of another type under this store's name: remove it by hand"),
        (_, "BUSY") => plain(ErrorKind::Throttled),
        (_, "ERR") if text.starts_with("max number of clients") => plain(ErrorKind::Throttled),
        (_, "MISCONF") => plain(ErrorKind::Unavailable)
            .hint("the server takes no writes as it cannot save: its log says why, a full disk most often"),
        (_, "NOREPLICAS") => plain(ErrorKind::Unavailable)
            .hint("the server takes no writes while too few replicas follow it (min-replicas-to-write)"),
        (
            _,
            "LOADING" | "READONLY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "NOTBUSY" | "UNKILLABLE",
        ) => plain(ErrorKind::Unavailable),
        (Some(ServerErrorKind::Moved | ServerErrorKind::Ask), _) => {
            plain(ErrorKind::Invalid).hint("the server is a node of a cluster: give cluster=true")
        }
        (Some(ServerErrorKind::NoScript), _) => {
            plain(ErrorKind::Unavailable).hint("the server forgets scripts while they are sent to it")
        }
        (_, "ERR") if text.contains("cluster support disabled") => {
            plain(ErrorKind::Invalid).hint("leave cluster=true out")
        }
        (_, "ERR") if text.contains("SCRIPT KILL") => plain(ErrorKind::Unavailable),
        (_, "ERR") if text.contains("DB index") => {
            plain(ErrorKind::Invalid).hint("the server has fewer databases than that")
        }
        (_, "ERR") if text.contains("unknown command") => plain(ErrorKind::Unsupported)
            .hint("Redis 6.2 or later is needed, with EVAL, EVALSHA and sorted sets"),
        _ => plain(ErrorKind::Invalid),
    }
}

/// Whether a script was refused something by an ACL.
pub(super) fn is_about_rights(text: &str) -> bool {
    text.contains("The user executing the script can't") || text.contains("NOPERM")
}

fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // What an I/O error wraps is not its source, but stands in its place.
        let inner = error.downcast_ref::<io::Error>().and_then(|e| e.get_ref());
        if let Some(found) = inner.and_then(|inner| (inner as &(dyn StdError + 'static)).downcast_ref()) {
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

#[cfg(test)]
mod tests {
    use ::redis::{Value, parse_redis_value};

    use super::*;

    fn said(line: &str) -> Error {
        let Value::ServerError(said) = parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap() else {
            panic!("{line} is no error")
        };
        answered(Op::Put, &said)
    }

    #[test]
    fn what_the_server_says_is_what_to_do() {
        use ErrorKind::{Corrupt, Denied, Full, Invalid, Throttled, Unavailable, Unsupported};
        for (line, kind) in [
            ("OOM command not allowed when used memory > 'maxmemory'.", Full),
            ("ERR Error running script (call to f_1): @user_script:1: -OOM command not allowed", Full),
            ("NOPERM User anna has no permissions to run the 'evalsha' command", Denied),
            ("NOAUTH Authentication required.", Denied),
            ("ERR The user executing the script can't run this command or subcommand script: 1", Denied),
            ("WRONGPASS invalid username-password pair or user is disabled.", Denied),
            ("DENIED Redis is running in protected mode", Denied),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", Corrupt),
            ("BUSY Redis is busy running a script.", Throttled),
            ("ERR max number of clients reached", Throttled),
            ("LOADING Redis is loading the dataset in memory", Unavailable),
            ("READONLY You can't write against a read only replica.", Unavailable),
            ("MASTERDOWN Link with MASTER is down", Unavailable),
            ("CLUSTERDOWN The cluster is down", Unavailable),
            ("TRYAGAIN Multiple keys request during rehashing of slot", Unavailable),
            ("MISCONF Redis is configured to save RDB snapshots", Unavailable),
            ("NOREPLICAS Not enough good replicas to write.", Unavailable),
            ("MOVED 1 127.0.0.1:1", Invalid),
            ("NOSCRIPT No matching script.", Unavailable),
            ("ERR This instance has cluster support disabled", Invalid),
            ("ERR DB index is out of range", Invalid),
            ("ERR unknown command 'EVALSHA'", Unsupported),
            ("ERR something else", Invalid),
        ] {
            let error = said(line);
            assert_eq!(error.kind(), kind, "{error}");
            // Each is an answer: nothing was done.
            assert!(error.settled(), "{error}");
        }
        assert!(said("NOPERM x").to_string().contains("+evalsha"));
        assert!(said("MOVED 1 127.0.0.1:1").to_string().contains("cluster=true"));
    }

    #[test]
    fn what_was_sent_and_not_answered_is_unknown() {
        let broken = RedisError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        let error = lost(Op::Put, true, &broken);
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Unknown, false));
        let error = lost(Op::Get, false, &broken);
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Unavailable, true));
        let error = silent(Op::Delete, true, Duration::from_secs(1));
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Unknown, false));
    }

    #[test]
    fn what_was_never_sent_is_settled() {
        let node = Node::parse("host:1").unwrap();
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        for error in [
            unreachable(Op::Put, &node, &refused),
            no_connection(Op::Put, &node, Duration::from_secs(3)),
            super::refused(Op::Put, &node, false, &RedisError::from(refused)),
        ] {
            assert_eq!((error.kind(), error.settled()), (ErrorKind::Unavailable, true), "{error}");
        }
        let tls =
            io::Error::other(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer));
        let error = untrusted(Op::Put, &node, &tls);
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("ca_file"), "{error}");
    }
}
