//! The DynamoDB store beside the bare SDK, on dynalite.

mod bare;

use larder_cloud_tests::dynamodb::{Dynalite, url};
use larder_cloud_tests::installed;
use larder_cloud_tests::proxy::{Proxy, Speech};
use tokio::runtime::Runtime;

use self::bare::Bare;
use super::case::Pair;
use super::side::{COUNTED, Ours, count, load, time, verify};
use crate::context::Context;
use crate::error::Result;
use crate::open;
use crate::workload::Workload;

const LEAN: Pair = Pair { scheme: "dynamodb", peer: "aws-sdk-dynamodb", bare: true };
/// What the store does, by hand: as many attributes, and what a put replaces is given back.
const ALIKE: Pair = Pair { peer: "aws-sdk-dynamodb, like items", bare: false, ..LEAN };

/// The table of all items here.
const TABLE: &str = "bench";

/// The emulator.
struct Server(Dynalite);

impl Server {
    fn start() -> Result<Option<Server>> {
        let Some(program) = installed::find("dynalite", "LARDER_DYNALITE") else {
            eprintln!("cloud: dynalite is not installed, so dynamodb is not measured");
            return Ok(None);
        };
        Dynalite::start(&program).map(|server| Some(Server(server)))
    }

    /// Our store, behind this port. The emulator has no transactions.
    fn ours(&self, runtime: &Runtime, port: u16, workload: &Workload) -> Result<Ours> {
        let url = format!("{}&transactions=false&create=true", url(port, &format!("{TABLE}/ours")));
        Ours::open(runtime, &url, workload)
    }
}

pub(super) fn run(context: &mut Context, runtime: &Runtime) -> Result<()> {
    let all = [LEAN, ALIKE].map(|pair| [pair.counted(), pair.timed()].concat()).concat();
    if !context.wants_any(&all) {
        return Ok(());
    }
    let Some(server) = Server::start()? else { return Ok(()) };
    requests(context, runtime, &server)?;
    beside(context, runtime, &server)
}

/// Requests, counted by what stands before the emulator.
fn requests(context: &mut Context, runtime: &Runtime, server: &Server) -> Result<()> {
    if !context.wants_any(&[LEAN, ALIKE].map(Pair::counted).concat()) {
        return Ok(());
    }
    let workload = &Workload::new(COUNTED, 1 << 10);
    let proxy = Proxy::start(([127, 0, 0, 1], server.0.port()).into(), Speech::DynamoDb)?;
    let port = proxy.address().port();
    let ours = server.ours(runtime, port, workload)?;
    // The first write of all makes the namespace.
    load(runtime, workload, &ours)?;
    for pair in [LEAN, ALIKE] {
        let bare = Bare::new(port, pair, workload);
        count(
            context,
            runtime,
            workload,
            |act| pair.requests(act),
            &ours,
            &bare,
            || {
                let all = proxy.requests().values().sum();
                proxy.reset_requests();
                all
            },
        )?;
    }
    open::close(runtime, &ours.store)?;
    Ok(())
}

/// Processor time and time of single operations.
fn beside(context: &mut Context, runtime: &Runtime, server: &Server) -> Result<()> {
    if !context.wants_any(&[LEAN, ALIKE].map(Pair::timed).concat()) {
        return Ok(());
    }
    let workload = &Workload::new(context.either(64, 512), 1 << 10);
    let port = server.0.port();
    let ours = server.ours(runtime, port, workload)?;
    load(runtime, workload, &ours)?;
    for pair in [LEAN, ALIKE] {
        let bare = Bare::new(port, pair, workload);
        load(runtime, workload, &bare)?;
        time(context, runtime, workload, pair, &ours, &bare)?;
    }
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
        let Some(_) = installed::or_skip("cloud::dynamodb", "dynalite", "LARDER_DYNALITE") else { return };
        let mut context = Context::new(&Args { quick: true, ..Args::default() }).unwrap();
        requests(&mut context, &Context::runtime().unwrap(), &Server::start().unwrap().unwrap()).unwrap();
        let outcomes = context.finish();
        assert!(
            outcomes.len() == 4 && outcomes.iter().all(|o| (o.ours, o.theirs) == (1.0, 1.0)),
            "{outcomes:?}"
        );
    }
}
