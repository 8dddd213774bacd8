//! What ends a command before its end, and how it is told.

use larder::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::cx::Cx;
use crate::exit::Exit;
use crate::{escape, hints, json, output};

/// The result of everything here.
pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// Why a command ends.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The store's error.
    Store(Box<Error>),
    /// What the command itself met.
    Own { exit: Exit, why: String, hint: Option<String> },
    /// The output has told everything already.
    Said(Exit),
    /// Nobody reads the output.
    Pipe,
    /// A signal, before anything was asked of a store that could be half done.
    Interrupted,
    /// A signal, in the middle of a job; how to go on.
    Stopped(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Store(Box::new(hints::of_store(error)))
    }
}

impl Failure {
    /// What the command itself met.
    pub(crate) fn own(exit: Exit, why: impl Into<String>) -> Failure {
        Failure::Own { exit, why: why.into(), hint: None }
    }

    /// A command line that makes no sense.
    pub(crate) fn usage(why: impl Into<String>) -> Failure {
        Failure::own(Exit::Usage, why)
    }

    /// What the operating system says about a file, terminal or pipe of ours.
    pub(crate) fn io(what: impl std::fmt::Display, error: std::io::Error) -> Failure {
        Failure::own(Exit::Failed, format!("{what}: {error}"))
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, text: impl Into<String>) -> Failure {
        if let Failure::Own { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }

    /// Tells it, in one line on the error output, and gives the exit code.
    pub(crate) fn tell(&self, cx: &Cx) -> Exit {
        let exit = self.exit(cx);
        // What was said before comes first.
        let _ = cx.out.flush();
        if !matches!(self, Failure::Said(_) | Failure::Pipe) {
            match cx.common.json {
                true => output::complain(&json::text(&self.as_json(exit))),
                false => output::complain(&escape::shown_line(&format!("larder: {}", self.as_text(exit)))),
            }
        }
        exit
    }

    /// The exit code: a signal goes before whatever it made fail.
    pub(crate) fn exit(&self, cx: &Cx) -> Exit {
        let signal = cx.cancel.signal().map(Exit::Signal);
        match self {
            Failure::Store(error) => {
                let cut = matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Unknown);
                signal.filter(|_| cut).unwrap_or_else(|| Exit::of(error.kind()))
            }
            Failure::Own { exit, .. } | Failure::Said(exit) => *exit,
            Failure::Pipe => Exit::Pipe,
            Failure::Interrupted | Failure::Stopped(_) => signal.unwrap_or(Exit::Failed),
        }
    }

    fn as_text(&self, exit: Exit) -> String {
        match self {
            Failure::Store(error) if matches!(exit, Exit::Signal(_)) && error.is(ErrorKind::Cancelled) => {
                "interrupted".into()
            }
            Failure::Store(error) => error.to_string(),
            Failure::Own { why, hint: Some(hint), .. } => format!("{why} ({hint})"),
            Failure::Own { why, .. } => why.clone(),
            Failure::Interrupted => "interrupted".into(),
            Failure::Stopped(hint) => format!("interrupted ({hint})"),
            Failure::Said(_) | Failure::Pipe => String::new(),
        }
    }

    fn as_json(&self, exit: Exit) -> Value {
        let mut error = match self {
            Failure::Store(error) => of_error(error),
            Failure::Own { why, hint, .. } => json!({ "kind": name(exit), "why": why, "hint": hint }),
            Failure::Stopped(hint) => json!({ "kind": "cancelled", "why": "interrupted", "hint": hint }),
            _ => json!({ "kind": "cancelled", "why": "interrupted" }),
        };
        error["exit"] = exit.code().into();
        json!({ "error": error })
    }
}

fn name(exit: Exit) -> &'static str {
    match exit {
        Exit::Usage => "invalid",
        Exit::Absent => "absent",
        Exit::Unsupported => "unsupported",
        _ => "failed",
    }
}

/// The store's error in JSON.
pub(crate) fn of_error(error: &Error) -> Value {
    json!({
        "kind": error.kind().to_string(),
        "op": error.op().name(),
        "why": error.why(),
        "hint": error.advice(),
        "store": error.store().map(ToString::to_string),
        "key": error.key().map(larder::Key::as_str),
        "settled": error.settled(),
        "retry_after_ms": error.retry_after().map(|after| after.as_millis() as u64),
        "current": error.current().map(ToString::to_string),
    })
}
