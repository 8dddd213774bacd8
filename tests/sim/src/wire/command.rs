//! `larder-sim wire`.

use super::{Mutant, On, Options, run};
use crate::args::Args;
use crate::report::Report;
use crate::{Outcome, clock, rng};

/// Runs the campaign as its options say: `--on`, `--operations`, `--round`, `--clients`, `--keys`, `--layout`,
/// `--mutant`, `--seed`. What is not said depends on the service: [`On::crowd`].
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let operations = args.number("operations", 100_000)?;
    let clients = args.number_if_given("clients")?.map(|clients| clients as usize);
    let keys = args.number_if_given("keys")?.map(|keys| keys as usize);
    let of_a_round = args.number_if_given("round")?;
    let seed = args.number("seed", rng::fresh_seed())?;
    let on = match args.text("on")?.as_deref() {
        None | Some("all") => On::ALL.to_vec(),
        Some(name) => match On::ALL.iter().copied().find(|on| on.name() == name) {
            Some(on) => vec![on],
            None => return Err(format!("there is no service {name:?}").into()),
        },
    };
    let layout = args.text("layout")?.filter(|layout| layout != "all");
    let mutant = match args.text("mutant")?.as_deref() {
        None => None,
        Some("no-conditions") => Some(Mutant::NoConditions),
        Some("resending-proxy") => Some(Mutant::ResendingProxy),
        Some("replaying-proxy") => Some(Mutant::ReplayingProxy),
        Some(other) => return Err(format!("there is no mutant {other:?}").into()),
    };
    args.finish()?;
    eprintln!("wire: {operations} operations, --seed {seed}");
    let mut reports = Vec::new();
    let chosen = |name: &&str| layout.as_deref().is_none_or(|layout| layout == *name);
    for on in on {
        let layouts: Vec<_> = on.layouts().iter().filter(|name| chosen(name)).collect();
        if layouts.is_empty() {
            return Err(format!("{} has no such layout", on.name()).into());
        }
        let crowd = on.crowd();
        for &&layout in &layouts {
            let options = Options {
                on,
                operations: operations.div_ceil(layouts.len() as u64),
                clients: clients.unwrap_or(crowd.0),
                keys: keys.unwrap_or(crowd.1),
                operations_of_a_round: of_a_round.unwrap_or(crowd.2),
                rate: 0.05,
                layout,
                mutant,
                seed,
            };
            let (report, took) = clock::timed(|| run(&options));
            let Some(mut report) = report? else { continue };
            report.time("took", took);
            reports.push(report);
        }
    }
    Ok(reports)
}
