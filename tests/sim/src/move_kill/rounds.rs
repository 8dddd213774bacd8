//! Cases: a run, a kill, a run that goes on, a kill, and at last a verdict.

use std::collections::HashMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use larder_store_core::config::StoreConfig;
use larder_store_core::{Call, Key, ListOptions, Listed};

use super::case::{Case, Work};
use super::ground::{Ground, Places};
use super::{Mutant, Options, Tally, child, entries, verdict};
use crate::Outcome;
use crate::process::Running;
use crate::rng::Rng;
use crate::stores::{self, Kind};

/// How long the values alone take a child at its rate: as many entries, and as many bytes, in so much time.
const AT_RATE: Duration = Duration::from_millis(300);
/// How long an undisturbed run is taken to take, until one was seen.
const AT_FIRST: Duration = Duration::from_millis(800);
/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a case is killed at the most: else one that is killed early each time would go on for ever.
const MOST_KILLS: u64 = 8;

struct Campaign<'a> {
    options: &'a Options,
    ground: Ground,
    rng: Rng,
    /// How long an undisturbed run takes.
    takes: HashMap<(Work, Kind), Duration>,
    tally: Tally,
}

/// How a run ended.
enum Ended {
    Killed,
    /// By itself, well: what it said.
    Said(String),
    /// By itself, badly.
    Failed(String),
}

/// Runs a campaign.
///
/// # Errors
/// What keeps the campaign itself from going on.
pub fn run(options: &Options) -> Outcome<Tally> {
    let mut campaign = Campaign {
        options,
        ground: Ground::new(&options.folder),
        rng: Rng::new(options.seed),
        takes: HashMap::new(),
        tally: Tally::default(),
    };
    while campaign.tally.kills < options.kills {
        campaign.case()?;
        let wrong = campaign.tally.problems.len();
        if wrong > 20 || (wrong > 0 && options.mutant != Mutant::None) {
            break;
        }
    }
    Ok(campaign.tally)
}

