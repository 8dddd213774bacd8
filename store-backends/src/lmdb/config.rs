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
    about: "full (default of an origin): a write that returned outlives a crash of the machine; none (default of a cache): only one of the process",
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
const CAPACITY: Param = Param {
    name: "capacity",
    about: "bytes of disk that a cache may take, from 4MiB; default the smaller of half the file system and what is free less 64MiB; not for an origin",
    secret: false,
};

/// What a store is for. It is written into its folder when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum LmdbRole {
    /// It keeps what it is given.
    #[default]
    Origin,
    /// It keeps what is also elsewhere, and makes room by forgetting what was used least recently.
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
    /// Whether a write waits for the disk; `None`: for an origin it does, for a cache it does not.
    pub sync: Option<LmdbSync>,
    /// Bytes of address space that an origin starts with, 1 GiB by default. It costs nothing but addresses.
    pub map_size: Option<u64>,
    /// Bytes that the file of an origin may grow to, 1 TiB by default.
    pub max_size: Option<u64>,
    /// Bytes of disk that a cache may take; `None`: the smaller of half the file system and what is free less 64 MiB.
    pub capacity: Option<u64>,
}

/// The map of an origin, at first.
const MAP_SIZE_DEFAULT: u64 = 1 << 30;
/// Where an origin ends.
const MAX_SIZE_DEFAULT: u64 = 1 << 40;
/// The least that can be mapped: a few pages.
const LEAST: u64 = 1 << 20;
/// The smallest cache: a commit may change a sixteenth of it.
pub(super) const LEAST_CAPACITY: u64 = 4 << 20;
/// The most: half of the addresses that a process has.
const MOST: u64 = 1 << 46;

impl LmdbConfig {
    /// An origin in this folder.
    pub fn new(path: impl Into<PathBuf>) -> LmdbConfig {
        LmdbConfig {
            path: path.into(),
            role: None,
            sync: None,
            map_size: None,
            max_size: None,
            capacity: None,
        }
    }

    /// What the store is for.
    pub fn with_role(mut self, role: LmdbRole) -> LmdbConfig {
        self.role = Some(role);
        self
    }

    /// Whether a write waits for the disk.
    pub fn with_sync(mut self, sync: LmdbSync) -> LmdbConfig {
        self.sync = Some(sync);
        self
    }

    /// Bytes of disk that a cache may take.
    pub fn with_capacity(mut self, bytes: u64) -> LmdbConfig {
        self.capacity = Some(bytes);
        self
    }

    /// Bytes of address space to start with.
    pub fn with_map_size(mut self, bytes: u64) -> LmdbConfig {
        self.map_size = Some(bytes);
        self
    }

    /// Bytes that the file may grow to.
    pub fn with_max_size(mut self, bytes: u64) -> LmdbConfig {
        self.max_size = Some(bytes);
        self
    }

    /// Refuses sizes that cannot be.
    pub(super) fn check(&self) -> Result<()> {
        let sizes = [
            (MAP_SIZE, self.map_size, LEAST),
            (MAX_SIZE, self.max_size, LEAST),
            (CAPACITY, self.capacity, LEAST_CAPACITY),
        ];
        for (param, bytes, least) in sizes {
            let Some(bytes) = bytes.filter(|bytes| !(least..=MOST).contains(bytes)) else { continue };
            let (name, least) = (param.name, least >> 20);
            let why = format!("lmdb: {name} is {bytes} bytes, and must be from {least}MiB to 64TiB");
            return Err(Error::new(ErrorKind::Invalid, Op::Open, why).hint(param.about));
        }
        Ok(())
    }

    /// Refuses what does not go with the role that the store is opened in.
    pub(super) fn check_role(&self, role: LmdbRole, opened: Role) -> Result<()> {
        let refuse = |why: &str, hint: &'static str| {
            Err(Error::new(ErrorKind::Invalid, Op::Open, format!("lmdb: {why}")).hint(hint))
        };
        match role {
            LmdbRole::Origin if self.capacity.is_some() => refuse(
                "capacity bounds a cache, and this store is an origin",
                "an origin keeps everything; max_size says when its writes fail",
            ),
            LmdbRole::Cache if opened == Role::Origin => refuse(
                "a cache forgets, and the last tier of a stack must keep everything",
                "open the last tier with role=origin, or put another store below this one",
            ),
            LmdbRole::Cache if self.map_size.is_some() || self.max_size.is_some() => refuse(
                "map_size and max_size are for an origin, and this store is a cache",
                "capacity says how much of the disk a cache may take",
            ),
            _ => Ok(()),
        }
    }

    /// Whether a write waits for the disk, in this role.
    pub(super) fn sync_as(&self, role: LmdbRole) -> LmdbSync {
        self.sync.unwrap_or(match role {
            LmdbRole::Origin => LmdbSync::Full,
            LmdbRole::Cache => LmdbSync::None,
        })
    }

    /// Bytes that the map of an origin starts with, and ends with.
    pub(super) fn sizes(&self) -> (usize, usize) {
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let most = size(self.max_size.unwrap_or(MAX_SIZE_DEFAULT));
        (size(self.map_size.unwrap_or(MAP_SIZE_DEFAULT)), most)
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
        lmdb.sync = config.choice(&SYNC, &["full", "none"])?.map(|word| match word {
            "none" => LmdbSync::None,
            _ => LmdbSync::Full,
        });
        lmdb.map_size = config.size(&MAP_SIZE)?;
        lmdb.max_size = config.size(&MAX_SIZE)?;
        lmdb.capacity = config.size(&CAPACITY)?;
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
            "lmdb:/a?capacity=1MiB",
            "lmdb:/a?mapsize=1GiB",
        ] {
            assert_eq!(read(url).unwrap_err().kind(), ErrorKind::Invalid, "{url}");
        }
    }

    #[test]
    fn what_does_not_go_with_the_role_is_refused() {
        let check = |url: &str, opened| {
            let config = read(url).unwrap();
            config.check_role(config.role_as(opened), opened)
        };
        for (url, opened) in [
            ("lmdb:/a?capacity=1GiB", Role::Alone),
            ("lmdb:/a?capacity=1GiB", Role::Origin),
            ("lmdb:/a?role=cache", Role::Origin),
            ("lmdb:/a?role=cache&map_size=1GiB", Role::Alone),
            ("lmdb:/a?max_size=1GiB", Role::Front),
        ] {
            assert_eq!(check(url, opened).unwrap_err().kind(), ErrorKind::Invalid, "{url} as {opened:?}");
        }
        assert!(check("lmdb:/a?capacity=64MiB&sync=full", Role::Front).is_ok());
        assert!(check("lmdb:/a?role=cache&capacity=64MiB", Role::Alone).is_ok());
        assert_eq!(read("lmdb:/a").unwrap().sync_as(LmdbRole::Cache), LmdbSync::None);
        assert_eq!(read("lmdb:/a?sync=full").unwrap().sync_as(LmdbRole::Cache), LmdbSync::Full);
    }
}
