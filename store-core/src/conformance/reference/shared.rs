//! The reference in a file, shared by processes: tests of the cases about processes, and of what they must find.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::{FlockOperation, flock};

use super::data::{Data, Kept};
use super::state::{Entry, State};
use super::{Inner, Reference};
use crate::conformance::{self, Minimum, Options, Place, Report, Subject, Verdict};
use crate::error::Result;
use crate::guarantees::{CasScope, Sharing};
use crate::outcome::Durability;
use crate::record::Head;
use crate::store::Store;
use crate::store_id::StoreId;

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wrong {
    Nothing,
    /// Nobody is shut out while it is changed.
    NoLock,
    /// What others write is seen by those who open it later.
    ReadOnce,
    /// It is written in place, in two halves.
    InPlace,
    /// It is written by those who close it.
    WriteBehind,
}

#[derive(Debug)]
struct InFile {
    path: PathBuf,
    lock: File,
    wrong: Wrong,
    was_read: AtomicBool,
    // What was read last, so that an unchanged file is not read again.
    last: Mutex<Vec<u8>>,
}

fn decode(mut bytes: &[u8], state: &mut State) {
    *state = State::default();
    while let Some((length, rest)) = bytes.split_first_chunk::<8>() {
        // A record that ends early, or is damaged, ends the map: only a writer in place leaves one.
        let Some((record, rest)) = rest.split_at_checked(u64::from_le_bytes(*length) as usize) else {
            return;
        };
        let Ok((head, at)) = Head::decode(record, None) else { return };
        bytes = rest;
        let value = Bytes::copy_from_slice(&record[at..at + head.raw_len as usize]);
        state.restore(Entry {
            version: head.version(),
            key: head.key,
            value,
            modified: head.modified,
            expires: head.expires,
            attributes: head.attributes,
        });
    }
}

fn encode(state: &State) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in state.entries() {
        let write_id = entry.version.write_id().unwrap();
        let mut head = Head::new(entry.key.clone(), write_id, entry.modified);
        head.predecessors = entry.version.predecessors().to_vec();
        head.expires = entry.expires;
        head.attributes = entry.attributes.clone();
        head.raw_len = entry.value.len() as u64;
        let record = head.encode_with(&entry.value).unwrap();
        bytes.extend_from_slice(&(record.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&record);
    }
    bytes
}

impl Kept for InFile {
    fn enter(&self, state: &mut State) {
        if self.wrong != Wrong::NoLock {
            flock(&self.lock, FlockOperation::LockExclusive).unwrap();
        }
        let known = self.was_read.swap(true, std::sync::atomic::Ordering::SeqCst);
        if known && matches!(self.wrong, Wrong::ReadOnce | Wrong::WriteBehind) {
            return;
        }
        let bytes = fs::read(&self.path).unwrap_or_default();
        let mut last = self.last.lock().unwrap();
        if *last != bytes {
            decode(&bytes, state);
            *last = bytes;
        }
    }

    fn leave(&self, state: &State, changed: bool) {
        if changed && self.wrong != Wrong::WriteBehind {
            let bytes = encode(state);
            if self.wrong == Wrong::InPlace {
                let half = bytes.len() / 2;
                fs::write(&self.path, &bytes[..half]).unwrap();
                std::thread::yield_now();
                fs::write(&self.path, &bytes).unwrap();
            } else {
                let temp = self.path.with_extension(std::process::id().to_string());
                fs::write(&temp, &bytes).unwrap();
                fs::rename(&temp, &self.path).unwrap();
            }
            *self.last.lock().unwrap() = bytes;
        }
        flock(&self.lock, FlockOperation::Unlock).unwrap();
    }
}

/// Stores in files of one folder.
#[derive(Debug)]
struct InFolder {
    folder: PathBuf,
    test: &'static str,
    wrong: Wrong,
}

const FOLDER: &str = "LARDER_SHARED_REFERENCE";

