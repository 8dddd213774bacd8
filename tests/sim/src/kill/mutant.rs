//! Broken workers, to show that the campaign finds what they break.

use crate::Outcome;

/// How a worker is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mutant {
    /// Not at all.
    #[default]
    None,
    /// It acknowledges a write before it makes it.
    AckFirst,
    /// It puts one half of a value, then the whole.
    TwoSteps,
    /// Its conditional writes read, compare and write.
    PlainCas,
    /// Its transactions are writes one after the other.
    SplitTransaction,
    /// It writes to the origin of its stack, past the fence.
    PastFence,
    /// It takes the front that processes share for its own, and so does not put its fence beside it.
    OwnFence,
}

impl Mutant {
    /// Those that are broken whatever they write to.
    pub const BROKEN: [Mutant; 4] =
        [Mutant::AckFirst, Mutant::TwoSteps, Mutant::PlainCas, Mutant::SplitTransaction];

    /// Those that break the rules of a stack.
    pub const OF_STACKS: [Mutant; 2] = [Mutant::PastFence, Mutant::OwnFence];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Mutant::None => "none",
            Mutant::AckFirst => "ack-first",
            Mutant::TwoSteps => "two-steps",
            Mutant::PlainCas => "plain-cas",
            Mutant::SplitTransaction => "split-transaction",
            Mutant::PastFence => "past-fence",
            Mutant::OwnFence => "own-fence",
        }
    }

    /// The one of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn parse(text: &str) -> Outcome<Mutant> {
        let all = Mutant::BROKEN.into_iter().chain(Mutant::OF_STACKS).chain([Mutant::None]);
        let mut found = all.filter(|mutant| mutant.name() == text);
        found.next().ok_or_else(|| format!("there is no mutant {text:?}").into())
    }
}
