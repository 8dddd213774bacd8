//! Where a campaign works: sources and dumps that all its cases read, and a folder for each case.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use larder_migrate::{DumpPlace, ExportOptions, export};
use larder_store_core::config::StoreConfig;
use larder_store_core::{Call, Key, Store};

use super::case::{self, Case, Shape, Work};
use super::entries;
use crate::Outcome;
use crate::args::Args;
use crate::stores::{self, Kind};

/// The name of a dump, in its folder or store.
pub(super) const NAME: &str = "dump.larder";

/// A dump's place, so that a child can be told it.
#[derive(Debug, Clone)]
pub(super) struct Dump {
    /// The folder that it is in, or that its store is in.
    pub(super) folder: PathBuf,
    pub(super) shape: Shape,
}

impl Dump {
    fn store(&self) -> Outcome<StoreConfig> {
        Kind::File.at(&self.folder, "sync=none")
    }

    /// Opens the store that it is in, if it is in one.
    pub(super) async fn open_store(&self) -> Outcome<Option<Arc<dyn Store>>> {
        Ok(if self.shape.is_object() { Some(stores::open(&self.store()?).await?) } else { None })
    }

    pub(super) async fn place(&self) -> Outcome<DumpPlace> {
        Ok(match self.open_store().await? {
            Some(store) => DumpPlace::object(store, Key::new(NAME)?),
            None => DumpPlace::file(self.folder.join(NAME)),
        })
    }

    /// The arguments by which a child finds it.
    pub(super) fn args(&self) -> Outcome<Vec<String>> {
        let folder = self.folder.to_str().ok_or("the folder's name is not UTF-8")?;
        let how = if self.shape.is_object() { "object" } else { "file" };
        Ok(vec!["--dump".into(), folder.into(), "--dump-as".into(), how.into()])
    }

    /// What those arguments say.
    pub(super) fn take(args: &mut Args) -> Outcome<Option<Dump>> {
        let Some(folder) = args.text("dump")? else { return Ok(None) };
        let shape = match &*args.need("dump-as")? {
            "object" => Shape::Object,
            _ => Shape::File,
        };
        Ok(Some(Dump { folder: folder.into(), shape }))
    }
}

/// Where a campaign works.
#[derive(Debug)]
pub(super) struct Ground {
    folder: PathBuf,
    filled: HashSet<Kind>,
    made: HashSet<(Shape, &'static str)>,
}

impl Ground {
    pub(super) fn new(folder: &Path) -> Ground {
        Ground { folder: folder.to_owned(), filled: HashSet::new(), made: HashSet::new() }
    }

    /// The source of this kind, filled when it is first asked for.
    pub(super) async fn source(&mut self, kind: Kind) -> Outcome<StoreConfig> {
        let config = kind.at(&self.folder.join(format!("source-{}", kind.name())), "sync=none")?;
        if self.filled.insert(kind) {
            let store = stores::open(&config).await?;
            entries::fill(&store).await?;
            store.close(&Call::default()).await?;
        }
        Ok(config)
    }

    /// The dump to import: made when it is first asked for, of the LMDB source.
    pub(super) async fn dump(&mut self, case: &Case) -> Outcome<Dump> {
        let folder = self.folder.join(format!("dump-{:?}-{}", case.shape, case.encoding));
        let dump = Dump { folder, shape: case.shape };
        if self.made.insert((case.shape, case.encoding)) {
            let source = self.source(Kind::Lmdb).await?;
            if dump.folder.exists() {
                std::fs::remove_dir_all(&dump.folder)?;
            }
            std::fs::create_dir_all(&dump.folder)?;
            let mut options = ExportOptions::new();
            options.encoding = case::encoding(case.encoding).ok_or("an encoding without a name")?;
            options.split = case.shape.split();
            let source = stores::open(&source).await?;
            export(source.clone(), dump.place().await?, &options).await?;
            source.close(&Call::default()).await?;
        }
        Ok(dump)
    }

    /// Flips a byte in the middle of a dump. It will be made anew for the next who asks for it.
    pub(super) fn damage(&mut self, case: &Case, dump: &Dump, at: u64) -> Outcome {
        self.made.remove(&(case.shape, case.encoding));
        let mut files = Vec::new();
        crate::move_kill::verdict::files(&dump.folder, &mut files)?;
        // Beside the parts a store has files of its own.
        files.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("dump")));
        files.sort();
        let path = files.get(at as usize % files.len().max(1)).ok_or("there is no dump to damage")?;
        let mut bytes = std::fs::read(path)?;
        let middle = bytes.len() / 2;
        *bytes.get_mut(middle).ok_or("a part that is empty")? ^= 0x10;
        Ok(std::fs::write(path, bytes)?)
    }

    /// A folder for a case, empty.
    pub(super) fn fresh(&self, number: u64) -> Outcome<PathBuf> {
        let folder = self.folder.join(format!("case-{number}"));
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

/// The places of a case.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) source: StoreConfig,
    pub(super) target: Option<StoreConfig>,
    pub(super) dump: Option<Dump>,
}

impl Ground {
    /// Sets up the places of a case.
    pub(super) async fn places(&mut self, case: &Case, folder: &Path) -> Outcome<Places> {
        let source = self.source(if case.work == Work::Import { Kind::Lmdb } else { case.from }).await?;
        let dump = match case.work {
            Work::Copy => None,
            Work::Import => Some(self.dump(case).await?),
            Work::Export => {
                let folder = folder.join("out");
                std::fs::create_dir_all(&folder)?;
                Some(Dump { folder, shape: case.shape })
            }
        };
        let target = match case.work {
            Work::Export => None,
            _ => Some(case.to.at(&folder.join("target"), "sync=none")?),
        };
        if let (Some(target), true) = (&target, case.conflict != "fail") {
            let store = stores::open(target).await?;
            entries::take(&store).await?;
            store.close(&Call::default()).await?;
        }
        Ok(Places { source, target, dump })
    }
}
