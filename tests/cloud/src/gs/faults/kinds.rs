//! The kinds of harm.

use std::fmt;

use crate::faults::{Kind, When};

/// One kind of harm on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The connection ends with an RST, and for a fifth of the plan's delay new ones are refused.
    Refused,
    /// The connection ends with an RST, and with it everything else that gRPC has under way on it.
    Reset(When),
    /// The connection stays open and no answer comes.
    BlackHole(When),
    /// The connection ends with an RST, and the request has its effect a while later.
    LateEffect,
    /// The answer's body ends before its length; over gRPC, its stream is reset.
    TruncatedBody,
    /// The answer's body comes in drops.
    SlowBody,
    /// 429 or `RESOURCE_EXHAUSTED`, not applied; with `Retry-After: 1` or without.
    TooManyRequests {
        /// Whether it says when to come back.
        retry_after: bool,
    },
    /// 500, 502, 503 or 504, as `INTERNAL`, a proxy's page, `UNAVAILABLE` or `DEADLINE_EXCEEDED` where gRPC is spoken.
    Failing(u16, When),
    /// 412 or `FAILED_PRECONDITION` to a conditional write that succeeded.
    FalsePrecondition,
    /// A read of an object that is there says that it is not.
    NotFound,
    /// A byte of a download is changed; its checksum is as it was. Only whole downloads carry one.
    WrongChecksum,
    /// A byte of an upload is changed on its way to the server.
    DamagedRequest,
    /// 401 or `UNAUTHENTICATED`, not applied.
    ExpiredToken,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Fault; 22] = [
        Self::Refused,
        Self::Reset(When::Before),
        Self::Reset(When::After),
        Self::BlackHole(When::Before),
        Self::BlackHole(When::After),
        Self::LateEffect,
        Self::TruncatedBody,
        Self::SlowBody,
        Self::TooManyRequests { retry_after: false },
        Self::TooManyRequests { retry_after: true },
        Self::Failing(500, When::Before),
        Self::Failing(500, When::After),
        Self::Failing(502, When::Before),
        Self::Failing(502, When::After),
        Self::Failing(503, When::Before),
        Self::Failing(503, When::After),
        Self::Failing(504, When::Before),
        Self::Failing(504, When::After),
        Self::FalsePrecondition,
        Self::NotFound,
        Self::WrongChecksum,
        Self::ExpiredToken,
    ];
}

/// Operations whose answers have bodies worth cutting.
const ANSWERED: [&str; 5] = ["ReadObject", "InsertObject", "GetObject", "ListObjects", "DeleteObject"];

/// Operations that have an effect which could be late.
const WRITES: [&str; 9] = [
    "InsertObject",
    "StartUpload",
    "UploadPiece",
    "CancelUpload",
    "DeleteObject",
    "UpdateObject",
    "RewriteObject",
    "ComposeObject",
    "CreateBucket",
];

impl Kind for Fault {
    fn concerns(self, operation: &str, conditional: bool) -> bool {
        match self {
            // A session knows its condition from its beginning, so its pieces carry none.
            Self::FalsePrecondition => {
                conditional && matches!(operation, "InsertObject" | "DeleteObject" | "RewriteObject")
            }
            Self::NotFound => matches!(operation, "ReadObject" | "GetObject"),
            Self::WrongChecksum => operation == "ReadObject",
            Self::DamagedRequest => matches!(operation, "InsertObject" | "UploadPiece"),
            Self::TruncatedBody | Self::SlowBody => ANSWERED.contains(&operation),
            Self::LateEffect => WRITES.contains(&operation),
            _ => true,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = |when: &When| match when {
            When::Before => "before effect",
            When::After => "after effect",
        };
        match self {
            Self::Refused => f.write_str("connection refused"),
            Self::Reset(at) => write!(f, "reset {}", when(at)),
            Self::BlackHole(at) => write!(f, "black hole {}", when(at)),
            Self::LateEffect => f.write_str("reset, effect later"),
            Self::TruncatedBody => f.write_str("truncated body"),
            Self::SlowBody => f.write_str("slow body"),
            Self::TooManyRequests { retry_after: true } => f.write_str("429 with retry-after"),
            Self::TooManyRequests { retry_after: false } => f.write_str("429"),
            Self::Failing(status, at) => write!(f, "{status} {}", when(at)),
            Self::FalsePrecondition => f.write_str("412 after own success"),
            Self::NotFound => f.write_str("404 for what is there"),
            Self::WrongChecksum => f.write_str("wrong checksum"),
            Self::DamagedRequest => f.write_str("damaged request"),
            Self::ExpiredToken => f.write_str("expired token"),
        }
    }
}
