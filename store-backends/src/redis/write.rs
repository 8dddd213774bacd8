//! Writing and removing values: steps that one script decides and makes.

use std::time::{Duration, SystemTime};

use ::redis::Value;
use bytes::Bytes;
use larder_store_core::record::Head;
use larder_store_core::system::Space;
use larder_store_core::{
    Call, DeleteOptions, Deleted, Error, ErrorKind, Key, Op, Precondition, PutOptions, Removed, Result,
    Version, WriteId, Written, time,
};

use super::client::Lane;
use super::command::{WRITE, plain, script};
use super::error::{RIGHTS, is_about_rights, strange};
use super::index;
use super::name::Shard;
use super::read::{hex, stored};
use super::wire::Wire;

/// How long Redis keeps an expired value: every reader's clock is within this of every writer's, or it misses the end of a
/// value by what it is more.
const MARGIN: Duration = Duration::from_secs(60);
/// The longest time to live that Redis is told of; what expires later is only absent to readers.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86400);
/// How long the parts of what was replaced stay for those who read them.
const FOR_READERS: Duration = Duration::from_secs(15 * 60);
/// Entries of values that Redis removed, which a write tidies away on its way.
const TIDY: u32 = 32;
/// One write to a shard of so many does.
const TIDY_EVERY: u32 = 8;
/// Parts that one request names.
pub(super) const AT_ONCE: u64 = 256;

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Put,
    Delete,
    Check,
}

/// A write of one key, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    what: What,
    key: Key,
    pre: Vec<u8>,
    record: Bytes,
    entry: Vec<u8>,
    ttl: Option<u128>,
    /// The keys of the parts that are committed, and their entry among the leftovers.
    parts: Vec<Vec<u8>>,
    leftover: String,
}

/// What a step did.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Made {
    /// There was a value.
    pub(super) existed: bool,
    /// The head of what stood there, if that had parts.
    left: Option<Head>,
}

/// A condition as the script takes it.
fn condition(pre: &Precondition) -> Vec<u8> {
    match pre {
        Precondition::Any => Vec::new(),
        Precondition::Absent => b"-".to_vec(),
        // The version of another kind of store is none of ours.
        Precondition::Matches(version) => match (version.tag(), version.write_id()) {
            (None, Some(id)) => id.as_bytes().to_vec(),
            _ => b"?".to_vec(),
        },
    }
}

/// Milliseconds that Redis keeps what expires, counted by its own clock from when it is written.
fn ttl(expires: Option<SystemTime>, now: SystemTime) -> Option<u128> {
    let left = expires?.duration_since(now).unwrap_or_default();
    (left < LONGEST).then(|| (left + MARGIN).as_millis())
}

/// A time as it is stored.
fn stored_time(at: SystemTime) -> SystemTime {
    time::to_nanos(at).map_or(at, time::from_nanos)
}

impl Ready {
    pub(super) fn delete(key: &Key, only: Option<&Version>) -> Ready {
        let pre = only.map_or(Precondition::Any, |only| Precondition::Matches(only.clone()));
        Ready { what: What::Delete, ..Ready::check(key, &pre) }
    }

    pub(super) fn check(key: &Key, pre: &Precondition) -> Ready {
        Ready {
            what: What::Check,
            key: key.clone(),
            pre: condition(pre),
            record: Bytes::new(),
            entry: Vec::new(),
            ttl: None,
            parts: Vec::new(),
            leftover: String::new(),
        }
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// Bytes that it sends, about.
    pub(super) fn size(&self) -> u64 {
        (self.record.len() + self.entry.len() + 2 * self.key.len() + 200 + 80 * self.parts.len()) as u64
    }
}

impl Wire {
    /// The head of the value that `options` describe.
    pub(super) fn draft(&self, key: &Key, options: &PutOptions) -> Head {
        let id = options.write_id.unwrap_or_else(|| WriteId::random(&self.env));
        let mut head = Head::new(key.clone(), id, stored_time(self.env.wall()));
        if let Precondition::Matches(version) = &options.pre {
            head.predecessors = version.chain().collect();
        }
        head.expires = options.expires.map(stored_time);
        head.attributes = options.attributes.clone();
        head
    }

    /// A value that stands behind its head.
    pub(super) fn inline(&self, key: &Key, value: &[u8], options: &PutOptions) -> Result<(Ready, Written)> {
        let mut head = self.draft(key, options);
        let record = Bytes::from(head.encode_with(value)?);
        head.raw_len = value.len() as u64;
        self.put_of(&head, record, Vec::new(), String::new(), &options.pre)
    }

