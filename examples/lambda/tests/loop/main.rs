//! The function, driven by Lambda's runtime loop over an S3 server: invocations with kills and freezes.
#![allow(
    clippy::disallowed_methods,
    reason = "it plays what is around the function: a service, and whoever freezes it"
)]

mod api;
mod emulator;
mod environment;
mod model;

use std::process::Command;
use std::time::Duration;

use api::Api;
use emulator::Emulator;
use environment::{Environment, program};
use larder_cloud_tests::installed;
use larder_cloud_tests::s3::{Double, DoubleOptions};
use model::Model;

fn double() -> Double {
    let double = Double::start(DoubleOptions::default()).expect("the double starts");
    double.create_bucket("bucket");
    double
}

fn stack(double: &Double, folder: &std::path::Path) -> String {
    format!(
        "memory:?capacity=8MiB | lmdb:{}?capacity=64MiB | {}&fresh=30s",
        folder.join("cache").display(),
        double.url("bucket/app")
    )
}

/// How many invocations: a thousand, or what the environment says.
fn invocations() -> u64 {
    std::env::var("LARDER_INVOCATIONS")
        .map_or(1000, |text| text.parse().expect("LARDER_INVOCATIONS is a number"))
}

#[test]
fn invocations_with_kills_and_freezes_are_right_every_time() {
    let (double, folder, mut api) = (double(), tempfile::tempdir().unwrap(), Api::start());
    let mut environment = Environment::start(&api, &stack(&double, folder.path()));
    let mut model = Model::new();
    let (mut kills, mut freezes, mut hits) = (0, 0, 0);
    for _ in 0..invocations() {
        let event = model.draw();
        let patience = Duration::from_secs(20);
        match model.below(100) {
            // Killed at some moment of the invocation.
            0..5 => {
                let id = api.invoke(event.text(), patience);
                std::thread::sleep(Duration::from_micros(model.below(6000)));
                environment.kill();
                kills += 1;
                // It may have answered before; if not, nobody ever will.
                let answer = api.answer(id, Duration::from_millis(20));
                model.judge(&event, answer);
                continue;
            }
            // Frozen in the middle of an invocation, as when its time is up, and thawed for the next one.
            5..10 => {
                let id = api.invoke(event.text(), patience);
                std::thread::sleep(Duration::from_micros(model.below(4000)));
                environment.freeze();
                std::thread::sleep(Duration::from_millis(model.below(30)));
                environment.thaw();
                freezes += 1;
                let answer = api.answer(id, patience);
                assert!(answer.is_some(), "{} got no answer", event.text());
                model.judge(&event, answer);
                continue;
            }
            // Frozen between two, while its connections die.
            10..13 => {
                environment.freeze();
                double.drop_connections();
                std::thread::sleep(Duration::from_millis(5));
                environment.thaw();
                freezes += 1;
            }
            _ => {}
        }
        let id = api.invoke(event.text(), patience);
        let answer = api.answer(id, patience);
        assert!(environment.is_alive(), "the function ended by itself");
        assert!(answer.is_some(), "{} got no answer", event.text());
        hits += u64::from(model.judge(&event, answer));
    }
    assert!(kills > 0 && freezes > 0, "{kills} kills, {freezes} freezes");
    assert!(hits > invocations() / 20, "{hits} hits: a cache that admits nothing is always right");
    println!("{} invocations, {kills} kills, {freezes} freezes, {hits} hits, none wrong", invocations());
}

