//! The child: opens the stack, reads and writes through it, and compares with the origin.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::answer::Answer;
use super::case::{self, Doing};
use super::harm::Target;
use super::{Options, tiers};
use crate::args::Args;
use crate::damage::harm::Harm;
use crate::damage::plan::{self, Stored};
use crate::{Outcome, process};

/// The name of the role.
pub(in crate::damage) const ROLE: &str = "role-damage-stack";

/// Larger values than a small cache takes are left out.
const LARGEST: usize = 100_000;

/// A child that plays the role.
pub(super) fn command(options: &Options) -> Outcome<Command> {
    let folder = options.folder.to_str().ok_or("the folder's name is not UTF-8")?;
    Ok(options.program.role(ROLE, ["--folder", folder, "--seed", &options.seed.to_string()]))
}

/// What the origin holds.
pub(super) fn values(seed: u64) -> Vec<Stored> {
    let mut values = plan::values(seed);
    values.retain(|stored| stored.len <= LARGEST);
    values
}

/// What the child is told, as a line: `restore`, or `MEMORY WRITE SEED [TARGET HARM]` in numbers.
pub(super) fn line(doing: &Doing) -> String {
    let Doing { memory, write, seed, harm } = doing;
    let harm = harm.map_or(String::new(), |(target, harm)| format!(" {} {}", target as u8, harm.number()));
    format!("{} {} {seed}{harm}", u8::from(*memory), u8::from(*write))
}

fn parse(line: &str) -> Outcome<Doing> {
    let numbers: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let (memory, write, seed, harm) = match numbers[..] {
        [memory, write, seed] => (memory, write, seed, None),
        [memory, write, seed, target, harm] => {
            let target = Target::ALL.get(target as usize).ok_or("there is no such target")?;
            (memory, write, seed, Some((*target, Harm::numbered(harm)?)))
        }
        _ => return Err(format!("a child was told {line:?}").into()),
    };
    Ok(Doing { memory: memory == 1, write: write == 1, seed, harm })
}

/// Plays the role: for each line on the input a line on the output.
///
/// # Errors
/// Its arguments are wrong, its parent is gone, or the origin fails.
pub(in crate::damage) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let folder = PathBuf::from(args.need("folder")?);
    let seed = args.number("seed", 0)?;
    args.finish()?;
    let values = values(seed);
    let mut output = std::io::stdout().lock();
    // Threads of its own, so that reads go on while the damage comes.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let answer = match line.as_str() {
            "restore" => runtime.block_on(restore(&folder, &values))?,
            line => runtime.block_on(case::play(&folder, &values, &parse(line)?))?,
        };
        writeln!(output, "{}", answer.line())?;
        output.flush()?;
    }
    Ok(())
}

/// Puts the origin as it was when the cache was copied.
async fn restore(folder: &Path, values: &[Stored]) -> Outcome<Answer> {
    let origin = tiers(folder, false).origin().await?;
    case::restore(&*origin, values).await?;
    origin.close(&Default::default()).await?;
    Ok(Answer::default())
}
