//! Exit codes: what a script can tell apart.

use std::process::ExitCode;

use larder::ErrorKind;

/// How the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    Usage,
    Absent,
    Conflict,
    Unknown,
    Later,
    Denied,
    Corrupt,
    Full,
    Unsupported,
    Found,
    /// By this signal.
    Signal(u8),
    /// Nobody reads the output any more.
    Pipe,
}

/// The codes, for `larder --help` and the page of operations.
pub(crate) const HELP: &str = "\
Exit codes:
    0  done
    1  something of this machine failed: a file, a terminal, a thread
    2  the command line, a URL, a key or a configuration is wrong
    3  there is no such value
    4  a condition did not hold: the value exists, or has another version
    5  the outcome of a write is unknown: read before anything depends on it
    6  throttled, not reachable or too late: the same command may succeed later
    7  permission is missing
    8  what is stored is damaged, or not what Larder wrote
    9  there is no room
   10  the store does not offer what was asked
   11  probe, doctor: something is wrong with the store; verify, diff: something differs
  130  interrupted (128 and the number of the signal)
  141  whoever read the output went away";

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Absent => 3,
            Exit::Conflict => 4,
            Exit::Unknown => 5,
            Exit::Later => 6,
            Exit::Denied => 7,
            Exit::Corrupt => 8,
            Exit::Full => 9,
            Exit::Unsupported => 10,
            Exit::Found => 11,
            Exit::Signal(number) => 128 + number,
            Exit::Pipe => 141,
        }
    }

    /// The one of a kind of error.
    pub(crate) fn of(kind: ErrorKind) -> Exit {
        match kind {
            ErrorKind::Conflict => Exit::Conflict,
            ErrorKind::Unknown => Exit::Unknown,
            ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Timeout => Exit::Later,
            ErrorKind::Invalid => Exit::Usage,
            ErrorKind::Unsupported => Exit::Unsupported,
            ErrorKind::Denied => Exit::Denied,
            ErrorKind::Corrupt => Exit::Corrupt,
            ErrorKind::Full => Exit::Full,
            // Closed and cancelled by nobody but ourselves; later kinds.
            _ => Exit::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_help() {
        let all = [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::Absent,
            Exit::Conflict,
            Exit::Unknown,
            Exit::Later,
            Exit::Denied,
            Exit::Corrupt,
            Exit::Full,
            Exit::Unsupported,
            Exit::Found,
            Exit::Signal(2),
            Exit::Pipe,
        ];
        for exit in all {
            let start = format!("{:>5}  ", exit.code());
            assert!(HELP.lines().any(|line| line.starts_with(&start)), "{exit:?}");
        }
    }
}
