//! Stores and dumps that lie in one another.

use larder_store_core::{Error, ErrorKind, Key, Op, Result, StoreId};

use crate::dump::{DumpPlace, PlaceKind};
use crate::options::ExportOptions;

/// How `outer` would name what `inner` calls `name`, if that lies in it.
fn name_in(outer: &StoreId, inner: &StoreId, name: &str) -> Option<String> {
    let mut name = format!("{}{name}", inner.prefix());
    if outer.kind() != inner.kind() {
        return None;
    }
    if outer.place() != inner.place() {
        // The file store lists the folders below its own.
        let below = std::path::Path::new(inner.place()).strip_prefix(outer.place());
        let below = below.ok().filter(|_| outer.kind() == "file")?.to_str()?;
        name = format!("{below}/{name}");
    }
    name.strip_prefix(outer.prefix()).map(str::to_owned)
}

/// Refuses to copy a store into itself: the copies would be copied.
pub(crate) fn refuse(source: &StoreId, target: &StoreId) -> Result<()> {
    let why = match source {
        _ if source == target => "source and target are the same store".to_owned(),
        _ if name_in(source, target, "").is_some() => {
            format!("the target lies in the source, {source}: the copies would be copied")
        }
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::Invalid, Op::Copy, why)
        .at(target)
        .hint("name a target that lies beside the source"))
}

impl DumpPlace {
    /// Refuses a place where the dump would be one of the entries that it is made of.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if that is so; that of a selection that is wrong.
    pub fn check_source(&self, source: &StoreId, options: &ExportOptions) -> Result<()> {
        let PlaceKind::Object(store, key) = &self.0 else { return Ok(()) };
        let judge = options.job.select.compile(options.job.env.wall())?;
        let suffix = if options.split.is_some() { ".0001" } else { "" };
        let wanted = |name: String| {
            Key::new(name).is_ok_and(|key| {
                key.as_str().starts_with(judge.prefix()) && judge.wants(&key, None, None) != Some(false)
            })
        };
        match name_in(source, store.id(), &format!("{key}{suffix}")).is_some_and(wanted) {
            false => Ok(()),
            true => {
                let why = format!("the dump would lie in the store that it is made of, {source}");
                Err(Error::new(ErrorKind::Invalid, Op::Export, why)
                    .hint("name another store, or select entries among which the dump is not"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(kind: &str, place: &str, prefix: &str) -> StoreId {
        StoreId::new(kind, place, "record").with_prefix(prefix)
    }

    #[test]
    fn a_store_is_not_copied_into_itself() {
        for (source, target, lies) in [
            (("s3", "b", ""), ("s3", "b", "copy/"), true),
            (("s3", "b", "a/"), ("s3", "b", "a/b/"), true),
            (("s3", "b", "a/"), ("s3", "b", "b/"), false),
            (("s3", "b", "a/b/"), ("s3", "b", "a/"), false),
            (("s3", "b", ""), ("s3", "c", ""), false),
            (("s3", "b", ""), ("s3", "b/c", ""), false),
            (("file", "/a", ""), ("file", "/a/b", ""), true),
            (("file", "/a", "b/"), ("file", "/a/b", ""), true),
            (("file", "/a", "c/"), ("file", "/a/b", ""), false),
            (("file", "/a/b", ""), ("file", "/a", ""), false),
            (("file", "/a", ""), ("file", "/ab", ""), false),
            (("file", "/a", ""), ("lmdb", "/a/b", ""), false),
        ] {
            let id = |(kind, place, prefix)| id(kind, place, prefix);
            let told = refuse(&id(source), &id(target));
            assert_eq!(told.is_err(), lies, "{source:?} {target:?}: {told:?}");
        }
    }
}
