//! Files of vectors.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use larder::vector::RowReader;

use crate::error::{Failure, Result};

/// A file that is read row by row.
pub(crate) type Rows = RowReader<BufReader<File>>;

/// Whether a name is that of such a file.
pub(crate) fn is_named(path: &str) -> bool {
    kind(Path::new(path)).is_some()
}

/// Opens it.
pub(crate) fn open(path: &Path) -> Result<Rows> {
    let read = match kind(path) {
        Some("npy") => RowReader::npy,
        Some(_) => RowReader::fvecs,
        None => {
            let why = format!("{}: a file of vectors ends in .npy or .fvecs", path.display());
            return Err(Failure::usage(why));
        }
    };
    let file = File::open(path).map_err(|e| Failure::io(path.display(), e))?;
    read(BufReader::new(file)).map_err(|error| {
        let why = format!("{}: {}", path.display(), error.why());
        Failure::usage(why).hint("numpy.save(FILE, a.astype('float32')) writes an array that is read")
    })
}

fn kind(path: &Path) -> Option<&str> {
    path.extension()?.to_str().filter(|kind| ["npy", "fvecs"].contains(kind))
}
