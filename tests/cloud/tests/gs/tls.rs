//! The TLS provider of a process: never missing, never replaced. Each in a process of its own, as it is global.

use std::process::Command;
use std::sync::Arc;

use larder::StoreExt;
use rustls::crypto::{CryptoProvider, ring};

use crate::service::double;

const ROLE: &str = "LARDER_GS_TLS";

#[test]
fn it_is_never_missing_and_never_replaced() {
    if let Ok(role) = std::env::var(ROLE) {
        return child(&role);
    }
    for role in ["none", "own", "two"] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "tls::it_is_never_missing_and_never_replaced", "--nocapture"]);
        let output = child.env(ROLE, role).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{role}: {said}");
    }
}

fn child(role: &str) {
    assert!(CryptoProvider::get_default().is_none(), "somebody was before this");
    // One that can be told from ring's own.
    let mut own = ring::default_provider();
    own.cipher_suites.truncate(1);
    if role == "own" {
        own.install_default().unwrap();
    }
    let before: Option<Arc<CryptoProvider>> = CryptoProvider::get_default().cloned();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let double = double();
        let store = larder::open(&double.url("bucket")).await.unwrap();
        assert_eq!(CryptoProvider::get_default().is_some(), role == "own", "opening needs none");
        store.put("k", "v").await.unwrap();
        let now = CryptoProvider::get_default().cloned().unwrap();
        if let Some(before) = before {
            assert!(Arc::ptr_eq(&before, &now), "it was replaced");
        }
        if role == "two" {
            let other = larder::open(&double.url("bucket/p")).await.unwrap();
            other.put("k", "v").await.unwrap();
            assert!(Arc::ptr_eq(&now, CryptoProvider::get_default().unwrap()));
        }
        // TLS too: nothing listens there, and nothing panics.
        let url = "gs://bucket?endpoint=https://127.0.0.1:1&anonymous=true&attempts=1&patience=1s";
        let tls = larder::open(url).await.unwrap();
        assert!(tls.get("k").await.is_err() && tls.head("k").await.is_err());
    });
}
