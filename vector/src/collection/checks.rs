//! What can be written, and asked for.

use larder_store_core::{Error, ErrorKind, Op, Result};

use crate::manifest::{Precision, Schema};
use crate::row::Row;
use crate::{Id, Metric};

/// The longest payload, in bytes.
const MAX_PAYLOAD: usize = 64 * 1024;

/// That a row can be written.
pub(super) fn check(schema: &Schema, row: &Row) -> Result<()> {
    let invalid = |why: String| Err(Error::new(ErrorKind::Invalid, Op::Upsert, why));
    if row.vector.len() != schema.dims as usize {
        return invalid(format!(
            "{} values, and the collection has {} dimensions",
            row.vector.len(),
            schema.dims
        ));
    }
    check_vector(Op::Upsert, schema.metric, &row.vector)?;
    if schema.keep == Precision::F16
        && let Some(value) = row.vector.iter().find(|value| value.abs() > 65_504.0)
    {
        return invalid(format!("{value} is too large for half precision, which the collection keeps"));
    }
    check_id(&row.id)?;
    if row.payload.len() > MAX_PAYLOAD {
        return invalid(format!("a payload of {} bytes: {MAX_PAYLOAD} at the most", row.payload.len()));
    }
    crate::filter::check_payload(&row.payload)
}

/// That an id is one: a text may have been made by hand.
pub(super) fn check_id(id: &Id) -> Result<()> {
    match id {
        Id::Num(_) => Ok(()),
        Id::Text(text) => Id::text(text.clone()).map(drop),
    }
}

/// That a vector can be compared.
pub(super) fn check_vector(op: Op, metric: Metric, vector: &[f32]) -> Result<()> {
    let invalid = |why: String| Err(Error::new(ErrorKind::Invalid, op, why));
    if let Some((at, value)) = vector.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        return invalid(format!("value {at} is {value}"));
    }
    let square: f32 = vector.iter().map(|x| x * x).sum();
    if square.is_nan() || square > f32::MAX / 4.0 {
        return invalid(
            "it is too long: squares of distances would be no numbers of single precision".into(),
        );
    }
    if metric == Metric::Cosine && square <= f32::MIN_POSITIVE {
        return invalid("its length is 0, with which there is no cosine".into());
    }
    Ok(())
}
