//! The double as a program.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use larder::StoreExt;
use larder_cloud_tests::gs::{Apart, DoubleOptions};
use rustix::process::{Pid, Signal, kill_process};

pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_larder-gs-double"))
}

#[test]
fn it_says_where_it_is_and_ends_on_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let mut child = program()
            .args([
                "--die-with-parent",
                "--bucket",
                "things",
                "--versioned",
                "more",
                "--latency",
                "1ms",
                "--dir",
            ])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (rest, grpc) = line.trim().strip_prefix("ready ").unwrap().split_once(' ').unwrap();
        for endpoint in [rest, grpc] {
            std::net::TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).unwrap();
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "its bodies stay behind");
    }
}

#[tokio::test]
async fn what_it_is_started_with_reaches_it() {
    let folder = tempfile::tempdir().unwrap();
    let bodies = Some(folder.path().into());
    let options = DoubleOptions { bodies, buckets: vec!["things".into()], ..DoubleOptions::default() };
    let double = Apart::start(program(), &options, Duration::ZERO).unwrap();
    let store = larder::open(&double.url("things/here")).await.unwrap();
    store.put("k", vec![7; 20_000]).await.unwrap();
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&[7; 20_000][..]));
    assert!(store.head("k").await.unwrap().is_some());
    let inside: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(std::fs::read_dir(&inside[0]).unwrap().count(), 1);
    let endpoint = double.endpoint().strip_prefix("http://").unwrap().to_owned();
    drop(double);
    assert!(std::net::TcpStream::connect(endpoint).is_err(), "it is still there");
}

#[test]
fn one_that_is_no_double_is_told() {
    let wrong = Apart::start(Command::new("true"), &DoubleOptions::default(), Duration::ZERO);
    assert!(wrong.unwrap_err().to_string().contains("did not say"));
}

#[test]
fn a_wrong_option_is_refused() {
    for wrong in [&["--buckets", "x"][..], &["--latency", "20"], &["--port"], &["--conditions", "some"]] {
        let output = program().args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(!output.stderr.is_empty());
    }
    let help = program().arg("--help").output().unwrap();
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("--latency 20ms"));
}