    /// A put of this record, and what it will tell.
    pub(super) fn put_of(
        &self,
        head: &Head,
        record: Bytes,
        parts: Vec<Vec<u8>>,
        leftover: String,
        pre: &Precondition,
    ) -> Result<(Ready, Written)> {
        let size = match head.parts {
            None => record.len() as u64,
            Some(_) => stored(head, record.len()),
        };
        let entry = index::member(head, size)?;
        let ttl = ttl(head.expires, self.env.wall());
        let ready =
            Ready { what: What::Put, record, entry, ttl, parts, leftover, ..Ready::check(&head.key, pre) };
        let written = Written::new(head.version(), head.write_id, self.guarantees.durability)
            .with_facts(head.modified, Some(size));
        Ok((ready, written))
    }

    /// Sends steps of one shard: all of them or none, or each by itself. Of `all`, the first that is refused is the error.
    pub(super) async fn make(
        &self,
        op: Op,
        call: &Call,
        shard: Shard,
        all: bool,
        steps: &[Ready],
    ) -> Result<Vec<Result<Made>>> {
        self.home(op, call, true).await?;
        let values: Vec<_> = steps.iter().map(|step| self.names.value(&step.key)).collect();
        let mut keys: Vec<&[u8]> = self.names.frame(shard).collect();
        let mut places = Vec::with_capacity(steps.len());
        for (step, value) in steps.iter().zip(&values) {
            keys.push(value);
            places.push(keys.len());
            keys.extend(step.parts.iter().map(Vec::as_slice));
        }
        let now = time::to_nanos(self.env.wall()).unwrap_or(0);
        let bytes: u64 = steps.iter().map(Ready::size).sum();
        let mut command = script(&WRITE, &keys, 100 + bytes as usize);
        command
            .arg(self.names.marker_text())
            .arg(if all { "all" } else { "each" })
            .arg(now >> 32)
            .arg(now & 0xffff_ffff)
            .arg(now.div_euclid(1_000_000))
            .arg(if self.count_write(shard).is_multiple_of(TIDY_EVERY) { TIDY } else { 0 });
        for (step, place) in steps.iter().zip(places) {
            command
                .arg(match step.what {
                    What::Put => "p",
                    What::Delete => "d",
                    What::Check => "c",
                })
                .arg(place)
                .arg(if step.key.space() == Space::System { 3 } else { 2 })
                .arg(step.key.as_bytes())
                .arg(&step.pre[..])
                .arg(&step.record[..])
                .arg(&step.entry[..])
                .arg(step.ttl.map(|ttl| ttl.to_string()).unwrap_or_default())
                .arg(step.parts.len())
                .arg(&step.leftover);
        }
        let answers = self.tell(op, call, Lane::Small, &self.to(shard), bytes, vec![command]).await?;
        let answer = self.good(op, answers.into_iter().next().unwrap_or(Value::Nil))?;
        let made = self.read_made(op, steps, answer)?;
        let left: Vec<Head> = made.iter().filter_map(|made| made.as_ref().ok()?.left.clone()).collect();
        if !left.is_empty() {
            Box::pin(self.leave(op, call, shard, left)).await;
        }
        Ok(made)
    }

    /// Reads what the script gave.
    fn read_made(&self, op: Op, steps: &[Ready], answer: Value) -> Result<Vec<Result<Made>>> {
        let odd = || strange(op, true, "the script's answer");
        let Value::Array(answers) = answer else { return Err(odd()) };
        match &answers[..] {
            [Value::BulkString(tag), Value::BulkString(marker)] if tag == b"m" => {
                return Err(self.other_marker(op, marker));
            }
            [Value::BulkString(tag), Value::Int(at), why] if tag == b"n" => {
                let step = usize::try_from(*at).ok().and_then(|at| steps.get(at)).ok_or_else(odd)?;
                return match read_one(op, step, why) {
                    Some(Err(error)) => Err(error.on(&step.key)),
                    _ => Err(odd()),
                };
            }
            _ => {}
        }
        if answers.len() != steps.len() {
            return Err(odd());
        }
        steps.iter().zip(&answers).map(|(step, answer)| read_one(op, step, answer).ok_or_else(odd)).collect()
    }

    /// Gives the parts of what was replaced an end, and forgets them then. What cannot be done now, a sweep does.
    async fn leave(&self, op: Op, call: &Call, shard: Shard, left: Vec<Head>) {
        let to = self.to(shard);
        let for_readers = FOR_READERS.as_millis().to_string();
        for head in left {
            let Some(parts) = head.parts else { continue };
            let (id, count) = (hex(&parts.id), head.body_len().div_ceil(parts.part_len.into()));
            let mut names = (0..count).map(|number| self.names.part(shard, &id, number));
            let mut done = Ok(());
            while done.is_ok() {
                let some: Vec<_> = names.by_ref().take(AT_ONCE as usize).collect();
                let last = some.len() < AT_ONCE as usize;
                let mut commands: Vec<_> =
                    some.iter().map(|name| plain("PEXPIRE", &[name, for_readers.as_bytes()])).collect();
                if last {
                    let entry = format!("{id}:{count}");
                    commands.push(plain("ZREM", &[&self.names.leftovers(shard), entry.as_bytes()]));
                }
                let answers = self.tell(op, call, Lane::Bulk, &to, 0, commands).await;
                done = answers.and_then(|answers| {
                    answers.into_iter().try_for_each(|answer| self.good(op, answer).map(drop))
                });
                if last {
                    break;
                }
            }
            if let Err(error) = done {
                tracing::debug!(store = %self.id, %error, "the parts of a replaced value wait for a sweep");
            }
        }
    }

