//! Exports, imports, copies and comparisons between real stores, whole and stopped.
//!
//! One program, as each is linked anew.

mod common;
mod crowd;
mod faults;
mod options;
mod parts;
mod round_trip;
mod stops;

use std::sync::Arc;

use larder_migrate::{CompareOptions, Side, verify};
use larder_store_core::Store;

/// Whether two stores hold the same.
async fn equal(source: &Arc<dyn Store>, target: &Arc<dyn Store>) -> bool {
    let sides = (Side::Store(source.clone()), Side::Store(target.clone()));
    verify(sides.0, sides.1, &CompareOptions::new()).await.unwrap().is_equal()
}
