//! What every command gets.

use std::io::IsTerminal;

use larder::{Call, Env};

use crate::args::Common;
use crate::cancel::Cancel;
use crate::error::{Failure, Result};
use crate::output::Output;

/// What every command gets.
#[derive(Debug)]
pub(crate) struct Cx {
    pub(crate) common: Common,
    pub(crate) env: Env,
    pub(crate) cancel: Cancel,
    pub(crate) out: Output,
}

impl Cx {
    pub(crate) fn new(common: Common) -> Cx {
        let env = Env::system();
        Cx { cancel: Cancel::watch(&env), out: Output::new(common.quiet), env, common }
    }

    /// The context of a call: cancelled by a signal, given up after `--timeout`.
    pub(crate) fn call(&self) -> Call {
        let call = match self.common.timeout {
            Some(time) => Call::within(&self.env, time),
            None => Call::default(),
        };
        call.with_cancel(self.cancel.token())
    }

    /// Waits for something that changes nothing, unless a signal comes first.
    pub(crate) async fn until_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        let token = self.cancel.token();
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = token.cancelled() => Err(Failure::Interrupted),
        }
    }

    /// Whether progress is to be shown.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.common.quiet && std::io::stderr().is_terminal()
    }

    /// Gets a yes for what cannot be undone: from `--yes`, or typed on a terminal.
    pub(crate) async fn confirm(&self, yes: bool, what: &str) -> Result {
        if yes {
            return Ok(());
        }
        let refusal = || Failure::usage(format!("{what}: nothing was done")).hint("say so with --yes");
        if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
            return Err(refusal());
        }
        crate::output::complain(&crate::escape::shown_line(&format!("larder: {what}. Type yes to go on:")));
        let typed = self.until_cancelled(crate::source::typed_line(&self.env)).await??;
        match typed.trim() {
            "yes" => Ok(()),
            _ => Err(refusal()),
        }
    }
}
