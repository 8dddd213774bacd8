//! The double as a program.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use larder::StoreExt;
use larder_cloud_tests::s3::{Apart, DoubleOptions};
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn it_says_where_it_is_and_ends_on_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_larder-s3-double"))
            .args(["--die-with-parent", "--bucket", "things", "--latency", "1ms", "--dir"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("ready http://127.0.0.1:").unwrap();
        std::net::TcpStream::connect(("127.0.0.1", port.parse::<u16>().unwrap())).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "its bodies stay behind");
    }
}

#[tokio::test]
async fn what_it_is_started_with_reaches_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = DoubleOptions {
        access_key: "ANOTHER".into(),
        secret_key: "an/other+secret".into(),
        region: "eu-north-1".into(),
        bodies: Some(folder.path().into()),
        buckets: vec!["things".into(), "more".into()],
        ..DoubleOptions::default()
    };
    let program = Command::new(env!("CARGO_BIN_EXE_larder-s3-double"));
    let latency = Duration::from_millis(40);
    let double = Apart::start(program, options, latency).unwrap();
    let shown = format!("{double:?}");
    assert!(!shown.contains("secret"), "{shown}");
    for place in ["things/here", "more"] {
        let store = larder::open(&double.url(place)).await.unwrap();
        store.put("k", vec![7; 20_000]).await.unwrap();
        let begun = Instant::now();
        assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&[7; 20_000][..]));
        assert!(begun.elapsed() >= latency);
    }
    let inside: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(std::fs::read_dir(&inside[0]).unwrap().count(), 2);
    let endpoint = double.endpoint().strip_prefix("http://").unwrap().to_owned();
    drop(double);
    assert!(std::net::TcpStream::connect(endpoint).is_err(), "it is still there");
}

#[test]
fn one_that_is_no_double_is_told() {
    let wrong = Apart::start(Command::new("true"), DoubleOptions::default(), Duration::ZERO);
    assert!(wrong.unwrap_err().to_string().contains("did not say"));
}

#[test]
fn a_wrong_option_is_refused() {
    let program = || Command::new(env!("CARGO_BIN_EXE_larder-s3-double"));
    for wrong in [&["--buckets", "x"][..], &["--latency", "20"], &["--port"], &["--conditions", "some"]] {
        let output = program().args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(!output.stderr.is_empty());
    }
    let help = program().arg("--help").output().unwrap();
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("--latency 20ms"));
}
