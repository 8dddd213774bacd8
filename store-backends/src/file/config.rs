//! What a `file:` store can be told.

use std::path::{Path, PathBuf};

use larder_store_core::Error;
use larder_store_core::config::{Param, StoreConfig};

pub(super) const SYNC: Param = Param {
    name: "sync",
    about: "full (default): a put or delete outlives a crash of the machine; none: it outlives the process",
    secret: false,
};
pub(super) const LAYOUT: Param = Param {
    name: "layout",
    about: "record (default): Larder's own; raw: each file is a value, for folders that others fill",
    secret: false,
};
pub(super) const MAP: Param = Param {
    name: "map",
    about: "on (default): values from 1 MiB are mapped into memory; off: they are read",
    secret: false,
};
pub(super) const NETWORK: Param = Param {
    name: "network",
    about: "refuse (default): no folder on a network file system; allow: compare-and-swap is the process's then",
    secret: false,
};

/// Every parameter of `file:`.
pub(super) const PARAMS: &[Param] = &[SYNC, LAYOUT, MAP, NETWORK];

/// When what was written is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Sync {
    /// When the call returns.
    #[default]
    Full,
    /// When the operating system gets to it, or [`flush`](larder_store_core::Store::flush) is called. A crash of the
    /// process loses nothing; one of the machine can lose the last writes, and leave damaged values that are detected.
    None,
}

/// How values are kept in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Layout {
    /// As Larder's records, under escaped names that end in `.larder`: everything that the contract offers.
    #[default]
    Record,
    /// As they are: the file is the value, its path is the key. For folders that others fill. It has no conditional
    /// writes, attributes or expiry, and refuses keys that are no plain path.
    Raw,
}

impl Layout {
    /// Its name in a URL, in the marker and in the store's id.
    pub(super) fn name(self) -> &'static str {
        match self {
            Layout::Record => "record",
            Layout::Raw => "raw",
        }
    }
}

/// A `file:` store's configuration.
///
/// ```
/// use larder_store_backends::file::{FileConfig, Sync};
/// use larder_store_core::config::StoreConfig;
/// let built = FileConfig::new("/var/lib/app").with_sync(Sync::None);
/// let url = StoreConfig::new("file", "/var/lib/app").with_param("sync", "none");
/// assert_eq!(FileConfig::try_from(&url)?, built);
/// # Ok::<(), larder_store_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileConfig {
    path: PathBuf,
    pub(super) sync: Sync,
    pub(super) layout: Layout,
    pub(super) map: bool,
    pub(super) network: bool,
}

impl FileConfig {
    /// A store in the folder at `path`, everything else as by default.
    pub fn new(path: impl Into<PathBuf>) -> FileConfig {
        FileConfig {
            path: path.into(),
            sync: Sync::default(),
            layout: Layout::default(),
            map: true,
            network: false,
        }
    }

    /// When what was written is on the disk.
    pub fn with_sync(mut self, sync: Sync) -> FileConfig {
        self.sync = sync;
        self
    }

    /// How values are kept.
    pub fn with_layout(mut self, layout: Layout) -> FileConfig {
        self.layout = layout;
        self
    }

    /// Whether values from 1 MiB are mapped into memory (the default) or read.
    ///
    /// A mapped value costs no memory of the process. But whoever cuts such a file short while it is mapped (an
    /// `rsync --inplace`, an editor; never Larder) kills the process by `SIGBUS`, and so does a disk that fails to read.
    /// Turn it off where that can happen.
    pub fn with_map(mut self, map: bool) -> FileConfig {
        self.map = map;
        self
    }

    /// Whether the folder may lie on a network file system. The guarantees are weaker there: compare-and-swap is
    /// decided within this process, and other hosts can write the same data.
    pub fn with_network(mut self, allow: bool) -> FileConfig {
        self.network = allow;
        self
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl TryFrom<&StoreConfig> for FileConfig {
    type Error = Error;

    fn try_from(config: &StoreConfig) -> Result<FileConfig, Error> {
        config.check_params(PARAMS)?;
        let mut file = FileConfig::new(config.path()?);
        if config.choice(&SYNC, &["full", "none"])? == Some("none") {
            file.sync = Sync::None;
        }
        if config.choice(&LAYOUT, &["record", "raw"])? == Some("raw") {
            file.layout = Layout::Raw;
        }
        file.map = config.choice(&MAP, &["on", "off"])? != Some("off");
        file.network = config.choice(&NETWORK, &["refuse", "allow"])? == Some("allow");
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use larder_store_core::ErrorKind;

    use super::*;

    #[test]
    fn every_parameter_is_read() {
        let url = StoreConfig::new("file", "data")
            .with_param("sync", "none")
            .with_param("layout", "raw")
            .with_param("map", "off")
            .with_param("network", "allow");
        let built = FileConfig::new("data")
            .with_sync(Sync::None)
            .with_layout(Layout::Raw)
            .with_map(false)
            .with_network(true);
        assert_eq!(FileConfig::try_from(&url).unwrap(), built);
        let plain = StoreConfig::new("file", "data");
        assert_eq!(FileConfig::try_from(&plain).unwrap(), FileConfig::new("data"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for param in PARAMS {
            let url = StoreConfig::new("file", "data").with_param(param.name, "perhaps");
            let error = FileConfig::try_from(&url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(param.name), "{error}");
        }
        let error = FileConfig::try_from(&StoreConfig::new("file", "x").with_param("mode", "1")).unwrap_err();
        assert!(error.to_string().contains("sync, layout, map, network"), "{error}");
        assert!(FileConfig::try_from(&StoreConfig::new("file", "")).is_err());
    }
}
