//! The S3 store beside the bare SDK, on the S3 double.

mod bare;
pub(crate) mod server;
mod together;

use std::time::Duration;

use larder_cloud_tests::s3::Double;
use tokio::runtime::Runtime;

use self::bare::Bare;
pub(crate) use self::server::role;
use crate::context::Context;
use crate::error::Result;
use crate::open;
use crate::suite::cloud::case::{Pair, wanted};
use crate::suite::cloud::side::{COUNTED, Ours, count, load, time, verify};
use crate::workload::Workload;

const PAIR: Pair = Pair { scheme: "s3", peer: "aws-sdk-s3", bare: true };

/// The bucket of all stores here, which the double has from its start.
const BUCKET: &str = "bench";

pub(super) fn run(context: &mut Context, runtime: &Runtime) -> Result<()> {
    requests(context, runtime)?;
    beside(context, runtime)?;
    together::run(context, runtime)
}

/// Requests, counted by a double in this process.
fn requests(context: &mut Context, runtime: &Runtime) -> Result<()> {
    if !context.wants_any(&PAIR.counted()) {
        return Ok(());
    }
    let workload = &Workload::new(COUNTED, 1 << 10);
    let double = Double::start(server::options())?;
    let ours = Ours::open(runtime, &double.url(&format!("{BUCKET}/ours")), workload)?;
    let bare = Bare::new(&double.endpoint(), &server::options(), "bare", workload);
    count(
        context,
        runtime,
        workload,
        |act| PAIR.requests(act),
        &ours,
        &bare,
        || {
            let all = double.requests().values().sum();
            double.reset_requests();
            all
        },
    )?;
    open::close(runtime, &ours.store)?;
    Ok(())
}

/// Processor time and time of single operations.
fn beside(context: &mut Context, runtime: &Runtime) -> Result<()> {
    if !wanted(context, &PAIR.timed()) {
        return Ok(());
    }
    let workload = &Workload::new(context.either(64, 512), 1 << 10);
    context.say("cloud: loading the double, twice");
    let double = server::start(Duration::ZERO)?;
    let ours = Ours::open(runtime, &double.url(&format!("{BUCKET}/ours")), workload)?;
    let bare = Bare::new(double.endpoint(), double.options(), "bare", workload);
    load(runtime, workload, &ours)?;
    load(runtime, workload, &bare)?;
    time(context, runtime, workload, PAIR.timed(), &ours, &bare)?;
    verify(runtime, workload, &ours)?;
    open::close(runtime, &ours.store)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;

    #[test]
    fn no_operation_takes_an_extra_request() {
        let mut context = Context::new(&Args { quick: true, ..Args::default() }).unwrap();
        requests(&mut context, &Context::runtime().unwrap()).unwrap();
        let outcomes = context.finish();
        let told: Vec<_> = outcomes.iter().map(|o| (o.case.name.as_str(), o.ours, o.theirs)).collect();
        assert_eq!(told, [("s3 put 1 KiB, requests", 1.0, 1.0), ("s3 get 1 KiB, requests", 1.0, 1.0)]);
    }
}
