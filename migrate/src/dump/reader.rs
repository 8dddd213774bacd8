//! Reads a dump: cuts its parts into segments, has them taken apart and checked side by side, and gives them in order.

use std::collections::VecDeque;

use bytes::Bytes;
use larder_store_core::env::InFlight;
use larder_store_core::{Call, Env, Error, ErrorKind, Op, Result};
use tokio::sync::oneshot;

use super::chain::Chain;
use super::encoding::{Cutter, Found};
use super::input::Input;
use super::parts::{self, DumpPlace, Kind, Part};
use super::segment::Segment;

/// How many segments are on their way at once.
const WIDTH: usize = 4;

/// Where a segment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    /// The number of the part, from 0.
    pub(crate) part: u64,
    /// Bytes of the part before it.
    pub(crate) offset: u64,
}

/// Reads a dump, segment by segment.
#[derive(Debug)]
pub(crate) struct DumpReader {
    env: Env,
    call: Call,
    parts: Vec<Part>,
    next_part: usize,
    input: Option<Input>,
    cutter: Cutter,
    at: At,
    chain: Chain,
    under_way: VecDeque<(At, oneshot::Receiver<Result<Segment>>)>,
    // An error of reading ahead, told when what came before it has been given.
    stopped: Option<Error>,
    ended: bool,
}

fn gone() -> Error {
    Error::new(ErrorKind::Unknown, Op::Import, "a segment was given up by a panic or a runtime that ended")
}

impl DumpReader {
    /// Opens a dump from its beginning.
    ///
    /// # Errors
    /// `Invalid` if there is none, and those of reading.
    pub(crate) async fn open(env: Env, place: DumpPlace, call: Call) -> Result<DumpReader> {
        let parts = parts::find(&place.0, &env, &call).await?;
        let input = match place.0 {
            Kind::Input(input) => Some(Input::Read(input)),
            _ => None,
        };
        Ok(DumpReader::new(env, call, parts, input, Chain::new()))
    }

    /// Opens one part by itself, to go on behind it.
    pub(crate) fn of_part(env: Env, part: Part, call: Call, number: u64) -> DumpReader {
        let chain = if number == 0 { Chain::new() } else { Chain::of_part() };
        let mut reader = DumpReader::new(env, call, vec![part], None, chain);
        reader.at.part = number;
        reader
    }

    fn new(env: Env, call: Call, parts: Vec<Part>, input: Option<Input>, chain: Chain) -> DumpReader {
        DumpReader {
            env,
            call,
            parts,
            next_part: 0,
            input,
            cutter: Cutter::default(),
            at: At { part: 0, offset: 0 },
            chain,
            under_way: VecDeque::new(),
            stopped: None,
            ended: false,
        }
    }

    /// The same dump from its beginning, if it can be read a second time.
    pub(crate) fn again(&self) -> Option<DumpReader> {
        let again =
            || DumpReader::new(self.env.clone(), self.call.clone(), self.parts.clone(), None, Chain::new());
        (!self.parts.is_empty()).then(again)
    }

    /// Goes on at a place where `chain` had come to. What can be read only once is read up to there, and checked anew.
    pub(crate) async fn go_to(&mut self, at: At, chain: Chain) -> Result<()> {
        if self.parts.is_empty() {
            while self.at_of_next() != at {
                if self.next().await?.is_none() {
                    let why = "the dump ends before the place where the interrupted run stopped";
                    return Err(
                        Error::new(ErrorKind::Corrupt, Op::Import, why).hint("restart, which begins anew")
                    );
                }
            }
            return Ok(());
        }
        let Some(part) = self.parts.get(at.part as usize) else {
            let why = "the part where the interrupted run stopped is not here";
            return Err(Error::new(ErrorKind::Invalid, Op::Import, why).hint("bring all parts, or restart"));
        };
        self.input = Some(Input::open(&self.env, part, at.offset, &self.call).await?);
        self.next_part = at.part as usize + 1;
        self.cutter = Cutter::of(self.cutter.found());
        (self.at, self.chain) = (at, chain);
        self.under_way.clear();
        (self.stopped, self.ended) = (None, false);
        Ok(())
    }

    /// Where the next segment to be given stands.
    fn at_of_next(&self) -> At {
        self.under_way.front().map_or(self.at, |(at, _)| *at)
    }

