//! The registry: what it refuses, what it passes on, what it logs, and that no secret gets out on any way.
#![cfg(feature = "conformance")]

use std::sync::{Arc, Mutex};

use crate::common::capture::Capture;
use async_trait::async_trait;
use larder_store_core::config::{Param, StackConfig, StoreConfig};
use larder_store_core::conformance::{Place, Reference};
use larder_store_core::{
    Backend, Destroy, Env, Error, ErrorKind, Op, OpenOptions, Registry, Result, Role, StackOpener, Store,
};

const SIZE: Param = Param { name: "size", about: "how large; 1MiB by default", secret: false };
const USER: Param = Param { name: "user", about: "who; nobody by default", secret: false };
const PASSWORD: Param = Param { name: "password", about: "of the user; none by default", secret: true };
const SECRET_KEY: Param = Param { name: "secret_key", about: "signs; none by default", secret: true };

/// A third party's backend, which remembers what it was asked.
#[derive(Debug, Clone)]
struct Third {
    scheme: &'static str,
    params: &'static [Param],
    seen: Arc<Mutex<Vec<(Op, StoreConfig, Role)>>>,
}

impl Third {
    fn new(scheme: &'static str) -> Third {
        Third { scheme, params: &[SIZE, USER, PASSWORD, SECRET_KEY], seen: Arc::default() }
    }

    fn see(&self, op: Op, config: &StoreConfig, options: &OpenOptions) {
        self.seen.lock().unwrap().push((op, config.clone(), options.role));
    }
}

#[async_trait]
impl Backend for Third {
    fn scheme(&self) -> &str {
        self.scheme
    }

    fn params(&self) -> &[Param] {
        self.params
    }

    async fn open(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        self.see(Op::Open, config, options);
        config.size(&SIZE)?;
        config.size(&SECRET_KEY)?;
        Ok(Arc::new(Reference::new(&Place::new(config.place(), options.env.clone()))))
    }

    async fn exists(&self, config: &StoreConfig, options: &OpenOptions) -> Result<bool> {
        self.see(Op::Exists, config, options);
        Ok(config.place() == "there")
    }

    async fn destroy(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Destroy> {
        self.see(Op::Destroy, config, options);
        Ok(Destroy::new(vec![config.place().to_owned()], async { Ok(()) }))
    }
}

/// Opens the tiers and gives the origin.
#[derive(Debug)]
struct OriginOnly;

#[async_trait]
impl StackOpener for OriginOnly {
    async fn open(
        &self,
        registry: &Registry,
        stack: &StackConfig,
        o: &OpenOptions,
    ) -> Result<Arc<dyn Store>> {
        let (origin, fronts) = stack.tiers().split_last().unwrap();
        for front in fronts {
            registry.open(front, &o.clone().with_role(Role::Front)).await?;
        }
        registry.open(origin, &o.clone().with_role(Role::Origin)).await
    }

    async fn exists(&self, registry: &Registry, stack: &StackConfig, o: &OpenOptions) -> Result<bool> {
        registry.exists(stack.tiers().last().unwrap(), o).await
    }

