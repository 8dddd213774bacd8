//! Where a schedule's choices come from.

/// Makes choices by a seed.
#[derive(Debug)]
pub(crate) struct Chooser(u64);

impl Chooser {
    /// By a seed.
    pub(crate) fn random(seed: u64) -> Chooser {
        // Neighbouring seeds must not begin alike.
        let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        state = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Chooser((state ^ state >> 27) | 1)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        ((number * u64::from(n)) >> 32) as u32
    }
}
