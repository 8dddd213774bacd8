//! What a job remembers in its target, so that a later run goes on where it was stopped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_store_core::{
    Call, DeleteOptions, Durability, Env, Error, ErrorKind, GetOptions, Got, Key, Op, PutOptions, Result,
    Store, system,
};
use serde::{Deserialize, Serialize};

use crate::dump::Totals;
use crate::options::{Resume, WriteOptions};
use crate::report::Counts;

const VERSION: u32 = 1;
/// How long a job that was cancelled takes to write it.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// How far a job came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    version: u32,
    /// What the job is, for people.
    job: String,
    /// The options that it may not go on without, for people.
    how: String,
    pub(crate) mark: Mark,
    /// Entries before it.
    pub(crate) entries: u64,
    /// What became of them.
    pub(crate) counts: Counts,
}

/// A mark, and how many entries come before it.
pub(crate) type Low = (Mark, u64);

/// Everything before this was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mark {
    /// All keys up to this one.
    Key(String),
    /// All segments before this place.
    Dump { part: u64, offset: u64, running: [u8; 32], totals: Totals, key: Option<String> },
}

/// A job's memory in its target.
#[derive(Debug)]
pub(crate) struct Memory {
    target: Arc<dyn Store>,
    key: Key,
    job: String,
    how: String,
    env: Env,
    call: Call,
    every: Duration,
    saved: Option<Instant>,
    kept: bool,
}

impl Memory {
    /// The memory of the job that `words` describe.
    pub(crate) fn of(target: Arc<dyn Store>, words: &[&str], options: &WriteOptions) -> Result<Memory> {
        let mut hasher = blake3::Hasher::new();
        for word in words {
            hasher.update(&(word.len() as u64).to_le_bytes()).update(word.as_bytes());
        }
        let key = system::key(format!("migrate/{}", &hasher.finalize().to_hex()[..32]))?;
        let job = words.join(" ");
        let how = format!("{:?} conflicts, {:?} misfits", options.on_conflict, options.unfit).to_lowercase();
        let (env, call, every) = (options.job.env.clone(), options.job.call.clone(), options.job.remember);
        Ok(Memory { target, key, job, how, env, call, every, saved: None, kept: false })
    }

    /// What an interrupted run left that is to be gone on with.
    pub(crate) async fn begin(&mut self, resume: Resume) -> Result<Option<State>> {
        let loaded = self.load().await;
        match resume {
            Resume::Auto => loaded,
            // Whatever it says, it is written over, or forgotten at the end.
            Resume::Restart => Ok(None),
        }
    }

    async fn load(&mut self) -> Result<Option<State>> {
        let options = GetOptions::new().with_call(self.call.clone());
        let Got::Found { body, .. } = self.target.get_opts(&self.key, &options).await? else {
            return Ok(None);
        };
        self.kept = true;
        let state: Option<State> = serde_json::from_slice(&body).ok();
        match state.filter(|state| state.version == VERSION && state.job == self.job) {
            Some(state) if state.how == self.how => Ok(Some(state)),
            // What is behind the mark was done in its way, and would stay so.
            Some(state) => Err(Error::new(
                ErrorKind::Invalid,
                Op::Import,
                format!("an interrupted run of this job had other options: {}, now {}", state.how, self.how),
            )
            .at(self.target.id())
            .hint("finish it with its own, or restart")),
            None => Err(Error::new(
                ErrorKind::Unsupported,
                Op::Import,
                "what an interrupted run left is not understood",
            )
            .at(self.target.id())
            .hint("another version of Larder left it: finish with that one, or restart")),
        }
    }

    /// Writes how far the job came.
    pub(crate) async fn save(&mut self, low: (Low, Counts)) -> Result<()> {
        let call = self.call.clone();
        match self.write(low, call).await {
            // An earlier mark is good as well: it will be told again soon.
            Err(error) if error.kind().is_retryable() || error.is(ErrorKind::Unknown) => Ok(()),
            done => done,
        }
    }

    /// Whether it is time to.
    pub(crate) fn is_due(&self) -> bool {
        self.saved.is_none_or(|at| self.env.now().duration_since(at) >= self.every)
    }

    /// Writes it also if the job's own time is over.
    pub(crate) async fn save_at_last(&mut self, low: (Low, Counts)) -> Result<()> {
        let call = Call::within(&self.env, LAST_WORDS);
        self.write(low, call).await
    }

    async fn write(&mut self, ((mark, entries), counts): (Low, Counts), call: Call) -> Result<()> {
        let (job, how) = (self.job.clone(), self.how.clone());
        let state = State { version: VERSION, job, how, mark, entries, counts };
        if self.target.guarantees().durability < Durability::Durable {
            // What is said to be written must not be lost by a crash that spares the saying.
            self.target.flush(&call).await?;
        }
        let text = serde_json::to_vec(&state).expect("text and numbers can be written");
        self.target.put_opts(&self.key, text.into(), &PutOptions::new().with_call(call)).await?;
        self.saved = Some(self.env.now());
        self.kept = true;
        Ok(())
    }

    /// Forgets it.
    pub(crate) async fn forget(&mut self) -> Result<()> {
        if std::mem::take(&mut self.kept) {
            let options = DeleteOptions::new().with_call(self.call.clone());
            self.target.delete_opts(&self.key, &options).await?;
        }
        Ok(())
    }
}

/// Adds to an error how to go on.
pub(crate) fn resumable(error: Error) -> Error {
    match error.advice() {
        Some(_) => error,
        None => error.hint("run it again: it goes on where it stopped"),
    }
}
