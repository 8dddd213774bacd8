//! The parts of a dump: their names, and which of them are there.

use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures_util::TryStreamExt;
use larder_store_core::env::InFlight;
use larder_store_core::{Call, Env, Error, ErrorKind, Key, ListOptions, Listed, Op, Result, Store};

use super::volume::{self, Volume, Writer};

/// Where a dump lies, or is to lie.
pub struct DumpPlace(pub(crate) Kind);

pub(crate) enum Kind {
    File(PathBuf),
    Object(Arc<dyn Store>, Key),
    // Behind locks, so that jobs can be spawned, which look at their places from any thread.
    Input(Arc<Mutex<Box<dyn Read + Send>>>),
    Output(Arc<Mutex<Writer>>),
}

impl DumpPlace {
    /// A file. In several parts, they are `PATH.0001`, `PATH.0002` and so on.
    pub fn file(path: impl Into<PathBuf>) -> DumpPlace {
        DumpPlace(Kind::File(path.into()))
    }

    /// An object of any store. In several parts, they are `KEY.0001`, `KEY.0002` and so on.
    pub fn object(store: Arc<dyn Store>, key: Key) -> DumpPlace {
        DumpPlace(Kind::Object(store, key))
    }

    /// What can be read once, from begin to end: standard input.
    pub fn input(input: impl Read + Send + 'static) -> DumpPlace {
        DumpPlace(Kind::Input(Arc::new(Mutex::new(Box::new(input)))))
    }

    /// What can be written once, from begin to end: standard output.
    pub fn output(output: impl Write + Send + 'static) -> DumpPlace {
        DumpPlace(Kind::Output(Arc::new(Mutex::new(Writer(Box::new(output))))))
    }
}

impl fmt::Debug for DumpPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::File(path) => write!(f, "file {}", path.display()),
            Kind::Object(store, key) => write!(f, "{key:?} in {}", store.id()),
            Kind::Input(_) => f.write_str("input"),
            Kind::Output(_) => f.write_str("output"),
        }
    }
}

/// The highest number of a part.
pub(crate) const MAX_PARTS: u64 = 1_000_000;

/// The parts of a dump that is written.
#[derive(Debug)]
pub(crate) struct Parts {
    place: Place,
    /// Whether there may be several; else the part has the dump's own name.
    many: bool,
    call: Call,
}

#[derive(Debug, Clone)]
enum Place {
    File(PathBuf),
    Object(Arc<dyn Store>, Key),
    Output(Arc<Mutex<Writer>>),
}

fn numbered(name: &str, part: u64) -> String {
    format!("{name}.{:04}", part + 1)
}

fn file_of(path: &Path, many: bool, part: u64) -> PathBuf {
    if !many {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(numbered("", part));
    name.into()
}

fn key_of(key: &Key, many: bool, part: u64) -> Result<Key> {
    if many { Key::new(numbered(key.as_str(), part)) } else { Ok(key.clone()) }
}

/// What is there of a dump that is to be written.
#[derive(Debug)]
pub(crate) struct There {
    /// Whole parts.
    pub(crate) whole: u64,
    /// Whether a part behind them was begun (files only).
    pub(crate) begun: bool,
    /// Whether a dump of that name is there in the other form, which would hide this one or be hidden by it.
    pub(crate) otherwise: bool,
}

impl Parts {
    pub(crate) fn of(place: DumpPlace, many: bool, call: Call) -> Result<Parts> {
        let place = match place.0 {
            Kind::File(path) => Place::File(path),
            Kind::Object(store, key) => Place::Object(store, key),
            Kind::Output(output) => Place::Output(output),
            Kind::Input(_) => {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    Op::Export,
                    "a dump cannot be written to an input",
                ));
            }
        };
        if many && matches!(place, Place::Output(_)) {
            return Err(Error::new(
                ErrorKind::Invalid,
                Op::Export,
                "an output has no parts: it cannot be split",
            ));
        }
        Ok(Parts { place, many, call })
    }

    /// Begins a part, or goes on with one.
    pub(super) async fn create(&self, env: &Env, part: u64, at: u64) -> Result<Volume> {
        if part >= MAX_PARTS {
            let why = format!("a dump has at most {MAX_PARTS} parts");
            return Err(Error::new(ErrorKind::Invalid, Op::Export, why).hint("larger parts"));
        }
        match &self.place {
            Place::File(path) => Volume::file(env, file_of(path, self.many, part), at).await,
            Place::Object(store, key) => {
                let key = key_of(key, self.many, part)?;
                Ok(Volume::object(env, store.clone(), key, self.call.clone()))
            }
            Place::Output(output) => Ok(Volume::Stream(output.clone())),
        }
    }

    /// What is there already.
    pub(crate) async fn there(&self, env: &Env) -> Result<There> {
        let many = self.many;
        match self.place.clone() {
            Place::File(path) => {
                env.blocking(Op::Export, &InFlight::new(), move || {
                    if path.is_dir() {
                        let why = format!("{}: this is a folder, and a dump is a file", path.display());
                        return Err(Error::new(ErrorKind::Invalid, Op::Export, why).hint("name a file in it"));
                    }
                    let mut whole = 0;
                    while file_of(&path, many, whole).exists() {
                        whole += 1;
                        if !many {
                            break;
                        }
                    }
                    let begun =
                        volume::partial(&file_of(&path, many, whole)).exists() && (many || whole == 0);
                    Ok(There { whole, begun, otherwise: file_of(&path, !many, 0).is_file() })
                })
                .await
            }
            Place::Object(store, key) => {
                let whole = match many {
                    true => objects(&store, &key, &self.call).await?.len() as u64,
                    false => u64::from(exists(&store, &key, &self.call).await?),
                };
                let otherwise = exists(&store, &key_of(&key, !many, 0)?, &self.call).await?;
                Ok(There { whole, begun: false, otherwise })
            }
            Place::Output(_) => Ok(There { whole: 0, begun: false, otherwise: false }),
        }
    }

    /// Refuses what would hide a dump of that name, or be hidden by it.
    pub(crate) fn refuse_otherwise(&self, there: &There) -> Result<()> {
        let (form, hint) = match (there.otherwise, self.many) {
            (false, _) => return Ok(()),
            (true, true) => ("one part", "remove it, choose another name, or do not split"),
            (true, false) => ("several parts", "remove them, choose another name, or split"),
        };
        let why = format!("{}: a dump of that name is there in {form}", self.name());
        Err(Error::new(ErrorKind::Invalid, Op::Export, why).hint(hint))
    }

    /// Whether there may be several.
    pub(crate) fn are_many(&self) -> bool {
        self.many
    }

    /// The part as something to read: a whole one, or the one that was begun.
    pub(crate) fn read_back(&self, part: u64, begun: bool) -> Option<Part> {
        match &self.place {
            Place::File(path) => {
                let path = file_of(path, self.many, part);
                Some(Part::File(if begun { volume::partial(&path) } else { path }))
            }
            Place::Object(store, key) => {
                Some(Part::Object(store.clone(), key_of(key, self.many, part).ok()?))
            }
            Place::Output(_) => None,
        }
    }

    /// Removes what is there: whole parts and the one that was begun.
    pub(crate) async fn remove(&self, env: &Env, there: &There) -> Result<()> {
        let many = self.many;
        match self.place.clone() {
            Place::File(path) => {
                let (whole, begun) = (there.whole, there.begun);
                env.blocking(Op::Export, &InFlight::new(), move || {
                    // From the last to the first, so that what a kill leaves is still a beginning.
                    let last = begun.then(|| volume::partial(&file_of(&path, many, whole)));
                    let _held = last.as_ref().map(|path| volume::hold(path, false)).transpose()?;
                    for path in
                        last.into_iter().chain((0..whole).rev().map(|part| file_of(&path, many, part)))
                    {
                        std::fs::remove_file(&path)
                            .map_err(|e| volume::failed(&path, "cannot be removed", e))?;
                    }
                    Ok(())
                })
                .await
            }
            Place::Object(store, key) => {
                for part in (0..there.whole).rev() {
                    let options = larder_store_core::DeleteOptions::new().with_call(self.call.clone());
                    store.delete_opts(&key_of(&key, many, part)?, &options).await?;
                }
                Ok(())
            }
            Place::Output(_) => Ok(()),
        }
    }

    /// How errors name the dump.
    pub(crate) fn name(&self) -> String {
        match &self.place {
            Place::File(path) => path.display().to_string(),
            Place::Object(store, key) => format!("{key} in {}", store.id()),
            Place::Output(_) => "the output".to_owned(),
        }
    }
}

