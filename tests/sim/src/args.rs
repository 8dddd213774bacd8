//! The options of a command: `--name value`, or `--name` for a flag.

use std::collections::BTreeMap;

use crate::Outcome;

/// Options that were given, until they are taken.
#[derive(Debug, Clone, Default)]
pub struct Args(BTreeMap<String, Option<String>>);

impl Args {
    /// Reads them.
    ///
    /// # Errors
    /// What is no option, or stands twice.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Outcome<Args> {
        let mut args = BTreeMap::new();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--") else {
                return Err(format!("{word:?} is no option: write --name value").into());
            };
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (name, words.next_if(|next| !next.starts_with("--"))),
            };
            if args.insert(name.to_owned(), value).is_some() {
                return Err(format!("--{name} stands twice").into());
            }
        }
        Ok(Args(args))
    }

    /// Takes a text, if it was given.
    ///
    /// # Errors
    /// An option without its value.
    pub fn text(&mut self, name: &str) -> Outcome<Option<String>> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Some(value)) => Ok(Some(value)),
            Some(None) => Err(format!("--{name} wants a value").into()),
        }
    }

    /// Takes a text that must be there.
    ///
    /// # Errors
    /// It is not.
    pub fn need(&mut self, name: &str) -> Outcome<String> {
        self.text(name)?.ok_or_else(|| format!("--{name} is missing").into())
    }

    /// Takes a number, `_` between its digits allowed, or gives the default.
    ///
    /// # Errors
    /// It is none.
    pub fn number(&mut self, name: &str, default: u64) -> Outcome<u64> {
        Ok(self.number_if_given(name)?.unwrap_or(default))
    }

    /// Takes a number, `_` between its digits allowed, if it was given.
    ///
    /// # Errors
    /// It is none.
    pub fn number_if_given(&mut self, name: &str) -> Outcome<Option<u64>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match text.replace('_', "").parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!("--{name} wants a whole number, not {text:?}").into()),
        }
    }

    /// Takes a flag.
    ///
    /// # Errors
    /// It has a value.
    pub fn flag(&mut self, name: &str) -> Outcome<bool> {
        match self.0.remove(name) {
            None => Ok(false),
            Some(None) => Ok(true),
            Some(Some(value)) => {
                Err(format!("--{name} takes no value, and {value:?} stands behind it").into())
            }
        }
    }

    /// Refuses what nobody took.
    ///
    /// # Errors
    /// An option that is not known.
    pub fn finish(self) -> Outcome {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!("--{name} is not known here").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Outcome<Args> {
        Args::parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_taken_once() {
        let mut args = args("--kills 20_000 --json --store=file --url lmdb:x").unwrap();
        assert_eq!(args.number("kills", 1).unwrap(), 20_000);
        assert_eq!(args.number("seed", 9).unwrap(), 9);
        assert!(args.flag("json").unwrap());
        assert_eq!(args.text("store").unwrap().as_deref(), Some("file"));
        assert_eq!(args.need("url").unwrap(), "lmdb:x");
        assert!(args.need("url").is_err());
        args.finish().unwrap();
    }

    #[test]
    fn what_is_wrong_is_refused() {
        assert!(args("kills").is_err());
        assert!(args("--a 1 --a 2").is_err());
        assert!(args("--kills many").unwrap().number("kills", 1).is_err());
        assert!(args("--kills").unwrap().number("kills", 1).is_err());
        assert!(args("--json yes").unwrap().flag("json").is_err());
        assert!(args("--kils 1").unwrap().finish().is_err());
    }
}
