//! What a store promises, as values.

use std::fmt;

use bytes::Bytes;

use crate::attributes::{Attributes, MAX_ATTRIBUTES};
use crate::error::{Error, ErrorKind, Op, Result};
use crate::key::Key;
use crate::options::{GetOptions, Precondition, PutOptions, Step};
use crate::outcome::Durability;

/// Among whom a conditional write is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CasScope {
    /// Nobody: conditional writes are refused.
    None,
    /// The handles of one process.
    Process,
    /// The processes of one host.
    Host,
    /// Everybody, until a replica that lags takes over.
    GlobalUntilFailover,
    /// Everybody.
    Global,
}

/// What makes a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Versions {
    /// The content: identical bytes may share one.
    PerContent,
    /// The write: no two share one.
    PerWrite,
}

/// Who can write the same data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sharing {
    /// The handles of one process.
    Process,
    /// The processes of one host.
    Host,
    /// Other hosts.
    Global,
}

/// Whether a range is checked against what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ranges {
    /// There are none: they are refused.
    None,
    /// The bytes come as the service sends them.
    Unverified,
    /// Damage inside the range is found.
    Verified,
}

/// How a listing is ordered, and what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Listing {
    /// By the bytes of the keys; else in no order.
    pub ordered: bool,
    /// Keys that one request brings; `None` where listing needs no request.
    pub page: Option<usize>,
    /// Whether an expired value may still be named.
    pub names_expired: bool,
    /// What its times are.
    pub times: ListedTimes,
}

/// What the times in a listing are ([`Meta::modified`](crate::Meta::modified)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListedTimes {
    /// Those that a get tells.
    OfWriters,
    /// Those at which the service stored, in its own clock and perhaps in whole seconds. A get tells the writer's.
    OfService,
}

/// Sizes of native batches; `None` where many are carried out one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Batches {
    /// Of gets.
    pub get: Option<usize>,
    /// Of puts.
    pub put: Option<usize>,
    /// Of deletes.
    pub delete: Option<usize>,
}

/// How large a transaction may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transactions {
    /// Steps.
    pub max_steps: usize,
    /// Bytes of all values together.
    pub max_bytes: u64,
}

/// Whether values stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retention {
    /// Until they are deleted or expire.
    Keeps,
    /// Until the store needs the room: a cache, never the last tier.
    MayEvict,
}

/// What a store promises. What is not promised is refused by name before any I/O, never ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guarantees {
    /// Among whom a conditional put or delete is decided.
    pub cas: CasScope,
    /// Whether a delete can be conditional.
    pub conditional_delete: bool,
    /// What makes a version.
    pub versions: Versions,
    /// How long a value lasts when its put returns.
    pub durability: Durability,
    /// How a listing is ordered, and what it costs.
    pub listing: Listing,
    /// The longest key, in bytes, a prefix and escapes taken off.
    pub max_key: usize,
    /// The largest value, in bytes.
    pub max_value: u64,
    /// The most attributes, in encoded bytes.
    pub max_attributes: usize,
    /// Native batches.
    pub batches: Batches,
    /// Transactions; `None` where they are refused.
    pub transactions: Option<Transactions>,
    /// Whether values can expire; if so, exactly on read.
    pub expiry: bool,
    /// Ranges.
    pub ranges: Ranges,
    /// Who can write the same data.
    pub sharing: Sharing,
    /// Whether a write that got no answer can take effect later.
    pub late_landing: bool,
    /// Whether values stay.
    pub retention: Retention,
}

impl Guarantees {
    /// The guarantees of a store in this process: a place to start from. Everything is at its strongest there but
    /// durability, sharing and the scope of compare-and-swap, which are the process's.
    pub fn in_process() -> Guarantees {
        Guarantees {
            cas: CasScope::Process,
            conditional_delete: true,
            versions: Versions::PerWrite,
            durability: Durability::Process,
            listing: Listing {
                ordered: true,
                page: None,
                names_expired: false,
                times: ListedTimes::OfWriters,
            },
            max_key: Key::MAX_LEN,
            max_value: u64::MAX,
            max_attributes: MAX_ATTRIBUTES,
            batches: Batches::default(),
            transactions: None,
            expiry: true,
            ranges: Ranges::Verified,
            sharing: Sharing::Process,
            late_landing: false,
            retention: Retention::Keeps,
        }
    }

    /// Refuses a key that is too long for this store. The space of system keys is counted alike.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`].
    pub fn check_key(&self, op: Op, key: &Key) -> Result<()> {
        if key.len() <= self.max_key {
            return Ok(());
        }
        let why =
            format!("a key of {} bytes is longer than the {} that this store takes", key.len(), self.max_key);
        Err(Error::new(ErrorKind::Unsupported, op, why)
            .on(key)
            .hint(format!("keys up to {} bytes fit every store", Key::PORTABLE_LEN)))
    }

