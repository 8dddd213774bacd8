//! Where a schedule's choices come from.

/// Makes choices: by a seed, or each in its turn.
#[derive(Debug)]
pub(crate) enum Chooser {
    Random(u64),
    Every(Path),
}

impl Chooser {
    /// By a seed.
    pub(crate) fn random(seed: u64) -> Chooser {
        // Neighbouring seeds must not begin alike.
        let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        state = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Chooser::Random((state ^ state >> 27) | 1)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        match self {
            Chooser::Random(state) => {
                // xorshift64*
                *state ^= *state >> 12;
                *state ^= *state << 25;
                *state ^= *state >> 27;
                let number = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
                ((number * u64::from(n)) >> 32) as u32
            }
            Chooser::Every(path) => path.below(n, true),
        }
    }

    /// The path, where each choice is made in its turn.
    pub(crate) fn path(&mut self) -> Option<&mut Path> {
        match self {
            Chooser::Random(_) => None,
            Chooser::Every(path) => Some(path),
        }
    }
}

/// A choice that was made.
#[derive(Debug, Clone, Copy)]
struct Choice {
    taken: u32,
    of: u32,
    /// Some client went on from here, in this or another way: not all wait for each other.
    moved: bool,
}

/// The choices of one schedule, which say which one is next: the last choice that can be made otherwise is.
#[derive(Debug, Default)]
pub(crate) struct Path {
    choices: Vec<Choice>,
    at: usize,
}

/// What comes after a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Another,
    None,
    /// At some moment no client could go on.
    Stuck,
}

impl Path {
    fn below(&mut self, n: u32, moved: bool) -> u32 {
        if n < 2 {
            return 0;
        }
        if self.at == self.choices.len() {
            self.choices.push(Choice { taken: 0, of: n, moved });
        }
        let choice = self.choices[self.at];
        assert_eq!(choice.of, n, "a schedule that is played again goes the same way");
        self.at += 1;
        choice.taken
    }

    /// Which of `n` moves is next, and the number of the choice, for [`Path::moved`].
    pub(crate) fn schedule(&mut self, n: u32) -> (u32, Option<usize>) {
        let at = (n > 1).then_some(self.at);
        (self.below(n, false), at)
    }

    /// A client went on.
    pub(crate) fn moved(&mut self, choice: Option<usize>) {
        if let Some(at) = choice {
            self.choices[at].moved = true;
        }
    }

    /// Whether what comes now has not come in an earlier schedule.
    pub(crate) fn is_new(&self) -> bool {
        self.at == self.choices.len()
    }

    /// Turns to the next schedule.
    pub(crate) fn turn(&mut self) -> Next {
        self.at = 0;
        while let Some(last) = self.choices.last_mut() {
            if last.taken + 1 < last.of {
                last.taken += 1;
                return Next::Another;
            }
            if !last.moved {
                return Next::Stuck;
            }
            self.choices.pop();
        }
        Next::None
    }
}
