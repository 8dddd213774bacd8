//! How much memory a collection keeps: this program again, in another role, that opens one and searches it.

use std::path::Path;
use std::process::{Command, ExitCode};

use larder_vector::tier::Tier;
use larder_vector::{Collection, Role};

use super::{Given, ours, sets};
use crate::error::Result;
use crate::open;

/// The word that makes this program one that opens a collection.
const ROLE: &str = "role-vector-resident";

/// Bytes that are resident: of no file, and of files that are mapped.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Resident {
    pub(super) anonymous: f64,
    pub(super) mapped: f64,
}

impl Resident {
    /// Of this process.
    pub(super) fn now() -> Resident {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()
        };
        let bytes = |name| of(name).unwrap_or(0.0) * 1024.0;
        Resident { anonymous: bytes("RssAnon:"), mapped: bytes("RssFile:") }
    }
}

/// Plays the role, if it was asked for.
pub(crate) fn role(mut words: impl Iterator<Item = String>) -> Option<ExitCode> {
    if words.next()? != ROLE {
        return None;
    }
    let words: Vec<String> = words.collect();
    Some(match play(&words) {
        Ok(told) => {
            println!("{} {}", told.anonymous, told.mapped);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("larder-bench: {error}");
            ExitCode::FAILURE
        }
    })
}

fn play(words: &[String]) -> Result<Resident> {
    let [path, data, tier] = words else { return Err("a store, the folder of the data and a tier".into()) };
    let set = sets::Set::real(&Given { data: data.into(), python: Default::default() })?;
    let runtime = &ours::one_thread()?;
    let store = open::folder(runtime, "lmdb", Path::new(path))?;
    let before = Resident::now();
    let options = ours::options(&set).with_role(Role::Reader);
    let collection = runtime.block_on(Collection::open(store, options))?;
    runtime.block_on(ours::bring(&collection, tier.parse::<Tier>()?))?;
    ours::single(runtime, &collection, &set, &Default::default())?;
    let after = Resident::now();
    Ok(Resident { anonymous: after.anonymous - before.anonymous, mapped: after.mapped - before.mapped })
}

/// Has glibc give back at once what is freed above 128 KiB, as it does until something larger was freed first: what it keeps for later
/// is nobody's index.
pub(super) fn lean(command: &mut Command) {
    command.env("MALLOC_MMAP_THRESHOLD_", "131072");
}

/// What opening the collection of embeddings in an LMDB store, bringing it into a tier and searching it adds to what a process has.
pub(super) fn measure(store: &Path, given: &Given, tier: Tier) -> Result<Resident> {
    let mut command = Command::new(std::env::current_exe()?);
    lean(&mut command);
    let output = command.arg(ROLE).arg(store).arg(&given.data).arg(tier.name()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(anonymous)), Some(Ok(mapped))) => Ok(Resident { anonymous, mapped }),
        _ => Err(format!("the other process: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}
