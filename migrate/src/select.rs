//! Which entries a job is about.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use globset::{GlobBuilder, GlobMatcher};
use larder_store_core::{Error, ErrorKind, Key, Op, Result};

/// Which entries a job is about: all that every given condition holds for. Everything by default.
///
/// ```
/// use std::time::Duration;
/// use larder_migrate::Select;
///
/// let images = Select::new().with_prefix("img/").with_glob("img/**/*.png").with_max_size(1 << 20);
/// let stale = Select::new().with_older_than(Duration::from_secs(30 * 86_400));
/// # let _ = (images, stale);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Select {
    /// Keys that start with this.
    pub prefix: String,
    /// Keys that match one of these: `*` and `?` do not match a `/`, `**` does; `[a-z]`, `{png,jpg}`.
    pub globs: Vec<String>,
    /// Not keys that match one of these.
    pub not_globs: Vec<String>,
    /// Values that were written before this long ago.
    pub older_than: Option<Duration>,
    /// Values that were written since.
    pub newer_than: Option<Duration>,
    /// Values of at least so many bytes.
    pub min_size: Option<u64>,
    /// Values of at most so many bytes.
    pub max_size: Option<u64>,
}

impl Select {
    /// Everything.
    pub fn new() -> Select {
        Select::default()
    }

    /// Keys that start with this.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Select {
        self.prefix = prefix.into();
        self
    }

    /// Keys that match this, or another glob given.
    pub fn with_glob(mut self, glob: impl Into<String>) -> Select {
        self.globs.push(glob.into());
        self
    }

    /// Not keys that match this.
    pub fn without_glob(mut self, glob: impl Into<String>) -> Select {
        self.not_globs.push(glob.into());
        self
    }

    /// Values that were written before this long ago.
    pub fn with_older_than(mut self, age: Duration) -> Select {
        self.older_than = Some(age);
        self
    }

    /// Values that were written since.
    pub fn with_newer_than(mut self, age: Duration) -> Select {
        self.newer_than = Some(age);
        self
    }

    /// Values of at least so many bytes.
    pub fn with_min_size(mut self, bytes: u64) -> Select {
        self.min_size = Some(bytes);
        self
    }

    /// Values of at most so many bytes.
    pub fn with_max_size(mut self, bytes: u64) -> Select {
        self.max_size = Some(bytes);
        self
    }

    /// The same in one line, empty for everything: what a dump and an interrupted job remember.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        let mut say = |name: &str, value: &dyn std::fmt::Debug| {
            let space = if text.is_empty() { "" } else { " " };
            let _ = write!(text, "{space}{name}={value:?}");
        };
        if !self.prefix.is_empty() {
            say("prefix", &self.prefix);
        }
        for glob in &self.globs {
            say("glob", glob);
        }
        for glob in &self.not_globs {
            say("not", glob);
        }
        for (name, age) in [("older", &self.older_than), ("newer", &self.newer_than)] {
            if let Some(age) = age {
                say(name, age);
            }
        }
        for (name, size) in [("min", &self.min_size), ("max", &self.max_size)] {
            if let Some(size) = size {
                say(name, size);
            }
        }
        text
    }

    /// Makes ready to judge entries at `now`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a glob that is none, and for conditions that nothing can meet.
    pub(crate) fn compile(&self, now: SystemTime) -> Result<Judge> {
        let globs = |globs: &[String]| globs.iter().map(|g| matcher(g)).collect::<Result<Vec<_>>>();
        let before =
            |age: Option<Duration>| age.map(|age| now.checked_sub(age).unwrap_or(std::time::UNIX_EPOCH));
        if let (Some(min), Some(max)) = (self.min_size, self.max_size)
            && min > max
        {
            return Err(wrong(format!("no value has at least {min} and at most {max} bytes")));
        }
        if let (Some(older), Some(newer)) = (self.older_than, self.newer_than)
            && older >= newer
        {
            return Err(wrong(format!("no value is older than {older:?} and newer than {newer:?}")));
        }
        Ok(Judge {
            prefix: self.listed_prefix(),
            globs: globs(&self.globs)?,
            not_globs: globs(&self.not_globs)?,
            before: before(self.older_than),
            after: before(self.newer_than),
            sizes: (self.min_size.unwrap_or(0), self.max_size.unwrap_or(u64::MAX)),
        })
    }

    /// What has to be listed: the prefix, or what a single glob begins with.
    fn listed_prefix(&self) -> String {
        let [glob] = self.globs.as_slice() else { return self.prefix.clone() };
        let literal = &glob[..glob.find(['*', '?', '[', '{', '\\']).unwrap_or(glob.len())];
        match literal.starts_with(&self.prefix) {
            true => literal.to_owned(),
            false => self.prefix.clone(),
        }
    }
}

