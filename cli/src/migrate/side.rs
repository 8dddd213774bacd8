//! A side of a comparison: a store or a dump.

use larder::migrate::Side;

use super::name::{DumpName, SideName};
use super::place::Place;
use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::open::Make;
use crate::stores::Stores;

/// Opens what is named, to be read.
pub(crate) async fn open(cx: &Cx, stores: &mut Stores<'_>, name: &SideName) -> Result<Side> {
    match name {
        SideName::Store(text) => {
            stores.open(text, Make::Never).await.map(Side::Store).map_err(|e| assumed(text, e))
        }
        SideName::Dump(name) => {
            let place = Place::of(name, stores, Make::Never).await?;
            place.must_be_there(cx).await?;
            Ok(Side::Dump(place.to_read(cx)?))
        }
    }
}

/// Says why a store of an unknown scheme was taken for one.
fn assumed(text: &str, failure: Failure) -> Failure {
    let scheme = text.split(':').next().unwrap_or_default();
    let registry = larder::registry();
    if text.starts_with('@') || registry.schemes().any(|known| known == scheme) {
        return failure;
    }
    match failure {
        Failure::Store(error) => {
            let hint =
                "it was taken for a store, as it begins with a scheme; a dump of such a name is ./NAME";
            Failure::Store(Box::new((*error).clone().hint(hint)))
        }
        other => other,
    }
}

/// Whether it comes from the standard input.
pub(crate) fn streams(name: &SideName) -> bool {
    matches!(name, SideName::Dump(DumpName::Stream))
}
