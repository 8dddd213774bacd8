//! Writes that are under way, and up to where all of them have ended.

use std::collections::VecDeque;
use std::future::Future;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use larder_store_core::{Env, Error, ErrorKind, Op, Result};
use tokio::sync::oneshot;

use crate::report::Counts;

/// Writes that are under way. Each may have a mark: where a later run goes on when it and all before it have ended.
#[derive(Debug)]
pub(crate) struct Flights<M> {
    env: Env,
    running: FuturesUnordered<BoxFuture<'static, (u64, Result<Counts>)>>,
    // By number from `first` on.
    behind: VecDeque<Flight<M>>,
    first: u64,
    /// What was done up to the last mark that was passed.
    marked: Counts,
    /// What those between that mark and `first` did.
    since: Counts,
    low: Option<M>,
}

#[derive(Debug)]
struct Flight<M> {
    ended: Option<Counts>,
    mark: Option<M>,
}

impl<M> Flights<M> {
    /// None under way, behind what earlier runs did.
    pub(crate) fn new(env: &Env, earlier: Counts) -> Flights<M> {
        Flights {
            env: env.clone(),
            running: FuturesUnordered::new(),
            behind: VecDeque::new(),
            first: 0,
            marked: earlier,
            since: Counts::default(),
            low: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.running.len()
    }

    /// Begins a write, as a task of its own.
    pub(crate) fn begin(
        &mut self,
        mark: Option<M>,
        work: impl Future<Output = Result<Counts>> + Send + 'static,
    ) {
        let number = self.first + self.behind.len() as u64;
        self.behind.push_back(Flight { ended: None, mark });
        let (tell, told) = oneshot::channel();
        self.env.spawn(async move {
            // Whoever waited may have gone away.
            let _ = tell.send(work.await);
        });
        self.running.push(Box::pin(async move {
            let gone = || {
                Error::new(
                    ErrorKind::Unknown,
                    Op::Import,
                    "a write was given up by a panic or a runtime that ended",
                )
            };
            (number, told.await.unwrap_or_else(|_| Err(gone())))
        }));
    }

    /// Counts what needs no write, behind everything that was begun.
    pub(crate) fn count(&mut self, counts: Counts) {
        self.behind.push_back(Flight { ended: Some(counts), mark: None });
        self.advance();
    }

    /// Sets a mark behind everything that was begun.
    pub(crate) fn mark(&mut self, mark: M) {
        self.behind.push_back(Flight { ended: Some(Counts::default()), mark: Some(mark) });
        self.advance();
    }

    /// What the next write did that ends; none if none is under way. One that failed holds the low mark where it is.
    pub(crate) async fn next(&mut self) -> Option<Result<Counts>> {
        let (number, done) = self.running.next().await?;
        if let Ok(counts) = &done {
            self.behind[(number - self.first) as usize].ended = Some(counts.clone());
            self.advance();
        }
        Some(done)
    }

    /// One that has ended already.
    pub(crate) fn ended(&mut self) -> Option<Result<Counts>> {
        self.next().now_or_never().flatten()
    }

    fn advance(&mut self) {
        while let Some(Flight { ended: Some(counts), .. }) = self.behind.front() {
            self.since.add(counts);
            let mark = self.behind.pop_front().and_then(|flight| flight.mark);
            self.first += 1;
            if mark.is_some() {
                self.low = mark;
                self.marked.add(&std::mem::take(&mut self.since));
            }
        }
    }

    /// The last mark before which everything has ended well, if it has moved since it was last taken, and what was done
    /// before it.
    pub(crate) fn take_low(&mut self) -> Option<(M, Counts)> {
        self.low.take().map(|mark| (mark, self.marked.clone()))
    }

    /// What all did, when all have ended well.
    pub(crate) fn into_counts(mut self) -> Counts {
        self.marked.add(&self.since);
        self.marked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_low_mark_waits_for_the_slowest_and_stops_at_a_failure() {
        let mut flights = Flights::new(&Env::system(), Counts::written(5));
        let (go, gone) = oneshot::channel::<()>();
        flights.begin(Some(1), async move {
            let _ = gone.await;
            Ok(Counts::written(7))
        });
        flights.count(Counts::left_out("foreign"));
        flights.begin(Some(2), async { Ok(Counts::same()) });
        flights.mark(3);
        flights.count(Counts::gone());
        assert!(flights.next().await.unwrap().is_ok());
        assert_eq!(flights.take_low(), None);
        go.send(()).unwrap();
        assert!(flights.next().await.unwrap().is_ok());
        let (mark, counts) = flights.take_low().unwrap();
        assert_eq!((mark, counts.written, counts.bytes, counts.same, counts.gone), (3, 2, 12, 1, 0));
        assert_eq!(counts.left_out["foreign"], 1);
        flights.begin(Some(4), async { Err(Error::new(ErrorKind::Full, Op::Put, "no room")) });
        flights.begin(Some(5), async { Ok(Counts::default()) });
        while flights.next().await.is_some() {}
        assert_eq!(flights.take_low(), None);
        assert_eq!(flights.into_counts().gone, 1);
    }
}
