//! What is found, step by step.

use larder::{Error, ErrorKind};
use serde_json::json;

use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::json;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Ok,
    /// It works, and may not go on to.
    Warning,
    /// It does not work.
    Wrong,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Wrong => "wrong",
        }
    }
}

/// Prints each step as it is done, and keeps the worst.
pub(super) struct Report<'a> {
    pub(super) cx: &'a Cx,
    worst: Verdict,
    /// The tier that is looked at.
    tier: Option<usize>,
}

impl<'a> Report<'a> {
    pub(super) fn new(cx: &'a Cx) -> Report<'a> {
        Report { cx, worst: Verdict::Ok, tier: None }
    }

    pub(super) fn worst(&self) -> Verdict {
        self.worst
    }

    /// What comes now is about this tier, 1 being the hottest.
    pub(super) fn about_tier(&mut self, tier: Option<usize>) {
        self.tier = tier;
    }

    pub(super) fn ok(&mut self, step: &str, found: impl AsRef<str>) -> Result {
        self.step(Verdict::Ok, step, found.as_ref(), None)
    }

    pub(super) fn warning(&mut self, step: &str, found: impl AsRef<str>, advice: &str) -> Result {
        self.step(Verdict::Warning, step, found.as_ref(), Some(advice))
    }

    pub(super) fn wrong(&mut self, step: &str, found: impl AsRef<str>, advice: &str) -> Result {
        self.step(Verdict::Wrong, step, found.as_ref(), Some(advice))
    }

    /// A step that met an error of the store.
    pub(super) fn error(&mut self, step: &str, error: &Error) -> Result {
        self.judge(Verdict::Wrong, step, error)
    }

    /// The same, where the store may work for all that.
    pub(super) fn doubt(&mut self, step: &str, error: &Error) -> Result {
        self.judge(Verdict::Warning, step, error)
    }

    fn judge(&mut self, verdict: Verdict, step: &str, error: &Error) -> Result {
        if self.cx.cancel.signal().is_some() {
            return Err(Failure::Interrupted);
        }
        let key =
            error.key().map_or(String::new(), |key| format!(" ({})", crate::escape::shown(key.as_str())));
        let found = format!("{}: {}{key}", error.kind(), error.why());
        self.step(verdict, step, &found, error.advice().or(Some(general(error.kind()))))
    }

    /// A step that met what ends other commands.
    pub(super) fn failed(&mut self, step: &str, failure: &Failure) -> Result {
        match failure {
            Failure::Store(error) => self.error(step, error),
            Failure::Own { why, hint, .. } => self.step(Verdict::Wrong, step, why, hint.as_deref()),
            _ => Err(Failure::Interrupted),
        }
    }

    fn step(&mut self, verdict: Verdict, step: &str, found: &str, advice: Option<&str>) -> Result {
        self.worst = self.worst.max(verdict);
        if self.cx.common.json {
            let told = json!({
                "step": step, "tier": self.tier, "verdict": verdict.word(), "found": found, "advice": advice,
            });
            self.cx.out.json(&json::known(told))?;
        } else if !(self.cx.common.quiet && verdict == Verdict::Ok) {
            let tier = self.tier.map_or(String::new(), |tier| format!("tier {tier} "));
            self.cx.out.line(format!("{:<8} {:<22} {found}", verdict.word(), format!("{tier}{step}")))?;
            if let Some(advice) = advice {
                self.cx.out.line(format!("{:<31} -> {advice}", ""))?;
            }
        }
        // A step may take its time: what was found is shown before the next one.
        self.cx.out.flush()
    }

    /// Says how it stands in all.
    pub(super) fn end(&mut self) -> Result {
        let cx = self.cx;
        match (cx.common.json, cx.common.quiet) {
            (true, _) => cx.out.json(&json!({ "verdict": self.worst.word() })),
            (false, true) => Ok(()),
            (false, false) => cx.out.line(match self.worst {
                Verdict::Ok => "nothing is wrong",
                Verdict::Warning => "it works; see the warnings",
                Verdict::Wrong => "something is wrong",
            }),
        }
    }
}

/// What to do where the error itself does not say.
fn general(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Corrupt => "restore what is damaged from a copy, or remove it",
        ErrorKind::Denied => "give this user, or these credentials, the right, or use others",
        ErrorKind::Full => "make room",
        ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Unavailable => {
            "see whether the service and the network are up, and try again"
        }
        ErrorKind::Unsupported => "use a store that offers it",
        _ => "see docs/errors.md",
    }
}
