//! One error for every store: its kind says what to do.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::key::Key;
use crate::store_id::StoreId;
use crate::version::Version;

/// The result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller should do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A precondition did not hold: read again, then decide. Nothing was changed.
    Conflict,
    /// The write may have happened, now or later: read before anything depends on it.
    Unknown,
    /// The service asks for fewer requests: try again later.
    Throttled,
    /// The store cannot be reached now: try again later.
    Unavailable,
    /// The deadline passed before there was an answer. A write was surely not made: otherwise it is
    /// [`ErrorKind::Unknown`].
    Timeout,
    /// The caller cancelled. A write was surely not made: otherwise it is [`ErrorKind::Unknown`].
    Cancelled,
    /// The call itself is wrong: mend the key, option, URL or value.
    Invalid,
    /// This store does not guarantee what was asked: see [`Guarantees`](crate::Guarantees).
    Unsupported,
    /// Permission is missing.
    Denied,
    /// What is stored is damaged, or is not what Larder wrote.
    Corrupt,
    /// There is no room for the value.
    Full,
    /// The store was closed.
    Closed,
}

impl ErrorKind {
    /// Whether the same call may succeed later, unchanged.
    pub fn is_retryable(self) -> bool {
        matches!(self, ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Timeout)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorKind::Conflict => "conflict",
            ErrorKind::Unknown => "unknown outcome",
            ErrorKind::Throttled => "throttled",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Invalid => "invalid",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::Denied => "denied",
            ErrorKind::Corrupt => "corrupt",
            ErrorKind::Full => "full",
            ErrorKind::Closed => "closed",
        })
    }
}

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The operation that an error or a fault belongs to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Op { $($(#[$doc])* $name,)* }

        impl Op {
            /// Every operation, in the order of their declaration.
            pub const ALL: &'static [Op] = &[$(Op::$name,)*];

            /// Its name, as in messages and metrics.
            pub fn name(self) -> &'static str {
                match self { $(Op::$name => $text,)* }
            }
        }
    };
}

