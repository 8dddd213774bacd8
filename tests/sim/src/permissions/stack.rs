//! The folder of a stack's cache turns read-only for its user, in use and at open: every call succeeds, and the cache comes
//! back when it may be written again. The superuser is not stopped by modes, so a child of another user plays it.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use larder_store_core::config::Freshness;
use larder_store_core::{Call, Store};

use super::command::{NOBODY, reachable};
use crate::args::Args;
use crate::exercise::Exercise;
use crate::full_disk::stack::FRESH;
use crate::place::Place;
use crate::process::{self, Program};
use crate::report::Report;
use crate::tiers::Tiers;
use crate::{Outcome, stores};

/// The name of the role.
pub(super) const ROLE: &str = "role-permissions-stack";

/// Runs every freshness.
///
/// # Errors
/// What keeps it from going on.
pub fn run(program: &Program, seed: u64) -> Outcome<Report> {
    let mut report = Report::new("permissions", "stack", seed);
    let is_root = rustix::process::geteuid().is_root();
    let program = reachable(program)?;
    let place = Place::new(None)?;
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755))?;
    for (name, _) in FRESH {
        let own = place.path().join(name);
        std::fs::create_dir(&own)?;
        set(&own, 0o700)?;
        if is_root {
            chown(&own, Some(NOBODY), Some(NOBODY))?;
        }
        let folder = own.to_str().ok_or("the folder's name is not UTF-8")?;
        let seed = seed.to_string();
        let mut command = program.1.role(ROLE, ["--folder", folder, "--fresh", name, "--seed", &seed]);
        command.current_dir("/");
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        let (said, complaint) = process::told(&mut command)?;
        report.absorb(&said)?;
        if let Some(complaint) = complaint {
            report.problem(format!("{name}: {complaint}"));
        }
    }
    Ok(report)
}

fn set(path: &Path, mode: u32) -> Outcome {
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?)
}

/// Lets the folder and its files be written, or only read.
fn writable(folder: &Path, yes: bool) -> Outcome {
    let (folder_mode, file_mode) = if yes { (0o700, 0o600) } else { (0o500, 0o400) };
    for entry in std::fs::read_dir(folder)? {
        set(&entry?.path(), file_mode)?;
    }
    set(folder, folder_mode)
}

/// Plays the role.
///
/// # Errors
/// Its arguments are wrong; a stack is not opened that must be.
pub(super) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let folder = PathBuf::from(args.need("folder")?);
    let name = args.need("fresh")?;
    let seed = args.number("seed", 0)?;
    args.finish()?;
    let (_, fresh) = *FRESH.iter().find(|(known, _)| *known == name).ok_or("there is no such freshness")?;
    let mut report = Report::new("permissions", "", seed);
    stores::block_on(rounds(&folder, &name, fresh, seed, &mut report))?;
    print!("{}", report.lines());
    Ok(())
}

async fn rounds(folder: &Path, name: &str, fresh: Freshness, seed: u64, report: &mut Report) -> Outcome {
    let tiers = Tiers { folder: folder.to_owned(), memory: None, cache: 4 << 20, fresh, slots: 1024 };
    let cache = tiers.cache_folder();
    let mut user = Exercise::new(tiers.origin().await?, seed);
    let stack = tiers.open().await?;
    user.go(&stack, "writable", 60).await;
    writable(&cache, false)?;
    user.go(&stack, "read-only in use", 150).await;
    user.settle(&stack, "read-only in use").await?;
    writable(&cache, true)?;
    user.comes_back(&stack, fresh, "writable again").await;
    stack.close(&Call::default()).await?;
    writable(&cache, false)?;
    let opened = tiers.over(tiers.origin().await?)?.open().await;
    match opened {
        Ok(stack) => {
            user.go(&stack, "read-only at open", 150).await;
            writable(&cache, true)?;
            user.comes_back(&stack, fresh, "writable again after the open").await;
            stack.close(&Call::default()).await?;
        }
        Err(error) if fresh == Freshness::SoleWriter && error.to_string().contains("fresh=30s") => {
            writable(&cache, true)?;
            let stack = tiers.open().await?;
            user.comes_back(&stack, fresh, "writable again").await;
            stack.close(&Call::default()).await?;
        }
        Err(error) => report.problem(format!("{name}: a stack is not opened: {error:?}")),
    }
    user.tell(&format!("fresh={name}"), report);
    Ok(())
}
