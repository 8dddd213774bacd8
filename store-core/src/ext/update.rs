//! Read, change, write back.

use std::time::Duration;

use bytes::Bytes;

use super::fair::Turn;
use crate::attributes::Attributes;
use crate::call::Call;
use crate::env::Env;
use crate::error::{Error, ErrorKind, Op, Result};
use crate::key::Key;
use crate::options::{Consistency, DeleteOptions, GetOptions, Precondition, PutOptions};
use crate::outcome::{Got, Removed, Written};
use crate::store::Store;

/// Options of an update.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UpdateOptions {
    /// How many times the change may be tried; a thousand by default.
    pub attempts: u32,
    /// Attributes of the new value; those of the old one are kept where this is `None`.
    pub attributes: Option<Attributes>,
    /// Where pauses and their randomness come from.
    pub env: Env,
    /// The context.
    pub call: Call,
}

impl Default for UpdateOptions {
    fn default() -> UpdateOptions {
        UpdateOptions { attempts: 1000, attributes: None, env: Env::system(), call: Call::default() }
    }
}

impl UpdateOptions {
    /// The default ones.
    pub fn new() -> UpdateOptions {
        UpdateOptions::default()
    }

    /// How many times the change may be tried, at least once.
    pub fn with_attempts(mut self, attempts: u32) -> UpdateOptions {
        self.attempts = attempts;
        self
    }

    /// Attributes of the new value.
    pub fn with_attributes(mut self, attributes: Attributes) -> UpdateOptions {
        self.attributes = Some(attributes);
        self
    }

    /// Where pauses and their randomness come from.
    pub fn with_env(mut self, env: Env) -> UpdateOptions {
        self.env = env;
        self
    }

    /// The context.
    pub fn with_call(mut self, call: Call) -> UpdateOptions {
        self.call = call;
        self
    }
}

/// An update that was made.
#[derive(Debug, Clone, PartialEq)]
pub enum Updated<V = Bytes> {
    /// The value was written.
    Written {
        /// The value that now stands.
        value: V,
        /// The write.
        written: Written,
    },
    /// The value was removed.
    Removed(Removed),
    /// There was none, and there was to be none.
    Nothing,
}

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// An error of `change` ends the update, and nothing is written. `content_type` is that of what `change` gives.
pub(super) async fn update<S, F>(
    store: &S,
    key: &Key,
    options: &UpdateOptions,
    content_type: Option<&'static str>,
    change: F,
) -> Result<Updated>
where
    S: Store + ?Sized,
    F: FnMut(Option<Bytes>) -> Result<Option<Bytes>> + Send,
{
    let named = |e: Error| e.during(Op::Update).at(store.id()).on(key);
    store.guarantees().check_key(Op::Update, key).map_err(named)?;
    // Both, as an update may write or delete.
    store.guarantees().check_pre(Op::Update, &Precondition::Absent).map_err(named)?;
    let mut turn = Turn::queue(store.id(), key);
    let queued = async {
        turn.wait().await;
        Ok(())
    };
    options.call.guard(&options.env, Op::Update, queued).await.map_err(named)?;
    attempts(store, key, options, content_type, change).await.map_err(named)
}

async fn attempts<S, F>(
    store: &S,
    key: &Key,
    options: &UpdateOptions,
    content_type: Option<&'static str>,
    mut change: F,
) -> Result<Updated>
where
    S: Store + ?Sized,
    F: FnMut(Option<Bytes>) -> Result<Option<Bytes>> + Send,
{
    let get = GetOptions::new().with_consistency(Consistency::Origin).with_call(options.call.clone());
    let mut tried = 0;
    loop {
        tried += 1;
        let (meta, value) = match store.get_opts(key, &get).await? {
            Got::Absent => (None, None),
            Got::Found { meta, body, .. } => (Some(meta), Some(body)),
            Got::Unchanged(meta) => (Some(meta), None),
        };
        let version = match &meta {
            // Without one it could neither be replaced nor removed, and must not be taken for absent.
            Some(meta) => {
                Some(meta.version.clone().ok_or_else(|| Error::unsupported(Op::Update, "versions"))?)
            }
            None => None,
        };
        let done = match (change(value)?, version) {
            (None, None) => return Ok(Updated::Nothing),
            (None, Some(version)) => {
                let delete = DeleteOptions::new().with_only(version).with_call(options.call.clone());
                store.delete_opts(key, &delete).await.map(Updated::Removed)
            }
            (Some(value), version) => {
                let mut put = PutOptions::new().with_call(options.call.clone());
                put.pre = version.map_or(Precondition::Absent, Precondition::Matches);
                if let Some(meta) = meta {
                    put.expires = meta.expires.and_then(|e| e.at());
                    put.attributes = meta.attributes.unwrap_or_default();
                }
                if let Some(attributes) = &options.attributes {
                    put.attributes = attributes.clone();
                }
                if let Some(content_type) = content_type {
                    put.attributes = put.attributes.content_type(content_type);
                }
                let written = store.put_opts(key, value.clone(), &put).await;
                written.map(|written| Updated::Written { value, written })
            }
        };
        match done {
            // Whoever was in the way is of another process, or does not use update. A conflict that is not settled
            // may be our own write landing: only a settled one is tried again.
            Err(error) if error.is(ErrorKind::Conflict) && error.settled() => {
                if tried >= options.attempts {
                    return Err(error.hint(format!("given up after {tried} attempts")));
                }
                let longest = LONGEST_PAUSE.min(Duration::from_micros(100) * (1 << tried.min(10)));
                let pause = longest.mul_f64(options.env.random_u64() as f64 / u64::MAX as f64);
                let slept = async {
                    options.env.sleep(pause).await;
                    Ok(())
                };
                options.call.guard(&options.env, Op::Update, slept).await?;
            }
            done => return done,
        }
    }
}
