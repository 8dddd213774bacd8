//! Carries out the cases.
#![allow(clippy::disallowed_methods, reason = "the suite's own patience is by the real clock")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::case::{Case, Stop, T};
use super::cases;
use super::options::Options;
use super::report::{CaseReport, Report, Verdict};
use super::subject::Subject;
use crate::env::Env;

/// Runs the suite against a subject, on a Tokio runtime with time. Cases run several at once, each in a store of its
/// own; one that panics or hangs is one that failed.
///
/// The lines of the report go to the file that `LARDER_CONFORMANCE_REPORT` names, if it is set.
///
/// # Panics
/// If that file cannot be written, and if `options.only` names no case.
pub async fn run(subject: impl Subject, options: &Options) -> Report {
    let subject: Arc<dyn Subject> = Arc::new(subject);
    let seed = options.seed.unwrap_or_else(|| Env::system().random_u64());
    let only = options.only.clone().unwrap_or_default();
    let wanted: Vec<&'static Case> = cases::all().filter(|case| case.name.contains(&only)).collect();
    assert!(!wanted.is_empty(), "no case has {only:?} in its name");

    let mut left = wanted.iter().enumerate();
    let mut running = JoinSet::new();
    let mut reports: Vec<Option<CaseReport>> = vec![None; wanted.len()];
    loop {
        while running.len() < options.parallel.max(1)
            && let Some((i, case)) = left.next()
        {
            let (subject, options, case) = (subject.clone(), options.clone(), *case);
            running.spawn(async move { (i, one(subject, options, seed, case).await) });
        }
        match running.join_next().await {
            Some(Ok((i, report))) => reports[i] = Some(report),
            // `one` catches the panics of cases.
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            None => break,
        }
    }
    let cases = reports.into_iter().map(|r| r.expect("every case was run")).collect();
    let report = Report { subject: subject.name().to_owned(), seed, cases };
    report.append_to_env().expect("the report can be written");
    report
}

async fn one(subject: Arc<dyn Subject>, options: Options, seed: u64, case: &'static Case) -> CaseReport {
    let began = Instant::now();
    let patience = options.patience;
    let mut report = CaseReport {
        name: case.name,
        about: case.about,
        checks: 0,
        verdict: Verdict::Passed,
        refused: Vec::new(),
        time: Duration::ZERO,
    };
    match T::begin(subject, options, seed, case.name).await {
        Err(error) => report.verdict = Verdict::Failed(format!("the store cannot be opened: {error:?}")),
        Ok(t) => {
            // In a task of its own, so that a panic or a case that hangs ends alone.
            let mut task = JoinSet::new();
            let inner = t.clone();
            task.spawn(async move {
                let held = (case.run)(&inner).await;
                let ended = inner.end().await;
                held.and_then(|()| {
                    ended.map_err(|e| Stop::Failed(format!("the store cannot be closed or removed: {e:?}")))
                })
            });
            let failed = |why: String| Verdict::Failed(format!("{why}; seed {seed}"));
            report.verdict = match tokio::time::timeout(patience, task.join_next()).await {
                Ok(Some(Ok(Ok(())))) => Verdict::Passed,
                Ok(Some(Ok(Err(Stop::Failed(why))))) => failed(why),
                Ok(Some(Ok(Err(Stop::Refused(guarantee))))) => {
                    t.not_offered(guarantee);
                    Verdict::Refused
                }
                Ok(Some(Err(error))) => failed(panicked(error)),
                Ok(None) => failed("the case did not run".into()),
                Err(_) => failed(format!("it hangs: no end within {patience:?}")),
            };
            report.checks = t.checks();
            report.refused = t.refused();
        }
    }
    report.time = began.elapsed();
    report
}

fn panicked(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => {
            let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            format!("panicked: {}", text.unwrap_or_else(|| "with no text".into()))
        }
        Err(error) => format!("the case was given up: {error}"),
    }
}
