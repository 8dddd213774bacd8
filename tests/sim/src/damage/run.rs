//! Damages a store, case by case.

use larder_store_core::Call;

use super::answer::Answer;
use super::harm::{HARMS, Harm};
use super::image::Image;
use super::tally::{One, Tally};
use super::watch::{Ended, Watch};
use super::{Options, plan, reader};
use crate::rng::Rng;
use crate::stores::Kind;
use crate::{Outcome, stores};

/// In one of how many cases the store is also written to.
const WRITES_EACH: u64 = 8;

/// How often a store is opened again after a child died of it.
const AGAIN: usize = 2;

/// Runs a campaign.
///
/// # Errors
/// What keeps it from going on.
pub fn run(options: &Options) -> Outcome<Tally> {
    let root = options.folder.join("store");
    let config = options.kind.at(&root, &options.params)?;
    stores::block_on(async {
        let store = stores::open(&config).await?;
        plan::fill(&store, options.seed).await?;
        store.close(&Call::default()).await?;
        Outcome::Ok(())
    })?;
    let image = Image::take(&root)?;
    let mut watch = Watch::new(|| reader::command(options));
    let mut tally = Tally::default();

    // Without damage everything must be right, else nothing below means anything.
    for write in [false, true] {
        match ask(&mut watch, write, options)? {
            Ended::Answered(answer) if !answer.is_spoilt() && answer.right > 0 => {}
            other => return Err(format!("the undamaged store is not right: {other:?}").into()),
        }
        image.lay_out()?;
    }

    let mut rng = Rng::new(options.seed);
    for case in 0..options.cases {
        let harm = *rng.weighted(HARMS);
        image.lay_out()?;
        let what = harm.apply(&image, &mut rng)?;
        let write = rng.one_in(WRITES_EACH);
        let one = tally.0.entry(harm).or_default();
        one.cases += 1;
        let name = format!("case {case}, {what}");
        one.case(&mut watch, options, harm, write, &name)?;
    }
    image.lay_out()?;
    Ok(tally)
}

/// Has the child read the store, and write to it if `write`.
fn ask(watch: &mut Watch<'_>, write: bool, options: &Options) -> Outcome<Ended<Answer>> {
    watch.ask(if write { "write" } else { "read" }, options.patience)?.parsed(Answer::parse)
}

impl One {
    fn case(
        &mut self,
        watch: &mut Watch<'_>,
        options: &Options,
        harm: Harm,
        write: bool,
        name: &str,
    ) -> Outcome {
        let mut ended = ask(watch, write, options)?;
        if let Ended::Died(signal) = ended {
            self.died += 1;
            let mut last = signal;
            for _ in 0..AGAIN {
                ended = ask(watch, false, options)?;
                let Ended::Died(signal) = ended else { break };
                self.died_again += 1;
                last = signal;
            }
            if let Ended::Died(_) = ended {
                self.find(format!("{name}: each open dies of signal {last}"));
            }
        }
        match ended {
            Ended::Died(_) => {}
            Ended::Hung => {
                self.hung += 1;
                self.find(format!("{name}: no answer within {:?}", options.patience));
            }
            Ended::Failed(why) => {
                self.failed += 1;
                self.find(format!("{name}: {why}"));
            }
            Ended::Answered(answer) => {
                // A file that is gone is a value that somebody deleted.
                let allowed = harm == Harm::Remove && options.kind == Kind::File;
                let absent = answer.absent + answer.absent_later > 0 && !allowed;
                let listed = answer.list_wrong > 0 && !allowed;
                let odd = answer.odd + answer.refused_oddly > 0;
                self.absent_cases += u64::from(absent);
                self.list_cases += u64::from(listed);
                if answer.wrong > 0 || absent || listed || odd {
                    self.find(format!("{name}: {}", answer.note));
                }
                match answer.refused + answer.refused_oddly + answer.corrupt + answer.list_corrupt > 0 {
                    true => self.found += 1,
                    false if !answer.is_spoilt() => self.clean += 1,
                    false => {}
                }
                let mut answer = answer;
                if allowed {
                    (answer.absent, answer.absent_later) = (0, 0);
                }
                self.sum.add(&answer);
            }
        }
        Ok(())
    }
}

impl Answer {
    /// Whether anything but the right values came.
    fn is_spoilt(&self) -> bool {
        let bad = [
            self.refused,
            self.refused_oddly,
            self.corrupt,
            self.odd,
            self.absent,
            self.wrong,
            self.list_wrong,
            self.list_corrupt,
            self.absent_later,
        ];
        bad.iter().any(|n| *n > 0)
    }
}
