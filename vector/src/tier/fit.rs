//! What a request costs, and what a byte of it does, from measurements of both together.

/// Weight of what was known before a measurement.
const KEEP: f64 = 0.98;
/// Weight, in measurements, of the starting values. It never fades, so that a load in which requests and bytes always go together
/// settles on the solution that is nearest to them.
const PRIOR: f64 = 0.05;
/// No cost falls below this part of its starting value: noise must not make it negative.
const LEAST: f64 = 0.001;

/// Least squares of `elapsed = requests × a + bytes × b`, exponentially weighted. Each measurement is divided by what the starting
/// values expect of it, so that large fetches do not outweigh many small ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fit {
    start: [f64; 2],
    /// Decayed sums of `x0 x0`, `x0 x1`, `x1 x1`.
    square: [f64; 3],
    /// Decayed sums of `x0 y`, `x1 y`.
    product: [f64; 2],
}

impl Fit {
    /// Nanoseconds of a request and of a byte to start with, both above zero.
    pub(super) const fn new(request: f64, byte: f64) -> Fit {
        Fit { start: [request, byte], square: [0.0; 3], product: [0.0; 2] }
    }

    pub(super) fn record(&mut self, requests: f64, bytes: f64, elapsed: f64) {
        let expected = requests * self.start[0] + bytes * self.start[1];
        if expected > 0.0 {
            let x = [requests * self.start[0] / expected, bytes * self.start[1] / expected];
            let y = elapsed / expected;
            let squares = [x[0] * x[0], x[0] * x[1], x[1] * x[1]];
            self.square = std::array::from_fn(|i| KEEP * self.square[i] + squares[i]);
            self.product = std::array::from_fn(|i| KEEP * self.product[i] + x[i] * y);
        }
    }

    /// Nanoseconds of a request and of a byte.
    pub(super) fn solve(&self) -> [f64; 2] {
        let [a, b, c] = [self.square[0] + PRIOR, self.square[1], self.square[2] + PRIOR];
        let [p, q] = self.product.map(|product| product + PRIOR);
        let determinant = a * c - b * b;
        let [first, second] = [(p * c - q * b) / determinant, (a * q - b * p) / determinant];
        // Where one would be negative it is nothing, and the other explains all.
        let factors = if first < LEAST {
            [LEAST, (q - b * LEAST) / c]
        } else if second < LEAST {
            [(p - b * LEAST) / a, LEAST]
        } else {
            [first, second]
        };
        [factors[0].max(LEAST) * self.start[0], factors[1].max(LEAST) * self.start[1]]
    }
}