impl Campaign<'_> {
    fn case(&mut self) -> Outcome {
        let works: &[Work] = match self.options.mutant {
            Mutant::None => &[Work::Export, Work::Import, Work::Copy],
            Mutant::LostEntry => &[Work::Import, Work::Copy],
            Mutant::FlippedByte => &[Work::Import],
        };
        let case = Case::choose(&mut self.rng, works);
        self.tally.cases += 1;
        let folder = self.ground.fresh(self.tally.cases)?;
        let places = stores::block_on(self.ground.places(&case, &folder))?;
        let mut kills = 0;
        let said = loop {
            match self.run(&case, &places, kills)? {
                Ended::Killed => {
                    kills += 1;
                    if kills == 1 {
                        self.behind_its_back(&case, &places)?;
                    }
                }
                Ended::Said(said) => break said,
                Ended::Failed(why) => {
                    self.tally.problem(format!("{}, killed {kills} times: {why}", case.name()));
                    return Ok(std::fs::remove_dir_all(&folder)?);
                }
            }
        };
        self.tally.take_said(&said, case.work, kills);
        if said.trim() == child::WHOLE && kills == 0 {
            self.tally.problem(format!("{}: a dump was there before anybody wrote one", case.name()));
        }
        let judged = stores::block_on(async {
            let judged = tokio::time::timeout(PATIENCE, verdict::judge(&case, &places)).await;
            judged.unwrap_or_else(|_| Err(format!("the comparison had not ended after {PATIENCE:?}").into()))
        });
        if let Err(why) = judged {
            self.tally.problem(format!("{}, killed {kills} times: {why}", case.name()));
        }
        Ok(std::fs::remove_dir_all(&folder)?)
    }

    fn run(&mut self, case: &Case, places: &Places, kills: u64) -> Outcome<Ended> {
        let usual = self.takes.get(&case.class()).copied().unwrap_or(AT_FIRST);
        let last = kills >= MOST_KILLS || self.tally.kills >= self.options.kills;
        let until = match last {
            true => None,
            false => {
                let at_the_end = self.rng.one_in(4);
                // A run that goes on behind another takes less, and one that cannot has to come to its end some time.
                let (from, to) = match (at_the_end, kills) {
                    (true, _) => (0.8, 1.1),
                    (false, 0) => (0.0, 1.0),
                    (false, _) => (0.0, 0.5 + 0.2 * kills as f64),
                };
                let share = from + (to - from) * self.rng.below(1_000_000) as f64 / 1e6;
                Some(usual.mul_f64(share))
            }
        };
        let mut command = self.options.program.role(child::ROLE, args(case, places)?);
        let began = Instant::now();
        let mut running = Running::begin(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        let deadline = began + until.unwrap_or(PATIENCE);
        let status = loop {
            if let Some(status) = running.child().try_wait()? {
                break status;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                running.kill()?;
                let status = running.wait()?;
                // It may have ended meanwhile.
                if !status.success() && until.is_some() {
                    self.tally.kills += 1;
                    return Ok(Ended::Killed);
                }
                if until.is_none() {
                    return Ok(Ended::Failed(format!("it had not ended after {PATIENCE:?}")));
                }
                break status;
            }
            std::thread::sleep(left.min(Duration::from_micros(500)));
        };
        let took = began.elapsed();
        if !status.success() {
            return Ok(Ended::Failed(format!("{status}: {}", running.complaint())));
        }
        if kills == 0 {
            self.takes.insert(case.class(), took);
        }
        let mut said = String::new();
        if let Some(pipe) = &mut running.child().stdout {
            std::io::Read::read_to_string(pipe, &mut said)?;
        }
        Ok(Ended::Said(said))
    }

    /// What a mutant does between two runs.
    fn behind_its_back(&mut self, case: &Case, places: &Places) -> Outcome {
        match (self.options.mutant, &places.target, &places.dump) {
            (Mutant::LostEntry, Some(target), _) => {
                self.tally.removed.extend(stores::block_on(remove_first(target))?);
                Ok(())
            }
            (Mutant::FlippedByte, _, Some(dump)) => {
                let at = self.rng.word();
                self.ground.damage(case, dump, at)
            }
            _ => Ok(()),
        }
    }
}

/// Removes the first entry of a store, if there is one.
async fn remove_first(place: &StoreConfig) -> Outcome<Option<Key>> {
    let store = stores::open(place).await?;
    let entries = store.list_opts(ListOptions::new()).try_filter_map(async |item| {
        Ok(match item {
            Listed::Entry(meta) => Some(meta.key),
            _ => None,
        })
    });
    let first = std::pin::pin!(entries).try_next().await?;
    if let Some(key) = &first {
        store.delete_opts(key, &Default::default()).await?;
    }
    store.close(&Call::default()).await?;
    Ok(first)
}

fn args(case: &Case, places: &Places) -> Outcome<Vec<String>> {
    let (entries, bytes) = (entries::ENTRIES as f64, entries::bytes() as f64);
    let rate = |amount: f64| ((amount / AT_RATE.as_secs_f64()) as u64).to_string();
    let mut args = vec!["--work".to_owned(), case.work.name().to_owned()];
    let mut add = |name: &str, value: String| args.extend([format!("--{name}"), value]);
    add("entries", rate(entries));
    add("bytes", rate(bytes));
    add("remember", case.remember.to_string());
    add("encoding", case.encoding.to_owned());
    add("conflict", case.conflict.to_owned());
    add("split", case.shape.split().unwrap_or(0).to_string());
    if case.work != Work::Import {
        add("source", stores::url(&places.source));
    }
    if let Some(target) = &places.target {
        add("target", stores::url(target));
    }
    if let Some(dump) = &places.dump {
        args.extend(dump.args()?);
    }
    if !case.preflight {
        args.push("--no-preflight".to_owned());
    }
    Ok(args)
}