    async fn destroy(&self, registry: &Registry, stack: &StackConfig, o: &OpenOptions) -> Result<Destroy> {
        registry.destroy(stack.tiers().last().unwrap(), o).await
    }
}

fn registry() -> (Registry, Third) {
    let third = Third::new("third");
    let mut registry = Registry::new();
    registry.register(third.clone()).unwrap();
    (registry, third)
}

#[tokio::test]
async fn what_it_passes_on() {
    let (registry, third) = registry();
    let options = OpenOptions::new();
    let store = registry.open_url("third:here?size=2MiB", &options).await.unwrap();
    assert_eq!(store.id().place(), "here");
    assert!(registry.exists_url("third:there", &options).await.unwrap());
    assert!(!registry.exists_url("third:here", &options).await.unwrap());
    let destroy = registry.destroy_url("third:here", &options).await.unwrap();
    assert_eq!(destroy.names(), ["here"]);
    assert_eq!(format!("{destroy:?}"), "Destroy([\"here\"])");
    destroy.confirm().await.unwrap();
    let seen: Vec<_> = third.seen.lock().unwrap().iter().map(|(op, _, role)| (*op, *role)).collect();
    let alone = |op| (op, Role::Alone);
    assert_eq!(seen, [Op::Open, Op::Exists, Op::Exists, Op::Destroy].map(alone));
    assert_eq!(registry.schemes().collect::<Vec<_>>(), ["third"]);
    assert_eq!(registry.params("third").len(), 4);
    assert!(registry.params("fourth").is_empty());
}

#[tokio::test]
async fn what_it_refuses() {
    let (registry, third) = registry();
    let options = OpenOptions::new();
    for (text, kind, message) in [
        ("fourth:x", ErrorKind::Unsupported, "the scheme \"fourth\" is not known here (known: third;"),
        ("third:x?sync=1", ErrorKind::Invalid, "\"sync\" (known: size, user, password, secret_key)"),
        ("third:x?fresh=1s", ErrorKind::Invalid, "stands alone"),
        ("third:x | third:y", ErrorKind::Unsupported, "a stack of 2 stores: stacks come with larder-tiered"),
        ("", ErrorKind::Invalid, "the text is empty"),
    ] {
        let errors = [
            registry.open_url(text, &options).await.map(drop).unwrap_err(),
            registry.exists_url(text, &options).await.map(drop).unwrap_err(),
            registry.destroy_url(text, &options).await.map(drop).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), kind, "{text}: {error}");
            assert!(error.to_string().contains(message), "{text}: {error}");
        }
    }
    // Also what came by the builder and not by text.
    for config in [
        StoreConfig::new("Third", "x"),
        StoreConfig::new("third", "a\0b"),
        StoreConfig::new("third", "x").with_param("size", "a\0b"),
        StoreConfig::new("third", "x").with_param("read", "front-first"),
        StoreConfig::new("third", "x").with_param("nonsense", "1"),
    ] {
        assert_eq!(registry.open(&config, &options).await.map(drop).unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert!(third.seen.lock().unwrap().is_empty(), "the backend was asked");
}

#[test]
fn what_it_does_not_register() {
    let (mut registry, third) = registry();
    let said = |result: Result<()>| result.unwrap_err().to_string();
    assert!(said(registry.register(third.clone())).contains("the scheme \"third\" is taken"));
    for scheme in ["", "Third", "th:ird", "3rd", "é"] {
        assert!(said(registry.register(Third::new(scheme))).contains("is no scheme"), "{scheme}");
    }
    const TWICE: &[Param] = &[SIZE, SIZE];
    const NAMELESS: &[Param] = &[Param { name: "", ..SIZE }];
    const OF_STACKS: &[Param] = &[Param { name: "read", ..SIZE }];
    const OF_MAPS: &[Param] = &[Param { name: "url", ..SIZE }];
    for params in [TWICE, NAMELESS, OF_STACKS, OF_MAPS] {
        assert!(registry.register(Third { params, ..Third::new("fourth") }).is_err(), "{params:?}");
    }
    registry.register_stacks(OriginOnly).unwrap();
    assert!(said(registry.register_stacks(OriginOnly)).contains("somebody opens stacks already"));
}

#[tokio::test]
async fn a_stack_through_its_opener() {
    let (mut registry, third) = registry();
    registry.register_stacks(OriginOnly).unwrap();
    let options = OpenOptions::new().with_create_if_missing(false);
    let text = "third:a | third:b?size=1 | third:there?size=2&fresh=1s";
    let store = registry.open_url(text, &options).await.unwrap();
    assert_eq!(store.id().place(), "there");
    let seen: Vec<_> =
        third.seen.lock().unwrap().iter().map(|(_, c, role)| (c.place().to_owned(), *role)).collect();
    let expected = [("a", Role::Front), ("b", Role::Front), ("there", Role::Origin)];
    assert_eq!(seen, expected.map(|(place, role)| (place.to_owned(), role)));
    assert!(third.seen.lock().unwrap().iter().all(|(_, c, _)| c.param("fresh").is_none()));
    assert!(registry.exists_url(text, &options).await.unwrap());
    assert_eq!(registry.destroy_url(text, &options).await.unwrap().names(), ["there"]);
    // One store is not a matter for the opener.
    registry.open_url("third:alone", &options).await.unwrap();
    assert_eq!(third.seen.lock().unwrap().last().unwrap().2, Role::Alone);
}

const CANARIES: [&str; 3] = ["CANARYuser", "CANARYpass", "CANARYkey"];

/// Everything that can be printed of a configuration and of what came of it, with the trace of all of it.
#[test]
fn no_secret_gets_out() {
    let capture = Capture::default();
    let mut said = Vec::new();
    tracing::subscriber::with_default(capture.clone(), || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(provoke(&mut said));
    });
    let traced = capture.text();
    assert!(traced.contains("INFO") && traced.contains("store opened"), "{traced}");
    assert!(traced.contains("size: how large; 1MiB by default"), "the defaults are said: {traced}");
    assert!(traced.contains("password=***"), "what is given is said: {traced}");
    assert!(traced.contains("size=2MiB"), "what is harmless is shown: {traced}");
    let opened = |text: &str| traced.lines().filter(|line| line.contains(text)).count();
    assert_eq!((opened("event INFO"), opened("event DEBUG")), (2, 1), "said once, then quietly: {traced}");
    assert!(said.len() > 60);
    said.push(traced);
    for text in said {
        for canary in CANARIES {
            assert!(!text.contains(canary), "{canary} in {text}");
        }
    }
}

