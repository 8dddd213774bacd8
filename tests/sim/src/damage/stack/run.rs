//! Damages the cache of a stack, case by case.

use larder_store_core::{Call, PutOptions, Store};

use super::answer::Answer;
use super::case::Doing;
use super::harm::{HARMS, Target};
use super::tally::{One, Tally, Way};
use super::{Options, child, tiers};
use crate::damage::image::Image;
use crate::damage::watch::{Ended, Watch};
use crate::rng::Rng;
use crate::{Outcome, stores, value};

/// In one of how many cases the stack is also written to.
const WRITES_EACH: u64 = 3;
/// How often a stack is opened again after a child died of it.
const AGAIN: usize = 2;

/// Runs a campaign.
///
/// # Errors
/// What keeps it from going on.
pub fn run(options: &Options) -> Outcome<Tally> {
    stores::block_on(fill(options))?;
    let cache = tiers(&options.folder, false).cache_folder();
    let image = Image::take(&cache)?;
    let mut watch = Watch::new(|| child::command(options));
    let mut tally = Tally::default();

    // Without damage everything must be right, and from the cache.
    for (memory, write) in [(false, false), (true, false), (false, true)] {
        match ask(&mut watch, &Doing { memory, write, seed: 1, harm: None }, options)? {
            Ended::Answered(answer)
                if !answer.is_wrong() && answer.corrupt + answer.asked_last == 0 && answer.hits > 0 => {}
            other => return Err(format!("the undamaged stack is not right: {other:?}").into()),
        }
        restore(&mut watch, options)?;
        image.lay_out()?;
    }

    let mut rng = Rng::new(options.seed);
    for case in 0..options.cases {
        let target = if rng.one_in(2) { Target::Data } else { Target::Fence };
        let (harm, open) = (*rng.weighted(HARMS), rng.one_in(2));
        image.lay_out()?;
        let mut doing = Doing {
            memory: rng.one_in(3),
            write: rng.one_in(WRITES_EACH),
            seed: rng.word() >> 1,
            harm: None,
        };
        let what = match open {
            true => {
                doing.harm = Some((target, harm));
                harm.name().to_owned()
            }
            false => harm.apply_in_place(&cache.join(target.file()), &mut rng)?,
        };
        let name = format!("case {case}, {}: {what}", target.file());
        let one = tally.0.entry(Way { target, harm, open }).or_default();
        one.cases += 1;
        one.case(&mut watch, options, &doing, target, &name)?;
    }
    image.lay_out()?;
    Ok(tally)
}

/// The origin holds the values, and the cache as well.
async fn fill(options: &Options) -> Outcome {
    let tiers = tiers(&options.folder, false);
    let origin = tiers.origin().await?;
    let values = child::values(options.seed);
    for stored in &values {
        let body = value::make(stored.key.as_str(), stored.write, stored.len);
        origin.put_opts(&stored.key, body, &PutOptions::new()).await?;
    }
    let stack = tiers.over(origin)?.open().await?;
    for stored in &values {
        stack.get_opts(&stored.key, &Default::default()).await?;
        // One after the other, so that the cache has pages of several commits.
        stack.drain(&Call::default()).await?;
    }
    stack.close(&Call::default()).await?;
    Ok(())
}

fn ask(watch: &mut Watch<'_>, doing: &Doing, options: &Options) -> Outcome<Ended<Answer>> {
    watch.ask(&child::line(doing), options.patience)?.parsed(Answer::parse)
}

/// Puts the origin as it was when the cache was copied.
fn restore(watch: &mut Watch<'_>, options: &Options) -> Outcome {
    match watch.ask("restore", options.patience)? {
        Ended::Answered(_) => Ok(()),
        other => Err(format!("the origin could not be restored: {other:?}").into()),
    }
}

impl One {
    fn case(
        &mut self,
        watch: &mut Watch<'_>,
        options: &Options,
        doing: &Doing,
        target: Target,
        name: &str,
    ) -> Outcome {
        let ended = ask(watch, doing, options)?;
        let died = matches!(ended, Ended::Died(_));
        self.died += u64::from(died);
        if !died {
            self.judge(ended, name);
        }
        // The next start finds it right, whatever became of the first.
        let next = Doing { write: false, harm: None, ..doing.clone() };
        for again in 0..AGAIN {
            let ended = ask(watch, &next, options)?;
            let name = format!("{name}, start {}", again + 2);
            if let Ended::Died(signal) = ended {
                self.died_again += 1;
                if again + 1 == AGAIN {
                    self.find(format!("{name}: each open dies of signal {signal}"));
                }
                continue;
            }
            if let Ended::Answered(answer) = &ended {
                // Damage in the fence is doubt, which lasts; in the cache it must be repaired by now.
                self.not_repaired += u64::from(answer.asked_last > 0);
                if target == Target::Data && answer.asked_last > 0 && !died {
                    self.find(format!("{name}: the cache lacks {} values", answer.asked_last));
                }
            }
            self.judge(ended, &name);
            break;
        }
        if died || doing.write {
            restore(watch, options)?;
        }
        Ok(())
    }

    fn judge(&mut self, ended: Ended<Answer>, name: &str) {
        match ended {
            Ended::Died(_) => {}
            Ended::Hung => {
                self.hung += 1;
                self.find(format!("{name}: no answer in time"));
            }
            Ended::Failed(why) => {
                self.failed += 1;
                self.find(format!("{name}: {why}"));
            }
            Ended::Answered(answer) => {
                let seen = answer.corrupt + answer.cache_anew + answer.fence_anew + answer.errors > 0;
                self.noticed += u64::from(seen);
                if answer.is_wrong() || answer.refused > 0 {
                    self.find(format!("{name}: {}", answer.note));
                }
                self.sum.add(&answer);
            }
        }
    }
}
