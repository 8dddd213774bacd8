//! What a collection is made with.

use clap::ValueEnum;
use larder::vector::{Metric, Precision, Schema};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MetricArg {
    /// The square of the Euclidean distance.
    L2,
    /// One less the cosine of the angle.
    Cosine,
    /// The inner product, negated.
    Ip,
}

/// What is kept of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Keep {
    /// As they were given.
    F32,
    /// Half precision: half of the bytes.
    F16,
    /// Codes only, about a thirtieth of the bytes: nothing comes back as it was given.
    Lossy,
}

impl From<MetricArg> for Metric {
    fn from(metric: MetricArg) -> Metric {
        match metric {
            MetricArg::L2 => Metric::L2,
            MetricArg::Cosine => Metric::Cosine,
            MetricArg::Ip => Metric::InnerProduct,
        }
    }
}

impl From<Keep> for Precision {
    fn from(keep: Keep) -> Precision {
        match keep {
            Keep::F32 => Precision::F32,
            Keep::F16 => Precision::F16,
            Keep::Lossy => Precision::Lossy,
        }
    }
}

/// The name of a metric, as it is typed.
pub(crate) fn metric(schema: &Schema) -> &'static str {
    match schema.metric {
        Metric::L2 => "l2",
        Metric::Cosine => "cosine",
        Metric::InnerProduct => "ip",
        _ => "unknown",
    }
}

/// The name of what is kept, as it is typed.
pub(crate) fn keep(schema: &Schema) -> &'static str {
    match schema.keep {
        Precision::F32 => "f32",
        Precision::F16 => "f16",
        Precision::Lossy => "lossy",
        _ => "unknown",
    }
}