async fn provoke(said: &mut Vec<String>) {
    let (registry, _) = registry();
    let options = OpenOptions::new();
    let mut show = |text: String| said.push(text);
    let error = |e: &Error| format!("{e} {e:?} {:?}", std::error::Error::source(e).map(ToString::to_string));
    let good = "third://CANARYuser:CANARYpass@host:1/0?size=2MiB";
    let texts = [
        "third://x:CANARYpass@host/0",
        "third://x:CANARYpass@host/0",
        "third://x:CANARYpass@host/0?size=2MiB",
        "third://x:CANARYpass@host/0?size=CANARY",
        "third://x:CANARYpass@host/0?secret_key=CANARYkey",
        "third://x:CANARYpass@host/0?nonsense=CANARYkey",
        "third://x:CANARYpass@host/0?CANARYkey!=1",
        "third://x:CANARYpass@host/0?secret_key=CANARYkey&secret_key=1",
        "third://x:CANARYpass@host/0?secret_key=CANARYkey%zz",
        "third://x:CANARYpass@host/0?secret_key=CANARYkey%00",
        "third://x:CANARYpass%ff@host/0",
        "third://x:1/CANARYpass@host/0",
        "third://x:CANARYpass#@host/0",
        "third:x?size=1MiB&secret_key=1|third://x:CANARYpass@host/0",
        "fourth://x:CANARYpass@host/0?secret_key=CANARYkey",
        "third:?secret_key=CANARYkey|fourth:",
        "CANARYpass",
        "third:x?fresh=1s&secret_key=CANARYkey",
    ];
    for text in texts {
        match registry.open_url(text, &options).await {
            Ok(store) => show(format!("{store:?} {} {:?}", store.id(), store.guarantees())),
            Err(e) => show(error(&e)),
        }
        if let Err(e) = registry.exists_url(text, &options).await {
            show(error(&e));
        }
        match registry.destroy_url(text, &options).await {
            Ok(destroy) => show(format!("{destroy:?}")),
            Err(e) => show(error(&e)),
        }
        if let Ok(stack) = StackConfig::parse(text) {
            show(format!("{stack} {stack:?} {stack:#?} {}", stack.to_redacted_text(|s| registry.params(s))));
        }
    }
    let config = StoreConfig::parse(good).unwrap();
    show(format!("{config} {config:?} {config:#?} {:?}", config.to_secret_url()));
    let map = [("scheme", "third"), ("place", "h"), ("password", "CANARYpass"), ("secret_key", "CANARYkey")];
    let config = StoreConfig::from_map(map).unwrap();
    show(format!("{config} {config:?}"));
    show(error(&registry.open(&config, &options).await.map(drop).unwrap_err()));
    show(format!("{registry:?} {options:?} {:?}", Env::system()));
}