    /// Makes one step.
    pub(super) async fn make_one(&self, op: Op, call: &Call, step: Ready) -> Result<Made> {
        let shard = self.names.shard(&step.key);
        let mut made = self.make(op, call, shard, false, &[step]).await?;
        made.pop().unwrap_or_else(|| Err(strange(op, true, "no step was answered")))
    }

    /// Writes a small value.
    pub(super) async fn put(&self, op: Op, key: &Key, value: &[u8], options: &PutOptions) -> Result<Written> {
        self.guarantees.check_put(op, key, options, Some(value.len() as u64))?;
        let (step, written) = self.inline(key, value, options)?;
        self.make_one(op, &options.call, step).await.map(|_| written)
    }

    /// Removes a value.
    pub(super) async fn delete(&self, op: Op, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        self.guarantees.check_delete(op, key, options.only.is_some())?;
        let step = Ready::delete(key, options.only.as_ref());
        self.make_one(op, &options.call, step).await.map(removed)
    }
}

/// What a delete tells.
pub(super) fn removed(made: Made) -> Removed {
    Removed::new(if made.existed { Deleted::Yes } else { Deleted::No })
}

/// What became of a step; `None` for an answer that is none.
fn read_one(op: Op, step: &Ready, answer: &Value) -> Option<Result<Made>> {
    let answer = match answer {
        Value::Int(existed) => return Some(Ok(Made { existed: *existed == 1, left: None })),
        Value::Array(answer) => answer,
        _ => return None,
    };
    Some(match &answer[..] {
        [Value::Int(0), Value::BulkString(left), Value::Int(existed)] => {
            let left = Head::decode(left, Some(&step.key)).ok();
            Ok(Made { existed: *existed == 1, left: left.map(|(head, _)| head) })
        }
        [Value::Int(1), Value::BulkString(head)] => Err(conflict(op, step, head)),
        [Value::Int(2)] => Err(Error::new(
            ErrorKind::Corrupt,
            op,
            "what stands there is no record of Larder's, so that no condition on it can be decided",
        )
        .hint("put or delete it without a condition, or remove it by hand")),
        [Value::Int(3), Value::BulkString(said)] if is_about_rights(&String::from_utf8_lossy(said)) => {
            let why = format!("Redis says {}", String::from_utf8_lossy(said));
            Err(Error::new(ErrorKind::Denied, op, why).hint(RIGHTS))
        }
        [Value::Int(3), Value::BulkString(said)] => {
            let why = format!("Redis says {}", String::from_utf8_lossy(said));
            Err(Error::new(ErrorKind::Corrupt, op, why).hint(
                "somebody else put something of another type under this store's name: remove it by hand",
            ))
        }
        [Value::Int(4)] => {
            Err(Error::new(ErrorKind::Unavailable, op, "parts of the value were gone before it was complete")
                .hint("an upload may take a day, or less if it is swept"))
        }
        _ => return None,
    })
}

fn conflict(op: Op, step: &Ready, head: &[u8]) -> Error {
    let current = Head::decode(head, Some(&step.key)).ok().map(|(head, _)| head.version());
    let why = match (&step.pre[..], &current) {
        (b"-", _) => "the key is not absent",
        (_, None) if head.is_empty() => "the key is absent",
        _ => "the value has another version",
    };
    Error::new(ErrorKind::Conflict, op, why).with_current(current)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn redis_keeps_what_expires_for_a_while_longer() {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        assert_eq!(ttl(None, now), None);
        assert_eq!(ttl(Some(now + Duration::from_millis(1500)), now), Some(61_500));
        assert_eq!(ttl(Some(UNIX_EPOCH), now), Some(60_000), "what expired before it was written");
        assert_eq!(ttl(Some(now + LONGEST), now), None);
    }

    #[test]
    fn versions_of_other_stores_match_nothing() {
        let foreign = Version::of_service("etag", Some(WriteId::from_bytes([1; 16])), []);
        assert_eq!(condition(&Precondition::Matches(foreign)), b"?");
        let own = Version::of_write(WriteId::from_bytes([1; 16]), []);
        assert_eq!(condition(&Precondition::Matches(own)), [1; 16]);
        assert_eq!(
            (condition(&Precondition::Any), condition(&Precondition::Absent)),
            (vec![], b"-".to_vec())
        );
    }
}
