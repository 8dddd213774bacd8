//! What a child says about a damaged store.

macro_rules! counts {
    ($type:ident: $($(#[$doc:meta])* $name:ident,)*) => {
        /// What a case gave.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub(in crate::damage) struct $type {
            $($(#[$doc])* pub(in crate::damage) $name: u64,)*
            /// The first thing that is worth a word.
            pub(in crate::damage) note: String,
        }

        impl $type {
            /// One line of text.
            pub(in crate::damage) fn line(&self) -> String {
                let note = self.note.replace(['\n', '\t'], " ");
                [$(self.$name.to_string(),)* note].join("\t")
            }

            /// The answer of such a line.
            pub(in crate::damage) fn parse(line: &str) -> crate::Outcome<$type> {
                let mut fields = line.trim_end_matches('\n').split('\t');
                let mut next = || fields.next().ok_or("a child's line is too short");
                $(let $name = next()?.parse()?;)*
                Ok($type { $($name,)* note: next()?.to_owned() })
            }

            /// Adds the counts of another one.
            pub(in crate::damage) fn add(&mut self, other: &$type) {
                $(self.$name += other.$name;)*
            }

            /// Keeps the first words.
            pub(in crate::damage) fn note(&mut self, note: impl FnOnce() -> String) {
                if self.note.is_empty() {
                    self.note = note();
                }
            }
        }
    };
}

pub(super) use counts;

counts! { Answer:
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
