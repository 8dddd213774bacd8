//! The rules of the fence by name, so that a test can break one at a time.

/// One rule of the fence. [`Memory::breaks`](super::Memory::breaks) says `false` to each of them, except where a test
/// shows that the checker notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// An entry is served only if its epoch is the slot's.
    EpochChecked,
    /// No fill under a lease that was read while a write was open.
    NoFillWhileOpen,
    /// No fill under a lease that was read while the slot was in doubt.
    NoFillInDoubt,
    /// A writer installs only if no other write was open when its own began.
    InstallAlone,
    /// A writer installs only if the slot was not in doubt when its write began.
    InstallWithoutDoubt,
    /// A writer installs only if the epoch at its end is still that of its beginning.
    InstallUnmoved,
    /// A write begins with a new epoch.
    EpochAtOpen,
    /// The owner's bit stands until the origin has answered.
    BitUntilAnswer,
    /// A fill carries the epoch of its lease, not that of the moment.
    FillWithLease,
    /// A flight that was sent is joined under an equal lease only.
    JoinSameLease,
    /// A flight that was sent is joined under a clean lease only.
    JoinCleanLease,
    /// An attempt without an answer leaves the slot in doubt.
    UnansweredIsDoubt,
    /// A dead owner leaves the slot in doubt.
    DeadOwnerIsDoubt,
    /// A table that is renewed after an unclean end starts in doubt.
    RenewalInDoubt,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 14] = [
        Rule::EpochChecked,
        Rule::NoFillWhileOpen,
        Rule::NoFillInDoubt,
        Rule::InstallAlone,
        Rule::InstallWithoutDoubt,
        Rule::InstallUnmoved,
        Rule::EpochAtOpen,
        Rule::BitUntilAnswer,
        Rule::FillWithLease,
        Rule::JoinSameLease,
        Rule::JoinCleanLease,
        Rule::UnansweredIsDoubt,
        Rule::DeadOwnerIsDoubt,
        Rule::RenewalInDoubt,
    ];
}
