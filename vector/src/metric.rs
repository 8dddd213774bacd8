//! How near two vectors are.

/// What is compared. The smaller a distance, the nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Metric {
    /// The square of the Euclidean distance.
    L2,
    /// One less the cosine of the angle: 0 to 2.
    Cosine,
    /// The inner product, negated.
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
