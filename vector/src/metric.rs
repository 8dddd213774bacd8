//! How near two vectors are.

use serde::{Deserialize, Serialize};

use crate::compare::Comparer;

/// What is compared. The smaller a distance, the nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Metric {
    /// The square of the Euclidean distance.
    L2,
    /// One less the cosine of the angle: 0 to 2.
    Cosine,
    /// The inner product, negated.
    #[serde(rename = "ip")]
    InnerProduct,
}

/// What turns a scan's scores, which leave out what is the same for all rows, into distances.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfQuery {
    add: f32,
    times: f32,
}

impl OfQuery {
    pub(crate) fn distance(self, score: f32) -> f32 {
        score * self.times + self.add
    }
}

impl Metric {
    pub(crate) fn of_query(self, query: &[f32]) -> OfQuery {
        let square: f32 = query.iter().map(|x| x * x).sum();
        match self {
            Metric::L2 => OfQuery { add: square, times: 1.0 },
            Metric::InnerProduct => OfQuery { add: 0.0, times: 1.0 },
            Metric::Cosine if square > 0.0 => OfQuery { add: 1.0, times: 1.0 / square.sqrt() },
            Metric::Cosine => OfQuery { add: 1.0, times: 0.0 },
        }
    }
}

impl Metric {
    /// The distance of two vectors of as many values: the same on every machine, and what a search answers for a vector that it
    /// compared as it is.
    ///
    /// ```
    /// use larder_vector::Metric;
    /// assert_eq!(Metric::L2.distance(&[0.0, 1.0], &[2.0, 1.0]), 4.0);
    /// assert_eq!(Metric::InnerProduct.distance(&[0.0, 1.0], &[2.0, 3.0]), -3.0);
    /// assert_eq!(Metric::Cosine.distance(&[0.0, 1.0], &[2.0, 0.0]), 1.0);
    /// ```
    pub fn distance(self, a: &[f32], b: &[f32]) -> f32 {
        Comparer::new(self, a).distance(b)
    }
}
