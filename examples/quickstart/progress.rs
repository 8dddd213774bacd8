//! One line that moves, on a terminal only.

use std::io::{IsTerminal, Write};

/// Counts up to `total`.
pub(crate) struct Progress {
    what: &'static str,
    total: usize,
    done: usize,
    shown: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str, total: usize) -> Progress {
        Progress { what, total, done: 0, shown: std::io::stderr().is_terminal() }
    }

    pub(crate) fn step(&mut self) {
        self.done += 1;
        let tick = (self.total / 100).max(1);
        if self.shown && (self.done.is_multiple_of(tick) || self.done == self.total) {
            eprint!("\r\x1b[2K{} {} of {}", self.what, self.done, self.total);
            let _ = std::io::stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            eprint!("\r\x1b[2K");
        }
    }
}
