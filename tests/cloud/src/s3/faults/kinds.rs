//! The kinds of harm.

use std::fmt;

use crate::faults::{Kind, When};

/// One kind of harm on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The connection ends with an RST.
    Reset(When),
    /// The connection stays open and no answer comes.
    BlackHole(When),
    /// The connection ends with an RST, and the request has its effect a while later.
    LateEffect,
    /// The answer's body ends before its `Content-Length`.
    TruncatedBody,
    /// The answer's body comes in drops.
    SlowBody,
    /// 429, not applied; with `Retry-After: 1` or without.
    TooManyRequests {
        /// Whether it says when to come back.
        retry_after: bool,
    },
    /// 503 with the code `SlowDown`, not applied; with `Retry-After: 1` or without.
    SlowDown {
        /// Whether it says when to come back.
        retry_after: bool,
    },
    /// A 5xx without a body, as a proxy answers: 500, 502, 503 or 504.
    Bare(u16, When),
    /// 409 `ConditionalRequestConflict` to a conditional write: instead of it, or after it succeeded.
    Conflict(When),
    /// 412 to a conditional write that succeeded.
    FalsePrecondition,
    /// A byte of the answer's body is changed; its checksum is as it was. Only where the answer carries a checksum.
    WrongChecksum,
    /// A byte of the request's body is changed on its way to the server.
    DamagedRequest,
    /// 400 `ExpiredToken`, not applied.
    ExpiredToken,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Fault; 25] = [
        Self::Reset(When::Before),
        Self::Reset(When::After),
        Self::BlackHole(When::Before),
        Self::BlackHole(When::After),
        Self::LateEffect,
        Self::TruncatedBody,
        Self::SlowBody,
        Self::TooManyRequests { retry_after: false },
        Self::TooManyRequests { retry_after: true },
        Self::SlowDown { retry_after: false },
        Self::SlowDown { retry_after: true },
        Self::Bare(500, When::Before),
        Self::Bare(500, When::After),
        Self::Bare(502, When::Before),
        Self::Bare(502, When::After),
        Self::Bare(503, When::Before),
        Self::Bare(503, When::After),
        Self::Bare(504, When::Before),
        Self::Bare(504, When::After),
        Self::Conflict(When::Before),
        Self::Conflict(When::After),
        Self::FalsePrecondition,
        Self::WrongChecksum,
        Self::DamagedRequest,
        Self::ExpiredToken,
    ];
}

impl Kind for Fault {
    fn concerns(self, operation: &str, conditional: bool) -> bool {
        let conditional_write = conditional
            && matches!(operation, "PutObject" | "DeleteObject" | "CompleteMultipartUpload" | "CopyObject");
        match self {
            Self::Conflict(_) | Self::FalsePrecondition => conditional_write,
            Self::WrongChecksum => operation == "GetObject",
            Self::DamagedRequest => matches!(operation, "PutObject" | "UploadPart"),
            Self::TruncatedBody | Self::SlowBody => matches!(
                operation,
                "GetObject"
                    | "ListObjectsV2"
                    | "DeleteObjects"
                    | "CopyObject"
                    | "CreateMultipartUpload"
                    | "CompleteMultipartUpload"
                    | "ListMultipartUploads"
                    | "ListParts"
            ),
            // What changes nothing has no effect that could be late.
            Self::LateEffect => matches!(
                operation,
                "PutObject"
                    | "DeleteObject"
                    | "DeleteObjects"
                    | "CopyObject"
                    | "CreateMultipartUpload"
                    | "UploadPart"
                    | "CompleteMultipartUpload"
                    | "AbortMultipartUpload"
            ),
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
        let hint = |retry_after: &bool| if *retry_after { " with retry-after" } else { "" };
        match self {
            Self::Reset(at) => write!(f, "reset {}", when(at)),
            Self::BlackHole(at) => write!(f, "black hole {}", when(at)),
            Self::LateEffect => f.write_str("reset, effect later"),
            Self::TruncatedBody => f.write_str("truncated body"),
            Self::SlowBody => f.write_str("slow body"),
            Self::TooManyRequests { retry_after } => write!(f, "429{}", hint(retry_after)),
            Self::SlowDown { retry_after } => write!(f, "503 SlowDown{}", hint(retry_after)),
            Self::Bare(status, at) => write!(f, "bare {status} {}", when(at)),
            Self::Conflict(at) => write!(f, "409 {}", when(at)),
            Self::FalsePrecondition => f.write_str("412 after own success"),
            Self::WrongChecksum => f.write_str("wrong checksum"),
            Self::DamagedRequest => f.write_str("damaged request"),
            Self::ExpiredToken => f.write_str("expired token"),
        }
    }
}
