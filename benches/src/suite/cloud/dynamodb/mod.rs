//! The DynamoDB store beside the bare SDK: requests and time on dynalite, processor time on a server that answers at once.

mod bare;
mod instant;

use larder_cloud_tests::dynamodb::{Dynalite, url};
use larder_cloud_tests::installed;
use larder_cloud_tests::proxy::{Proxy, Speech};
use tokio::runtime::Runtime;

use self::bare::Bare;
use self::instant::Instant;
pub(crate) use self::instant::role;
use super::case::{Pair, Timed, wanted};
use super::side::{COUNTED, Ours, count, load, time, verify};
use crate::context::Context;
use crate::error::Result;
use crate::open;
use crate::workload::Workload;

const LEAN: Pair = Pair { scheme: "dynamodb", peer: "aws-sdk-dynamodb", bare: true };
/// What the store does, by hand: as many attributes, and a put under the condition that nothing with chunks is replaced.
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

    /// Makes the table.
    fn make_table(&self, runtime: &Runtime) -> Result<()> {
        let url = format!("{}&create=true", place(self.0.port()));
        Ok(open::close(runtime, &Ours::open(runtime, &url, &Workload::new(1, 1))?.store)?)
    }
}

/// Our store, behind this port. No server here has transactions.
fn place(port: u16) -> String {
    format!("{}&transactions=false", url(port, &format!("{TABLE}/ours")))
}

pub(super) fn run(context: &mut Context, runtime: &Runtime) -> Result<()> {
    let of_both = |cases: fn(Pair) -> Vec<Timed>| [LEAN, ALIKE].map(cases).concat();
    if wanted(context, &of_both(Pair::spent)) {
        let server = Instant::start()?;
        beside(context, runtime, server.port(), Pair::spent)?;
    }
    let counted = context.wants_any(&[LEAN, ALIKE].map(Pair::counted).concat());
    if !counted && !wanted(context, &of_both(Pair::waited)) {
        return Ok(());
    }
    let Some(server) = Server::start()? else { return Ok(()) };
    server.make_table(runtime)?;
    requests(context, runtime, &server)?;
    beside(context, runtime, server.0.port(), Pair::waited)
}

/// Requests, counted by what stands before the emulator.
fn requests(context: &mut Context, runtime: &Runtime, server: &Server) -> Result<()> {
    if !context.wants_any(&[LEAN, ALIKE].map(Pair::counted).concat()) {
        return Ok(());
    }
    let workload = &Workload::new(COUNTED, 1 << 10);
    let proxy = Proxy::start(([127, 0, 0, 1], server.0.port()).into(), Speech::DynamoDb)?;
    let port = proxy.address().port();
    let ours = Ours::open(runtime, &place(port), workload)?;
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

/// What single operations cost, on the server behind this port.
fn beside(context: &mut Context, runtime: &Runtime, port: u16, cases: fn(Pair) -> Vec<Timed>) -> Result<()> {
    if !wanted(context, &[LEAN, ALIKE].map(cases).concat()) {
        return Ok(());
    }
    let workload = &Workload::new(context.either(64, 512), 1 << 10);
    let ours = Ours::open(runtime, &place(port), workload)?;
    load(runtime, workload, &ours)?;
    for pair in [LEAN, ALIKE] {
        let bare = Bare::new(port, pair, workload);
        load(runtime, workload, &bare)?;
        time(context, runtime, workload, cases(pair), &ours, &bare)?;
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
        let (runtime, server) = (Context::runtime().unwrap(), Server::start().unwrap().unwrap());
        server.make_table(&runtime).unwrap();
        requests(&mut context, &runtime, &server).unwrap();
        let outcomes = context.finish();
        assert!(
            outcomes.len() == 4 && outcomes.iter().all(|o| (o.ours, o.theirs) == (1.0, 1.0)),
            "{outcomes:?}"
        );
    }
}
