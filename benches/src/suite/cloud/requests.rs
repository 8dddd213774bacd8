//! Requests, counted by a double in this process. Nothing is timed here.

use larder_cloud_tests::s3::Double;
use tokio::runtime::Runtime;

use super::bare::Bare;
use super::clock::Clock;
use super::server;
use super::{Act, BUCKET, ours};
use crate::context::Context;
use crate::error::Result;
use crate::measure::Side;
use crate::open;
use crate::workload::Workload;

/// Operations of a kind.
const OPERATIONS: usize = 64;

pub(super) fn run(context: &mut Context, runtime: &Runtime) -> Result<()> {
    if !context.wants_any(&Act::ALL.map(Act::requests)) {
        return Ok(());
    }
    let workload = &Workload::new(OPERATIONS, 1 << 10);
    let double = Double::start(server::options())?;
    let store = &runtime.block_on(larder::open(&double.url(&format!("{BUCKET}/ours"))))?;
    let bare = &Bare::new(&double.endpoint(), &server::options(), "bare", workload);
    // Puts before gets, which find what was put.
    for act in [Act::Put, Act::Get] {
        if !context.wants(&act.requests()) && act == Act::Get {
            continue;
        }
        let ours = count(&double, ours(runtime, store, workload, act, Clock::Wall))?;
        let theirs = count(&double, bare.side(runtime, workload, act, Clock::Wall))?;
        if context.wants(&act.requests()) {
            context.add(act.requests(), &[(ours, theirs)])?;
        }
    }
    open::close(runtime, store)?;
    Ok(())
}

/// Requests of any kind for each operation.
fn count(double: &Double, mut side: Side<'_>) -> Result<f64> {
    let order: Vec<_> = (0..OPERATIONS).collect();
    double.reset_requests();
    side(&order)?;
    let all: u64 = double.requests().values().sum();
    Ok(all as f64 / OPERATIONS as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;

    #[test]
    fn no_operation_takes_an_extra_request() {
        let mut context = Context::new(&Args { quick: true, ..Args::default() }).unwrap();
        run(&mut context, &Context::runtime().unwrap()).unwrap();
        let outcomes = context.finish();
        let told: Vec<_> = outcomes.iter().map(|o| (o.case.name.as_str(), o.ours, o.theirs)).collect();
        assert_eq!(told, [("s3 put 1 KiB, requests", 1.0, 1.0), ("s3 get 1 KiB, requests", 1.0, 1.0)]);
    }
}
