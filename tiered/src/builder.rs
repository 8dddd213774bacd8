//! Making a stack.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use larder_store_core::config::{Freshness, ReadPolicy, StackPolicy, WritePolicy};
use larder_store_core::env::InFlight;
use larder_store_core::{Env, Error, ErrorKind, Op, Result, Retention, Sharing, Store};
use tokio::sync::Semaphore;

use crate::clocks::Clocks;
use crate::fence::{DEFAULT_SLOTS, DEFAULT_WINDOW, Layout, origin_number};
use crate::flight::Flights;
use crate::front::{Front, OpenFront};
use crate::policy::Policy;
use crate::reach::{Cell, CellSetup, Reach};
use crate::stack::{FILL_BYTES, Stack, check_front};
use crate::stats::{FrontCounts, StackCounts};
use crate::store::TieredStore;

/// How long a call of a front may take, unless told otherwise.
pub const DEFAULT_FRONT_TIMEOUT: Duration = Duration::from_secs(1);
/// The most fronts.
const MAX_FRONTS: usize = 16;

/// A stack in the making. [`TieredStore::builder`] begins one.
#[derive(Debug)]
#[must_use = "nothing is opened before open()"]
pub struct Builder {
    origin: Arc<dyn Store>,
    fronts: Vec<Arc<dyn OpenFront>>,
    policy: StackPolicy,
    window: Duration,
    timeout: Duration,
    env: Env,
}

impl Builder {
    pub(crate) fn new(origin: Arc<dyn Store>) -> Builder {
        Builder {
            origin,
            fronts: Vec::new(),
            policy: StackPolicy::default(),
            window: DEFAULT_WINDOW,
            timeout: DEFAULT_FRONT_TIMEOUT,
            env: Env::system(),
        }
    }

    /// Puts a front above the origin, below those that were given before. It must have a bound
    /// ([`Retention::MayEvict`]).
    pub fn front(self, store: impl Store) -> Builder {
        let store: Arc<dyn Store> = Arc::new(store);
        self.front_from(store)
    }

    /// The same for one that is opened with the stack, and later if that fails.
    pub fn front_from(mut self, opener: impl OpenFront) -> Builder {
        self.fronts.push(Arc::new(opener));
        self
    }

    /// Says all of the stack's own parameters.
    pub fn policy(mut self, policy: StackPolicy) -> Builder {
        self.policy = policy;
        self
    }

    /// How fresh an answer of a front must be. It must be said where others can write the origin who do not go through
    /// the fence.
    pub fn fresh(mut self, fresh: Freshness) -> Builder {
        self.policy.fresh = Some(fresh);
        self
    }

    /// The same for the keys that start with `prefix`; the longest one that fits holds.
    pub fn fresh_for(mut self, prefix: impl Into<String>, fresh: Freshness) -> Builder {
        self.policy.fresh_by_prefix.insert(prefix.into(), fresh);
        self
    }

    /// Where reads go.
    pub fn read(mut self, read: ReadPolicy) -> Builder {
        self.policy.read = Some(read);
        self
    }

    /// Where writes go.
    pub fn write(mut self, write: WritePolicy) -> Builder {
        self.policy.write = Some(write);
        self
    }

    /// Slots of the fence table, rounded up to a power of two. More make it rarer that a write to one key costs a miss of
    /// another. All processes that share a front must say the same.
    pub fn fence_slots(mut self, slots: u32) -> Builder {
        self.policy.fence_slots = Some(slots.into());
        self
    }

    /// How long after a write that got no answer its slot is not cached ([`DEFAULT_WINDOW`]): as long as a request can be
    /// under way to the origin.
    pub fn doubt_window(mut self, window: Duration) -> Builder {
        self.window = window;
        self
    }

    /// How long a call of a front may take ([`DEFAULT_FRONT_TIMEOUT`]); a slower one counts as failed.
    pub fn front_timeout(mut self, timeout: Duration) -> Builder {
        self.timeout = timeout;
        self
    }

    /// The environment to run in. All stacks over an origin in a process must have clocks that agree.
    pub fn env(mut self, env: Env) -> Builder {
        self.env = env;
        self
    }

