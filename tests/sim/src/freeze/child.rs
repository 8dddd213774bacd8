//! A process of the stack: it reads and judges, writes its own keys, and is frozen now and then.

use std::cell::{Cell, RefCell};
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use larder_store_core::{Call, DeleteOptions, ErrorKind, GetOptions, Got, Key, PutOptions, Served, Store};
use larder_tiered::TieredStore;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::truth::{Seen, Truth};
use super::{OUTSIDE, OWN, name};
use crate::args::Args;
use crate::clocks::MachineClock;
use crate::report::Report;
use crate::rng::Rng;
use crate::stores::StackSetup;
use crate::{Outcome, clock, process, stores, value};

pub(super) const ROLE: &str = "role-freeze-child";

/// Calls that a process has under way.
const CLIENTS: u64 = 3;
/// How long a drain may take.
const DRAIN: Duration = Duration::from_secs(20);

/// What the clients of a process share.
struct Shared {
    store: Arc<dyn Store>,
    stack: TieredStore,
    truth: Truth,
    who: u64,
    /// How stale an answer may be about what others write past the fence, in nanoseconds.
    limit: u64,
    /// No call is to begin, and how many clients have seen that.
    rest: Cell<bool>,
    resting: Cell<u64>,
    end: Cell<bool>,
    reads: Cell<u64>,
    from_fronts: Cell<u64>,
    oldest: Cell<u64>,
    writes: Cell<u64>,
    /// Calls that a process frozen in the middle of a write held up for longer than a stream's version lived.
    gone: Cell<u64>,
    report: RefCell<Report>,
}

/// Plays the role.
///
/// # Errors
/// It cannot open the stack, or a call of it fails.
pub(super) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let mut setup = StackSetup::new(args.need("stack")?, Duration::from_millis(50));
    setup.env = MachineClock::open(&PathBuf::from(args.need("clocks")?))?.env();
    let truth = Truth::open(&PathBuf::from(args.need("truth")?))?;
    let (who, seed) = (args.number("who", 0)?, args.number("seed", 0)?);
    let limit = args.number("limit", 0)? * 1_000_000;
    args.finish()?;
    let (tell, commands) = unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    stores::block_on(async {
        let (stack, _) = setup.open().await?;
        let shared = Rc::new(Shared {
            store: Arc::new(stack.clone()),
            stack,
            truth,
            who,
            limit,
            rest: Cell::new(false),
            resting: Cell::new(0),
            end: Cell::new(false),
            reads: Cell::new(0),
            from_fronts: Cell::new(0),
            oldest: Cell::new(0),
            writes: Cell::new(0),
            gone: Cell::new(0),
            report: RefCell::new(Report::new("freeze", "child", seed)),
        });
        say("ready")?;
        let clients = (0..CLIENTS).map(|n| shared.clone().work(n, Rng::part(seed, n)));
        let clients = async { join_all(clients).await.into_iter().collect::<Outcome>() };
        let (worked, led) = futures_util::future::join(clients, shared.clone().led(commands)).await;
        worked.and(led)?;
        shared.tell();
        shared.store.close(&Call::default()).await?;
        print!("{}", shared.report.borrow().lines());
        Ok(())
    })
}

fn say(word: &str) -> Outcome {
    println!("{word}");
    Ok(std::io::stdout().flush()?)
}

impl Shared {
    /// Does what it is told, until that is to end.
    async fn led(self: Rc<Self>, mut commands: UnboundedReceiver<String>) -> Outcome {
        while let Some(command) = commands.recv().await {
            match &*command {
                "drain" => {
                    self.rest.set(true);
                    while self.resting.get() < CLIENTS {
                        tokio::time::sleep(Duration::from_micros(200)).await;
                    }
                    let drained = tokio::time::timeout(DRAIN, self.store.drain(&Call::default())).await;
                    match drained {
                        Ok(drained) => drained?,
                        Err(_) => self.report.borrow_mut().problem("a drain does not end"),
                    }
                    say("drained")?;
                }
                "go" => {
                    self.rest.set(false);
                    while self.resting.get() > 0 {
                        tokio::time::sleep(Duration::from_micros(200)).await;
                    }
                }
                _ => break,
            }
        }
        self.end.set(true);
        Ok(())
    }

