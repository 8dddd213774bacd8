//! What is done behind a job's back, to show that the campaign sees it.

use crate::Outcome;

/// What is done between two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mutant {
    /// Nothing.
    #[default]
    None,
    /// The first entry that the target has is removed.
    LostEntry,
    /// A byte in the middle of the dump that is imported is another one.
    FlippedByte,
}

impl Mutant {
    /// All that do something.
    pub const BROKEN: [Mutant; 2] = [Mutant::LostEntry, Mutant::FlippedByte];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Mutant::None => "none",
            Mutant::LostEntry => "lost-entry",
            Mutant::FlippedByte => "flipped-byte",
        }
    }

    /// The one of that name.
    ///
    /// # Errors
    /// There is none.
    pub fn parse(name: &str) -> Outcome<Mutant> {
        let all = [Mutant::None, Mutant::LostEntry, Mutant::FlippedByte];
        let found = all.into_iter().find(|mutant| mutant.name() == name);
        found.ok_or_else(|| format!("there is no mutant {name:?}").into())
    }
}