/// An environment may be given several invocations at once, which share the stack and add to the same numbers.
#[test]
fn invocations_at_once_in_one_environment() {
    let (double, folder, mut api) = (double(), tempfile::tempdir().unwrap(), Api::start());
    let _environment = Environment::start_at(api.address(), &stack(&double, folder.path()), 8);
    // So that several are under way whatever the machine does meanwhile.
    double.set_latency(Duration::from_millis(3));
    let (keys, each) = (3, 60);
    let mut asked = std::collections::BTreeMap::new();
    for n in 0..keys * each {
        let event = format!(r#"{{"op": "add", "key": "n/{}"}}"#, n % keys);
        asked.insert(api.invoke(event, Duration::from_secs(30)), n % keys);
    }
    let mut sums = vec![Vec::new(); keys];
    let mut in_order = true;
    let mut last = 0;
    while !asked.is_empty() {
        let (id, answer) = api.any(Duration::from_secs(30)).expect("an answer");
        let key = asked.remove(&id).expect("one answer for each");
        let answer = answer.unwrap();
        let sum = answer.split("\"value\":\"").nth(1).and_then(|rest| rest.split('"').next());
        sums[key].push(sum.and_then(|sum| sum.parse::<usize>().ok()).expect("a number"));
        (in_order, last) = (in_order && id > last, id);
    }
    for mut sums in sums {
        sums.sort_unstable();
        assert_eq!(sums, (1..=each).collect::<Vec<_>>(), "each adds one");
    }
    assert!(!in_order, "they were carried out one by one");
}

/// What plays Lambda here is ours; this is somebody else's.
#[test]
fn the_function_runs_under_cargo_lambda() {
    let (double, folder) = (double(), tempfile::tempdir().unwrap());
    let Some(emulator) = Emulator::for_test("the_function_runs_under_cargo_lambda") else { return };
    let stack = stack(&double, folder.path());
    for round in 0..2 {
        // The second finds the cache of the first, which is killed.
        let _environment = Environment::start_at(&emulator.runtime_api(), &stack, 1);
        for n in 1..=3 {
            let answer = emulator.invoke(r#"{"op": "add", "key": "visits"}"#).unwrap();
            assert!(answer.contains(&format!(r#""value":"{}""#, 3 * round + n)), "{answer}");
        }
        let answer = emulator.invoke(r#"{"op": "get", "key": "visits"}"#).unwrap();
        assert!(answer.contains(r#""tier":0"#), "{answer}");
        let error = emulator.invoke(r#"{"op": "get", "key": ""}"#).unwrap_err();
        assert!(error.contains("larder.Invalid") && error.contains("cannot be empty"), "{error}");
    }
}

/// A key that is in the cache is answered without any network.
#[test]
fn a_cold_start_with_a_cache_touches_no_network() {
    let (double, folder) = (double(), tempfile::tempdir().unwrap());
    let stack = stack(&double, folder.path());
    let run = |args: &[&str]| {
        let done = Command::new(program()).args(args).env("LARDER_STACK", &stack).output().expect("it runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    assert!(run(&["add", "k"]).contains("\"1\""));
    assert!(run(&["get", "k"]).contains("\"1\""));
    let (requests, connections) = (double.requests(), double.connections());
    for _ in 0..10 {
        let answer = run(&["get", "k"]);
        assert!(answer.contains("\"tier\":1"), "{answer}");
    }
    assert_eq!((double.requests(), double.connections()), (requests, connections));

    // What the process asks the kernel for, where there is a program that shows it.
    let test = "a_cold_start_with_a_cache_touches_no_network, its system calls";
    let Some(strace) = installed::or_skip(test, "strace", "LARDER_STRACE") else { return };
    let traced = Command::new(strace)
        .args(["-f", "-qq", "-e", "trace=%network,%file", "--"])
        .arg(program())
        .args(["get", "k"])
        .env("LARDER_STACK", &stack)
        .output()
        .expect("strace runs");
    let calls = String::from_utf8_lossy(&traced.stderr);
    assert!(traced.status.success() && calls.contains("data.mdb"), "{calls}");
    // Connections, names of hosts, credentials, and what TLS trusts.
    let none = ["AF_INET", "resolv.conf", "/etc/hosts", "nsswitch", ".aws", "/ssl/", "/certs"];
    let network: Vec<_> = calls.lines().filter(|line| none.iter().any(|no| line.contains(no))).collect();
    assert!(network.is_empty(), "{network:#?}");
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_lost() {
    let (double, folder, mut api) = (double(), tempfile::tempdir().unwrap(), Api::start());
    let _environment = Environment::start(&api, &stack(&double, folder.path()));
    let mut ask = |event: &str| {
        let id = api.invoke(event.into(), Duration::from_secs(20));
        api.answer(id, Duration::from_secs(20)).expect("an answer")
    };
    assert!(ask(r#"{"op": "put", "key": "k", "value": "no number"}"#).is_ok());
    let error = ask(r#"{"op": "add", "key": "k"}"#).unwrap_err();
    assert!(error.contains("larder.Invalid") && error.contains("no number"), "{error}");
    assert!(ask(r#"{"op": "get", "key": "k"}"#).unwrap().contains("no number"));
    assert!(ask(r#"{"op": "get", "key": ""}"#).unwrap_err().contains("cannot be empty"));
    assert!(ask(r#"{"op": "fly", "key": "k"}"#).is_err());
    assert!(ask(r#"{"op": "delete", "key": "k"}"#).is_ok());
    assert_eq!(ask(r#"{"op": "get", "key": "k"}"#).unwrap(), r#"{"key":"k"}"#);

    for (stack, says) in [("", "LARDER_STACK"), ("memory: | s3://bucket?region=eu-west-1", "fresh")] {
        let done = Command::new(program()).args(["get", "k"]).env("LARDER_STACK", stack).output().unwrap();
        assert!(!done.status.success());
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(said.contains(says), "{said}");
    }
}