    /// How it is written, once something was read.
    pub(crate) fn found(&self) -> Option<Found> {
        self.cutter.found()
    }

    /// What the segments given so far add up to.
    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    fn place(&self, at: At) -> String {
        match self.parts.get(at.part as usize).or(self.parts.first()) {
            Some(part) => format!("{part}, byte {}", at.offset),
            None => format!("byte {} of the dump", at.offset),
        }
    }

    /// Cuts the next segment, reading as far as that needs.
    async fn cut(&mut self) -> Result<Option<(At, Found, Bytes)>> {
        loop {
            if let Some(raw) = self.cutter.cut().map_err(|damage| damage.at(&self.place(self.at)))? {
                let at = self.at;
                self.at.offset += raw.len() as u64;
                return Ok(Some((at, self.cutter.found().expect("a segment was found"), raw)));
            }
            let Some(input) = &mut self.input else {
                let Some(part) = self.parts.get(self.next_part) else { return Ok(None) };
                let first = self.next_part == 0;
                self.input = Some(Input::open(&self.env, part, 0, &self.call).await?);
                self.next_part += 1;
                if !first {
                    self.at = At { part: self.at.part + 1, offset: 0 };
                }
                self.cutter = Cutter::default();
                continue;
            };
            match input.read(&self.env).await? {
                Some(bytes) => self.cutter.push(&bytes),
                None if self.cutter.is_inside() => {
                    if let Some(raw) = self.cutter.rest() {
                        let at = self.at;
                        self.at.offset += raw.len() as u64;
                        return Ok(Some((at, Found::Lines, raw)));
                    }
                    return Err(super::damage::Damage::Short.at(&self.place(self.at)));
                }
                None => {
                    self.input = None;
                    if self.next_part >= self.parts.len() {
                        self.next_part = usize::MAX;
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The next segment, checked, and where it stands; none at the end.
    ///
    /// # Errors
    /// `Corrupt` for the first one that is damaged; a dump that ends without its trailer is not an error of this
    /// method: see [`DumpReader::check_end`].
    pub(crate) async fn next(&mut self) -> Result<Option<(At, Segment)>> {
        // What has not shown yet that it is a dump gets no more memory than one segment takes.
        let width = if self.chain.header.is_some() || self.chain.lines { WIDTH } else { 1 };
        while !self.ended && self.stopped.is_none() && self.under_way.len() < width {
            match self.cut().await {
                Ok(Some((at, found, raw))) => {
                    let place = self.place(at);
                    let (tell, told) = oneshot::channel();
                    let env = self.env.clone();
                    self.env.spawn(async move {
                        // Nobody waits for those behind one that was damaged.
                        if tell.is_closed() {
                            return;
                        }
                        let work = move || found.decode(&raw).map_err(|damage| damage.at(&place));
                        let _ = tell.send(env.blocking(Op::Import, &InFlight::new(), work).await);
                    });
                    self.under_way.push_back((at, told));
                }
                Ok(None) => self.ended = true,
                Err(error) => self.stopped = Some(error),
            }
        }
        let Some((at, told)) = self.under_way.pop_front() else {
            return match self.stopped.take() {
                Some(error) => {
                    self.ended = true;
                    Err(error)
                }
                None => Ok(None),
            };
        };
        let checked = match told.await.map_err(|_| gone()) {
            Ok(Ok(segment)) => self.chain.accept(&segment, &self.place(at)).map(|()| segment),
            Ok(Err(error)) | Err(error) => Err(error),
        };
        if checked.is_err() {
            self.under_way.clear();
            self.ended = true;
        }
        checked.map(|segment| Some((at, segment)))
    }

    /// Whether what was read is a whole dump.
    ///
    /// # Errors
    /// `Corrupt` if its trailer did not come.
    pub(crate) fn check_end(&self) -> Result<()> {
        if self.chain.trailer.is_some() || self.chain.lines {
            return Ok(());
        }
        let why = format!(
            "{}: the dump ends without its trailer, after {} entries",
            self.place(self.at),
            self.chain.totals.entries
        );
        Err(Error::new(ErrorKind::Corrupt, Op::Import, why)
            .hint("it was not finished, or it was cut: finish the export, or ask for what there is"))
    }
}