    /// Refuses a value that is too large for this store.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`].
    pub fn check_size(&self, op: Op, size: u64) -> Result<()> {
        if size <= self.max_value {
            return Ok(());
        }
        let why =
            format!("a value of {size} bytes is larger than the {} that this store takes", self.max_value);
        Err(Error::new(ErrorKind::Unsupported, op, why))
    }

    /// Refuses a get that asks for what is not guaranteed, or is wrong in itself.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] or [`ErrorKind::Invalid`].
    pub fn check_get(&self, op: Op, key: &Key, options: &GetOptions) -> Result<()> {
        self.check_key(op, key)?;
        if let Some(range) = options.range {
            range.check().map_err(|e| e.during(op).on(key))?;
            if self.ranges == Ranges::None {
                return Err(Error::unsupported(op, "ranges").on(key));
            }
        }
        Ok(())
    }

    /// Refuses a put that asks for what is not guaranteed, or is wrong in itself; gives its attributes encoded.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] or [`ErrorKind::Invalid`].
    pub fn check_put(&self, op: Op, key: &Key, options: &PutOptions, size: Option<u64>) -> Result<Vec<u8>> {
        self.check_key(op, key)?;
        if let Some(size) = size {
            self.check_size(op, size).map_err(|e| e.on(key))?;
        }
        if let (Some(hint), Some(size)) = (options.size_hint, size)
            && hint != size
        {
            let why = format!("the size hint says {hint} bytes and the value has {size}");
            return Err(Error::new(ErrorKind::Invalid, op, why).on(key));
        }
        if options.expires.is_some() && !self.expiry {
            return Err(Error::unsupported(op, "values that expire").on(key));
        }
        self.check_pre(op, &options.pre).map_err(|e| e.on(key))?;
        self.check_attributes(op, &options.attributes).map_err(|e| e.on(key))
    }

    /// Refuses attributes that are too large for this store; gives them encoded.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] or [`ErrorKind::Invalid`].
    pub fn check_attributes(&self, op: Op, attributes: &Attributes) -> Result<Vec<u8>> {
        let encoded = attributes.encode().map_err(|e| e.during(op))?;
        if encoded.len() > self.max_attributes {
            let why = format!("attributes of {} bytes are more than {}", encoded.len(), self.max_attributes);
            return Err(Error::new(ErrorKind::Unsupported, op, why));
        }
        Ok(encoded)
    }

    /// Refuses a conditional write where there is no compare-and-swap.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`].
    pub fn check_pre(&self, op: Op, pre: &Precondition) -> Result<()> {
        if *pre != Precondition::Any && self.cas == CasScope::None {
            return Err(Error::unsupported(op, "conditional writes"));
        }
        Ok(())
    }

    /// Refuses a delete that asks for what is not guaranteed.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`].
    pub fn check_delete(&self, op: Op, key: &Key, conditional: bool) -> Result<()> {
        self.check_key(op, key)?;
        if conditional && (self.cas == CasScope::None || !self.conditional_delete) {
            return Err(Error::unsupported(op, "conditional deletes").on(key));
        }
        Ok(())
    }

    /// Refuses a transaction that is too large, names a key twice, or asks for what is not guaranteed.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] or [`ErrorKind::Invalid`].
    pub fn check_transact(&self, steps: &[Step]) -> Result<()> {
        let op = Op::Transact;
        let Some(limit) = self.transactions else {
            return Err(Error::unsupported(op, "transactions"));
        };
        if steps.len() > limit.max_steps {
            let why = format!("a transaction of {} steps is larger than {}", steps.len(), limit.max_steps);
            return Err(Error::new(ErrorKind::Unsupported, op, why));
        }
        let mut seen = std::collections::HashSet::with_capacity(steps.len());
        let mut bytes = 0u64;
        for step in steps {
            if !seen.insert(step.key()) {
                return Err(
                    Error::new(ErrorKind::Invalid, op, "a transaction names a key twice").on(step.key())
                );
            }
            match step {
                Step::Check { key, pre } => {
                    self.check_key(op, key)?;
                    self.check_pre(op, pre).map_err(|e| e.on(key))?;
                }
                Step::Put(item) => {
                    let size = size_of(&item.value);
                    self.check_put(op, &item.key, &item.options, Some(size))?;
                    bytes = bytes.saturating_add(size);
                }
                Step::Delete(item) => self.check_delete(op, &item.key, item.only.is_some())?,
            }
        }
        if bytes > limit.max_bytes {
            let why = format!("a transaction of {bytes} bytes is larger than {}", limit.max_bytes);
            return Err(Error::new(ErrorKind::Unsupported, op, why));
        }
        Ok(())
    }
}

fn size_of(value: &Bytes) -> u64 {
    value.len() as u64
}

impl fmt::Display for CasScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CasScope::None => "none",
            CasScope::Process => "process",
            CasScope::Host => "host",
            CasScope::GlobalUntilFailover => "global until failover",
            CasScope::Global => "global",
        })
    }
}
