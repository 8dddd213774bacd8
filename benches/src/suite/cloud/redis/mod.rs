//! The Redis store beside the bare client, on a real server.

mod bare;

use larder_cloud_tests::installed;
use larder_cloud_tests::proxy::{self, Speech};
use larder_cloud_tests::redis::{Programs, Proxy, Server};
use tokio::runtime::Runtime;

use self::bare::Bare;
use super::case::{Act, Pair, wanted};
use super::side::{COUNTED, Ours, count, load, time, verify};
use crate::case::Case;
use crate::context::Context;
use crate::error::Result;
use crate::open;
use crate::workload::Workload;

const LEAN: Pair = Pair { scheme: "redis", peer: "redis", bare: true };
/// What the store does at least, by hand: a marker is read with each value, and an index is kept of the keys.
const INDEXED: Pair = Pair { peer: "redis, marker and index", bare: false, ..LEAN };

pub(super) fn run(context: &mut Context, runtime: &Runtime) -> Result<()> {
    let counted = [LEAN, INDEXED].map(|pair| [pair.counted(), commands(pair)].concat()).concat();
    if !context.wants_any(&counted) && !wanted(context, &[LEAN, INDEXED].map(Pair::timed).concat()) {
        return Ok(());
    }
    let find = |name, variable| {
        let found = installed::find(name, variable);
        if found.is_none() {
            eprintln!("cloud: {name} is not installed, so redis is not measured");
        }
        found
    };
    let Some(server) = find("redis-server", "LARDER_REDIS_SERVER") else { return Ok(()) };
    let Some(cli) = find("redis-cli", "LARDER_REDIS_CLI") else { return Ok(()) };
    let server = Server::start(&Programs { server, cli }, &[])?;
    requests(context, runtime, &server)?;
    beside(context, runtime, &server)
}

fn commands(pair: Pair) -> Vec<Case> {
    Act::ALL.map(|act| pair.commands(act)).into()
}

/// Our store, behind this port.
fn ours(runtime: &Runtime, port: u16, workload: &Workload) -> Result<Ours> {
    Ours::open(runtime, &format!("redis://127.0.0.1:{port}/0/ours"), workload)
}

/// Round trips, and commands: counted by what stands before the server.
fn requests(context: &mut Context, runtime: &Runtime, server: &Server) -> Result<()> {
    if !context.wants_any(&[LEAN, INDEXED].map(|pair| [pair.counted(), commands(pair)].concat()).concat()) {
        return Ok(());
    }
    let workload = &Workload::new(COUNTED, 1 << 10);
    let trips = Proxy::start(server.port())?;
    let spoken = proxy::Proxy::start(([127, 0, 0, 1], server.port()).into(), Speech::Resp)?;
    for pair in [LEAN, INDEXED] {
        let sides = |port| -> Result<_> {
            let (ours, bare) =
                (ours(runtime, port, workload)?, Bare::connect(runtime, port, pair, workload)?);
            // The first write of all tells the server the script.
            load(runtime, workload, &ours)?;
            load(runtime, workload, &bare)?;
            Ok((ours, bare))
        };
        let (ours, bare) = sides(trips.port())?;
        count(context, runtime, workload, |act| pair.requests(act), &ours, &bare, || trips.trips())?;
        open::close(runtime, &ours.store)?;
        let (ours, bare) = sides(spoken.address().port())?;
        count(
            context,
            runtime,
            workload,
            |act| pair.commands(act),
            &ours,
            &bare,
            || {
                let all = spoken.requests().values().sum();
                spoken.reset_requests();
                all
            },
        )?;
        open::close(runtime, &ours.store)?;
    }
    Ok(())
}

/// Processor time and time of single operations.
fn beside(context: &mut Context, runtime: &Runtime, server: &Server) -> Result<()> {
    if !wanted(context, &[LEAN, INDEXED].map(Pair::timed).concat()) {
        return Ok(());
    }
    let workload = &Workload::new(context.either(64, 512), 1 << 10);
    let ours = ours(runtime, server.port(), workload)?;
    load(runtime, workload, &ours)?;
    for pair in [LEAN, INDEXED] {
        let bare = Bare::connect(runtime, server.port(), pair, workload)?;
        load(runtime, workload, &bare)?;
        time(context, runtime, workload, pair.timed(), &ours, &bare)?;
    }
    verify(runtime, workload, &ours)?;
    open::close(runtime, &ours.store)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use crate::case::Unit;

    #[test]
    fn no_operation_takes_an_extra_round_trip() {
        let Some(server) = Server::for_test("cloud::redis", &[]) else { return };
        let mut context = Context::new(&Args { quick: true, ..Args::default() }).unwrap();
        requests(&mut context, &Context::runtime().unwrap(), &server).unwrap();
        let outcomes = context.finish();
        let of = |unit| outcomes.iter().filter(move |o| o.case.unit == unit).map(|o| (o.ours, o.theirs));
        assert_eq!(of(Unit::Requests).collect::<Vec<_>>(), [(1.0, 1.0); 4]);
        // Put and get, lean; put in MULTI and EXEC, and get with the marker.
        let commands = [(1.0, 1.0), (2.0, 1.0), (1.0, 4.0), (2.0, 2.0)];
        assert_eq!(of(Unit::Count).collect::<Vec<_>>(), commands);
    }
}
