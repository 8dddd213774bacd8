//! Rounds: a child or two, a kill, a look, a verdict.

use std::io::Read;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use larder_store_core::Call;
use larder_store_core::config::StoreConfig;
use larder_vector::Collection;

use super::model::Model;
use super::{Options, Tally, child, log, verify};
use crate::process::Running;
use crate::rng::Rng;
use crate::{Outcome, stores};

/// How long what is fenced may take to notice, and a look.
const PATIENCE: Duration = Duration::from_secs(60);
/// One round in so many has a second writer.
const TAKEOVER_EACH: u64 = 4;
/// One look in so many is followed by upkeep and another look.
const UPKEEP_EACH: u64 = 4;

struct Campaign<'a> {
    options: &'a Options,
    store: StoreConfig,
    local: PathBuf,
    rng: Rng,
    next: u64,
    model: Model,
    tally: Tally,
}

/// A child and its log.
struct Writer {
    running: Running,
    log: PathBuf,
}

/// Runs a campaign.
///
/// # Errors
/// What keeps the campaign itself from going on.
pub fn run(options: &Options) -> Outcome<Tally> {
    let (store, local) = (options.folder.join("store"), options.folder.join("local"));
    std::fs::create_dir_all(&store)?;
    let mut campaign = Campaign {
        options,
        store: options.kind.at(&store, "sync=none")?,
        local,
        rng: Rng::new(options.seed),
        next: 1,
        model: Model::default(),
        tally: Tally::default(),
    };
    while campaign.tally.kills < options.kills && campaign.tally.problems.is_empty() {
        campaign.round()?;
    }
    Ok(campaign.tally)
}

impl Campaign<'_> {
    fn begin(&mut self) -> Outcome<Writer> {
        let (who, log) = (self.next, self.options.folder.join(format!("log-{}", self.next)));
        self.next += 1;
        let text = |path: &PathBuf| path.to_str().map(str::to_owned).ok_or("a name that is not UTF-8");
        let mut args = vec!["--at".to_owned(), stores::url(&self.store)];
        args.extend(["--log".to_owned(), text(&log)?, "--local".to_owned(), text(&self.local)?]);
        args.extend(["--who".to_owned(), who.to_string()]);
        args.extend(["--seed".to_owned(), self.rng.word().to_string()]);
        if self.options.ack_first {
            args.push("--ack-first".to_owned());
        }
        let mut command = self.options.program.role(child::ROLE, args);
        let running = Running::begin(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        Ok(Writer { running, log })
    }

    /// Waits until a child has opened the collection.
    fn wait_open(&mut self, writer: &mut Writer) -> Outcome {
        let pipe = writer.running.child().stdout.as_mut().ok_or("a child has no output")?;
        if pipe.read(&mut [0])? == 0 {
            self.tally.problems.push(format!("a child could not open: {}", writer.running.complaint()));
        }
        Ok(())
    }

    fn round(&mut self) -> Outcome {
        let mut writer = self.begin()?;
        let mut writers = Vec::new();
        if self.rng.one_in(8) {
            self.tally.opening += 1;
            std::thread::sleep(Duration::from_micros(self.rng.below(40_000)));
        } else {
            self.wait_open(&mut writer)?;
            let most = *self.rng.pick(&[2_000, 20_000, 150_000]);
            std::thread::sleep(Duration::from_micros(self.rng.below(most)));
            if self.rng.one_in(TAKEOVER_EACH) {
                self.tally.takeovers += 1;
                let mut second = self.begin()?;
                self.wait_open(&mut second)?;
                std::thread::sleep(Duration::from_micros(self.rng.below(60_000)));
                writers.push(writer);
                writer = second;
            }
        }
        for fenced in &mut writers {
            self.wait_fenced(fenced)?;
        }
        writer.running.kill()?;
        writer.running.wait()?;
        self.tally.kills += 1;
        writers.push(writer);
        for writer in &mut writers {
            let (writes, said) = log::read(&writer.log)?;
            self.tally.fenced += said.iter().filter(|said| *said == child::FENCED).count() as u64;
            let failed = said.iter().filter(|said| said.starts_with("failed"));
            self.tally.problems.extend(failed.map(|said| format!("a child {said}")));
            self.tally.acknowledged += writes.iter().filter(|w| w.fate == log::Fate::Made).count() as u64;
            self.tally.open += writes.iter().filter(|w| w.fate == log::Fate::Open).count() as u64;
            self.model.take(&writes);
            let _ = std::fs::remove_file(&writer.log);
        }
        let round = self.tally.kills;
        let before = self.tally.problems.len();
        stores::block_on(async {
            tokio::time::timeout(PATIENCE, self.verdict()).await.map_err(|_| "a look hangs")?
        })?;
        for problem in &mut self.tally.problems[before..] {
            *problem = format!("kill {round}: {problem}");
        }
        Ok(())
    }

    /// Waits until a child has noticed that another one took over.
    fn wait_fenced(&mut self, writer: &mut Writer) -> Outcome {
        let until = std::time::Instant::now() + PATIENCE;
        while std::time::Instant::now() < until {
            if let Some(status) = writer.running.child().try_wait()? {
                if !status.success() {
                    let complaint = writer.running.complaint();
                    self.tally.problems.push(format!("a writer was not fenced but failed: {complaint}"));
                }
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.tally.problems.push("a writer was not fenced".to_owned());
        Ok(())
    }

    /// Opens the collection, and compares.
    async fn verdict(&mut self) -> Outcome {
        let store = stores::open(&self.store).await?;
        let options = child::options(&self.local).with_background(false);
        let collection = Collection::open(store.clone(), options).await?;
        let there = verify::look(&collection, &mut self.rng, &mut self.tally.problems).await?;
        self.tally.problems.extend(self.model.settle(&there));
        self.tally.segments += collection.stats().segments as u64;
        if self.rng.one_in(UPKEEP_EACH) {
            self.tally.swept += collection.sweep(Duration::ZERO).await? as u64;
            collection.flush().await?;
            collection.vacuum().await?;
            if self.rng.one_in(2) {
                collection.optimize().await?;
            }
            let now = verify::look(&collection, &mut self.rng, &mut self.tally.problems).await?;
            if now != there {
                self.tally.problems.push("upkeep has changed what is there".to_owned());
            }
        }
        collection.close().await?;
        Ok(store.close(&Call::default()).await?)
    }
}
