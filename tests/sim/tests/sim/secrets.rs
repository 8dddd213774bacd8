use larder_sim::secrets::run;

use crate::program;

#[test]
fn are_in_no_output() {
    run(&program(), false).unwrap().assert_good();
}

#[test]
fn a_leak_is_found() {
    let report = run(&program(), true).unwrap();
    assert_eq!(report.counted("leaks"), 1, "{}", report.json());
}
