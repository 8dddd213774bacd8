//! Numbers, compared as what they are: no integer is rounded to a float.

use std::cmp::Ordering;

/// 2^64. The integers of CBOR reach from its negative to one below it.
const TWO_64: f64 = 18_446_744_073_709_551_616.0;

/// A number. What is whole and within CBOR's integers is always an `Int`, so that two equal numbers are the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    /// None for what is not a number.
    #[inline]
    pub(super) fn of_float(float: f64) -> Option<Number> {
        if float.is_nan() {
            None
        } else if (-TWO_64..TWO_64).contains(&float) && float.trunc() == float {
            Some(Number::Int(float as i128))
        } else {
            Some(Number::Float(float))
        }
    }

    pub(super) fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(&b),
            (Number::Float(a), Number::Float(b)) => a.total_cmp(&b),
            (Number::Int(a), Number::Float(b)) => against(a, b),
            (Number::Float(a), Number::Int(b)) => against(b, a).reverse(),
        }
    }
}

/// `float` is not whole or is beyond every integer, so the two are never equal. The cast saturates, which is right for
/// the latter.
fn against(int: i128, float: f64) -> Ordering {
    if int <= float.floor() as i128 { Ordering::Less } else { Ordering::Greater }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_where_floats_are_not() {
        let big = 1_i128 << 53;
        assert_eq!(Number::of_float(big as f64), Some(Number::Int(big)));
        assert_ne!(Number::of_float(big as f64), Some(Number::Int(big + 1)));
        assert_eq!(Number::of_float(-0.0), Some(Number::Int(0)));
        assert_eq!(Number::of_float(f64::NAN), None);
        assert_eq!(Number::of_float(-TWO_64), Some(Number::Int(-(1 << 64))));
        assert_eq!(Number::of_float(TWO_64), Some(Number::Float(TWO_64)));
    }

    #[test]
    fn one_order_over_both() {
        let float = |f| Number::of_float(f).unwrap();
        let ascending = [
            float(f64::NEG_INFINITY),
            float(-1e300),
            float(-TWO_64 - 4096.0),
            Number::Int(-(1 << 64)),
            Number::Int(-2),
            float(-1.5),
            Number::Int(-1),
            float(-1e-300),
            Number::Int(0),
            float(0.5),
            Number::Int(1),
            Number::Int((1 << 53) + 1),
            Number::Int((1 << 64) - 1),
            float(TWO_64),
            float(f64::INFINITY),
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(a.compare(*b), i.cmp(&j), "{a:?} {b:?}");
            }
        }
    }
}
