//! How the store is configured.

use std::path::PathBuf;

use larder_store_core::config::{Param, StoreConfig};
use larder_store_core::{Error, ErrorKind, Op, Result, Role};

/// The parameters of `lmdb:`.
pub(super) const PARAMS: [Param; 5] = [ROLE, SYNC, MAP_SIZE, MAX_SIZE, CAPACITY];

const ROLE: Param = Param {
    name: "role",
    about: "origin (default alone and as last tier): keeps what it is given; cache (default above another tier)",
    secret: false,
};
const SYNC: Param = Param {
    name: "sync",
    about: "full (default of an origin): a write that returned outlives a crash of the machine; none: only one of the process",
    secret: false,
};
const MAP_SIZE: Param = Param {
    name: "map_size",
    about: "bytes of address space that an origin starts with, default 1GiB; it grows by itself",
    secret: false,
};
const MAX_SIZE: Param = Param {
    name: "max_size",
    about: "bytes that an origin may grow to, default 1TiB; then writes fail as on a full disk",
    secret: false,
};
const CAPACITY: Param =
    Param { name: "capacity", about: "bytes that a cache may take; not for an origin", secret: false };

/// What a store is for. It is written into its folder when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum LmdbRole {
    /// It keeps what it is given.
    #[default]
    Origin,
    /// It keeps what is also elsewhere, and makes room by forgetting. Not offered yet.
    Cache,
}

impl LmdbRole {
    /// Its name, as in URLs.
    pub fn name(self) -> &'static str {
        match self {
            LmdbRole::Origin => "origin",
            LmdbRole::Cache => "cache",
        }
    }
}

/// Whether a write waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LmdbSync {
    /// A write that returned outlives a crash of the machine.
    #[default]
    Full,
    /// A write that returned outlives the process. After a crash of the machine the newest writes may be missing or
    /// the store may be damaged, which is found at the next open.
    None,
}

/// What an `lmdb:` store is opened with.
///
/// ```
/// use larder_store_backends::lmdb::{LmdbConfig, LmdbSync};
/// use larder_store_core::config::StoreConfig;
/// let built = LmdbConfig::new("/var/lib/app").with_sync(LmdbSync::None).with_max_size(64 << 30);
/// let parsed = LmdbConfig::try_from(&StoreConfig::parse("lmdb:/var/lib/app?sync=none&max_size=64GiB")?)?;
/// assert_eq!(built, parsed);
/// # Ok::<(), larder_store_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LmdbConfig {
    /// The folder. It is the store's alone.
    pub path: PathBuf,
    /// What the store is for; `None`: as it is opened, alone or as last tier an origin.
    pub role: Option<LmdbRole>,
    /// Whether a write waits for the disk.
    pub sync: LmdbSync,
    /// Bytes of address space to start with, 1 GiB by default. It costs nothing but addresses.
    pub map_size: u64,
    /// Bytes that the file may grow to, 1 TiB by default.
    pub max_size: u64,
}

/// The least that can be mapped: a few pages.
const LEAST: u64 = 1 << 20;
/// The most: half of the addresses that a process has.
const MOST: u64 = 1 << 46;

impl LmdbConfig {
    /// An origin in this folder.
    pub fn new(path: impl Into<PathBuf>) -> LmdbConfig {
        LmdbConfig {
            path: path.into(),
            role: None,
            sync: LmdbSync::Full,
            map_size: 1 << 30,
            max_size: 1 << 40,
        }
    }

    /// What the store is for.
    pub fn with_role(mut self, role: LmdbRole) -> LmdbConfig {
        self.role = Some(role);
        self
    }

    /// Whether a write waits for the disk.
    pub fn with_sync(mut self, sync: LmdbSync) -> LmdbConfig {
        self.sync = sync;
        self
    }

    /// Bytes of address space to start with.
    pub fn with_map_size(mut self, bytes: u64) -> LmdbConfig {
        self.map_size = bytes;
        self
    }

    /// Bytes that the file may grow to.
    pub fn with_max_size(mut self, bytes: u64) -> LmdbConfig {
        self.max_size = bytes;
        self
    }

    /// Refuses sizes that cannot be.
    pub(super) fn check(&self) -> Result<()> {
        for (param, bytes) in [(MAP_SIZE, self.map_size), (MAX_SIZE, self.max_size)] {
            if !(LEAST..=MOST).contains(&bytes) {
                let why = format!("lmdb: {} is {bytes} bytes, and must be from 1MiB to 64TiB", param.name);
                return Err(Error::new(ErrorKind::Invalid, Op::Open, why).hint(param.about));
            }
        }
        Ok(())
    }

    /// The role, when the store is opened as `opened`.
    pub(super) fn role_as(&self, opened: Role) -> LmdbRole {
        self.role.unwrap_or(match opened {
            Role::Front => LmdbRole::Cache,
            _ => LmdbRole::Origin,
        })
    }
}

impl TryFrom<&StoreConfig> for LmdbConfig {
    type Error = Error;

    fn try_from(config: &StoreConfig) -> Result<LmdbConfig> {
        config.check_params(&PARAMS)?;
        let mut lmdb = LmdbConfig::new(config.path()?);
        lmdb.role = config.choice(&ROLE, &["origin", "cache"])?.map(|word| match word {
            "cache" => LmdbRole::Cache,
            _ => LmdbRole::Origin,
        });
        if config.choice(&SYNC, &["full", "none"])? == Some("none") {
            lmdb.sync = LmdbSync::None;
        }
        if let Some(bytes) = config.size(&MAP_SIZE)? {
            lmdb.map_size = bytes;
        }
        if let Some(bytes) = config.size(&MAX_SIZE)? {
            lmdb.max_size = bytes;
        }
        if config.size(&CAPACITY)?.is_some() && lmdb.role != Some(LmdbRole::Cache) {
            return Err(Error::new(
                ErrorKind::Invalid,
                Op::Open,
                "lmdb: capacity bounds a cache, and this store is an origin",
            )
            .hint("an origin keeps everything; max_size says when its writes fail"));
        }
        lmdb.check()?;
        Ok(lmdb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<LmdbConfig> {
        LmdbConfig::try_from(&StoreConfig::parse(url)?)
    }

    #[test]
    fn defaults_and_all_parameters() {
        assert_eq!(read("lmdb:/a").unwrap(), LmdbConfig::new("/a"));
        let all = read("lmdb:/a?role=origin&sync=none&map_size=2MiB&max_size=4MiB").unwrap();
        let built = LmdbConfig::new("/a").with_role(LmdbRole::Origin).with_sync(LmdbSync::None);
        assert_eq!(all, built.with_map_size(2 << 20).with_max_size(4 << 20));
        assert_eq!(all.role_as(Role::Front), LmdbRole::Origin);
        assert_eq!(LmdbConfig::new("/a").role_as(Role::Front), LmdbRole::Cache);
        assert_eq!(LmdbConfig::new("/a").role_as(Role::Origin), LmdbRole::Origin);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for url in [
            "lmdb:",
            "lmdb:/a?sync=maybe",
            "lmdb:/a?role=front",
            "lmdb:/a?map_size=1MB",
            "lmdb:/a?map_size=1",
            "lmdb:/a?max_size=65TiB",
            "lmdb:/a?capacity=1GiB",
            "lmdb:/a?mapsize=1GiB",
        ] {
            assert_eq!(read(url).unwrap_err().kind(), ErrorKind::Invalid, "{url}");
        }
        // For a front the capacity is taken, and the role refused when it is opened.
        assert!(read("lmdb:/a?role=cache&capacity=64MiB").is_ok());
    }
}
