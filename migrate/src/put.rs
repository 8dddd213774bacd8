//! Writes entries into the target, as the caller wants it done where a key is taken or something does not fit.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::{
    ByteStream, Call, CasScope, Env, Error, ErrorKind, Expires, GetOptions, Got, Guarantees, HeadOptions,
    Key, Meta, Op, Precondition, PutItem, PutOptions, Result, Store, Written,
};

use crate::dump::{Entry, Facts};
use crate::fetch;
use crate::fit::{self, Door};
use crate::options::{OnConflict, Unfit};
use crate::report::Counts;

/// How often a value that others write at the same time is looked at again.
const ROUNDS: usize = 8;

/// Writes entries into a target.
#[derive(Debug, Clone)]
pub(crate) struct Putter {
    target: Arc<dyn Store>,
    guarantees: Guarantees,
    on_conflict: OnConflict,
    unfit: Unfit,
    call: Call,
    env: Env,
}

impl Putter {
    pub(crate) fn new(
        target: Arc<dyn Store>,
        on_conflict: OnConflict,
        unfit: Unfit,
        call: Call,
        env: Env,
    ) -> Putter {
        let guarantees = target.guarantees().clone();
        Putter { target, guarantees, on_conflict, unfit, call, env }
    }

    /// Whether the target decides conditions by itself.
    fn decides(&self) -> bool {
        self.guarantees.cas != CasScope::None
    }

    /// What a first attempt is made under.
    fn precondition(&self) -> Precondition {
        match self.on_conflict {
            OnConflict::Overwrite => Precondition::Any,
            _ => Precondition::Absent,
        }
    }

    fn options(&self, facts: &Facts, pre: Precondition) -> PutOptions {
        let options = PutOptions::new().with_pre(pre).with_attributes(facts.attributes.clone());
        let options = options.with_call(self.call.clone());
        match facts.expires {
            Some(at) => options.with_expires(at),
            None => options,
        }
    }

    /// Lets an entry in, strips it, or keeps it out.
    fn door(&self, key: &Key, size: u64, facts: &Facts, counts: &mut Counts) -> Result<Option<Facts>> {
        if facts.expires.is_some_and(|at| Expires::At(at).is_past(self.env.wall())) {
            counts.gone += 1;
            return Ok(None);
        }
        match fit::door(&self.guarantees, self.target.id(), self.unfit, key, size, facts)? {
            Door::In(facts, stripped) => {
                stripped.iter().for_each(|class| counts.leave_out(class.name()));
                Ok(Some(facts))
            }
            Door::Out(class) => {
                counts.leave_out(class.name());
                Ok(None)
            }
        }
    }

    /// Writes whole values, in one batch where the target takes batches.
    pub(crate) async fn whole(&self, entries: Vec<Entry>) -> Result<Counts> {
        let mut counts = Counts::default();
        let mut wanted = Vec::with_capacity(entries.len());
        for mut entry in entries {
            if let Some(facts) = self.door(&entry.key, entry.value.len() as u64, &entry.facts, &mut counts)? {
                // `modified` still decides which is newer.
                entry.facts.attributes = facts.attributes;
                entry.facts.expires = facts.expires;
                wanted.push(entry);
            }
        }
        if self.on_conflict == OnConflict::Newer
            || (self.on_conflict != OnConflict::Overwrite && !self.decides())
        {
            let puts: Vec<_> = wanted.iter().map(|entry| self.after_look(entry)).collect();
            let mut puts = stream::iter(puts).buffered(64);
            while let Some(done) = puts.try_next().await? {
                counts.add(&done);
            }
            return Ok(counts);
        }
        let item = |entry: &Entry| PutItem {
            key: entry.key.clone(),
            value: entry.value.clone(),
            options: self.options(&entry.facts, self.precondition()),
        };
        let done = match wanted.as_slice() {
            [] => return Ok(counts),
            [entry] => {
                let PutItem { key, value, options } = item(entry);
                vec![self.target.put_opts(&key, value, &options).await]
            }
            many => self.target.put_many_opts(many.iter().map(item).collect(), &self.call).await,
        };
        for (entry, done) in wanted.iter().zip(done) {
            counts.add(&self.settle(entry, done).await?);
        }
        Ok(counts)
    }

    /// What became of a put.
    async fn settle(&self, entry: &Entry, done: Result<Written>) -> Result<Counts> {
        let error = match done {
            Ok(_) => return Ok(Counts::written(entry.value.len() as u64)),
            Err(error) => error,
        };
        match (error.kind(), self.on_conflict) {
            (ErrorKind::Conflict, OnConflict::Skip) => Ok(Counts::skipped()),
            (ErrorKind::Conflict, _) => match self.there(&entry.key).await? {
                Some((meta, body)) if same(&entry.facts, &meta) && body == entry.value => Ok(Counts::same()),
                // It went away again.
                None => self.after_look(entry).await,
                Some(_) => Err(self.taken(&entry.key)),
            },
            // Made or not: what stands there tells.
            (ErrorKind::Unknown, _) => match self.there(&entry.key).await? {
                Some((meta, body)) if same(&entry.facts, &meta) && body == entry.value => {
                    Ok(Counts::written(entry.value.len() as u64))
                }
                _ => Err(error),
            },
            _ => Err(error),
        }
    }

