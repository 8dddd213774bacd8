//! Which part of a payload a filter asks about.

use std::fmt;

/// A way into nested maps: the key in the outermost one first.
///
/// From a text, its keys are parted by dots; `\.` is a dot within a key and `\\` a backslash. From a slice, its keys
/// are taken as they are. [`Display`](fmt::Display) writes the text that reads back the same.
///
/// ```
/// use larder_vector::filter::Path;
/// assert_eq!(Path::from("author.name").keys(), ["author", "name"]);
/// assert_eq!(Path::from(r"example\.org.rank"), Path::from(["example.org", "rank"]));
/// assert_eq!(Path::from(["example.org", "rank"]).to_string(), r"example\.org.rank");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path(Vec<String>);

impl Path {
    /// Its keys, the outermost one first.
    pub fn keys(&self) -> &[String] {
        &self.0
    }
}

impl From<&str> for Path {
    fn from(text: &str) -> Path {
        let mut keys = vec![String::new()];
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            if char == '.' {
                keys.push(String::new());
                continue;
            }
            let escaped = if char == '\\' { chars.next_if(|next| matches!(next, '.' | '\\')) } else { None };
            if let Some(key) = keys.last_mut() {
                key.push(escaped.unwrap_or(char));
            }
        }
        Path(keys)
    }
}

impl From<String> for Path {
    fn from(text: String) -> Path {
        Path::from(text.as_str())
    }
}

impl From<&String> for Path {
    fn from(text: &String) -> Path {
        Path::from(text.as_str())
    }
}

impl From<Vec<String>> for Path {
    fn from(keys: Vec<String>) -> Path {
        Path(keys)
    }
}

impl<S: AsRef<str>> From<&[S]> for Path {
    fn from(keys: &[S]) -> Path {
        Path(keys.iter().map(|key| key.as_ref().to_owned()).collect())
    }
}

impl<S: AsRef<str>, const N: usize> From<[S; N]> for Path {
    fn from(keys: [S; N]) -> Path {
        Path::from(keys.as_slice())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, key) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            f.write_str(&key.replace('\\', r"\\").replace('.', r"\."))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for keys in [vec!["a"], vec!["a", "b.c", "d"], vec![r"\", r"\.", r"a\\b.", "ä"], vec!["", ""]] {
            let path = Path::from(keys.as_slice());
            assert_eq!(Path::from(path.to_string()), path, "{path}");
        }
        assert_eq!(Path::from(r"a\b\").keys(), [r"a\b\"]);
        assert_eq!(Path::from("a..b.").keys(), ["a", "", "b", ""]);
    }
}