async fn exists(store: &Arc<dyn Store>, key: &Key, call: &Call) -> Result<bool> {
    let options = larder_store_core::HeadOptions::new().with_call(call.clone());
    Ok(store.head_opts(key, &options).await?.meta().is_some())
}

/// The numbered parts of a dump in a store, as far as they follow one another.
async fn objects(store: &Arc<dyn Store>, key: &Key, call: &Call) -> Result<Vec<Key>> {
    let mut parts = Vec::new();
    let options = ListOptions::new().with_prefix(format!("{key}.")).with_call(call.clone());
    let mut found = std::collections::BTreeSet::new();
    let mut items = store.list_opts(options);
    while let Some(item) = items.try_next().await? {
        if let Listed::Entry(meta) = item {
            found.insert(meta.key);
        }
    }
    while let Ok(part) = key_of(key, true, parts.len() as u64) {
        if !found.contains(&part) {
            break;
        }
        parts.push(part);
    }
    Ok(parts)
}

/// A part to read.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    File(PathBuf),
    Object(Arc<dyn Store>, Key),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::File(path) => write!(f, "{}", path.display()),
            Part::Object(store, key) => write!(f, "{key} in {}", store.id()),
        }
    }
}

/// Finds the parts of a dump that is to be read.
///
/// # Errors
/// `Invalid` if there is nothing under that name.
pub(crate) async fn find(place: &Kind, env: &Env, call: &Call) -> Result<Vec<Part>> {
    let none = |name: String| {
        Err(Error::new(ErrorKind::Invalid, Op::Import, format!("{name}: there is no dump of that name"))
            .hint("the name without .0001; a dump that was not finished has .partial behind it"))
    };
    match place {
        Kind::File(path) => {
            let path = path.clone();
            env.blocking(Op::Import, &InFlight::new(), move || {
                if path.is_file() || (path.exists() && !path.is_dir()) {
                    return Ok(vec![Part::File(path)]);
                }
                let numbered = (0..MAX_PARTS).map(|part| file_of(&path, true, part));
                let parts: Vec<_> = numbered.take_while(|p| p.is_file()).map(Part::File).collect();
                if parts.is_empty() { none(path.display().to_string()) } else { Ok(parts) }
            })
            .await
        }
        Kind::Object(store, key) => {
            if exists(store, key, call).await? {
                return Ok(vec![Part::Object(store.clone(), key.clone())]);
            }
            let parts = objects(store, key, call).await?;
            if parts.is_empty() {
                return none(format!("{key} in {}", store.id()));
            }
            Ok(parts.into_iter().map(|key| Part::Object(store.clone(), key)).collect())
        }
        Kind::Input(_) => Ok(Vec::new()),
        Kind::Output(_) => {
            Err(Error::new(ErrorKind::Invalid, Op::Import, "a dump cannot be read from an output"))
        }
    }
}
