//! A store with one value, and the same store behind faults.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder_store_core::conformance::{Place, Reference};
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{ByteStream, Env, Key, StoreExt};

pub fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

/// A store with one value, and the same store behind faults.
pub async fn faulty(faults: &Faults) -> (Arc<Reference>, FaultStore<Arc<Reference>>) {
    let inner = Arc::new(Reference::new(&Place::new("faulty", Env::system())));
    inner.put("old", "0123456789").await.unwrap();
    (inner.clone(), FaultStore::new(inner, faults.clone()))
}

pub fn plan(rule: Fault) -> Faults {
    Faults::new(1, [rule]).unwrap()
}

pub fn body(pieces: &[&'static str]) -> ByteStream {
    stream::iter(pieces.iter().map(|p| Ok(Bytes::from(*p))).collect::<Vec<_>>()).boxed()
}
