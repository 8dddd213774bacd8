//! Reading parameters: what is taken, and what is said about the rest.

use std::time::Duration;

use larder_store_core::ErrorKind;
use larder_store_core::config::{Param, StoreConfig};

const OPEN: Param = Param { name: "p", about: "what it is for", secret: false };
const SECRET: Param = Param { name: "p", about: "what it is for", secret: true };

fn given(value: &str) -> StoreConfig {
    StoreConfig::new("s", "place").with_param("p", value)
}

#[test]
fn what_is_taken() {
    assert_eq!(given("64MiB").size(&OPEN).unwrap(), Some(64 << 20));
    assert_eq!(given("1GiB").size(&SECRET).unwrap(), Some(1 << 30));
    assert_eq!(given("4096").size(&OPEN).unwrap(), Some(4096));
    assert_eq!(given("30s").duration(&OPEN).unwrap(), Some(Duration::from_secs(30)));
    assert_eq!(given("100ms").duration(&OPEN).unwrap(), Some(Duration::from_millis(100)));
    assert_eq!(given("true").flag(&OPEN).unwrap(), Some(true));
    assert_eq!(given("false").flag(&OPEN).unwrap(), Some(false));
    assert_eq!(given("b").choice(&OPEN, &["a", "b"]).unwrap(), Some("b"));
    assert_eq!(given("7").number(&OPEN, 7..=7).unwrap(), Some(7));
    assert_eq!(given("x").text(&OPEN).unwrap(), Some("x"));
    let none = StoreConfig::new("s", "place");
    assert_eq!(none.size(&OPEN).unwrap(), None);
    assert_eq!(none.duration(&OPEN).unwrap(), None);
    assert_eq!(none.flag(&OPEN).unwrap(), None);
    assert_eq!(none.choice(&OPEN, &["a"]).unwrap(), None);
    assert_eq!(none.number(&OPEN, 0..=1).unwrap(), None);
    assert_eq!(none.text(&OPEN).unwrap(), None);
    assert!(none.missing(&OPEN).to_string().contains("s: the parameter p is missing (what it is for)"));
}

#[test]
fn what_is_not() {
    type Read = fn(&StoreConfig, &Param) -> Option<larder_store_core::Error>;
    let cases: &[(&str, &[&str], Read, &str)] = &[
        (
            "size",
            &["", "64 MiB", "64MB", "-1", "1.5GiB"],
            |c, p| c.size(p).err(),
            "a size such as 64MiB, 1GiB or 4096",
        ),
        (
            "duration",
            &["", "30", "30 s", "5min"],
            |c, p| c.duration(p).err(),
            "a time such as 30s, 5m or 100ms",
        ),
        ("flag", &["", "yes", "True", "1"], |c, p| c.flag(p).err(), "true or false"),
        ("choice", &["", "A", "c"], |c, p| c.choice(p, &["a", "b"]).err(), "one of a, b"),
        (
            "number",
            &["", "+3", "-3", "0x3", "2", "5"],
            |c, p| c.number(p, 3..=4).err(),
            "a whole number from 3 to 4",
        ),
        ("text", &[""], |c, p| c.text(p).err(), "text that is not empty"),
    ];
    for (reader, values, read, wanted) in cases {
        for value in *values {
            let error = read(&given(value), &OPEN).unwrap_or_else(|| panic!("{reader} took {value:?}"));
            assert_eq!(error.kind(), ErrorKind::Invalid);
            let said = error.to_string();
            assert!(said.contains(&format!("s: p wants {wanted}")), "{said}");
            assert!(said.contains(&format!("was given {value:?} (what it is for)")), "{said}");
        }
    }
}

#[test]
fn a_secret_is_not_shown() {
    let config = given("hunter2");
    let errors = [
        config.size(&SECRET).unwrap_err(),
        config.duration(&SECRET).unwrap_err(),
        config.flag(&SECRET).unwrap_err(),
        config.choice(&SECRET, &["a"]).unwrap_err(),
        config.number(&SECRET, 0..=1).unwrap_err(),
    ];
    for error in errors {
        let said = format!("{error} {error:?}");
        assert!(!said.contains("hunter2") && said.contains("which is a secret"), "{said}");
    }
    let long = "x".repeat(61);
    let said = given(&long).size(&OPEN).unwrap_err().to_string();
    assert!(said.contains("61 characters") && !said.contains(&long), "{said}");
}

#[test]
fn unknown_parameters_are_refused_with_those_that_are_known() {
    let known = [Param { name: "a", ..OPEN }, Param { name: "b", ..OPEN }];
    let config = |name: &str| StoreConfig::new("s", "").with_param(name, "hunter2");
    assert!(config("a").check_params(&known).is_ok());
    let said = config("c").check_params(&known).unwrap_err().to_string();
    assert!(said.contains("s: does not know the parameter \"c\" (known: a, b)"), "{said}");
    let said = config("c").check_params(&[]).unwrap_err().to_string();
    assert!(said.contains("(it has none)"), "{said}");
    let said = config("fresh").check_params(&known).unwrap_err().to_string();
    assert!(said.contains("stands alone"), "{said}");
    let said = config("hunter2 or so").check_params(&known).unwrap_err().to_string();
    assert!(said.contains("odd characters") && !said.contains("hunter2"), "{said}");
}
