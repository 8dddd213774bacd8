//! Many keys by few requests: those of one shard go together.

use std::collections::BTreeMap;

use ::redis::Value;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder_store_core::{
    Call, DeleteItem, Error, ErrorKind, GetOptions, Got, Key, Op, PutItem, Removed, Result, Step, StepDone,
    Transacted, Written,
};

use super::client::Lane;
use super::command::plain;
use super::config::SHARDS;
use super::name::Shard;
use super::read::Look;
use super::single::Single;
use super::upload::{INLINE, Uploaded};
use super::wire::Wire;
use super::write::{Made, Ready, removed};

/// Keys that one request reads: at most 64 MiB come together.
pub(super) const GETS: usize = 128;
/// Steps that one request makes, which no other request comes between.
pub(super) const STEPS: usize = 256;
/// Bytes of them, about.
const STEP_BYTES: u64 = 1 << 20;
/// Requests of one batch that are under way at once.
const AT_ONCE: usize = 16;
/// Steps of a transaction.
pub(super) const MAX_STEPS: usize = 1000;
/// Bytes of a transaction's values.
pub(super) const MAX_BYTES: u64 = 16 << 20;

/// An outcome for each item, filled in as they come.
struct Outcomes<T>(Vec<Option<Result<T>>>);

impl<T> Outcomes<T> {
    fn new(count: usize) -> Outcomes<T> {
        Outcomes((0..count).map(|_| None).collect())
    }

    fn done(self, wire: &Wire, op: Op, keys: &[Key]) -> Vec<Result<T>> {
        let missing = || Err(Error::new(ErrorKind::Unknown, op, "the key was left out of its batch"));
        let outcomes = self.0.into_iter().map(|outcome| outcome.unwrap_or_else(missing));
        outcomes.zip(keys).map(|(done, key)| done.map_err(wire.named(op, key))).collect()
    }
}

/// Items of one shard that go in one request, by their places in the batch.
fn chunks(items: Vec<(usize, Ready)>, wire: &Wire) -> Vec<(Shard, Vec<usize>, Vec<Ready>)> {
    let mut open: BTreeMap<Shard, (Vec<usize>, Vec<Ready>, u64)> = BTreeMap::new();
    let mut full = Vec::new();
    for (at, step) in items {
        let shard = wire.names.shard(step.key());
        let chunk = open.entry(shard).or_default();
        if chunk.1.len() >= STEPS || (chunk.2 + step.size() > STEP_BYTES && !chunk.1.is_empty()) {
            let (places, steps, _) = std::mem::take(chunk);
            full.push((shard, places, steps));
        }
        chunk.2 += step.size();
        chunk.0.push(at);
        chunk.1.push(step);
    }
    full.extend(open.into_iter().map(|(shard, (places, steps, _))| (shard, places, steps)));
    full
}

impl Single {
    /// Reads many values.
    pub(super) async fn read_some(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        let (op, wire) = (Op::GetMany, &self.wire);
        let mut outcomes = Outcomes::new(keys.len());
        let mut by_shard: BTreeMap<Shard, Vec<usize>> = BTreeMap::new();
        for (at, key) in keys.iter().enumerate() {
            match wire.guarantees.check_get(op, key, options) {
                Ok(()) => by_shard.entry(wire.names.shard(key)).or_default().push(at),
                Err(error) => outcomes.0[at] = Some(Err(error)),
            }
        }
        let requests = by_shard.iter().flat_map(|(shard, places)| {
            places.chunks(GETS).map(|places| self.read_chunk(*shard, places, keys, options))
        });
        let requests: Vec<_> = requests.collect();
        let mut answers = stream::iter(requests).buffer_unordered(AT_ONCE);
        while let Some(answers) = answers.next().await {
            for (at, got) in answers {
                outcomes.0[at] = Some(got);
            }
        }
        outcomes.done(wire, op, keys)
    }

    async fn read_chunk(
        &self,
        shard: Shard,
        places: &[usize],
        keys: &[Key],
        options: &GetOptions,
    ) -> Vec<(usize, Result<Got<Bytes>>)> {
        let (op, wire, call) = (Op::GetMany, &self.wire, &options.call);
        let asked = async {
            wire.home(op, call, false).await?;
            let mut commands = vec![wire.ask_marker(shard)];
            commands.extend(places.iter().map(|at| plain("GET", &[&wire.names.value(&keys[*at])])));
            let mut answers = wire.ask(op, call, Lane::Small, &wire.to(shard), commands).await?.into_iter();
            wire.check_marker(op, answers.next().unwrap_or(Value::Nil))?;
            Ok(answers)
        };
        let mut answers = match asked.await {
            Ok(answers) => answers,
            Err(error) => return places.iter().map(|at| (*at, Err(Error::clone(&error)))).collect(),
        };
        let mut outcomes = Vec::with_capacity(places.len());
        for at in places {
            let key = &keys[*at];
            let missing = || super::error::strange(op, false, "answers are missing");
            let looked = answers.next().ok_or_else(missing);
            let got = match looked.and_then(|record| wire.look(op, key, options, record)) {
                Ok(Look::Got(got)) => Ok(got),
                // Its parts are a matter of their own.
                Ok(Look::Found(_)) => wire.get(op, key, options).await,
                Err(error) => Err(error),
            };
            outcomes.push((*at, got));
        }
        outcomes
    }

