//! The suite passes the reference store.

use larder_store_core::conformance::{self, Options, ReferenceSubject};

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_passes() {
    let report = conformance::run(ReferenceSubject::default(), &Options::new().from_env()).await;
    println!("{report}");
    report.assert_passed();
}
