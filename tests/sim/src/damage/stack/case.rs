//! One case, as the child plays it.

use std::collections::BTreeMap;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use larder_store_core::{
    Call, DeleteOptions, Error, ErrorKind, GetOptions, Got, Key, PutOptions, Result as StoreResult, Store,
};
use larder_tiered::{StackStats, TieredStore};

use super::answer::Answer;
use super::harm::Target;
use super::tiers;
use crate::Outcome;
use crate::damage::harm::Harm;
use crate::damage::plan::Stored;
use crate::rng::Rng;
use crate::tiers::{DATA, FENCE};
use crate::value::{self, WriteNo};

/// How long a call of the cache may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Rounds of reads while the damage comes.
const ROUNDS: u64 = 3;
/// The longest that the damage waits while reads go on.
const LONGEST_US: u64 = 2_000;

/// About how many bytes of words are kept.
const MOST_WORDS: usize = 400;

/// What is done in a case.
#[derive(Debug, Clone)]
pub(super) struct Doing {
    /// There is a front in memory.
    pub(super) memory: bool,
    /// The stack is also written to.
    pub(super) write: bool,
    pub(super) seed: u64,
    /// What is damaged while the stack is open.
    pub(super) harm: Option<(Target, Harm)>,
}

/// What the origin holds: the truth.
type Truth = BTreeMap<Key, Option<WriteNo>>;

struct Case<'a> {
    stack: TieredStore,
    origin: &'a dyn Store,
    truth: Truth,
    answer: Answer,
}

/// Plays it.
pub(super) async fn play(folder: &Path, values: &[Stored], doing: &Doing) -> Outcome<Answer> {
    let tiers = tiers(folder, doing.memory);
    let origin = tiers.origin().await?;
    let mut truth = Truth::new();
    for stored in values {
        truth.insert(stored.key.clone(), truly(&*origin, &stored.key).await?);
    }
    let cache = tiers.cache_folder();
    let before = marks(&cache);
    // A machine that others use too may be slow: that is no failure of the cache, which would be left alone then.
    let opened = tiers.over(tiers.origin().await?)?.front_timeout(PATIENCE).open().await;
    let stack = match opened {
        Ok(stack) => stack,
        Err(error) => {
            let mut answer = Answer { refused: 1, ..Answer::default() };
            answer.note(|| error.to_string());
            origin.close(&Call::default()).await?;
            return Ok(answer);
        }
    };
    let mut case = Case { stack, origin: &*origin, truth, answer: Answer::default() };
    case.go(doing, &cache).await?;
    let Case { stack, mut answer, .. } = case;
    if let Err(error) = stack.close(&Call::default()).await {
        answer.note(|| format!("close: {error:?}"));
        answer.reads_failed += 1;
    }
    drop(stack);
    origin.close(&Call::default()).await?;
    let after = marks(&cache);
    answer.cache_anew = u64::from(before.0 != after.0);
    answer.fence_anew = u64::from(before.1 != after.1);
    Ok(answer)
}

/// Puts what the plan says, where something else is: past the fence, so that the cache must be laid out again.
pub(super) async fn restore(origin: &dyn Store, values: &[Stored]) -> Outcome {
    for stored in values {
        if truly(origin, &stored.key).await? != Some(stored.write) {
            let body = value::make(stored.key.as_str(), stored.write, stored.len);
            origin.put_opts(&stored.key, body, &PutOptions::new()).await?;
        }
    }
    Ok(())
}

/// The inode of the cache's file, and which table the fence is.
fn marks(cache: &Path) -> (Option<u64>, Option<[u8; 8]>) {
    let inode = std::fs::metadata(cache.join(DATA)).ok().map(|meta| meta.ino());
    let table = std::fs::File::open(cache.join(FENCE)).ok().and_then(|file| {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, 16).ok().map(|()| bytes)
    });
    (inode, table)
}

fn write_of(key: &Key, got: Got<bytes::Bytes>) -> Result<Option<WriteNo>, String> {
    match got {
        Got::Found { body, .. } => value::check(key.as_str(), &body).map(Some),
        _ => Ok(None),
    }
}