    fn taken(&self, key: &Key) -> Error {
        Error::new(ErrorKind::Conflict, Op::Import, "the target has another value under this key")
            .at(self.target.id())
            .on(key)
            .hint("say what to do with such keys: skip, overwrite, or the newer one")
    }

    async fn there(&self, key: &Key) -> Result<Option<(Meta, Bytes)>> {
        let options = GetOptions::new().with_call(self.call.clone());
        match self.target.get_opts(key, &options).await? {
            Got::Found { meta, body, .. } => Ok(Some((meta, body))),
            _ => Ok(None),
        }
    }

    /// Looks at what the target has, then writes under what was seen.
    async fn after_look(&self, entry: &Entry) -> Result<Counts> {
        let size = entry.value.len() as u64;
        for _ in 0..ROUNDS {
            let pre = match self.look(&entry.key, &entry.facts).await? {
                Look::Write(pre) => pre,
                Look::Skip => return Ok(Counts::skipped()),
                Look::Compare => match self.there(&entry.key).await? {
                    Some((meta, body)) if same(&entry.facts, &meta) && body == entry.value => {
                        return Ok(Counts::same());
                    }
                    Some(_) => return Err(self.taken(&entry.key)),
                    None => continue,
                },
            };
            let options = self.options(&entry.facts, pre);
            match self.target.put_opts(&entry.key, entry.value.clone(), &options).await {
                Ok(_) => return Ok(Counts::written(size)),
                Err(error) if error.is(ErrorKind::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(self.taken(&entry.key))
    }

    /// What is to be done, as things stand in the target.
    async fn look(&self, key: &Key, facts: &Facts) -> Result<Look> {
        let options = HeadOptions::new().with_call(self.call.clone());
        let got = self.target.head_opts(key, &options).await?;
        let Some(meta) = got.meta() else {
            let pre = if self.decides() { Precondition::Absent } else { Precondition::Any };
            return Ok(Look::Write(pre));
        };
        let pre = match (&meta.version, self.decides()) {
            (Some(version), true) => Precondition::Matches(version.clone()),
            _ => Precondition::Any,
        };
        Ok(match self.on_conflict {
            OnConflict::Fail => Look::Compare,
            OnConflict::Skip => Look::Skip,
            OnConflict::Overwrite => Look::Write(Precondition::Any),
            OnConflict::Newer if facts.modified > meta.modified => Look::Write(pre),
            OnConflict::Newer => Look::Skip,
        })
    }

    /// Writes a value from a stream. What the target has is looked at first: it may not have to be sent.
    pub(crate) async fn stream(
        &self,
        key: &Key,
        facts: &Facts,
        size: u64,
        body: ByteStream,
    ) -> Result<Counts> {
        let mut counts = Counts::default();
        let Some(kept) = self.door(key, size, facts, &mut counts)? else { return Ok(counts) };
        let facts = Facts { modified: facts.modified, ..kept };
        let pre = match self.on_conflict {
            OnConflict::Overwrite => Precondition::Any,
            _ => match self.look(key, &facts).await? {
                Look::Write(pre) => pre,
                Look::Skip => {
                    counts.skipped += 1;
                    return Ok(counts);
                }
                Look::Compare => {
                    if !self.equals(key, &facts, size, body).await? {
                        return Err(self.taken(key));
                    }
                    counts.same += 1;
                    return Ok(counts);
                }
            },
        };
        let options = self.options(&facts, pre).with_size_hint(size);
        match self.target.put_stream_opts(key, body, &options).await {
            Ok(_) => counts.add(&Counts::written(size)),
            Err(error) if error.is(ErrorKind::Conflict) && self.on_conflict == OnConflict::Skip => {
                counts.skipped += 1;
            }
            Err(error) => return Err(error),
        }
        Ok(counts)
    }

    /// Whether the target has just this value.
    async fn equals(&self, key: &Key, facts: &Facts, size: u64, mut body: ByteStream) -> Result<bool> {
        let options = GetOptions::new().with_call(self.call.clone());
        let Got::Found { meta, body: mut theirs, .. } = self.target.get_stream_opts(key, &options).await?
        else {
            return Ok(false);
        };
        if !same(facts, &meta) || meta.size.is_some_and(|there| there != size) {
            return Ok(false);
        }
        let (mut a, mut b) = (Bytes::new(), Bytes::new());
        loop {
            if a.is_empty() {
                a = body.try_next().await?.unwrap_or_default();
            }
            if b.is_empty() {
                b = theirs.try_next().await?.unwrap_or_default();
            }
            let n = a.len().min(b.len());
            if n == 0 {
                return Ok(a.is_empty() && b.is_empty());
            }
            if a.split_to(n) != b.split_to(n) {
                return Ok(false);
            }
        }
    }
}

enum Look {
    Write(Precondition),
    Skip,
    Compare,
}

/// Whether what stands beside a value in a store is what would be written.
fn same(facts: &Facts, there: &Meta) -> bool {
    let there = fetch::facts(there);
    there.attributes == facts.attributes && there.expires == facts.expires
}
