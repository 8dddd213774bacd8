//! The bucket: it is filled behind the service's back, as what is tested is who reads it.

use std::path::Path;
use std::time::UNIX_EPOCH;

use larder_cloud_tests::s3::{Double, DoubleOptions};
use larder_store_core::WriteId;
use larder_store_core::config::StoreConfig;
use larder_store_core::record::Head;

use super::Options;
use super::fill::{key, value_of};
use crate::Outcome;
use crate::report::Report;

const BUCKET: &str = "limits";

/// Starts a double with large bodies in `folder`, and fills it; where the store is.
pub(super) fn fill(layout: &str, folder: &Path, keys: u64) -> Outcome<(Double, StoreConfig)> {
    let double = Double::start(DoubleOptions {
        bodies: Some(folder.join("bodies")),
        buckets: vec![BUCKET.into()],
        ..DoubleOptions::default()
    })?;
    let record = layout == "record";
    let mut wrong = None;
    let objects = (0..keys).map_while(|n| {
        let key = key(n);
        let value = value_of(&key, n);
        let object = match record {
            false => Ok(value.to_vec()),
            true => Head::new(key.clone(), WriteId::from_bytes(u128::from(n + 1).to_be_bytes()), UNIX_EPOCH)
                .encode_with(&value),
        };
        let object = object.map_err(|error| wrong = Some(error)).ok()?;
        Some((format!("p/{}", key.as_str()), object))
    });
    double.seed_values(BUCKET, objects)?;
    if let Some(error) = wrong {
        return Err(error.into());
    }
    let config = StoreConfig::parse(&format!("{}&layout={layout}", double.url(&format!("{BUCKET}/p"))))?;
    Ok((double, config))
}

/// What the service saw.
pub(super) fn look(double: &Double, options: &Options, report: &mut Report) -> Outcome {
    let requests = double.requests();
    let of = |operation| requests.get(operation).copied().unwrap_or_default();
    report.count("requests that list", of("ListObjectsV2"));
    report.count("requests that bring parts", of("UploadPart"));
    if of("ListObjectsV2") != options.keys.div_ceil(1000) {
        report.problem(format!("{} requests listed {} keys", of("ListObjectsV2"), options.keys));
    }
    if double.uploads(BUCKET) != 0 {
        report.problem("an upload was left behind".to_owned());
    }
    Ok(())
}