    /// Writes many values.
    pub(super) async fn put_some(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        let (op, wire) = (Op::PutMany, &self.wire);
        let keys: Vec<Key> = items.iter().map(|item| item.key.clone()).collect();
        let mut outcomes = Outcomes::new(items.len());
        let (mut ready, mut written, mut large) = (Vec::new(), BTreeMap::new(), Vec::new());
        for (at, item) in items.into_iter().enumerate() {
            let size = item.value.len() as u64;
            if let Err(error) = wire.guarantees.check_put(op, &item.key, &item.options, Some(size)) {
                outcomes.0[at] = Some(Err(error));
            } else if size > INLINE {
                large.push((at, item));
            } else {
                match wire.inline(&item.key, &item.value, &item.options) {
                    Ok((step, told)) => {
                        written.insert(at, told);
                        ready.push((at, step));
                    }
                    Err(error) => outcomes.0[at] = Some(Err(error)),
                }
            }
        }
        for (at, made) in self.make_some(op, call, ready).await {
            let told = written.remove(&at);
            outcomes.0[at] = made.map(|_| told).transpose();
        }
        for (at, mut item) in large {
            item.options.call = call.clone();
            outcomes.0[at] = Some(self.put_large(op, &item.key, item.value, &item.options).await);
        }
        outcomes.done(wire, op, &keys)
    }

    /// Removes many values.
    pub(super) async fn delete_some(&self, items: Vec<DeleteItem>, call: &Call) -> Vec<Result<Removed>> {
        let (op, wire) = (Op::DeleteMany, &self.wire);
        let keys: Vec<Key> = items.iter().map(|item| item.key.clone()).collect();
        let mut outcomes = Outcomes::new(items.len());
        let mut ready = Vec::new();
        for (at, item) in items.iter().enumerate() {
            match wire.guarantees.check_delete(op, &item.key, item.only.is_some()) {
                Ok(()) => ready.push((at, Ready::delete(&item.key, item.only.as_ref()))),
                Err(error) => outcomes.0[at] = Some(Err(error)),
            }
        }
        for (at, made) in self.make_some(op, call, ready).await {
            outcomes.0[at] = Some(made.map(removed));
        }
        outcomes.done(wire, op, &keys)
    }

    /// Makes steps, each by itself.
    async fn make_some(&self, op: Op, call: &Call, ready: Vec<(usize, Ready)>) -> Vec<(usize, Result<Made>)> {
        let wire = &self.wire;
        let requests = chunks(ready, wire).into_iter().map(|(shard, places, steps)| async move {
            match wire.make(op, call, shard, false, &steps).await {
                Ok(made) => places.into_iter().zip(made).collect::<Vec<_>>(),
                Err(error) => places.into_iter().map(|at| (at, Err(error.clone()))).collect(),
            }
        });
        // No key stands there twice: the layer above sees to that.
        let requests: Vec<_> = requests.collect();
        let made: Vec<_> = stream::iter(requests).buffered(AT_ONCE).collect().await;
        made.into_iter().flatten().collect()
    }

    /// Makes all steps or none.
    pub(super) async fn transact(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        let (op, wire) = (Op::Transact, &self.wire);
        if wire.names.shards().len() > 1 && steps.len() > 1 {
            let why = "the keys of this store lie in different slots, and a transaction is made in one";
            return Err(Error::new(ErrorKind::Unsupported, op, why)
                .hint(format!("keep them in a namespace with shards=1; {}", SHARDS.about)));
        }
        wire.guarantees.check_transact(&steps)?;
        let Some(shard) = steps.first().map(|step| wire.names.shard(step.key())) else {
            return Ok(Transacted::new(Vec::new()));
        };
        let (mut ready, mut written, mut uploads) = (Vec::new(), Vec::new(), Vec::new());
        for step in &steps {
            let (step, told) = match step {
                Step::Check { key, pre } => (Ready::check(key, pre), None),
                Step::Delete(item) => (Ready::delete(&item.key, item.only.as_ref()), None),
                Step::Put(item) if item.value.len() as u64 <= INLINE => {
                    let (step, told) = wire.inline(&item.key, &item.value, &item.options)?;
                    (step, Some(told))
                }
                Step::Put(item) => {
                    let mut options = item.options.clone();
                    options.call = call.clone();
                    let up = Uploaded::of_value(self, op, &item.key, item.value.clone(), &options).await?;
                    let (step, told) = up.ready(&options.pre)?;
                    uploads.push(up);
                    (step, Some(told))
                }
                _ => return Err(Error::unsupported(op, "a step of this kind")),
            };
            ready.push(step);
            written.push(told);
        }
        uploads.iter_mut().for_each(Uploaded::committing);
        let made = wire.make(op, call, shard, true, &ready).await;
        for upload in uploads {
            upload.settle(&made);
        }
        let made = made?;
        let mut done = Vec::with_capacity(made.len());
        for ((made, told), step) in made.into_iter().zip(written).zip(&steps) {
            let made = made?;
            done.push(match (told, step) {
                (Some(written), _) => StepDone::Written(written),
                (None, Step::Delete(_)) => StepDone::Removed(removed(made)),
                _ => StepDone::Checked,
            });
        }
        Ok(Transacted::new(done))
    }
}