ops! {
    /// Reading a value whole or by range.
    Get = "get",
    /// Reading a value as a stream.
    GetStream = "get_stream",
    /// Reading what is known about a value.
    Head = "head",
    /// Writing a value.
    Put = "put",
    /// Writing a value from a stream.
    PutStream = "put_stream",
    /// Removing a value.
    Delete = "delete",
    /// Reading many values.
    GetMany = "get_many",
    /// Writing many values.
    PutMany = "put_many",
    /// Removing many values.
    DeleteMany = "delete_many",
    /// Copying a value within a store.
    Copy = "copy",
    /// Writing several values at once or not at all.
    Transact = "transact",
    /// Listing keys.
    List = "list",
    /// Reading, changing and writing a value.
    Update = "update",
    /// Removing what killed writers left.
    Sweep = "sweep",
    /// Making accepted writes durable.
    Flush = "flush",
    /// Waiting for background work.
    Drain = "drain",
    /// Closing a store.
    Close = "close",
    /// Opening a store.
    Open = "open",
    /// Asking whether a store exists.
    Exists = "exists",
    /// Removing a store.
    Destroy = "destroy",
    /// Writing a dump.
    Export = "export",
    /// Reading a dump.
    Import = "import",
    /// Comparing two stores or dumps.
    Verify = "verify",
    /// Writing vectors into a collection.
    Upsert = "upsert",
    /// Looking for the nearest vectors.
    Search = "search",
    /// Sealing, rewriting and moving segments of a collection.
    Maintain = "maintain",
    /// Making a key.
    Key = "key",
    /// Reading a URL, a configuration or another text.
    Parse = "parse",
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What failed, on which key and store, why, and what to do. Cheap to clone, so that it can be shared.
///
/// No error holds a secret: stores are named by their [`StoreId`], which has none.
///
/// ```
/// use larder_store_core::{ErrorKind, Key};
/// let error = Key::new("").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Invalid);
/// assert_eq!(error.to_string(), "key: invalid: a key cannot be empty");
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    op: Op,
    why: Arc<str>,
    hint: Option<Cow<'static, str>>,
    store: Option<StoreId>,
    key: Option<Key>,
    settled: bool,
    retry_after: Option<Duration>,
    current: Option<Version>,
    size: Option<u64>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` in `op`. `why` is a clause without a full stop that names the cause, not the operation.
    ///
    /// It starts out settled, except for [`ErrorKind::Unknown`].
    pub fn new(kind: ErrorKind, op: Op, why: impl Into<Arc<str>>) -> Error {
        Error(Arc::new(Inner {
            kind,
            op,
            why: why.into(),
            hint: None,
            store: None,
            key: None,
            settled: kind != ErrorKind::Unknown,
            retry_after: None,
            current: None,
            size: None,
            source: None,
        }))
    }

    /// A range that covers no byte of a value of `size` bytes.
    pub fn range_not_satisfiable(op: Op, size: u64) -> Error {
        let mut error = Error::new(
            ErrorKind::Invalid,
            op,
            format!("the range starts at or past the end of the value, which has {size} bytes"),
        );
        error.edit().size = Some(size);
        error
    }

    /// Something that the store's guarantees do not hold. `what` is a noun: "transactions", "keys above 510 bytes".
    pub fn unsupported(op: Op, what: impl fmt::Display) -> Error {
        Error::new(ErrorKind::Unsupported, op, format!("this store does not offer {what}"))
    }

    fn edit(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }

    /// Names the store.
    pub fn at(mut self, store: &StoreId) -> Error {
        self.edit().store.get_or_insert_with(|| store.clone());
        self
    }

    /// Names the store anew: what a store that stands for another one needs.
    pub fn at_instead(mut self, store: &StoreId) -> Error {
        self.edit().store = Some(store.clone());
        self
    }

    /// Names the key.
    pub fn on(mut self, key: &Key) -> Error {
        self.edit().key.get_or_insert_with(|| key.clone());
        self
    }

    /// Names the key anew: what a layer that renames keys needs.
    pub fn on_instead(mut self, key: &Key) -> Error {
        self.edit().key = Some(key.clone());
        self
    }

    /// Says what to do about it, in a sentence without a full stop.
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Error {
        self.edit().hint = Some(hint.into());
        self
    }

    /// Keeps the cause.
    pub fn caused_by(mut self, source: impl StdError + Send + Sync + 'static) -> Error {
        self.edit().source = Some(Arc::new(source));
        self
    }

    /// Gives it another operation, for one that is built on others.
    pub fn during(mut self, op: Op) -> Error {
        self.edit().op = op;
        self
    }

    /// Says whether every attempt that was sent got an answer. See [`Error::settled`].
    pub fn with_settled(mut self, settled: bool) -> Error {
        self.edit().settled = settled;
        self
    }

    /// Says after how long another try makes sense.
    pub fn with_retry_after(mut self, after: Duration) -> Error {
        self.edit().retry_after = Some(after);
        self
    }

    /// Keeps the version that stood in the way of a conditional write.
    pub fn with_current(mut self, current: Option<Version>) -> Error {
        self.edit().current = current;
        self
    }

    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Why it failed, in a clause.
    pub fn why(&self) -> &str {
        &self.0.why
    }

    /// What to do about it, where that is known.
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The operation that failed.
    pub fn op(&self) -> Op {
        self.0.op
    }

    /// The store, where one is involved.
    pub fn store(&self) -> Option<&StoreId> {
        self.0.store.as_ref()
    }

    /// The key, where one is involved.
    pub fn key(&self) -> Option<&Key> {
        self.0.key.as_ref()
    }

    /// Whether every attempt that was sent to the store got an answer. If not, a write may still land.
    pub fn settled(&self) -> bool {
        self.0.settled
    }

    /// After how long another try makes sense, where the service said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// For a [`ErrorKind::Conflict`]: the version in the way, where it is known without another request.
    pub fn current(&self) -> Option<&Version> {
        self.0.current.as_ref()
    }

    /// For a range that covers no byte of the value: the value's size (HTTP's 416 and its `Content-Range`).
    pub fn unsatisfied_range(&self) -> Option<u64> {
        self.0.size
    }

    /// Whether it is of `kind`.
    pub fn is(&self, kind: ErrorKind) -> bool {
        self.0.kind == kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = &*self.0;
        write!(f, "{}", e.op)?;
        if let Some(key) = &e.key {
            write!(f, " {key:?}")?;
        }
        if let Some(store) = &e.store {
            write!(f, " on {store}")?;
        }
        write!(f, ": {}: {}", e.kind, e.why)?;
        if let Some(hint) = &e.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        if !self.0.settled {
            f.write_str(" [an attempt got no answer]")?;
        }
        match &self.0.source {
            Some(source) => write!(f, " [cause: {source}]"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|s| &**s as &(dyn StdError + 'static))
    }
}
