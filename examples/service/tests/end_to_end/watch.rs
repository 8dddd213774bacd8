//! What a process takes of the machine.

use std::fs;

/// What `/proc` says about a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    /// Its anonymous memory, in KiB.
    pub(crate) memory: u64,
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
}

pub(crate) fn taken(pid: u32) -> Taken {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() as u64;
    Taken { memory: field("RssAnon:"), descriptors, threads: field("Threads:") }
}
