//! From the name of a dump to where it lies.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use larder::migrate::DumpPlace;
use larder::{HeadOptions, Key, Store};

use super::name::DumpName;
use super::stdin::Stdin;
use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::open::Make;
use crate::stores::Stores;

/// Where a dump lies, or is to lie.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Stream,
    File(PathBuf),
    /// A pipe or a device, which is read or written once and never replaced.
    Device(PathBuf),
    Object(Arc<dyn Store>, Key),
}

/// What is there under the name of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum There {
    Nothing,
    /// In one part.
    One,
    /// In numbered parts.
    Parts,
}

impl Place {
    /// Opens the store that the dump is an object of.
    pub(crate) async fn of(name: &DumpName, stores: &mut Stores<'_>, make: Make) -> Result<Place> {
        Ok(match name {
            DumpName::Stream => Place::Stream,
            DumpName::File(path) if is_device(path) => Place::Device(path.clone()),
            DumpName::File(path) => Place::File(path.clone()),
            DumpName::Object { store, key } => Place::Object(stores.open(store, make).await?, key.clone()),
        })
    }

    /// What is there.
    pub(crate) async fn there(&self, cx: &Cx) -> Result<There> {
        let (one, first) = match self {
            Place::Stream | Place::Device(_) => return Ok(There::Nothing),
            Place::File(path) => (path.exists() && !path.is_dir(), numbered(path).exists()),
            Place::Object(store, key) => {
                let options = HeadOptions::new().with_call(cx.call());
                let head = async |key: &Key| Ok::<_, Failure>(store.head_opts(key, &options).await?);
                let first = Key::new(format!("{key}.0001"))?;
                (head(key).await?.meta().is_some(), head(&first).await?.meta().is_some())
            }
        };
        Ok(match (one, first) {
            (true, _) => There::One,
            (false, true) => There::Parts,
            (false, false) => There::Nothing,
        })
    }

    /// Refuses to go on if there is nothing to read, and says what the name was taken for.
    pub(crate) async fn must_be_there(&self, cx: &Cx) -> Result {
        if self.is_stream() || self.there(cx).await? != There::Nothing {
            return Ok(());
        }
        let (path, store) = match self {
            Place::File(path) => (path, None),
            Place::Object(store, key) => (&PathBuf::from(key.as_str()), Some(store)),
            Place::Stream | Place::Device(_) => return Ok(()),
        };
        let shown = crate::escape::shown(&path.to_string_lossy());
        if let Some(store) = store {
            return Err(Failure::usage(format!("{shown}: there is no dump of that key in {}", store.id()))
                .hint("the key without .0001; larder ls shows what is there"));
        }
        if path.is_dir() {
            let hint = format!(
                "a plain folder is a store: file:{shown}?layout=raw; one that Larder made: file:{shown}"
            );
            return Err(Failure::usage(format!("{shown} is a folder, and was taken for a dump")).hint(hint));
        }
        let mut begun = path.as_os_str().to_owned();
        begun.push(".partial");
        if Path::new(&begun).exists() {
            return Err(Failure::usage(format!("{shown}: this dump is not finished"))
                .hint("run the same export again: it goes on where it stopped"));
        }
        let why = format!(
            "{shown}: there is no such file; it was taken for a dump's, as a store has a scheme or an @"
        );
        Err(Failure::usage(why).hint("the name without .0001, or a store such as file:PATH or @NAME"))
    }

    /// As a source.
    pub(crate) fn to_read(&self, cx: &Cx) -> Result<DumpPlace> {
        Ok(match self {
            Place::Stream => DumpPlace::input(Stdin::open(cx)?),
            Place::File(path) => DumpPlace::file(path),
            Place::Device(path) => DumpPlace::input(opened(path, File::open(path))?),
            Place::Object(store, key) => DumpPlace::object(store.clone(), key.clone()),
        })
    }

    /// As a target.
    pub(crate) fn to_write(&self) -> Result<DumpPlace> {
        Ok(match self {
            Place::Stream => DumpPlace::output(standard_output()?),
            Place::File(path) => DumpPlace::file(path),
            Place::Device(path) => {
                DumpPlace::output(opened(path, OpenOptions::new().write(true).open(path))?)
            }
            Place::Object(store, key) => DumpPlace::object(store.clone(), key.clone()),
        })
    }

    /// Whether it is read or written once, from begin to end.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self, Place::Stream | Place::Device(_))
    }

    /// How it is named in reports.
    pub(crate) fn shown(&self) -> String {
        match self {
            Place::Stream => "the standard output".to_owned(),
            Place::File(path) | Place::Device(path) => crate::escape::shown(&path.to_string_lossy()),
            Place::Object(store, key) => format!("{} in {}", crate::escape::shown(key.as_str()), store.id()),
        }
    }
}

fn numbered(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".0001");
    name.into()
}

/// Whether something is there that is neither a file nor a folder.
fn is_device(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|told| !told.is_file() && !told.is_dir())
}

fn opened(path: &Path, file: std::io::Result<File>) -> Result<File> {
    file.map_err(|e| Failure::io(crate::escape::shown(&path.to_string_lossy()), e))
}

/// The output without the buffer of lines that the usual one has.
fn standard_output() -> Result<File> {
    use std::os::fd::AsFd;
    let fd = std::io::stdout().as_fd().try_clone_to_owned();
    fd.map(Into::into).map_err(|e| Failure::io("the standard output", e))
}
