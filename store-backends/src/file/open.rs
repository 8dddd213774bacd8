//! Opening and creating.

use std::path::Path;

use larder_store_core::{
    CasScope, Durability, Env, Error, ErrorKind, Guarantees, Key, Op, Ranges, Result, Sharing, StoreId,
    Versions,
};
use rustix::fs::{Access, AtFlags, StatVfsMountFlags, accessat, fstatvfs};
use rustix::io::Errno;

use super::config::{FileConfig, Layout, Sync};
use super::error::failed;
use super::handle::{Handle, Parts};
use super::marker::{self, Marker};
use super::path::max_key;
use super::root::Root;
use crate::folder::{self, CheckedFolder, FolderRules};

/// The largest value: what the file system takes is less.
const MAX_VALUE: u64 = 1 << 62;
/// The longest names that are made; file systems with shorter ones are refused.
const NAME_MAX: u64 = 255;

/// The rules for the folder of a store.
pub(super) fn rules(op: Op, config: &FileConfig, create: bool) -> FolderRules {
    FolderRules { op, create, network: config.network }
}

/// Opens the store, created if it is missing and may be. Blocks.
pub(super) fn open(config: &FileConfig, create: bool, env: Env) -> Result<Handle> {
    let op = Op::Open;
    let folder = folder::check(config.path(), &rules(op, config, create))?;
    let id = id_of(&folder.path, config.layout);
    attach(config, create, env, folder, &id).map_err(|e| e.at(&id))
}

fn attach(
    config: &FileConfig,
    create: bool,
    env: Env,
    folder: CheckedFolder,
    id: &StoreId,
) -> Result<Handle> {
    let op = Op::Open;
    let root_len = folder.path.as_os_str().len();
    let max_key = max_key(root_len);
    if max_key < Key::PORTABLE_LEN {
        let why = format!("the path of the folder has {root_len} bytes, which leaves keys of {max_key}");
        return Err(Error::new(ErrorKind::Unsupported, op, why)
            .hint(format!("choose a shorter one: keys of {} bytes must fit", Key::PORTABLE_LEN)));
    }
    let disk = fstatvfs(&folder.fd).map_err(|e| failed(op, e, "looking at the file system"))?;
    let names = disk.f_namemax;
    if names != 0 && names < NAME_MAX {
        let why =
            format!("the file system takes names of {names} bytes, and the store makes some of {NAME_MAX}");
        return Err(
            Error::new(ErrorKind::Unsupported, op, why).hint("choose a folder on another file system")
        );
    }
    match marker::look(op, &folder.fd)? {
        Marker::Store { layout, ready } => {
            marker::check_layout(op, layout, config.layout)?;
            if ready {
                marker::complete(op, &folder.fd)?;
            } else {
                marker::create(op, &folder.fd, config.layout)?;
            }
        }
        // A folder of others is what the raw layout is for.
        Marker::Foreign if config.layout == Layout::Raw => marker::create(op, &folder.fd, config.layout)?,
        Marker::Empty if create => marker::create(op, &folder.fd, config.layout)?,
        Marker::Empty => {
            return Err(Error::new(ErrorKind::Invalid, op, "there is no store in the folder")
                .hint("let it be created, or mend the path"));
        }
        Marker::Foreign => {
            return Err(Error::new(
                ErrorKind::Invalid,
                op,
                "the folder holds files that Larder did not write, and .larder/format is missing",
            )
            .hint("choose an empty folder, or open these files as they are with layout=raw"));
        }
    }
    let network = folder.file_system.network.is_some();
    let root = Root::attach(folder.fd, !network)
        .map_err(|e| failed(op, e, "opening the private folders of the store"))?;
    let writable = match disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
        true => Err(Errno::ROFS),
        false => may_write(&root),
    };
    writable.map_err(|e| failed(op, e, "making a file in the store's folder"))?;
    let parts = Parts {
        id: id.clone(),
        guarantees: guarantees(config, max_key, network, config.layout),
        system: guarantees(config, max_key, network, Layout::Record),
        env,
        sync: config.sync,
        layout: config.layout,
        map: config.map,
    };
    tracing::debug!(
        store = %id,
        sync = ?config.sync,
        layout = config.layout.name(),
        map = config.map,
        network,
        max_key,
        "opened"
    );
    Ok(Handle::new(parts, root))
}

/// Whether files may be made. None is: that would wait for the disk.
fn may_write(root: &Root) -> std::result::Result<(), Errno> {
    let access = Access::WRITE_OK | Access::EXEC_OK;
    match accessat(root.tmp(), ".", access, AtFlags::EACCESS) {
        // Kernels and file systems that cannot tell: the first put will.
        Err(Errno::NOSYS | Errno::INVAL) => Ok(()),
        told => told,
    }
}

/// Who the store in this folder is.
pub(super) fn id_of(path: &Path, layout: Layout) -> StoreId {
    StoreId::new("file", path.to_string_lossy(), layout.name())
}

fn guarantees(config: &FileConfig, max_key: usize, network: bool, layout: Layout) -> Guarantees {
    let mut g = Guarantees::in_process();
    // Locks of a network file system may reach as far as the host, or not that far: it does not tell.
    g.cas = if network { CasScope::Process } else { CasScope::Host };
    g.sharing = if network { Sharing::Global } else { Sharing::Host };
    g.durability = match config.sync {
        Sync::Full => Durability::Durable,
        Sync::None => Durability::Host,
    };
    g.max_key = max_key;
    g.max_value = MAX_VALUE;
    if layout == Layout::Raw {
        g.cas = CasScope::None;
        g.conditional_delete = false;
        // The weaker of the two: see `raw::Tag`.
        g.versions = Versions::PerContent;
        g.max_attributes = 0;
        g.expiry = false;
        g.ranges = Ranges::Unverified;
    }
    g
}
