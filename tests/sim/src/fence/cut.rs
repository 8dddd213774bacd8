//! A fence file that ends early while processes use it. They may die of it (SIGBUS, as of any mapped file); the next one
//! finds the damage and makes the table anew.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;

use larder_store_core::Env;
use larder_tiered::fence::Layout;

use super::{attach, file, worker};
use crate::Outcome;
use crate::process::{Program, Running};
use crate::report::Report;
use crate::rng::Rng;

const SLOTS: u32 = 4096;

/// Cuts a file in `folder` so many times under a living process.
///
/// # Errors
/// What keeps it from going on.
pub fn run(folder: PathBuf, cases: u64, seed: u64, program: &Program) -> Outcome<Report> {
    use std::io::Read;
    let mut report = Report::new("fence", "cut", seed);
    let (mut bus, mut refused, mut anew) = (0, 0, 0);
    let path = folder.join("cut");
    let text = path.to_str().ok_or("the folder's name is not UTF-8")?;
    let ledger = folder.join("cut-ledger");
    let ledger = ledger.to_str().ok_or("the folder's name is not UTF-8")?;
    let whole = (Layout::new(SLOTS).words() * 8) as u64;
    let mut rng = Rng::new(seed);
    for case in 0..cases {
        let fence = file(&path, SLOTS, Env::system());
        let table = attach(&fence)?;
        let (before, stamp) = (table.incarnation(), table.fill(&table.lease(5)));
        drop(table);
        let (slots, word) = (SLOTS.to_string(), rng.word().to_string());
        let args = ["--path", text, "--ledger", ledger, "--slots", &slots, "--span", "4096", "--seed", &word];
        let mut command = program.role(worker::ROLE, args);
        let mut child = Running::begin(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        if let Some(pipe) = &mut child.child().stdout {
            let _ = pipe.read(&mut [0])?;
        }
        let len = rng.below(whole);
        File::options().write(true).open(&path)?.set_len(len)?;
        // It touches the whole table all the time, and looks at the file before each write.
        let status = child.wait()?;
        match status.signal() {
            Some(libc_signal) if libc_signal == rustix::process::Signal::BUS.as_raw() => bus += 1,
            None if child.complaint().contains("was cut to") => refused += 1,
            _ => report.problem(format!("case {case}: it ended with {status} at {len} bytes")),
        }
        let table = attach(&fence)?;
        anew += u64::from(table.incarnation() != before);
        if stamp.is_some_and(|stamp| table.serves(&table.lease(5), &stamp)) && len < whole {
            report.problem(format!("case {case}: an entry from before the cut is served"));
        }
        if table.open_write(7)?.answered().is_some() {
            report.problem(format!("case {case}: after a death nothing is in doubt"));
        }
        drop(table);
        if std::fs::metadata(&path)?.len() != whole {
            report.problem(format!("case {case}: the file was not made whole"));
        }
    }
    report.count("cuts", cases);
    report.count("died of SIGBUS", bus);
    report.count("refused to write", refused);
    report.count("made anew", anew);
    if anew != cases {
        report.problem("a file that was cut was gone on with");
    }
    Ok(report)
}
