//! What can be asked of an operation. All grow; make them with `new` or `default` and the `with_…` methods.

use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::attributes::Attributes;
use crate::call::Call;
use crate::error::{Error, ErrorKind, Op, Result};
use crate::key::Key;
use crate::range::ByteRange;
use crate::setters;
use crate::system::Space;
use crate::version::Version;
use crate::write_id::WriteId;

/// How fresh an answer must be. On a store that stands alone every one of them asks that store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Consistency {
    /// As the stack's policy says.
    #[default]
    Policy,
    /// Not older than this.
    AtMost(Duration),
    /// From the origin.
    Origin,
    /// From the fronts or not at all.
    FrontsOnly,
}

/// Whether an answer from a lower tier is kept in those above it. A store that stands alone has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Fill {
    /// As the stack's policy says.
    #[default]
    Policy,
    /// Not this time.
    Never,
}

/// Options of a get.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct GetOptions {
    /// Only this part of the value.
    pub range: Option<ByteRange>,
    /// If the value still has this version, say so and send no body ([`Got::Unchanged`](crate::Got::Unchanged)).
    pub unless: Option<Version>,
    /// Only if the value has this version, else [`ErrorKind::Conflict`]. An absent value is absent.
    pub only: Option<Version>,
    /// How fresh it must be.
    pub consistency: Consistency,
    /// Whether it is kept on the way.
    pub fill: Fill,
    /// The context.
    pub call: Call,
}

/// Options of a head.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct HeadOptions {
    /// If the value still has this version, say so.
    pub unless: Option<Version>,
    /// Only if the value has this version, else [`ErrorKind::Conflict`].
    pub only: Option<Version>,
    /// How fresh it must be.
    pub consistency: Consistency,
    /// The context.
    pub call: Call,
}

/// What must hold for a write to be made. An expired value is absent here too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Precondition {
    /// Nothing.
    #[default]
    Any,
    /// The key must be absent.
    Absent,
    /// The key must have this version.
    Matches(Version),
}

/// Options of a put.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PutOptions {
    /// What must hold.
    pub pre: Precondition,
    /// From when on the value is absent.
    pub expires: Option<SystemTime>,
    /// What is kept beside the value.
    pub attributes: Attributes,
    /// The id of the logical write, for a caller that retries by itself; drawn at random else. Another write with
    /// the same id is taken for the same write.
    pub write_id: Option<WriteId>,
    /// How many bytes a stream will bring. A value above the store's limit is refused by it before any I/O, and a
    /// stream that brings another number of bytes is refused at its end.
    pub size_hint: Option<u64>,
    /// The context.
    pub call: Call,
}

/// Options of a delete.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DeleteOptions {
    /// Only if the value has this version, else [`ErrorKind::Conflict`] (also when the key is absent).
    pub only: Option<Version>,
    /// Find out whether there was a value, where that costs another request.
    pub tell: bool,
    /// The context.
    pub call: Call,
}

/// Options of a listing.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ListOptions {
    /// Only keys that start with this; empty for all.
    pub prefix: String,
    /// Only items whose name (a key, or a common prefix) comes after this one.
    pub start_after: Option<String>,
    /// Report keys that go on past this text, looked for behind the prefix, once by their common prefix.
    pub delimiter: Option<String>,
    /// At most so many items.
    pub limit: Option<usize>,
    /// The context. Its deadline holds for the whole listing.
    pub call: Call,
    pub(crate) space: Space,
}

/// Options of a copy within a store.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CopyOptions {
    /// What must hold for the target.
    pub pre: Precondition,
    /// Only if the source has this version, else [`ErrorKind::Conflict`].
    pub only: Option<Version>,
    /// The id of the logical write.
    pub write_id: Option<WriteId>,
    /// The context.
    pub call: Call,
}

/// Options of a sweep.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SweepOptions {
    /// Only what is older than this (default one hour): what is younger may belong to a writer that lives.
    pub older_than: Duration,
    /// Count, and remove nothing.
    pub dry_run: bool,
    /// The context.
    pub call: Call,
}

impl Default for SweepOptions {
    fn default() -> SweepOptions {
        SweepOptions { older_than: Duration::from_secs(3600), dry_run: false, call: Call::default() }
    }
}

/// One put among many.
#[derive(Debug, Clone)]
pub struct PutItem {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Bytes,
    /// Its options. Its call is not looked at: the call of the batch holds for all.
    pub options: PutOptions,
}

/// One delete among many.
#[derive(Debug, Clone)]
pub struct DeleteItem {
    /// The key.
    pub key: Key,
    /// Only if the value has this version.
    pub only: Option<Version>,
}

/// One step of a transaction.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Step {
    /// The precondition must hold; nothing is written.
    Check {
        /// The key.
        key: Key,
        /// What must hold.
        pre: Precondition,
    },
    /// A put.
    Put(PutItem),
    /// A delete.
    Delete(DeleteItem),
}

impl Step {
    /// The key that the step is about.
    pub fn key(&self) -> &Key {
        match self {
            Step::Check { key, .. } => key,
            Step::Put(item) => &item.key,
            Step::Delete(item) => &item.key,
        }
    }
}

