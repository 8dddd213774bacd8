//! The S3 store beside the bare SDK, on the S3 double. The double runs in a process of its own, so that its time is
//! nobody's here, but where requests are counted.

mod bare;
mod clock;
mod requests;
pub(crate) mod server;
mod together;

use std::hint::black_box;
use std::sync::Arc;

use larder::{Store, StoreExt};
use tokio::runtime::Runtime;

use self::bare::Bare;
use self::clock::{Clock, timed};
pub(crate) use self::server::role;
use crate::case::{Case, Unit};
use crate::context::Context;
use crate::error::Result;
use crate::measure::Side;
use crate::open;
use crate::workload::Workload;

pub(crate) const NAME: &str = "cloud";

const PEER: &str = "aws-sdk-s3";

/// The bucket of all stores here, which the double has from its start.
const BUCKET: &str = "bench";

/// Nanoseconds of processor time that are allowed for all that ours does beyond the SDK.
const ADDED: f64 = 20_000.0;

/// What is done to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Get,
    Put,
}

impl Act {
    const ALL: [Act; 2] = [Act::Get, Act::Put];

    fn name(self) -> &'static str {
        match self {
            Act::Get => "get",
            Act::Put => "put",
        }
    }

    fn requests(self) -> Case {
        let case = Case::new(NAME, format!("s3 {} 1 KiB, requests", self.name()), PEER);
        case.unit(Unit::Requests).limit(1.0)
    }

    fn cpu(self) -> Case {
        let case = Case::new(NAME, format!("s3 {} 1 KiB, CPU", self.name()), PEER);
        case.unit(Unit::Cpu).limit_added(ADDED)
    }

    fn time(self) -> Case {
        Case::new(NAME, format!("s3 {} 1 KiB", self.name()), PEER)
    }
}

pub(crate) fn run(context: &mut Context) -> Result<()> {
    let runtime = &Context::runtime()?;
    requests::run(context, runtime)?;
    beside(context, runtime)?;
    together::run(context, runtime)
}

/// Processor time and time of single operations.
fn beside(context: &mut Context, runtime: &Runtime) -> Result<()> {
    if !context.wants_any(&Act::ALL.map(|act| [act.cpu(), act.time()]).concat()) {
        return Ok(());
    }
    let workload = &Workload::new(context.either(64, 512), 1 << 10);
    context.say("cloud: loading the double, twice");
    let double = server::start(std::time::Duration::ZERO)?;
    let store = &runtime.block_on(larder::open(&double.url(&format!("{BUCKET}/ours"))))?;
    open::load(runtime, &**store, workload)?;
    let bare = &Bare::new(double.endpoint(), double.options(), "bare", workload);
    bare.load(runtime, workload)?;
    for act in Act::ALL {
        for (case, clock) in [(act.cpu(), Clock::Cpu), (act.time(), Clock::Wall)] {
            let plan = context.wire_plan();
            let (ours, theirs) =
                (ours(runtime, store, workload, act, clock), bare.side(runtime, workload, act, clock));
            context.measure(case, &plan, workload, ours, theirs)?;
        }
    }
    open::verify(runtime, store, workload)?;
    bare.verify(runtime, workload)?;
    open::close(runtime, store)?;
    Ok(())
}

/// One operation after the other, on a worker of the runtime, where a service's requests run.
fn ours<'s>(
    runtime: &'s Runtime,
    store: &'s Arc<dyn Store>,
    workload: &'s Workload,
    act: Act,
    clock: Clock,
) -> Side<'s> {
    match act {
        Act::Get => Box::new(move |order| {
            let (store, keys) = (store.clone(), workload.picked(order));
            timed(runtime, clock, async move {
                for key in keys {
                    black_box(&store.get(&key).await?.ok_or("ours lost a value")?);
                }
                Ok(())
            })
        }),
        Act::Put => Box::new(move |order| {
            let (store, puts) = (store.clone(), workload.puts(order));
            timed(runtime, clock, async move {
                for (key, value) in puts {
                    black_box(&store.put(&key, value).await?);
                }
                Ok(())
            })
        }),
    }
}
