//! Which segments a collection has: one object, replaced by compare-and-swap.

use std::sync::Arc;

use bytes::Bytes;
use larder_store_core::cbor::{self, Value};
use larder_store_core::{
    Call, Error, ErrorKind, GetOptions, Got, Key, Op, Precondition, PutOptions, Result, Store, Version,
};
use serde::{Deserialize, Serialize};

use crate::Metric;
use crate::bytes::damaged;
use crate::envelope::{self, Kind};

/// Its key.
pub(crate) const NAME: &str = "manifest";

/// What all of a collection's vectors have in common. It cannot be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Values of each vector: 2 to 4096.
    pub dims: u32,
    /// How near they are to each other.
    pub metric: Metric,
    /// What is kept of them.
    #[serde(default)]
    pub keep: Precision,
}

impl Schema {
    /// Vectors of so many values under a metric, kept as they are.
    pub fn new(dims: u32, metric: Metric) -> Schema {
        Schema { dims, metric, keep: Precision::F32 }
    }

    /// Keeps less of them.
    pub fn with_keep(mut self, keep: Precision) -> Schema {
        self.keep = keep;
        self
    }
}

/// What the store keeps of a vector once it is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// The vector as it was given.
    #[default]
    F32,
    /// Each value rounded to IEEE 754 binary16: half the bytes, eleven bits of precision. A value above 65,504 is refused.
    F16,
    /// Its code only, about a thirtieth of the bytes. What was given does not come back, no distance is exact, and segments that are
    /// rewritten lose a little more.
    Lossy,
}

/// A segment, as the manifest knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SegmentEntry {
    /// Never given twice in a collection.
    pub(crate) number: u64,
    /// What its keys begin with, behind `seg/`.
    pub(crate) name: String,
    pub(crate) rows: u32,
    /// Rows that are deleted or replaced.
    pub(crate) dead: u32,
    /// Which bitmap tells which: `dead-` and this in 16 digits; 0 for none. Drawn at random, as all names are: a writer that was
    /// fenced and does not know it writes over nothing of its successor's.
    pub(crate) dead_rev: u64,
    /// Which index counts: `index-` and this in 16 digits.
    pub(crate) index_rev: u64,
    /// The codebook of its codes; `None` for codes without one.
    pub(crate) book: Option<u64>,
    /// Bytes of its objects.
    pub(crate) index_bytes: u64,
    pub(crate) vector_bytes: u64,
    pub(crate) payload_bytes: u64,
    /// The least and the greatest of its ids, where all are numbers.
    pub(crate) ids: Option<(u64, u64)>,
    /// Made by clustering many segments together, and not in the order of writing.
    pub(crate) clustered: bool,
}

/// A codebook, as the manifest knows it: `book/` and its number in 16 digits. The last one is the newest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BookEntry {
    /// Drawn at random.
    pub(crate) number: u64,
    /// The mean square error of vectors that it was not trained on, in parts of the mean square of a vector's distance from the mean.
    pub(crate) error: f64,
}

/// Objects that no segment of this manifest needs, and readers of older ones may.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Retired {
    pub(crate) keys: Vec<String>,
    /// When they were retired, in milliseconds since 1970.
    pub(crate) at: u64,
}

/// What a collection consists of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Drawn at random when the collection was made.
    pub(crate) collection: String,
    pub(crate) schema: Schema,
    /// How many have been its writer.
    pub(crate) epoch: u64,
    /// How often it was replaced.
    pub(crate) turn: u64,
    /// The last slot of the log that the segments cover.
    pub(crate) floor: u64,
    pub(crate) next_segment: u64,
    pub(crate) books: Vec<BookEntry>,
    pub(crate) segments: Vec<SegmentEntry>,
    pub(crate) retired: Vec<Retired>,
}

impl Manifest {
    pub(crate) fn new(collection: String, schema: Schema) -> Manifest {
        Manifest {
            collection,
            schema,
            epoch: 0,
            turn: 0,
            floor: 0,
            next_segment: 1,
            books: Vec::new(),
            segments: Vec::new(),
            retired: Vec::new(),
        }
    }

    pub(crate) fn encode(&self) -> Result<Bytes> {
        let value = Value::serialized(self)
            .map_err(|e| Error::new(ErrorKind::Invalid, Op::Maintain, "the manifest").caused_by(e))?;
        Ok(envelope::seal(Kind::Manifest, NAME, &cbor::encode_deterministic(&value)?))
    }

    pub(crate) fn decode(object: &Bytes) -> Result<Manifest> {
        let body = envelope::open(Kind::Manifest, NAME, object)?;
        let manifest: Manifest = cbor::decode(&body)?
            .deserialized()
            .map_err(|e| damaged("the manifest", "it is not one").caused_by(e))?;
        if !(2..=4096).contains(&manifest.schema.dims) {
            return Err(damaged("the manifest", "it has a number of dimensions that there cannot be"));
        }
        Ok(manifest)
    }

    /// Reads it; `None` if there is no collection.
    pub(crate) async fn read(store: &Arc<dyn Store>, call: &Call) -> Result<Option<(Manifest, Version)>> {
        let key = Key::new(NAME)?;
        match store.get_opts(&key, &GetOptions::new().with_call(call.clone())).await? {
            Got::Found { meta, body, .. } => {
                let manifest = Manifest::decode(&body).map_err(|e| e.at(store.id()).on(&key))?;
                let version = meta.version.ok_or_else(|| Error::unsupported(Op::Open, "versions"))?;
                Ok(Some((manifest, version)))
            }
            _ => Ok(None),
        }
    }

    /// Writes it over `old`, or where there is none; its new version.
    pub(crate) async fn write(
        &self,
        store: &Arc<dyn Store>,
        old: Option<Version>,
        call: &Call,
    ) -> Result<Version> {
        let pre = old.map_or(Precondition::Absent, Precondition::Matches);
        let options = PutOptions::new().with_pre(pre).with_call(call.clone());
        store.put_opts(&Key::new(NAME)?, self.encode()?, &options).await.map(|written| written.version)
    }
}
