//! What an entry in a front carries.

/// Which state of its slot an entry in a front belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Of the table.
    pub incarnation: u64,
    /// Of the slot, 40 bits, never 0.
    pub epoch: u64,
}

impl Stamp {
    /// Its bytes, as an entry keeps them.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.incarnation.to_le_bytes());
        bytes[8..].copy_from_slice(&self.epoch.to_le_bytes());
        bytes
    }

    /// The stamp with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Stamp {
        let [incarnation, epoch] =
            [0, 8].map(|at| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i])));
        Stamp { incarnation, epoch }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_trip() {
        let stamp = Stamp { incarnation: 0x0102_0304_0506_0708, epoch: 0x0a_0b0c_0d0e };
        assert_eq!(stamp.to_bytes()[..3], [8, 7, 6]);
        assert_eq!(Stamp::from_bytes(stamp.to_bytes()), stamp);
    }
}
