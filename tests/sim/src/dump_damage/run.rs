//! The cases.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use larder_migrate::Encoding;

use super::Tally;
use super::harm::HARMS;
use super::image::{self, Image, Load};
use super::judge::{self, Way};
use crate::rng::Rng;
use crate::{Outcome, jobs, stores};

/// The encodings of dumps.
const ENCODINGS: [Encoding; 3] = [Encoding::Zstd(3), Encoding::Plain, Encoding::JsonLines];

/// Panics of this process, whichever task they are in.
static PANICS: AtomicU64 = AtomicU64::new(0);

/// Counts panics from here on: a job turns those of its tasks into errors.
fn watch_panics() -> u64 {
    static SET: Once = Once::new();
    SET.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, Ordering::Relaxed);
            before(info);
        }));
    });
    PANICS.load(Ordering::Relaxed)
}

fn panicked_since(before: u64) -> u64 {
    PANICS.load(Ordering::Relaxed) - before
}

/// Cuts a small dump in each encoding at every byte, and larger ones at `samples` places.
///
/// # Errors
/// What keeps it from going on.
pub fn cuts(seed: u64, samples: u64, jobs: u64) -> Outcome<Tally> {
    let before = watch_panics();
    let mut images = Vec::new();
    stores::block_on(async {
        for encoding in ENCODINGS {
            images.push((image::make(Load::Few, encoding, None, seed).await?, true));
            images.push((image::make(Load::Many, encoding, Some(10_000), seed).await?, false));
            images.push((image::make(Load::Chunks, encoding, None, seed).await?, false));
        }
        Outcome::Ok(())
    })?;
    let images = &images;
    let one = |job: u64| {
        stores::block_on(async {
            let mut tally = Tally::default();
            let mut rng = Rng::part(seed, job);
            for (image, each) in images {
                match each {
                    true => {
                        let len = image.parts[0].len();
                        for at in (job as usize..len).step_by(jobs as usize) {
                            cut(image, 0, at, &mut rng, &mut tally).await?;
                        }
                    }
                    false => {
                        for _ in 0..samples.div_ceil(jobs * 6) {
                            let part = rng.index(image.parts.len());
                            let at = rng.index(image.parts[part].len());
                            cut(image, part, at, &mut rng, &mut tally).await?;
                        }
                    }
                }
            }
            Ok(tally)
        })
    };
    let mut tally = together(jobs::beside(jobs, &one)?);
    tally.take_panics(panicked_since(before));
    Ok(tally)
}

async fn cut(image: &Image, part: usize, at: usize, rng: &mut Rng, tally: &mut Tally) -> Outcome {
    let mut parts = image.parts.clone();
    parts[part] = parts[part].slice(..at);
    // A cut of the last part is one of the dump; one of another leaves those behind it, or not.
    if rng.one_in(2) {
        parts.truncate(part + 1);
    }
    let words = || format!("{}, part {part} cut at {at}, {} parts left", image.name, parts.len());
    let verdict = judge::judge(image, &parts, way(rng), rng.one_in(4)).await?;
    tally.take(if image.parts.len() == 1 { "cut" } else { "cut, in parts" }, words, verdict);
    Ok(())
}

fn way(rng: &mut Rng) -> Way {
    if rng.one_in(3) { Way::Input } else { Way::Object }
}

/// Edits dumps at random.
///
/// # Errors
/// What keeps it from going on.
pub fn edits(seed: u64, cases: u64, jobs: u64) -> Outcome<Tally> {
    let before = watch_panics();
    let mut images: Vec<(u32, Image)> = Vec::new();
    stores::block_on(async {
        for encoding in ENCODINGS {
            images.push((50, image::make(Load::Few, encoding, None, seed).await?));
            images.push((4, image::make(Load::Many, encoding, None, seed).await?));
            images.push((4, image::make(Load::Many, encoding, Some(10_000), seed).await?));
            images.push((1, image::make(Load::Chunks, encoding, None, seed).await?));
            images.push((1, image::make(Load::Chunks, encoding, Some(300_000), seed).await?));
        }
        Outcome::Ok(())
    })?;
    let images = &images;
    let one = |job: u64| {
        stores::block_on(async {
            let mut tally = Tally::default();
            let mut rng = Rng::part(seed, 1000 + job);
            let mut done = 0;
            while done < cases.div_ceil(jobs) {
                let image = rng.weighted(images);
                let mut parts: Vec<Bytes> = image.parts.clone();
                let mut words = Vec::new();
                let harm = *rng.weighted(HARMS);
                // One edit, mostly; two or three of any kind else.
                let more = if rng.one_in(6) { rng.between(1, 2) } else { 0 };
                for n in 0..=more {
                    let harm = if n == 0 { harm } else { *rng.weighted(HARMS) };
                    let so_far =
                        Image { name: String::new(), parts: parts.clone(), held: image.held.clone() };
                    if so_far.parts.iter().all(Bytes::is_empty) {
                        break;
                    }
                    if let Some((edited, what)) = harm.apply(&so_far, &mut rng) {
                        parts = edited;
                        words.push(what);
                    }
                }
                if words.is_empty() || parts == image.parts {
                    continue;
                }
                done += 1;
                let words = || format!("{}: {}", image.name, words.join(", "));
                let verdict = judge::judge(image, &parts, way(&mut rng), rng.one_in(8)).await?;
                tally.take(harm.name(), words, verdict);
            }
            Ok(tally)
        })
    };
    let mut tally = together(jobs::beside(jobs, &one)?);
    tally.take_panics(panicked_since(before));
    Ok(tally)
}

fn together(tallies: Vec<Tally>) -> Tally {
    let mut all = Tally::default();
    tallies.into_iter().for_each(|tally| all.add(tally));
    all
}
