//! One request, one attempt: what everything here is made of.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use ::redis::{Cmd, ServerErrorKind, Value};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use larder_store_core::{Call, Env, Error, ErrorKind, Guarantees, Op, Result, StoreId};

use super::client::{Client, Lane, Lost, Reached, To};
use super::command::{plain, together};
use super::config::RedisConfig;
use super::connection::{Connection, Dial};
use super::error;
use super::name::{Names, Shard};
use crate::remote::Remote;

/// A store of single attempts, and what all handles and streams of it share.
pub(super) struct Wire {
    remote: Remote,
    pub(super) names: Names,
    pub(super) client: Client,
    cluster: bool,
    /// The marker of the first shard was seen, and is ours.
    home_seen: AtomicBool,
    /// Requests that wrote, of each shard: not each of them tidies up.
    writes: Box<[AtomicU32]>,
}

impl Deref for Wire {
    type Target = Remote;

    fn deref(&self) -> &Remote {
        &self.remote
    }
}

/// Why a request has no answers.
enum Failed {
    /// It was not sent.
    NotSent(Error),
    /// It may have been carried out.
    Lost(Lost),
}

impl Wire {
    pub(super) fn new(
        config: &RedisConfig,
        names: Names,
        id: StoreId,
        guarantees: Guarantees,
        tls: Option<Arc<rustls::ClientConfig>>,
        env: Env,
    ) -> Result<Wire> {
        let dial = Dial::new(config, tls, env.clone());
        Ok(Wire {
            writes: names.shards().map(|_| AtomicU32::new(0)).collect(),
            names,
            client: Client::new(config, dial, env.clone())?,
            cluster: config.cluster,
            home_seen: AtomicBool::new(false),
            remote: Remote::new(id, guarantees, env, config.concurrency, config.attempt_timeout),
        })
    }

    /// Where a shard is.
    pub(super) fn to(&self, shard: Shard) -> To {
        To::Slot(self.names.slot(shard))
    }

    /// How many requests wrote to a shard before this one.
    pub(super) fn count_write(&self, shard: Shard) -> u32 {
        self.writes.get(usize::from(shard.0)).map_or(0, |writes| writes.fetch_add(1, Ordering::Relaxed))
    }

    /// Sends commands that change nothing, in one go; the answer of each.
    pub(super) async fn ask(
        &self,
        op: Op,
        call: &Call,
        lane: Lane,
        to: &To,
        commands: Vec<Cmd>,
    ) -> Result<Vec<Value>> {
        let connection = self.reach(op, call, lane, to).await?;
        let request = self.request(op, lane, to, connection.clone(), commands);
        let answer = self.remote.ask(op, call, request).await?;
        self.answers(op, false, 0, &connection.1, answer)
    }

    /// Sends commands that write, with so many bytes, in one go; the answer of each.
    pub(super) async fn tell(
        &self,
        op: Op,
        call: &Call,
        lane: Lane,
        to: &To,
        bytes: u64,
        commands: Vec<Cmd>,
    ) -> Result<Vec<Value>> {
        let connection = self.reach(op, call, lane, to).await?;
        let request = self.request(op, lane, to, connection.clone(), commands);
        let answer = self.remote.tell(op, call, bytes, request).await?;
        self.answers(op, true, bytes, &connection.1, answer)
    }

    /// A connection, within the time of the call. Nothing was sent if there is none.
    async fn reach(&self, op: Op, call: &Call, lane: Lane, to: &To) -> Result<Reached> {
        match self.client.ready(lane, to) {
            Some(reached) => Ok(reached),
            // Boxed, as is all that is seldom: the future of every call would be as large as the largest in it.
            None => Box::pin(call.guard(&self.env, op, self.client.reach(op, lane, to))).await,
        }
    }

