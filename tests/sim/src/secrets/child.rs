//! The child: works and fails with secrets, and prints whatever it gets.

use std::fmt::{Debug, Display};
use std::path::Path;

use futures_util::StreamExt;
use larder_store_core::config::{StackConfig, StoreConfig};
use larder_store_core::{OpenOptions, Registry, Store, StoreExt};

use super::canary::canary;
use super::listener::Listener;
use super::vault::Vault;
use crate::args::Args;
use crate::stores::Kind;
use crate::{Outcome, process, stores};

/// The name of the role.
pub(super) const ROLE: &str = "role-secrets";

/// Plays the role.
///
/// # Errors
/// Something fails that must not.
pub(super) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let folder = args.need("folder")?;
    let leak = args.flag("leak")?;
    args.finish()?;
    tracing::subscriber::set_global_default(Listener::default())?;
    let mut registry = stores::registry();
    registry.register(Vault)?;
    stores::block_on(async {
        for kind in Kind::BUILT {
            work(&registry, *kind, Path::new(&folder)).await?;
        }
        mistakes(&registry).await;
        Outcome::Ok(())
    })?;
    configurations();
    panics();
    if leak {
        // So that the parent is seen to find something.
        tracing::trace!(token = %canary(0), "a secret in a field");
    }
    Ok(())
}

/// Prints something in both forms.
fn say(what: &(impl Debug + Display)) {
    println!("{what}\n{what:?}\n{what:#?}");
}

/// Prints an error with its causes.
fn fail<T>(done: larder_store_core::Result<T>) {
    let Err(error) = done else { return };
    say(&error);
    let mut cause = std::error::Error::source(&error);
    while let Some(one) = cause {
        println!("{one}\n{one:?}");
        cause = one.source();
    }
}

/// Opens a store behind the door, works with it, and lets it fail.
async fn work(registry: &Registry, kind: Kind, folder: &Path) -> Outcome {
    let inner = stores::url(&kind.at(&folder.join(kind.name()), "")?);
    let config = StoreConfig::new("vault", "main")
        .with_param("user", "anna")
        .with_param("password", canary(0))
        .with_param("token", canary(1))
        .with_param("region", "harmless-region")
        .with_param("inner", inner);
    say(&config);
    let options = OpenOptions::new();
    println!("{options:?}");
    for text in [config.to_secret_url().reveal().to_owned(), "vault:other".to_owned()] {
        for _ in 0..2 {
            match registry.open_url(&text, &options).await {
                Ok(store) => use_it(&*store).await,
                Err(error) => fail::<()>(Err(error)),
            }
        }
    }
    fail(registry.exists(&config, &options).await);
    println!("{:?}", registry.destroy(&config, &options).await?);
    println!("{registry:?}");
    Ok(())
}

async fn use_it(store: &dyn Store) {
    println!("{store:?} {:?} {:?}", store.id(), store.guarantees());
    fail(store.put("k", "v").await);
    fail(store.put_if_absent("k", "w").await);
    fail(store.put("", "w").await);
    fail(store.put("x".repeat(2000), "w").await);
    fail(store.get_range("k", 100..200).await);
    println!("{:?}", store.get("k").await);
    println!("{:?}", store.head("k").await);
    println!("{:?}", store.list("").collect::<Vec<_>>().await);
    fail(store.delete("k").await);
    fail(store.close(&Default::default()).await);
    fail(store.get("k").await);
}

/// Every mistake that can be made around a secret. None may show it, or a piece of it. (A name of a parameter is none:
/// an unknown one is shown, so that a slip of the pen can be found.)
async fn mistakes(registry: &Registry) {
    let secret = canary(2);
    let forms = [
        "vault:x?token={}",
        "vault:x?token={}&tokn={}",
        "vault:x?token={}&token={}",
        "vault:x?token={}&{}",
        "vault:x?token={}&={}",
        "vault:x?{}",
        "vault:x?token={}%zz",
        "vault:x?token=%zz{}",
        "vault:x?token={}%",
        "vault:x?token={}%00",
        "vault:x?token={}%ff",
        "vault:x?pin={}&token=a",
        "vault:x?token={}&region",
        "vault:x?token={}&fresh=30s",
        "vault:x?fresh={}",
        "vault://anna:{}@host/x",
        "vault://anna:{}@host/x?password={}",
        "vault://anna:{}@",
        "vault://anna:{}@host:port/x",
        "vault://anna:{}/x",
        "vault://anna:{}@host@other/x",
        "vault://{}@host/x?token={}",
        "vault://anna:{}#x@host/x",
        "vault:x?token={}#fragment",
        "vault:x?token={}|{}",
        "vault:x?token={} | memory:",
        "memory: | vault:x?token={}",
        "memory: | vault:x?token={} |",
        "memory: || vault:x?token={}",
        "vault:x?token=a|b{}",
        "file:/tmp/none?token={}",
        "lmdb:/tmp/none?password={}",
        "memory:?secret={}",
        "file://anna:{}@host/x",
        "lmdb://anna:{}@host/x",
        "nobody://anna:{}@host/x?token={}",
        "Vault:x?token={}",
        "://anna:{}@host",
        " vault:x?token={}",
        "vault:x?inner=nobody:y%3Ftoken={}&token=a",
        "vault:x?inner=memory:%3Fpassword%3D{}&token=a",
    ];
    let options = OpenOptions::new();
    for form in forms {
        let text = form.replace("{}", &secret);
        println!("form {}", form.replace("{}", "…"));
        fail(registry.open_url(&text, &options).await);
        fail(registry.exists_url(&text, &options).await);
        fail(registry.destroy_url(&text, &options).await);
        fail(StoreConfig::parse(&text));
        match StackConfig::parse(&text) {
            Ok(stack) => say(&stack),
            Err(error) => fail::<()>(Err(error)),
        }
    }
}

/// Configurations by hand and from maps, right and wrong.
fn configurations() {
    let secret = canary(3);
    let url = format!("vault:x?token={secret}");
    let maps: [Vec<(&str, &str)>; 8] = [
        vec![("scheme", "vault"), ("place", "x"), ("token", &secret)],
        vec![("url", &url)],
        vec![("url", &url), ("token", &secret)],
        vec![("url", &url), ("scheme", "vault")],
        vec![("token", &secret)],
        vec![("scheme", &secret)],
        vec![("scheme", "vault"), ("token", &secret), ("token", &secret)],
        vec![("scheme", "vault"), ("token", "a\0b"), ("fresh", &secret)],
    ];
    for map in maps {
        for config in [StoreConfig::from_map(map.clone()), StoreConfig::from_map_of_tier(map)] {
            match config {
                Ok(config) => {
                    say(&config);
                    fail(config.check());
                    println!("{}", config.to_redacted_url(&[]));
                    println!("{:?}", config.to_secret_url());
                    fail(StackConfig::from_tiers(vec![config]));
                }
                Err(error) => fail::<()>(Err(error)),
            }
        }
    }
}

/// A panic prints what it is given, on the error output.
fn panics() {
    let config = StoreConfig::new("vault", "x").with_param("token", canary(4));
    let died = std::thread::spawn(move || panic!("with {config:?} and {config}")).join();
    println!("panicked: {}", died.is_err());
}
