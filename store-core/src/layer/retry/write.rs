//! Writes: sent again, and looked for where it is not known whether they were made.

use std::future::Future;

use super::Retry;
use super::engine::Attempts;
use super::fate::{Answer, Fate, Next, READ_FIRST, unknown};
use super::intent::{Intent, Verdict};
use crate::call::Call;
use crate::error::{Error, ErrorKind, Op, Result};
use crate::key::Key;
use crate::options::{Consistency, HeadOptions, PutOptions, Step};
use crate::outcome::{ByteStream, Transacted, Written};
use crate::store::Store;
use crate::write_id::WriteId;

impl<S: Store> Retry<S> {
    /// The write id of a put: drawn before the first attempt, and kept by all.
    pub(super) fn write_id(&self, given: Option<WriteId>) -> WriteId {
        given.unwrap_or_else(|| WriteId::random(self.retries.env()))
    }

    /// One write and its attempts.
    pub(super) async fn write<T, F, A>(
        &self,
        op: Op,
        key: &Key,
        intent: Intent,
        call: &Call,
        mut send: F,
    ) -> Result<T>
    where
        T: Answer,
        F: FnMut() -> A + Send,
        A: Future<Output = Result<T>> + Send,
    {
        let (mut fate, mut attempts) = (Fate::default(), self.retries.attempts(call));
        loop {
            let ended = call.guard_write(self.retries.env(), op, send()).await;
            let ended = ended.map_err(|e| e.at(self.id()).on(key));
            match self.weigh(&mut fate, op, key, &intent, &attempts, ended).await {
                Next::Done(done) => return done.map_err(|e| attempts.noted(e.at(self.id()).on(key))),
                Next::Again(error) | Next::Look(error) => {
                    if let Err(error) = attempts.again(op, error).await {
                        return Err(fate.last(error));
                    }
                }
            }
        }
    }

    /// What comes behind an attempt: never another look.
    pub(super) async fn weigh<T: Answer>(
        &self,
        fate: &mut Fate,
        op: Op,
        key: &Key,
        intent: &Intent,
        attempts: &Attempts<'_>,
        ended: Result<T>,
    ) -> Next<T> {
        match fate.after(intent.is_conditional(), ended) {
            // Boxed, as it is seldom: every write would keep room for it.
            Next::Look(error) => Box::pin(self.look(op, key, intent, attempts, error)).await,
            next => next,
        }
    }

    /// Looks at the key to learn what became of a write that ended in `error`.
    pub(super) async fn look<T: Answer>(
        &self,
        op: Op,
        key: &Key,
        intent: &Intent,
        attempts: &Attempts<'_>,
        error: Error,
    ) -> Next<T> {
        let call = attempts.call();
        let options = HeadOptions::new().with_consistency(Consistency::Origin).with_call(call.clone());
        let (inner, options) = (&self.inner, &options);
        let seen = self.retries.run_on(attempts.fresh(), Op::Head, |_| inner.head_opts(key, options)).await;
        let seen = match seen {
            Ok(seen) => seen,
            Err(failed) => {
                let why = format!("it got no answer, and the key could not be read back: {}", failed.why());
                return Next::Done(Err(self.unclear(op, key, &why, failed)));
            }
        };
        match intent.judge(&seen) {
            Verdict::NotYet => Next::Again(error),
            Verdict::Lost(current) => {
                let why = "another write replaced the version that this one named";
                let lost = Error::new(ErrorKind::Conflict, op, why).at(self.id()).on(key);
                // Where versions come from the content, the attempt that is open may meet its version again.
                Next::Done(Err(lost.with_current(Some(current)).with_settled(false).caused_by(error)))
            }
            Verdict::Unclear(why) => {
                let why = format!("an attempt got no answer, and the read-back does not tell: {why}");
                Next::Done(Err(self.unclear(op, key, &why, error)))
            }
            Verdict::Made(version, meta) => {
                let Intent::Put { id, .. } = intent else { return Next::Done(Err(unknown(error))) };
                let mut written = Written::new(version, *id, self.guarantees().durability);
                if let Some((modified, size)) = meta.and_then(|m| Some((m.modified?, m.stored_size))) {
                    written = written.with_facts(modified, size);
                }
                written.settled = false;
                Next::Done(T::found(written).ok_or_else(|| unknown(error)))
            }
        }
    }

    fn unclear(&self, op: Op, key: &Key, why: &str, cause: Error) -> Error {
        Error::new(ErrorKind::Unknown, op, why).at(self.id()).on(key).hint(READ_FIRST).caused_by(cause)
    }

    /// A streamed put: sent once, as its body can be read once, and looked for if its fate is not known.
    pub(super) async fn write_stream(
        &self,
        key: &Key,
        body: ByteStream,
        options: &PutOptions,
    ) -> Result<Written> {
        let (op, call) = (Op::PutStream, &options.call);
        let attempts = self.retries.attempts(call);
        let id = self.write_id(options.write_id);
        let options = PutOptions { write_id: Some(id), ..options.clone() };
        let ended =
            call.guard_write(self.retries.env(), op, self.inner.put_stream_opts(key, body, &options)).await;
        let error = match ended {
            Ok(written) => return Ok(written),
            Err(error) => error.at(self.id()).on(key),
        };
        let answered = error.settled() && !error.is(ErrorKind::Unknown);
        if answered || call.check(self.retries.env(), op).is_err() {
            return Err(error);
        }
        let intent = Intent::Put { id, pre: options.pre.clone() };
        match self.look(op, key, &intent, &attempts, error).await {
            Next::Done(done) => done,
            // It was not made so far, and cannot be sent again: nobody knows whether it still will be.
            Next::Again(error) | Next::Look(error) => Err(unknown(error)),
        }
    }

    /// A transaction: sent again only if it was surely not made.
    pub(super) async fn write_all(&self, mut steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        let op = Op::Transact;
        for step in &mut steps {
            if let Step::Put(item) = step {
                item.options.write_id = Some(self.write_id(item.options.write_id));
            }
        }
        let mut attempts = self.retries.attempts(call);
        loop {
            let sent = self.inner.transact_opts(steps.clone(), call);
            let error = match call.guard_write(self.retries.env(), op, sent).await {
                Ok(done) => return Ok(done),
                Err(error) => error.at(self.id()),
            };
            match (super::engine::is_transient(error.kind()), error.settled()) {
                (true, true) => attempts.again(op, error).await?,
                // A kind that says "not made" is not true of it.
                (true, false) => return Err(unknown(error)),
                (false, _) => return Err(attempts.noted(error)),
            }
        }
    }
}