    /// Opens the stack.
    ///
    /// A front that cannot be opened now is passed by and tried again later, unless `fresh=sole_writer` needs its fence.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if it must be said how fresh answers are to be, and was not; [`ErrorKind::Unsupported`] for
    /// what is not offered, and stores that cannot stand where they do; [`ErrorKind::Unavailable`] if `fresh=sole_writer` is
    /// asked for and the fence cannot be attached.
    pub async fn open(self) -> Result<TieredStore> {
        let Builder { origin, fronts: openers, policy: told, window, timeout, env } = self;
        let guarantees = origin.guarantees().clone();
        let id = origin.id().clone();
        if guarantees.retention != Retention::Keeps {
            let why = format!("{id} may evict values, and the last tier must keep them");
            return Err(Error::new(ErrorKind::Unsupported, Op::Open, why)
                .hint("a cache stands above a store that keeps everything"));
        }
        if openers.len() > MAX_FRONTS {
            let why = format!("a stack has at most {MAX_FRONTS} fronts, and this one has {}", openers.len());
            return Err(Error::new(ErrorKind::Unsupported, Op::Open, why));
        }
        let number = origin_number(&id);
        let make = |(at, opener): (usize, Arc<dyn OpenFront>)| {
            let at = at as u8;
            Front::new(at, opener, timeout, number, env.clone(), FrontCounts::new(at, &id))
        };
        let fronts: Vec<Front> = openers.into_iter().enumerate().map(make).collect();
        let failed = open_all(&fronts).await?;
        let shared =
            |front: &Front| front.store().is_none_or(|store| store.guarantees().sharing > Sharing::Process);
        let fenced_by = fronts.iter().rposition(shared);
        let reach = if fenced_by.is_some() { Sharing::Host } else { Sharing::Process };
        if told.fresh.is_none() && guarantees.sharing > reach {
            return Err(how_fresh(&id.to_string(), reach));
        }
        let policy = Policy::new(&told, Freshness::SoleWriter)?;
        let layout =
            Layout::new(told.fence_slots.map_or(DEFAULT_SLOTS, |slots| slots.min(u32::MAX.into()) as u32));
        let fences = Reach::of(&id, &env);
        let cell = Cell::new(CellSetup {
            own: fences.own(layout, window)?,
            shares: fenced_by.is_some(),
            strict: policy.trusts_the_fence(),
        });
        if fenced_by.is_some() {
            fences.watch(&cell);
        }
        let stack = Arc::new(Stack {
            guarantees,
            fronts,
            fenced_by,
            origin,
            policy,
            clocks: Clocks::new(env),
            reach: fences,
            cell,
            attachment: std::sync::Mutex::default(),
            layout,
            window,
            origin_number: number,
            flights: Flights::new(),
            inflight: InFlight::new(),
            fills: Arc::new(Semaphore::new(FILL_BYTES)),
            closed: AtomicBool::new(false),
            counts: StackCounts::new(&id),
            id,
        });
        attach(&stack, failed).await?;
        Ok(TieredStore { stack })
    }
}

/// Opens what can be opened; gives the first error of what cannot be opened now.
async fn open_all(fronts: &[Front]) -> Result<Option<Error>> {
    let mut failed = None;
    for front in fronts {
        match front.open().await {
            Ok(store) => check_front(&**store)?,
            Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Unsupported) => {
                return Err(error);
            }
            Err(error) => {
                front.is_down();
                tracing::warn!(tier = front.number, %error, "a front cannot be opened and is passed by");
                failed.get_or_insert(error);
            }
        }
    }
    Ok(failed)
}

/// Attaches the fence beside the front that is shared.
async fn attach(stack: &Arc<Stack>, failed: Option<Error>) -> Result<()> {
    let Some(at) = stack.fenced_by else { return Ok(()) };
    let raised = match (stack.fronts[at].store(), failed) {
        (None, Some(error)) => Err(error),
        _ => stack.raise(at).await,
    };
    let Err(error) = raised else { return Ok(()) };
    if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Unsupported) {
        return Err(error);
    }
    if stack.cell.is_strict() {
        let why =
            "fresh=sole_writer promises that everybody writes through the fence, which cannot be attached";
        return Err(Error::new(ErrorKind::Unavailable, Op::Open, format!("{why}: {}", error.why()))
            .at(&stack.id)
            .hint("mend the folder of the front, or choose fresh=30s, with which the stack runs without it")
            .caused_by(error));
    }
    stack.fronts[at].is_down();
    tracing::warn!(tier = at, %error, "a front that processes share is passed by: its fence cannot be attached");
    Ok(())
}

/// Others can write the origin past the fence.
fn how_fresh(origin: &str, reach: Sharing) -> Error {
    let who = match reach {
        Sharing::Process => "other processes",
        _ => "other hosts",
    };
    let why = format!(
        "{who} can write {origin} past the fence of this stack, so it must say how fresh answers are to be"
    );
    Error::new(ErrorKind::Invalid, Op::Open, why).hint(
        "fresh=30s (never older), fresh=always (asks each time), fresh=immutable (values never change), fresh=sole_writer \
         (everybody writes through this fence)",
    )
}