#[async_trait]
impl Subject for InFolder {
    fn name(&self) -> &str {
        "reference in a file"
    }

    fn minimum(&self) -> Minimum {
        Minimum { transaction: 0, durability: Durability::Host, ..Minimum::FILE }
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        let path = self.folder.join(place.name());
        let mut options = fs::OpenOptions::new();
        let lock = options.create(true).append(true).mode(0o600).open(path.with_extension("lock")).unwrap();
        let (was_read, last) = (AtomicBool::new(false), Mutex::default());
        let mut guarantees = Reference::best();
        guarantees.cas = CasScope::Host;
        guarantees.sharing = Sharing::Host;
        guarantees.durability = Durability::Host;
        Ok(Arc::new(Reference(Arc::new(Inner {
            id: StoreId::new("reference", path.display().to_string(), "none"),
            guarantees,
            env: place.env().clone(),
            data: Arc::new(Data::kept(InFile { path, lock, wrong: self.wrong, was_read, last })),
            closed: AtomicBool::new(false),
        }))))
    }

    fn process(&self) -> Option<Command> {
        let mut command = Command::new(std::env::current_exe().ok()?);
        let test = format!("{}::{}", module_path!().split_once("::")?.1, self.test);
        command.args(["--exact", &test, "--nocapture"]).env(FOLDER, &self.folder);
        Some(command)
    }
}

/// Runs the cases about processes, or is one of them.
async fn run(test: &'static str, wrong: Wrong, only: &str) -> Option<Report> {
    let (folder, guard) = match std::env::var_os(FOLDER) {
        Some(folder) => (folder.into(), None),
        None => {
            let guard = tempfile::tempdir().unwrap();
            (guard.path().to_owned(), Some(guard))
        }
    };
    let subject = InFolder { folder, test, wrong };
    if conformance::child(&subject).await {
        return None;
    }
    let report = conformance::run(subject, &Options::quick().with_only(only)).await;
    drop(guard);
    Some(report)
}

#[track_caller]
fn fails(report: &Report, case: &str, reason: &str) {
    match &report.case(case).unwrap().verdict {
        Verdict::Failed(why) if why.contains(reason) => {}
        other => panic!("{case} must fail because {reason:?}, and is {other:?}\n{report}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn good() {
    let Some(report) = run("good", Wrong::Nothing, "processes.").await else { return };
    report.assert_passed();
    assert!(report.cases.iter().all(|case| case.verdict == Verdict::Passed), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn opened_again() {
    let Some(report) = run("opened_again", Wrong::Nothing, "life.").await else { return };
    report.assert_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_lock() {
    let Some(report) = run("without_a_lock", Wrong::NoLock, "processes.").await else { return };
    fails(&report, "processes.raw", "increments by 2 processes");
    fails(&report, "processes.first", "keys that some process says it created");
}

#[tokio::test(flavor = "multi_thread")]
async fn read_once() {
    let Some(report) = run("read_once", Wrong::ReadOnce, "processes.mirror").await else { return };
    fails(&report, "processes.mirror", "written by another process");
}

#[tokio::test(flavor = "multi_thread")]
async fn written_in_place() {
    let Some(report) = run("written_in_place", Wrong::InPlace, "processes.killed").await else { return };
    fails(&report, "processes.killed", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn written_behind() {
    let Some(report) = run("written_behind", Wrong::WriteBehind, "processes.killed").await else { return };
    fails(&report, "processes.killed", "acknowledged");
}

/// A worker that does not know that it is one is told apart from one that works.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_does_nothing() {
    let guard = tempfile::tempdir().unwrap();
    let folder = guard.path().to_owned();
    let subject = InFolder { folder, test: "no_such_test", wrong: Wrong::Nothing };
    let report = conformance::run(subject, &Options::quick().with_only("processes.first")).await;
    fails(&report, "processes.first", "does its test call conformance::child?");
}
