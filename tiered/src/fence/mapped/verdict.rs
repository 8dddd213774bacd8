//! Whether the table that a file holds can be gone on with.

/// What the front's own data says about the table that belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontSays {
    /// The front is empty.
    Empty,
    /// It holds entries, and does not say of which table.
    Nothing,
    /// It was last used with this incarnation.
    Incarnation(u64),
}

/// What stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderState {
    /// Nothing: it was just made.
    New,
    /// Something that cannot be believed.
    Damaged,
    /// A head that is right in itself.
    Sound {
        /// Its table.
        incarnation: u64,
        /// It was made in this boot of the machine, so that what memory held then is still there.
        this_boot: bool,
        /// It has as many slots as are asked for.
        same_slots: bool,
        /// It belongs to the origin that is asked for.
        same_origin: bool,
    },
}

/// What was found by who has the opening to himself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The head.
    pub header: HeaderState,
    /// A process is attached.
    pub attached: bool,
    /// A process died while it was attached, or some slot is still in doubt.
    pub unclean: bool,
    /// The front.
    pub front: FrontSays,
}

/// What is to be done with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on with it. The bits of the dead are swept.
    Keep,
    /// Make it anew, under another incarnation.
    Renew {
        /// A predecessor ended unclean: a write of it may still be under way to the origin.
        unclean: bool,
    },
    /// Others use it, and it cannot serve this process.
    Refuse(&'static str),
}

impl Found {
    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        let sound = match self.header {
            HeaderState::Sound { same_slots: false, .. } => Err("has another number of slots"),
            HeaderState::Sound { same_origin: false, .. } => Err("belongs to another origin"),
            HeaderState::Sound { incarnation, this_boot, .. } => Ok((incarnation, this_boot)),
            HeaderState::New => Err("has no head"),
            HeaderState::Damaged => Err("is damaged"),
        };
        match (sound, self.attached) {
            // Those who are attached go by this table, so nothing in the front that came from another one counts.
            (Ok(_), true) => Verdict::Keep,
            (Err(why), true) => Verdict::Refuse(why),
            (Ok((incarnation, true)), false) if self.front_fits(incarnation) => Verdict::Keep,
            _ => Verdict::Renew { unclean: self.ended_unclean() },
        }
    }

    fn front_fits(&self, incarnation: u64) -> bool {
        match self.front {
            FrontSays::Empty => true,
            FrontSays::Nothing => false,
            FrontSays::Incarnation(known) => known == incarnation,
        }
    }

    /// Whether somebody may have died, or left, with a write under way.
    fn ended_unclean(&self) -> bool {
        match self.header {
            HeaderState::New => self.front != FrontSays::Empty,
            HeaderState::Damaged => true,
            // What the file says of another boot may be older than that boot's end.
            HeaderState::Sound { this_boot: false, .. } => true,
            HeaderState::Sound { incarnation, .. } => self.unclean || !self.front_fits(incarnation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: HeaderState =
        HeaderState::Sound { incarnation: 7, this_boot: true, same_slots: true, same_origin: true };
    const OTHER_BOOT: HeaderState =
        HeaderState::Sound { incarnation: 7, this_boot: false, same_slots: true, same_origin: true };
    const OTHER_SLOTS: HeaderState =
        HeaderState::Sound { incarnation: 7, this_boot: true, same_slots: false, same_origin: true };
    const OTHER_ORIGIN: HeaderState =
        HeaderState::Sound { incarnation: 7, this_boot: true, same_slots: true, same_origin: false };

    fn verdict(header: HeaderState, attached: bool, unclean: bool, front: FrontSays) -> Verdict {
        Found { header, attached, unclean, front }.verdict()
    }

    #[test]
    fn a_table_is_kept_after_any_end_in_the_same_boot() {
        for unclean in [false, true] {
            for front in [FrontSays::Empty, FrontSays::Incarnation(7)] {
                assert_eq!(verdict(SOUND, false, unclean, front), Verdict::Keep);
            }
        }
    }

    #[test]
    fn an_empty_folder_starts_clean_and_a_lost_file_does_not() {
        let renewed = |front| verdict(HeaderState::New, false, false, front);
        assert_eq!(renewed(FrontSays::Empty), Verdict::Renew { unclean: false });
        assert_eq!(renewed(FrontSays::Nothing), Verdict::Renew { unclean: true });
        assert_eq!(renewed(FrontSays::Incarnation(7)), Verdict::Renew { unclean: true });
    }

    #[test]
    fn what_cannot_be_trusted_is_renewed() {
        let unclean = Verdict::Renew { unclean: true };
        assert_eq!(verdict(HeaderState::Damaged, false, false, FrontSays::Empty), unclean);
        assert_eq!(verdict(OTHER_BOOT, false, false, FrontSays::Incarnation(7)), unclean);
        assert_eq!(verdict(SOUND, false, false, FrontSays::Incarnation(8)), unclean);
        assert_eq!(verdict(SOUND, false, false, FrontSays::Nothing), unclean);
        for header in [OTHER_SLOTS, OTHER_ORIGIN] {
            let front = FrontSays::Incarnation(7);
            assert_eq!(verdict(header, false, false, front), Verdict::Renew { unclean: false });
            assert_eq!(verdict(header, false, true, front), unclean);
        }
    }

    #[test]
    fn nothing_is_renewed_while_somebody_is_attached() {
        for front in [FrontSays::Empty, FrontSays::Nothing, FrontSays::Incarnation(8)] {
            assert_eq!(verdict(SOUND, true, true, front), Verdict::Keep);
            for header in [HeaderState::New, HeaderState::Damaged, OTHER_SLOTS, OTHER_ORIGIN] {
                assert!(matches!(verdict(header, true, false, front), Verdict::Refuse(_)));
            }
        }
    }
}
