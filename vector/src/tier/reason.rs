//! Why a segment is where it is.

use std::fmt;
use std::time::Duration;

use super::Tier;

/// What a budget is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Memory.
    Memory,
    /// The local disk.
    Disk,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Resource::Memory => "memory",
            Resource::Disk => "disk",
        })
    }
}

/// Why a segment moves or stays. [`Display`](fmt::Display) is a sentence without its end.
///
/// `gain` is nanoseconds of rescoring saved in every second: `rate × (cost of a row here - cost there)`, less what its victims lose.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// It is pinned to this tier: moves there, or is there.
    Pinned {
        /// The tier.
        tier: Tier,
    },
    /// It is pinned to a tier that has no room: everything else that could leave has left.
    PinNoRoom {
        /// The tier.
        tier: Tier,
    },
    /// A budget is exceeded: it has to leave.
    OverBudget {
        /// Which.
        resource: Resource,
        /// By how many bytes.
        over: u64,
    },
    /// It makes room for another one.
    Displaced {
        /// That one.
        by: u64,
        /// How many times denser that one's gain is; infinite if nothing is lost.
        ratio: f64,
    },
    /// It makes room for one that is pinned.
    DisplacedByPin {
        /// That one.
        by: u64,
    },
    /// Its use pays for a move up.
    Promoted {
        /// Nanoseconds saved a second.
        gain: f64,
        /// Nanoseconds that the move takes.
        cost: f64,
    },
    /// There is no tier above, and none that needs its room more.
    Best {
        /// Contributions a second.
        rate: f64,
    },
    /// Nobody asks for it, or a tier above would save nothing.
    NoGain {
        /// Contributions a second.
        rate: f64,
    },
    /// It came less than the minimum residency ago.
    Young {
        /// How long ago it came.
        age: Duration,
        /// The minimum.
        residency: Duration,
    },
    /// Its rate has not held for long enough, so it may be a burst or a scan.
    NotSustained {
        /// Contributions a second.
        rate: f64,
        /// What held.
        sustained: f64,
        /// For more than so many windows.
        windows: usize,
    },
    /// What it would save within the horizon does not pay for the move.
    NotWorth {
        /// Nanoseconds saved a second.
        gain: f64,
        /// Nanoseconds that the move takes.
        cost: f64,
        /// The horizon.
        horizon: Duration,
    },
    /// It pays, but has not yet lost by waiting what the move costs (ski rental).
    Waiting {
        /// Nanoseconds lost so far, less what those in its place would have lost: below zero while they were used more.
        lost: f64,
        /// Nanoseconds that the move takes.
        cost: f64,
    },
    /// The weakest that could make room is too strong.
    Weaker {
        /// The weakest.
        than: u64,
        /// How many times denser its own gain is than that one's loss.
        ratio: f64,
        /// What the ratio would have to be.
        hysteresis: f64,
    },
    /// There is no room, and nobody who could make it.
    NoRoom {
        /// Of what.
        resource: Resource,
        /// Bytes missing.
        missing: u64,
    },
    /// The recall guard refused the tier.
    Vetoed {
        /// The tier.
        tier: Tier,
        /// The refusal ends at this time.
        until: Duration,
    },
    /// The bytes that may be moved now are spent.
    Throttled {
        /// Bytes it would need, and those of the segments that make room.
        bytes: u64,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Reason::Pinned { tier } => write!(f, "pinned to {tier}"),
            Reason::PinNoRoom { tier } => write!(f, "pinned to {tier}, which has no room for it"),
            Reason::OverBudget { resource, over } => {
                write!(f, "has to leave: the budget of {resource} is exceeded by {over} bytes")
            }
            Reason::Displaced { by, ratio } if ratio.is_finite() => {
                write!(f, "makes room for segment {by}, whose bytes save {ratio:.2} times as much")
            }
            Reason::Displaced { by, .. } => write!(f, "makes room for segment {by}, and loses nothing"),
            Reason::DisplacedByPin { by } => write!(f, "makes room for segment {by}, which is pinned"),
            Reason::Promoted { gain, cost } => {
                let (gain, cost, pays) = (Nanos(gain), Nanos(cost), Nanos(cost / gain * 1e9));
                write!(f, "moves up: that takes {cost}, saves {gain} a second and is paid back in {pays}")
            }
            Reason::Best { rate } => write!(f, "is in the best tier, at {rate:.3} contributions a second"),
            Reason::NoGain { rate } => {
                write!(f, "would save nothing in a better tier, at {rate:.3} contributions a second")
            }
            Reason::Young { age, residency } => {
                let (age, residency) = (age.as_secs(), residency.as_secs());
                write!(f, "came {age} s ago, and nothing moves again within {residency} s")
            }
            Reason::NotSustained { rate, sustained, windows } => write!(
                f,
                "contributes {rate:.3} times a second, but only {sustained:.3} held for more than {windows} windows"
            ),
            Reason::NotWorth { gain, cost, horizon } => {
                let (gain, cost, horizon) = (Nanos(gain), Nanos(cost), horizon.as_secs());
                write!(f, "would save {gain} a second, within {horizon} s less than the {cost} of moving it")
            }
            Reason::Waiting { lost, cost } => {
                write!(
                    f,
                    "has lost {} more by waiting than others would have, and moves at {}, which is what that takes",
                    Nanos(lost),
                    Nanos(cost)
                )
            }
            Reason::Weaker { than, ratio, hysteresis } => write!(
                f,
                "its bytes would save {ratio:.2} times as much as those of segment {than}, and {hysteresis} times is needed"
            ),
            Reason::NoRoom { resource, missing } => {
                write!(f, "{missing} bytes of {resource} are missing, and nobody can make room")
            }
            Reason::Vetoed { tier, until } => {
                let until = until.as_secs();
                write!(f, "{tier} was refused until second {until}: it would lose recall")
            }
            Reason::Throttled { bytes } => {
                write!(f, "waits for bandwidth: {bytes} bytes would be moved")
            }
        }
    }
}

/// Nanoseconds, in a unit that reads well.
struct Nanos(f64);

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ns if ns.abs() < 1e3 => write!(f, "{ns:.1} ns"),
            ns if ns.abs() < 1e6 => write!(f, "{:.1} µs", ns / 1e3),
            ns if ns.abs() < 1e9 => write!(f, "{:.1} ms", ns / 1e6),
            ns => write!(f, "{:.1} s", ns / 1e9),
        }
    }
}