    async fn work(self: Rc<Self>, client: u64, mut rng: Rng) -> Outcome {
        while !self.end.get() {
            if self.rest.get() {
                self.resting.set(self.resting.get() + 1);
                while self.rest.get() && !self.end.get() {
                    tokio::time::sleep(Duration::from_micros(300)).await;
                }
                self.resting.set(self.resting.get() - 1);
                continue;
            }
            let done = match rng.one_in(10) {
                // Each of them has its own key: nobody else writes that.
                true => self.write(OUTSIDE + self.who * OWN + client, &mut rng).await,
                false => self.read(&mut rng).await,
            };
            if let Err(failure) = done {
                self.report.borrow_mut().problem(failure.to_string());
            }
            if rng.one_in(3) {
                tokio::time::sleep(Duration::from_micros(rng.below(1500))).await;
            } else {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    async fn read(&self, rng: &mut Rng) -> Outcome {
        let key = if rng.one_in(4) { OUTSIDE + rng.below(4 * OWN) } else { rng.below(OUTSIDE) };
        let name = name(key);
        let begin = clock::nanos();
        let (seen, served) = match rng.one_in(6) {
            true => match self.stream(&name).await? {
                Some(seen) => seen,
                None => return Ok(()),
            },
            false => {
                let options = GetOptions::new();
                let got = match self.store.try_get(&name, &options) {
                    Some(got) => got?,
                    None => self.store.get_opts(&name, &options).await?,
                };
                whole(&name, got)?
            }
        };
        self.judge(key, seen, begin, &served)
    }

    /// `None` if the version went away while it was read, which says nothing.
    async fn stream(&self, name: &Key) -> Outcome<Option<(Seen, Served)>> {
        let got = self.store.get_stream_opts(name, &GetOptions::new()).await?;
        let Got::Found { meta, body, served } = got else { return Ok(Some((None, Served::default()))) };
        match body.try_collect::<Vec<Bytes>>().await {
            Ok(pieces) => {
                let body = Bytes::from(pieces.concat());
                whole(name, Got::Found { meta, body, served }).map(Some)
            }
            Err(error) if error.is(ErrorKind::Conflict) => {
                self.gone.set(self.gone.get() + 1);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether an answer is as fresh as it must be. What is written through the fence is never stale.
    fn judge(&self, key: u64, seen: Seen, begin: u64, served: &Served) -> Outcome {
        let end = clock::nanos();
        self.reads.set(self.reads.get() + 1);
        let fronts = self.stack.stats().tiers.len() as u8;
        let front = served.tier.is_some_and(|tier| tier < fronts);
        self.from_fronts.set(self.from_fronts.get() + u64::from(front));
        let limit = if key < OUTSIDE { self.limit } else { 0 };
        let Some(stale) = self.truth.staleness(key, seen, begin)? else {
            return Err(format!("key {key}: {seen:?} was never written").into());
        };
        self.oldest.set(self.oldest.get().max(stale));
        let told = served.age.map_or(0, |age| age.as_nanos() as u64);
        if stale > limit || told > self.limit {
            let (stale, limit, took) = (stale / 1000, limit / 1000, (end - begin) / 1000);
            return Err(format!(
                "stale: key {key} of {seen:?} from {served:?} is {stale} µs past its end, and may be {limit}; \
                 the read took {took} µs"
            )
            .into());
        }
        Ok(())
    }

    async fn write(&self, key: u64, rng: &mut Rng) -> Outcome {
        let (name, removes) = (name(key), rng.one_in(5));
        let number = self.truth.begin(key, removes)?;
        match removes {
            true => drop(self.store.delete_opts(&name, &DeleteOptions::new()).await?),
            false => {
                let body = value::make(name.as_str(), number, rng.between(40, 3000) as usize);
                self.store.put_opts(&name, body, &PutOptions::new()).await?;
            }
        }
        self.truth.end(key, number)?;
        self.writes.set(self.writes.get() + 1);
        Ok(())
    }

    fn tell(&self) {
        let stats = self.stack.stats();
        let mut report = self.report.borrow_mut();
        report.count("reads", self.reads.get());
        report.count("reads that a front answered", self.from_fronts.get());
        report.count("reads that asked the origin", stats.origin.reads);
        report.count("of those whether a version still stands", stats.origin.revalidations);
        report.count("streams whose version went away", self.gone.get());
        report.count("writes through the fence", self.writes.get());
        report.count(
            "calls of fronts that failed or took too long",
            stats.tiers.iter().map(|t| t.errors).sum(),
        );
        report.count("the stalest answer, µs past its end", self.oldest.get() / 1000);
    }
}

/// The write that a value comes from.
fn whole(name: &Key, got: Got<Bytes>) -> Outcome<(Seen, Served)> {
    Ok(match got {
        Got::Found { body, served, .. } => (Some(value::check(name.as_str(), &body)?), served),
        _ => (None, Served::default()),
    })
}