    fn request<'a>(
        &'a self,
        op: Op,
        lane: Lane,
        to: &'a To,
        reached: Reached,
        commands: Vec<Cmd>,
    ) -> BoxFuture<'a, Result<Vec<Value>, Failed>> {
        Box::pin(async move {
            // It may have waited for its turn.
            let reached = match reached.1.is_good() {
                true => reached,
                false => Box::pin(self.client.reach(op, lane, to)).await.map_err(Failed::NotSent)?,
            };
            self.client.send(op, lane, reached, together(commands)).await.map_err(Failed::Lost)
        })
    }

    fn answers(
        &self,
        op: Op,
        writes: bool,
        bytes: u64,
        connection: &Connection,
        answer: Option<Result<Vec<Value>, Failed>>,
    ) -> Result<Vec<Value>> {
        match answer {
            Some(Ok(values)) => Ok(values),
            Some(Err(Failed::NotSent(error))) => Err(error),
            Some(Err(Failed::Lost(Lost(e)))) => Err(error::lost(op, writes, &e)),
            None => {
                connection.broke();
                self.client.doubt();
                Err(error::silent(op, writes, self.limit(bytes)))
            }
        }
    }

    /// What the server answered, if it is no refusal.
    pub(super) fn good(&self, op: Op, answer: Value) -> Result<Value> {
        let Value::ServerError(said) = answer else { return Ok(answer) };
        let moving = matches!(said.kind(), Some(ServerErrorKind::Moved | ServerErrorKind::Ask));
        if moving && self.cluster {
            let why = format!(
                "the slot is at another node, which is not there now ({})",
                said.details().unwrap_or_default()
            );
            return Err(Error::new(ErrorKind::Unavailable, op, why));
        }
        Err(error::answered(op, &said))
    }

    /// The bytes that the server answered; `None` for nothing.
    pub(super) fn bytes(&self, op: Op, answer: Value) -> Result<Option<Bytes>> {
        match self.good(op, answer)? {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Ok(Some(bytes.into())),
            // What a script gives for "nothing".
            Value::Boolean(false) => Ok(None),
            other => Err(error::strange(op, false, kind_of(&other))),
        }
    }

    /// The list that the server answered.
    pub(super) fn list(&self, op: Op, answer: Value) -> Result<Vec<Value>> {
        match self.good(op, answer)? {
            Value::Array(values) => Ok(values),
            other => Err(error::strange(op, false, kind_of(&other))),
        }
    }

    /// The command that asks for a shard's marker, which goes before what reads.
    pub(super) fn ask_marker(&self, shard: Shard) -> Cmd {
        plain("GET", &[&self.names.marker(shard)])
    }

    /// Refuses a namespace that is kept in another way. One without a marker is empty so far.
    pub(super) fn check_marker(&self, op: Op, answer: Value) -> Result<bool> {
        match self.bytes(op, answer)? {
            None => Ok(false),
            Some(text) if text[..] == *self.names.marker_text().as_bytes() => Ok(true),
            Some(text) => Err(self.other_marker(op, &text)),
        }
    }

    /// The namespace is kept in another way.
    pub(super) fn other_marker(&self, op: Op, text: &[u8]) -> Error {
        let text = String::from_utf8_lossy(&text[..text.len().min(100)]);
        let why =
            format!("the namespace is kept as {text:?}, and this store as {:?}", self.names.marker_text());
        let (kind, hint) = match text.strip_prefix("larder 1 ") {
            Some(settings) => {
                (ErrorKind::Invalid, format!("open it with the settings that it was made with: {settings}"))
            }
            None if text.starts_with("larder ") => {
                (ErrorKind::Unsupported, "a later version of Larder made it".to_owned())
            }
            None => (
                ErrorKind::Corrupt,
                "somebody else wrote under this store's name: take another namespace".to_owned(),
            ),
        };
        Error::new(kind, op, why).hint(hint)
    }

    /// Sees to it once that the namespace is spread as this store thinks. With one shard every request does.
    pub(super) async fn home(&self, op: Op, call: &Call, writes: bool) -> Result<()> {
        let home = Shard(0);
        if self.names.shards().len() == 1 || self.home_seen.load(Ordering::Relaxed) {
            return Ok(());
        }
        let marker = self.names.marker(home);
        let mut commands = vec![self.ask_marker(home)];
        if writes {
            let text = self.names.marker_text();
            commands.insert(0, plain("SET", &[&marker, text.as_bytes(), b"NX"]));
        }
        // Nothing of what the caller wants is sent before this: whatever fails, a write was not made.
        let mut answers = self.ask(op, call, Lane::Small, &self.to(home), commands).await?;
        let marker = answers.pop().unwrap_or(Value::Nil);
        if let Some(set) = answers.pop() {
            self.good(op, set)?;
        }
        if self.check_marker(op, marker)? {
            self.home_seen.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether anything was ever written in the namespace, as far as it was not destroyed.
    pub(super) async fn is_there(&self, op: Op, call: &Call) -> Result<bool> {
        let home = Shard(0);
        let mut answers =
            self.ask(op, call, Lane::Small, &self.to(home), vec![self.ask_marker(home)]).await?;
        self.check_marker(op, answers.pop().unwrap_or(Value::Nil))
    }
}

/// What kind of answer it is, without what is in it.
pub(super) fn kind_of(answer: &Value) -> &'static str {
    match answer {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::BulkString(_) | Value::SimpleString(_) | Value::Okay => "a text",
        Value::Array(_) => "a list",
        _ => "something else",
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({})", self.id)
    }
}