fn wrong(why: String) -> Error {
    Error::new(ErrorKind::Invalid, Op::Parse, why)
}

fn matcher(glob: &str) -> Result<GlobMatcher> {
    let built = GlobBuilder::new(glob).literal_separator(true).backslash_escape(true).build();
    let built = built.map_err(|e| wrong(format!("{glob:?} is no glob: {}", e.kind())))?;
    Ok(built.compile_matcher())
}

/// A [`Select`] at work.
#[derive(Debug, Clone)]
pub(crate) struct Judge {
    prefix: String,
    globs: Vec<GlobMatcher>,
    not_globs: Vec<GlobMatcher>,
    before: Option<SystemTime>,
    after: Option<SystemTime>,
    sizes: (u64, u64),
}

impl Judge {
    /// What to list.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether the entry is wanted; `None` if that cannot be told without asking for the value's facts.
    pub(crate) fn wants(&self, key: &Key, size: Option<u64>, modified: Option<SystemTime>) -> Option<bool> {
        let name = key.as_str();
        if !name.starts_with(&self.prefix)
            || (!self.globs.is_empty() && !self.globs.iter().any(|g| g.is_match(name)))
            || self.not_globs.iter().any(|g| g.is_match(name))
        {
            return Some(false);
        }
        let by_size = match size {
            _ if self.sizes == (0, u64::MAX) => Some(true),
            size => size.map(|size| (self.sizes.0..=self.sizes.1).contains(&size)),
        };
        let by_time = match modified {
            _ if self.before.is_none() && self.after.is_none() => Some(true),
            modified => modified.map(|at| {
                self.before.is_none_or(|before| at < before) && self.after.is_none_or(|after| at >= after)
            }),
        };
        match (by_size, by_time) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(select: &Select, key: &str, size: u64) -> Option<bool> {
        let now = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let written = now - Duration::from_secs(100);
        select.compile(now).unwrap().wants(&Key::new(key).unwrap(), Some(size), Some(written))
    }

    #[test]
    fn conditions_add_up() {
        let select =
            Select::new().with_prefix("img/").with_glob("img/**/*.{png,jpg}").without_glob("img/old/**");
        assert_eq!(wants(&select, "img/a/b.png", 1), Some(true));
        assert_eq!(wants(&select, "img/c.jpg", 1), Some(true));
        assert_eq!(wants(&select, "img/old/b.png", 1), Some(false));
        assert_eq!(wants(&select, "img/a.gif", 1), Some(false));
        assert_eq!(wants(&select, "doc/a.png", 1), Some(false));
        let sizes = Select::new().with_min_size(10).with_max_size(20);
        assert_eq!([9, 10, 20, 21].map(|n| wants(&sizes, "k", n).unwrap()), [false, true, true, false]);
        let secs = Duration::from_secs;
        assert_eq!(wants(&Select::new().with_older_than(secs(99)), "k", 0), Some(true));
        assert_eq!(wants(&Select::new().with_older_than(secs(101)), "k", 0), Some(false));
        assert_eq!(wants(&Select::new().with_newer_than(secs(101)), "k", 0), Some(true));
        assert_eq!(wants(&Select::new().with_newer_than(secs(99)), "k", 0), Some(false));
    }

    #[test]
    fn what_is_not_known_is_asked_for() {
        let judge = Select::new().with_min_size(1).compile(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(judge.wants(&Key::new("k").unwrap(), None, None), None);
        let judge = Select::new().compile(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(judge.wants(&Key::new("k").unwrap(), None, None), Some(true));
    }

    #[test]
    fn a_glob_narrows_the_listing() {
        let prefix = |select: Select| select.compile(std::time::UNIX_EPOCH).unwrap().prefix().to_owned();
        assert_eq!(prefix(Select::new().with_glob("a/b*/c")), "a/b");
        assert_eq!(prefix(Select::new().with_glob("a/b*").with_glob("b")), "");
        assert_eq!(prefix(Select::new().with_glob("*").with_prefix("x")), "x");
        assert!(Select::new().with_glob("a[").compile(std::time::UNIX_EPOCH).is_err());
    }
}
