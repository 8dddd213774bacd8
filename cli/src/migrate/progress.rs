//! How far a job is, on a terminal.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use larder::Env;
use larder::migrate::{OnProgress, Phase, Progress as Told};

use crate::cx::Cx;
use crate::progress::Progress;
use crate::units;

/// From when on a rate means something.
const SOON: Duration = Duration::from_millis(500);

/// A line that tells how far it is, gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Shown {
    line: Option<Progress>,
    env: Env,
}

impl Shown {
    /// On a terminal, unless asked to be quiet or `hidden`.
    pub(crate) fn new(cx: &Cx, hidden: bool) -> Shown {
        let line = (!hidden && cx.shows_progress()).then(|| Progress::text(cx));
        Shown { line, env: cx.env.clone() }
    }

    /// Who is told.
    pub(crate) fn on_progress(&self) -> Option<OnProgress> {
        let (line, env) = (self.line.clone()?, self.env.clone());
        let since = Arc::new(Mutex::new(None::<(Phase, Instant)>));
        Some(OnProgress::new(move |told| {
            let now = env.now();
            let mut since = since.lock().unwrap_or_else(|e| e.into_inner());
            let began = match *since {
                Some((phase, began)) if phase == told.phase => began,
                _ => since.insert((told.phase, now)).1,
            };
            line.say(text(told, now.duration_since(began)));
        }))
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.end();
        }
    }
}

/// Phase, entries, bytes, rate, time left.
fn text(told: &Told, took: Duration) -> String {
    let phase = match told.phase {
        Phase::Preflight => "looking through",
        Phase::Resuming => "reading what is there",
        Phase::Moving => "moving",
        Phase::Comparing => "comparing",
        _ => "working",
    };
    let of = |n: Option<String>| n.map(|n| format!(" of {n}")).unwrap_or_default();
    let mut text = format!(
        "{phase}: {}{} entries, {}{}",
        told.entries,
        of(told.of_entries.map(|n| n.to_string())),
        units::bytes(told.bytes),
        of(told.of_bytes.map(units::bytes)),
    );
    if took < SOON {
        return text;
    }
    text += &format!(", {}", units::rate(told.bytes, told.entries, took));
    if let Some(left) = left(told, took) {
        text += &format!(", {} left", units::span(left));
    }
    text
}

/// How long it will take still, by whichever of entries and bytes is further behind.
fn left(told: &Told, took: Duration) -> Option<Duration> {
    let parts = [(told.entries, told.of_entries), (told.bytes, told.of_bytes)];
    let done =
        parts.iter().filter_map(|(done, of)| of.filter(|of| *of > 0).map(|of| *done as f64 / of as f64));
    let done = done.min_by(f64::total_cmp).filter(|done| *done > 0.0)?;
    Duration::try_from_secs_f64(took.as_secs_f64() * (1.0 / done - 1.0).max(0.0)).ok()
}
