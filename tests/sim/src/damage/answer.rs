//! What a child says about a damaged store.

use crate::Outcome;

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What reading everything gave.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub(super) struct Answer {
            $($(#[$doc])* pub(super) $name: u64,)*
            /// The first thing that is worth a word.
            pub(super) note: String,
        }

        impl Answer {
            /// One line of text.
            pub(super) fn line(&self) -> String {
                let note = self.note.replace(['\n', '\t'], " ");
                [$(self.$name.to_string(),)* note].join("\t")
            }

            /// The answer of such a line.
            pub(super) fn parse(line: &str) -> Outcome<Answer> {
                let mut fields = line.trim_end_matches('\n').split('\t');
                let mut next = || fields.next().ok_or("a child's line is too short");
                $(let $name = next()?.parse()?;)*
                Ok(Answer { $($name,)* note: next()?.to_owned() })
            }
        }
    };
}

counts! {
    /// The open was refused with a typed error that says so.
    refused,
    /// The open was refused with another error.
    refused_oddly,
    /// Reads that gave the right value.
    right,
    /// Reads that gave `Corrupt`.
    corrupt,
    /// Reads that gave another error.
    odd,
    /// Reads that say that a value which is there is absent.
    absent,
    /// Reads that gave what was not stored.
    wrong,
    /// Listings that end early, or with another key, and say nothing.
    list_wrong,
    /// Listings that end with `Corrupt`.
    list_corrupt,
    /// Writes to the damaged store that were acknowledged.
    written,
    /// Writes that were refused.
    not_written,
    /// The same as above, after writes: reads that say absent.
    absent_later,
}

impl Answer {
    /// Keeps the first words.
    pub(super) fn note(&mut self, note: impl FnOnce() -> String) {
        if self.note.is_empty() {
            self.note = note();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back() {
        let mut answer = Answer { refused: 1, absent_later: 7, ..Answer::default() };
        answer.note(|| "one\ttwo\nthree".to_owned());
        let parsed = Answer::parse(&answer.line()).unwrap();
        assert_eq!(parsed.note, "one two three");
        assert_eq!((parsed.refused, parsed.absent_later, parsed.right), (1, 7, 0));
        assert!(Answer::parse("1\t2").is_err());
    }
}
