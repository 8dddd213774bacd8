//! Printing and parsing give back what was there, whatever the characters.

use crate::common::rng::Rng;
use larder_store_core::config::{
    Freshness, Param, ReadPolicy, StackConfig, StackPolicy, StoreConfig, WritePolicy,
};
use std::time::Duration;

const ODD: &[&str] = &[
    "a",
    "Z",
    "0",
    "/",
    "//",
    ":",
    "?",
    "#",
    "|",
    "%",
    "%41",
    "%zz",
    "@",
    "&",
    "=",
    "+",
    " ",
    "\t",
    "\n",
    "\u{7f}",
    "\u{85}",
    "é",
    "\u{202e}",
    "\u{10ffff}",
    "..",
    ".",
    "\\",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "~",
    "*",
    "fresh",
    ",",
    ";",
];

fn config(rng: &mut Rng) -> StoreConfig {
    let scheme = *rng.pick(&["m", "file", "s3", "x-y-1", "redis"]);
    let place = rng.text(ODD, 6);
    let mut config = match rng.below(3) {
        // The form with a host, as parsing makes it.
        0 => StoreConfig::parse(&format!(
            "{scheme}://{}",
            rng.pick(&["h", "h:1", "[::1]:2", "B/é", "h%3Ax/y%40", "b/"])
        ))
        .unwrap(),
        _ => StoreConfig::new(scheme, place),
    };
    for _ in 0..rng.below(4) {
        let name = format!("p{}", rng.text(ODD, 3));
        config = config.with_param(name, rng.text(ODD, 5));
    }
    // Three stars in a row are refused on purpose, and no value of the odd pieces alone is much else.
    match config.check() {
        Ok(()) => config,
        Err(_) => StoreConfig::new(scheme, "***"),
    }
}

#[test]
fn one_store() {
    let mut rng = Rng::new(1);
    for i in 0..20_000 {
        let config = config(&mut rng);
        let url = config.to_secret_url();
        let back =
            StoreConfig::parse(url.reveal()).unwrap_or_else(|e| panic!("{i}: {:?}: {e}", url.reveal()));
        assert!(back == config, "{i}: {:?}", url.reveal());
        assert!(url.reveal().is_ascii() && !url.reveal().contains(['|', '#', ' ', '\n']));
        // The same text, so that a log and a script agree on it.
        assert_eq!(back.to_secret_url().reveal(), url.reveal());
    }
}

#[test]
fn redacted_without_secrets_round_trips_and_with_them_is_refused() {
    let known = [
        Param { name: "region", about: "", secret: false },
        Param { name: "secret_key", about: "", secret: true },
    ];
    let harmless = StoreConfig::parse("s3://b/p?region=a%26b").unwrap();
    assert_eq!(StoreConfig::parse(&harmless.to_redacted_url(&known)).unwrap(), harmless);
    let secret = harmless.with_param("secret_key", "x");
    assert_eq!(secret.to_redacted_url(&known), "s3://b/p?region=a%26b&secret_key=***");
    let error = StoreConfig::parse(&secret.to_redacted_url(&known)).unwrap_err();
    assert!(error.to_string().contains("blacked out"), "{error}");
    // What is not known to be harmless is not shown.
    assert_eq!(secret.to_string(), "s3://b/p?region=***&secret_key=***");
    assert_eq!(format!("{secret:?}"), "StoreConfig(s3://b/p?region=***&secret_key=***)");
}

fn fresh(rng: &mut Rng) -> Freshness {
    match rng.below(4) {
        0 => Freshness::Immutable,
        1 => Freshness::Always,
        2 => Freshness::SoleWriter,
        _ => Freshness::MaxAge(Duration::from_micros(rng.below(10_000_000) as u64)),
    }
}

fn maybe<T>(rng: &mut Rng, make: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    (rng.below(2) == 0).then(|| make(rng))
}

fn policy(rng: &mut Rng) -> StackPolicy {
    let mut policy = StackPolicy::default();
    policy.fresh = maybe(rng, fresh);
    for _ in 0..rng.below(3) {
        let printable: Vec<&str> = ODD.iter().copied().filter(|s| !s.chars().any(char::is_control)).collect();
        let prefix = format!("k{}", rng.text(&printable, 4));
        let fresh = fresh(rng);
        policy.fresh_by_prefix.insert(prefix, fresh);
    }
    policy.read = maybe(rng, |rng| match rng.below(4) {
        0 => ReadPolicy::FrontFirst,
        1 => ReadPolicy::FrontOnly,
        2 => ReadPolicy::OriginFirst,
        _ => ReadPolicy::Revalidate(Duration::from_millis(rng.below(100_000) as u64)),
    });
    policy.write = maybe(rng, |rng| {
        *rng.pick(&[WritePolicy::Through, WritePolicy::Around, WritePolicy::Back, WritePolicy::FrontOnly])
    });
    policy.fence_slots = maybe(rng, |rng| rng.below(1000) as u64 + 1);
    policy
}

#[test]
fn stacks() {
    let mut rng = Rng::new(2);
    for i in 0..20_000 {
        let tiers: Vec<_> = (0..=rng.below(3)).map(|_| config(&mut rng)).collect();
        let mut stack = StackConfig::from_tiers(tiers).unwrap();
        if stack.alone().is_none() {
            stack = stack.with_policy(policy(&mut rng)).unwrap();
        }
        let text = stack.to_secret_text();
        let back =
            StackConfig::parse(text.reveal()).unwrap_or_else(|e| panic!("{i}: {:?}: {e}", text.reveal()));
        assert!(back == stack, "{i}: {:?}", text.reveal());
    }
}

/// Whatever the text, the parser answers; and what it takes, it prints and takes again.
#[test]
fn any_text_is_taken_or_refused() {
    let mut rng = Rng::new(3);
    let parts: Vec<&str> =
        ODD.iter().copied().chain(["s3://", "file:", "?a=", "&b=", "%20", " | "]).collect();
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..200_000 {
        let text = format!("{}{}", rng.pick(&["m:", "m://", "", "m:?", "a:|b:"]), rng.text(&parts, 8));
        match StackConfig::parse(&text) {
            Err(_) => refused += 1,
            Ok(stack) => {
                taken += 1;
                let again = StackConfig::parse(stack.to_secret_text().reveal());
                assert!(again.is_ok_and(|again| again == stack), "{text:?}");
            }
        }
    }
    assert!(taken > 10_000 && refused > 10_000, "{taken} {refused}");
}
