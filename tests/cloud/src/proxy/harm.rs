//! The kinds of harm.

use std::fmt;

/// One kind of harm on the way. "Before" and "after" are before and after the server did what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Harm {
    /// The connection ends with an RST, and for a moment new ones are refused.
    Refused,
    /// The connection ends with an RST; the server hears nothing of the request.
    ResetBefore,
    /// The connection ends with an RST instead of the answer.
    ResetAfter,
    /// The connection ends with an RST, and the request has its effect a while later.
    Late,
    /// The connection stays open and no answer comes; the server hears nothing of the request.
    BlackHoleBefore,
    /// The connection stays open and no answer comes.
    BlackHoleAfter,
    /// The answer comes at 16 KiB a second.
    Slow,
    /// The connection ends within the body of the answer.
    Truncated,
    /// The service asks for fewer requests, by the status that HTTP has for it (429).
    TooMany,
    /// The service asks for fewer requests, in its own words.
    Throttled,
    /// A 5xx without a body, as something between answers: 500, 502, 503 or 504. The server hears nothing of the request.
    BareBefore,
    /// A 5xx without a body instead of the answer.
    BareAfter,
    /// A 404 without a body, as something between answers that lost its way for a moment.
    NotFound,
    /// A byte of the answer's body is changed, where a checksum of the service's own goes with it.
    DamagedAnswer,
    /// A byte of the request's body is changed, where a checksum goes with it.
    DamagedRequest,
    /// The service says that the credentials have expired.
    Expired,
    /// The service says that the request belongs into another region, or to another node.
    Redirected,
    /// The answer comes, and the request is sent a second time a while later: no proxy may do that to a write, and nobody
    /// can mend it. To show that it is seen.
    Replayed,
}

impl Harm {
    /// Every kind that a store must bear.
    pub const ALL: [Harm; 17] = [
        Self::Refused,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::Late,
        Self::BlackHoleBefore,
        Self::BlackHoleAfter,
        Self::Slow,
        Self::Truncated,
        Self::TooMany,
        Self::Throttled,
        Self::BareBefore,
        Self::BareAfter,
        Self::NotFound,
        Self::DamagedAnswer,
        Self::DamagedRequest,
        Self::Expired,
        Self::Redirected,
    ];
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "connection refused",
            Self::ResetBefore => "reset before effect",
            Self::ResetAfter => "reset after effect",
            Self::Late => "reset, effect later",
            Self::BlackHoleBefore => "black hole before effect",
            Self::BlackHoleAfter => "black hole after effect",
            Self::Slow => "16 KiB a second",
            Self::Truncated => "truncated body",
            Self::TooMany => "429",
            Self::Throttled => "throttled",
            Self::BareBefore => "bare 5xx before effect",
            Self::BareAfter => "bare 5xx after effect",
            Self::NotFound => "bare 404",
            Self::DamagedAnswer => "wrong checksum",
            Self::DamagedRequest => "damaged request",
            Self::Expired => "expired credentials",
            Self::Redirected => "redirected",
            Self::Replayed => "sent twice",
        })
    }
}
