//! What is wrong, and what must be said about it.

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use larder_store_core::ErrorKind::{self, Corrupt, Denied, Invalid};

use crate::Outcome;
use crate::stores::Kind;

/// What the child does with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Try {
    /// Opens it.
    Open,
    /// Opens it, then puts.
    Put,
    /// Opens it, then gets a value that is there, or whose place is taken.
    Get,
}

impl Try {
    pub(super) fn name(self) -> &'static str {
        match self {
            Try::Open => "open",
            Try::Put => "put",
            Try::Get => "get",
        }
    }
}

/// A case.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) what: Try,
    /// Kinds that are right; none: it must succeed.
    pub(super) kinds: &'static [ErrorKind],
    /// Which stores it is about.
    pub(super) stores: &'static [Kind],
    /// Whether only the superuser can set it up.
    pub(super) root: bool,
    /// Makes it so. The store is at the path, made before by the one who will open it, and holds `k` and `folder/k`.
    pub(super) spoil: fn(&Path) -> Outcome,
}

const BOTH: &[Kind] = &[Kind::File, Kind::Lmdb];
const FILE: &[Kind] = &[Kind::File];
const LMDB: &[Kind] = &[Kind::Lmdb];

/// Text that no store may ever give.
pub(super) const OUTSIDE: &str = "text of somebody else";

pub(super) const CASES: &[Case] = &[
    case("nothing is wrong", Try::Put, &[], BOTH, |_| Ok(())),
    case("the folder may not be written", Try::Put, &[Denied], FILE, |store| mode(store, 0o500)),
    case("an empty folder may not be written", Try::Open, &[Denied], BOTH, |store| {
        empty(store)?;
        mode(store, 0o500)
    }),
    case("the folder may not be entered", Try::Open, &[Denied], BOTH, |store| mode(store, 0o600)),
    case("the folder may not be read", Try::Open, &[Denied], BOTH, |store| mode(store, 0o000)),
    case("the group may write the folder", Try::Open, &[Denied], BOTH, |store| mode(store, 0o770)),
    case("all may write the folder", Try::Open, &[Denied], BOTH, |store| mode(store, 0o1777)),
    case("the folder above may not be written", Try::Open, &[Denied], BOTH, |store| {
        std::fs::remove_dir_all(store)?;
        mode(above(store), 0o500)
    }),
    case("the folder above may not be entered", Try::Open, &[Denied], BOTH, |store| {
        mode(above(store), 0o600)
    }),
    for_root("the folder is somebody else's", Try::Open, &[Denied], BOTH, |store| {
        Ok(chown(store, Some(0), Some(0))?)
    }),
    for_root(
        "an empty folder is somebody else's, and all may write it",
        Try::Open,
        &[Denied],
        BOTH,
        |store| {
            empty(store)?;
            chown(store, Some(0), Some(0))?;
            mode(store, 0o777)
        },
    ),
    case("the folder is a link", Try::Open, &[Denied], BOTH, |store| {
        let real = above(store).join("real");
        std::fs::rename(store, &real)?;
        Ok(symlink(&real, store)?)
    }),
    case("the folder is a file", Try::Open, &[Invalid], BOTH, |store| {
        std::fs::remove_dir_all(store)?;
        Ok(std::fs::write(store, OUTSIDE)?)
    }),
    // Inside the store.
    case("a value may not be read", Try::Get, &[Denied], FILE, |store| mode(&store.join("k.larder"), 0o200)),
    case("a value's file is a link", Try::Get, &[Corrupt, Denied], FILE, |store| {
        link(&store.join("k.larder"))
    }),
    case("a value's file is a pipe", Try::Get, &[Corrupt, Denied], FILE, |store| {
        pipe(&store.join("k.larder"))
    }),
    case("a value's file is a folder", Try::Get, &[Corrupt, Denied, Invalid], FILE, |store| {
        std::fs::remove_file(store.join("k.larder"))?;
        Ok(std::fs::create_dir(store.join("k.larder"))?)
    }),
    case("a link is replaced by a put, not followed", Try::Put, &[], FILE, |store| {
        link(&store.join("k.larder"))
    }),
    case("a folder inside is a link", Try::Put, &[Denied, Corrupt], FILE, |store| {
        std::fs::remove_dir_all(store.join("folder"))?;
        Ok(symlink(outside(store)?, store.join("folder"))?)
    }),
    case("the private folder is a link", Try::Open, &[Denied, Corrupt, Invalid], FILE, |store| {
        std::fs::rename(store.join(".larder"), outside(store)?.join("private"))?;
        Ok(symlink(outside(store)?.join("private"), store.join(".larder"))?)
    }),
    case("the data may not be written", Try::Open, &[Denied], LMDB, |store| {
        mode(&store.join("data.mdb"), 0o400)
    }),
    case("the data may not be read", Try::Open, &[Denied], LMDB, |store| {
        mode(&store.join("data.mdb"), 0o000)
    }),
    case("the data is a link", Try::Open, &[Denied, Corrupt, Invalid], LMDB, |store| {
        link(&store.join("data.mdb"))
    }),
    case("the data is a pipe", Try::Open, &[Denied, Corrupt, Invalid], LMDB, |store| {
        pipe(&store.join("data.mdb"))
    }),
    case("the lock is a link", Try::Open, &[Denied, Corrupt, Invalid], LMDB, |store| {
        link(&store.join("lock.mdb"))
    }),
    case("the lock is a pipe", Try::Open, &[Denied, Corrupt, Invalid], LMDB, |store| {
        pipe(&store.join("lock.mdb"))
    }),
];

type Spoil = fn(&Path) -> Outcome;

const fn case(
    name: &'static str,
    what: Try,
    kinds: &'static [ErrorKind],
    stores: &'static [Kind],
    spoil: Spoil,
) -> Case {
    Case { name, what, kinds, stores, root: false, spoil }
}

const fn for_root(
    name: &'static str,
    what: Try,
    kinds: &'static [ErrorKind],
    stores: &'static [Kind],
    spoil: Spoil,
) -> Case {
    Case { name, what, kinds, stores, root: true, spoil }
}

fn above(store: &Path) -> &Path {
    store.parent().unwrap_or(store)
}

fn mode(path: &Path, mode: u32) -> Outcome {
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?)
}

fn empty(store: &Path) -> Outcome {
    for entry in std::fs::read_dir(store)? {
        let path = entry?.path();
        match path.is_dir() {
            true => std::fs::remove_dir_all(path)?,
            false => std::fs::remove_file(path)?,
        }
    }
    Ok(())
}

/// A folder beside the store that all may write, so that nothing but the store keeps anybody out.
pub(super) fn outside(store: &Path) -> Outcome<PathBuf> {
    let outside = above(store).join("outside");
    std::fs::create_dir_all(&outside)?;
    mode(&outside, 0o777)?;
    Ok(outside)
}

/// Puts a link in place of a file, to one outside that all may read and write.
fn link(path: &Path) -> Outcome {
    let store = path.parent().unwrap_or(path);
    let target = outside(store)?.join("file");
    std::fs::write(&target, OUTSIDE)?;
    mode(&target, 0o666)?;
    std::fs::remove_file(path)?;
    Ok(symlink(target, path)?)
}

/// Puts a pipe in place of a file: whoever opens it waits for ever.
fn pipe(path: &Path) -> Outcome {
    std::fs::remove_file(path)?;
    match Command::new("mkfifo").arg("-m").arg("666").arg(path).status()?.success() {
        true => Ok(()),
        false => Err("no pipe could be made".into()),
    }
}
