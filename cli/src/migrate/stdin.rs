//! Standard input that a signal ends: whoever waits for it would wait for ever.

use std::fs::File;
use std::io::{self, IsTerminal, Read, stdin};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio_util::sync::CancellationToken;

use super::name::FORM;
use crate::cx::Cx;
use crate::error::{Failure, Result};

/// How long a signal may go unnoticed.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// The standard input, until it is cancelled.
#[derive(Debug)]
pub(crate) struct Stdin {
    file: File,
    token: CancellationToken,
}

impl Stdin {
    /// Takes it, unless it is a terminal.
    pub(crate) fn open(cx: &Cx) -> Result<Stdin> {
        if stdin().is_terminal() {
            let why = "a dump is read from the standard input, and that is a terminal";
            return Err(Failure::usage(why).hint(FORM));
        }
        let fd = stdin().as_fd().try_clone_to_owned().map_err(|e| Failure::io("the standard input", e))?;
        Ok(Stdin { file: fd.into(), token: cx.cancel.token() })
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // Not `Interrupted`, which readers take for "try again"; and no end, which would be a dump that was cut.
            if self.token.is_cancelled() {
                return Err(io::Error::other("interrupted"));
            }
            let mut waits = [PollFd::new(&self.file, PollFlags::IN)];
            match poll(&mut waits, Some(&LOOK)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return self.file.read(buffer),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