async fn truly(origin: &dyn Store, key: &Key) -> Outcome<Option<WriteNo>> {
    Ok(write_of(key, origin.get_opts(key, &GetOptions::new()).await?)?)
}

/// The fence file is not the one that was attached, and `sole_writer` promises that it is.
fn is_refusal(error: &Error) -> bool {
    error.is(ErrorKind::Unavailable) && error.why().contains("fence")
}

impl Case<'_> {
    async fn go(&mut self, doing: &Doing, cache: &Path) -> Outcome {
        let mut rng = Rng::new(doing.seed);
        self.read_all().await;
        if let Some((target, harm)) = doing.harm {
            let (path, mut hurt) = (cache.join(target.file()), Rng::part(doing.seed, 1));
            let pause = Duration::from_micros(rng.below(LONGEST_US));
            let harming = std::thread::spawn(move || {
                std::thread::sleep(pause);
                harm.apply_in_place(&path, &mut hurt).map_err(|e| e.to_string())
            });
            for _ in 0..ROUNDS {
                self.read_all().await;
            }
            let what = harming.join().map_err(|_| "the thread that damages panicked")??;
            self.say(&what);
        }
        if doing.write {
            self.write(&mut rng).await?;
        }
        // What was missed once is there, unless it is in doubt.
        for _ in 0..2 {
            self.read_all().await;
            self.stack.drain(&Call::default()).await?;
        }
        let before = self.stack.stats();
        self.read_all().await;
        let after = self.stack.stats();
        self.answer.asked_last = after.origin.reads - before.origin.reads;
        self.count(&after);
        Ok(())
    }

    /// The first few words are kept.
    fn say(&mut self, what: &str) {
        if self.answer.note.len() < MOST_WORDS {
            self.answer.note = format!("{} {what}.", self.answer.note);
        }
    }

    fn count(&mut self, stats: &StackStats) {
        let Some(cache) = stats.tiers.last() else { return };
        self.answer.hits = cache.hits;
        self.answer.corrupt = cache.corrupt;
        self.answer.errors = cache.errors;
        self.answer.asked = stats.origin.reads;
    }

    async fn read(&self, key: &Key) -> StoreResult<Got<bytes::Bytes>> {
        match self.stack.try_get(key, &GetOptions::new()) {
            Some(got) => got,
            None => self.stack.get_opts(key, &GetOptions::new()).await,
        }
    }

    async fn read_all(&mut self) {
        for (key, truth) in self.truth.clone() {
            let is = match self.read(&key).await {
                Ok(got) => write_of(&key, got),
                Err(error) => {
                    self.answer.reads_failed += 1;
                    self.say(&format!("FAILED {error:?}"));
                    continue;
                }
            };
            if is.as_ref() == Ok(&truth) {
                self.answer.right += 1;
            } else {
                self.answer.wrong += 1;
                self.say(&format!("WRONG {key:?}: {is:?}, and the origin has {truth:?}"));
            }
        }
    }

    /// Writes over some values, and removes one.
    async fn write(&mut self, rng: &mut Rng) -> Outcome {
        let keys: Vec<Key> = self.truth.keys().cloned().collect();
        for n in 0..6 {
            let key = rng.pick(&keys);
            let (write, len) = (5000 + n, rng.between(40, 20_000) as usize);
            let done = match n {
                5 => self.stack.delete_opts(key, &DeleteOptions::new()).await.map(drop),
                _ => {
                    let body = value::make(key.as_str(), write, len);
                    self.stack.put_opts(key, body, &PutOptions::new()).await.map(drop)
                }
            };
            match &done {
                Ok(()) => self.answer.written += 1,
                Err(error) if is_refusal(error) => self.answer.writes_refused += 1,
                Err(error) => {
                    self.answer.writes_failed += 1;
                    self.say(&format!("NOT WRITTEN {error:?}"));
                }
            }
            let truth = truly(self.origin, key).await?;
            let wanted = done.map(|()| (n < 5).then_some(write));
            if wanted.is_ok_and(|wanted| wanted != truth) {
                self.answer.wrong += 1;
                self.say(&format!("WRONG {key:?}: after write {write} the origin has {truth:?}"));
            }
            self.truth.insert(key.clone(), truth);
        }
        Ok(())
    }
}