setters!(GetOptions {
    /// Only this part of the value.
    with_range: range = impl Into<ByteRange> => Some(range.into()),
    /// No body if the value still has this version.
    with_unless: unless = Version => Some(unless),
    /// Only if the value has this version.
    with_only: only = Version => Some(only),
    /// How fresh it must be.
    with_consistency: consistency = Consistency => consistency,
    /// Whether it is kept on the way.
    with_fill: fill = Fill => fill,
    /// The context.
    with_call: call = Call => call,
});

setters!(HeadOptions {
    /// Say so if the value still has this version.
    with_unless: unless = Version => Some(unless),
    /// Only if the value has this version.
    with_only: only = Version => Some(only),
    /// How fresh it must be.
    with_consistency: consistency = Consistency => consistency,
    /// The context.
    with_call: call = Call => call,
});

setters!(PutOptions {
    /// What must hold.
    with_pre: pre = Precondition => pre,
    /// From when on the value is absent.
    with_expires: expires = SystemTime => Some(expires),
    /// What is kept beside the value.
    with_attributes: attributes = Attributes => attributes,
    /// The id of the logical write.
    with_write_id: write_id = WriteId => Some(write_id),
    /// How many bytes a stream will bring.
    with_size_hint: size_hint = u64 => Some(size_hint),
    /// The context.
    with_call: call = Call => call,
});

setters!(DeleteOptions {
    /// Only if the value has this version.
    with_only: only = Version => Some(only),
    /// Find out whether there was a value.
    with_tell: tell = bool => tell,
    /// The context.
    with_call: call = Call => call,
});

setters!(ListOptions {
    /// Only keys that start with this.
    with_prefix: prefix = impl Into<String> => prefix.into(),
    /// Only items whose name comes after this one.
    with_start_after: start_after = impl Into<String> => Some(start_after.into()),
    /// Report keys that go on past this text by their common prefix.
    with_delimiter: delimiter = impl Into<String> => Some(delimiter.into()),
    /// At most so many items.
    with_limit: limit = usize => Some(limit),
    /// The context.
    with_call: call = Call => call,
});

setters!(CopyOptions {
    /// What must hold for the target.
    with_pre: pre = Precondition => pre,
    /// Only if the source has this version.
    with_only: only = Version => Some(only),
    /// The id of the logical write.
    with_write_id: write_id = WriteId => Some(write_id),
    /// The context.
    with_call: call = Call => call,
});

setters!(SweepOptions {
    /// Only what is older than this.
    with_older_than: older_than = Duration => older_than,
    /// Count, and remove nothing.
    with_dry_run: dry_run = bool => dry_run,
    /// The context.
    with_call: call = Call => call,
});

impl GetOptions {
    /// What `unless` and `only` say about a value of version `current`: `Ok(true)` to send it, `Ok(false)` if it is
    /// unchanged.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if it is not the only version wanted.
    pub fn admits(&self, current: &Version) -> Result<bool> {
        admits(Op::Get, self.only.as_ref(), self.unless.as_ref(), current)
    }
}

impl HeadOptions {
    /// See [`GetOptions::admits`].
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if it is not the only version wanted.
    pub fn admits(&self, current: &Version) -> Result<bool> {
        admits(Op::Head, self.only.as_ref(), self.unless.as_ref(), current)
    }
}

impl ListOptions {
    /// The key space to list: what a store looks at. Callers list their own.
    pub fn space(&self) -> Space {
        self.space
    }
}

fn admits(op: Op, only: Option<&Version>, unless: Option<&Version>, current: &Version) -> Result<bool> {
    if only.is_some_and(|only| only != current) {
        return Err(Error::new(
            ErrorKind::Conflict,
            op,
            "the value has another version than the only one wanted",
        )
        .with_current(Some(current.clone())));
    }
    Ok(unless != Some(current))
}

impl Precondition {
    /// Checks it against what is there (an expired value is not). On success: the predecessors that the new value
    /// keeps.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if it does not hold.
    pub fn check(&self, op: Op, current: Option<&Version>) -> Result<Vec<WriteId>> {
        match (self, current) {
            (Precondition::Any, _) | (Precondition::Absent, None) => Ok(Vec::new()),
            (Precondition::Matches(wanted), Some(current)) if wanted == current => {
                Ok(current.chain().collect())
            }
            (Precondition::Absent, Some(_)) => Err(conflict(op, "the key is not absent", current)),
            (Precondition::Matches(_), Some(_)) => {
                Err(conflict(op, "the value has another version", current))
            }
            (Precondition::Matches(_), None) => Err(conflict(op, "the key is absent", current)),
        }
    }
}

/// A conditional delete's check.
///
/// # Errors
/// [`ErrorKind::Conflict`] if `only` names another version than `current`, or the key is absent.
pub fn check_only(op: Op, only: Option<&Version>, current: Option<&Version>) -> Result<()> {
    match only {
        None => Ok(()),
        Some(only) => Precondition::Matches(only.clone()).check(op, current).map(drop),
    }
}

fn conflict(op: Op, why: &str, current: Option<&Version>) -> Error {
    Error::new(ErrorKind::Conflict, op, why).with_current(current.cloned())
}
