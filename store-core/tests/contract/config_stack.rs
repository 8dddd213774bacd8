//! Stack strings.

use std::time::Duration;

use larder_store_core::config::{
    Freshness, ReadPolicy, STACK_PARAMS, StackConfig, StackPolicy, StoreConfig, WritePolicy,
};
use larder_store_core::{ErrorKind, Key};

#[test]
fn the_one_of_the_design() {
    let stack: StackConfig =
        "memory:?capacity=64MiB | lmdb:/tmp/cache?capacity=400MiB | s3://bucket/prefix?region=eu-west-1&fresh=30s"
            .parse()
            .unwrap();
    let tiers: Vec<_> =
        ["memory:?capacity=64MiB", "lmdb:/tmp/cache?capacity=400MiB", "s3://bucket/prefix?region=eu-west-1"]
            .map(|text| StoreConfig::parse(text).unwrap())
            .into();
    assert_eq!(stack.tiers(), tiers);
    assert_eq!(stack.policy().fresh, Some(Freshness::MaxAge(Duration::from_secs(30))));
    assert_eq!(stack.alone(), None);
    assert_eq!(
        stack.to_string(),
        "memory:?capacity=*** | lmdb:/tmp/cache?capacity=*** | s3://bucket/prefix?region=***&fresh=30s"
    );
}

#[test]
fn one_store_is_a_stack_of_one() {
    let stack = StackConfig::parse(" file:/x?sync=none\n").unwrap();
    assert_eq!(stack.alone(), Some(&StoreConfig::parse("file:/x?sync=none").unwrap()));
    assert!(stack.policy().is_default());
    assert_eq!(StackConfig::from(StoreConfig::parse("file:/x?sync=none").unwrap()), stack);
}

#[test]
fn every_form_of_the_stacks_parameters() {
    let policy = |params: &str| {
        let text = format!("memory:|file:/x?{params}");
        StackConfig::parse(&text).unwrap_or_else(|e| panic!("{params}: {e}")).policy().clone()
    };
    for (text, fresh) in [
        ("immutable", Freshness::Immutable),
        ("always", Freshness::Always),
        ("sole_writer", Freshness::SoleWriter),
        ("0s", Freshness::MaxAge(Duration::ZERO)),
        ("5m", Freshness::MaxAge(Duration::from_secs(300))),
        ("100ms", Freshness::MaxAge(Duration::from_millis(100))),
    ] {
        assert_eq!(policy(&format!("fresh={text}")).fresh, Some(fresh));
        let by_prefix = policy(&format!("fresh.a%3Db/={text}")).fresh_by_prefix;
        assert_eq!(by_prefix.into_iter().collect::<Vec<_>>(), [("a=b/".to_owned(), fresh)]);
    }
    for (text, read) in [
        ("front-first", ReadPolicy::FrontFirst),
        ("front-only", ReadPolicy::FrontOnly),
        ("origin-first", ReadPolicy::OriginFirst),
        ("revalidate(30s)", ReadPolicy::Revalidate(Duration::from_secs(30))),
    ] {
        assert_eq!(policy(&format!("read={text}")).read, Some(read));
        assert_eq!(read.to_string(), text);
    }
    for (text, write) in [
        ("write-through", WritePolicy::Through),
        ("write-around", WritePolicy::Around),
        ("write-back", WritePolicy::Back),
        ("front-only", WritePolicy::FrontOnly),
    ] {
        assert_eq!(policy(&format!("write={text}")).write, Some(write));
        assert_eq!(write.to_string(), text);
    }
    assert_eq!(policy("fence_slots=1").fence_slots, Some(1));
    assert_eq!(policy("fence_slots=268435456").fence_slots, Some(1 << 28));
    // Every parameter that is announced was tried above.
    let names: Vec<_> = STACK_PARAMS.iter().map(|p| p.name).collect();
    assert_eq!(names, ["fresh", "fresh.PREFIX", "read", "write", "fence_slots"]);
}

#[test]
fn the_longest_prefix_holds() {
    let stack = StackConfig::parse("memory:|file:/x?fresh.a=1s&fresh.a/b=2s&fresh.a/=immutable").unwrap();
    let fresh = |key: &str| stack.policy().fresh_for(&Key::new(key).unwrap());
    assert_eq!(fresh("a/bc"), Some(Freshness::MaxAge(Duration::from_secs(2))));
    assert_eq!(fresh("a/c"), Some(Freshness::Immutable));
    assert_eq!(fresh("ac"), Some(Freshness::MaxAge(Duration::from_secs(1))));
    assert_eq!(fresh("b"), None);
}

#[test]
fn what_is_wrong_is_said() {
    for (text, message) in [
        ("", "the text is empty"),
        ("|", "tier 1: nothing stands there (byte 0)"),
        ("m:SECRET|", "tier 2: nothing stands there (byte 9)"),
        ("m:SECRET | | file:x", "tier 2: nothing stands there (byte 10)"),
        ("m:|SECRET", "tier 2: there is no scheme (byte 3)"),
        ("m: | file:/x%zzSECRET", "tier 2: file: the place has a % without two hexadecimal digits (byte 12)"),
        ("m:?a=SECRET&a=1 | file:x", "tier 1: m: parameter 2, \"a\", stands twice (byte 12)"),
        ("file:SECRET?fresh=30s", "file: \"fresh\" is a parameter of a stack, and this store stands alone"),
        ("file:SECRET?write=x", "file: \"write\" is a parameter of a stack, and this store stands alone"),
        ("m:?fresh=30s | file:SECRET", "tier 1: m: \"fresh\" is a parameter of the stack"),
        ("m:|l:?fresh.a=30s|file:SECRET", "tier 2: l: \"fresh.a\" is a parameter of the stack"),
        ("m:|f:?fresh=", "\"fresh\" wants immutable, always, sole_writer, TIME"),
        ("m:|f:?fresh=30", "was given \"30\""),
        ("m:|f:?fresh=Immutable", "was given \"Immutable\""),
        ("m:|f:?fresh=-1s", "was given \"-1s\""),
        ("m:|f:?fresh=max_age(30s)", "wants immutable"),
        ("m:|f:?fresh.=30s", "\"fresh.\" names no prefix"),
        ("m:|f:?fresh.a%0Ab=30s", "no key starts with the prefix"),
        ("m:|f:?fresh.a=x", "\"fresh.a\" wants immutable"),
        ("m:|f:?read=front", "\"read\" wants front-first, front-only, origin-first, revalidate(TIME)"),
        ("m:|f:?read=revalidate(30)", "\"read\" wants"),
        ("m:|f:?read=revalidate(30s", "\"read\" wants"),
        ("m:|f:?write=through", "\"write\" wants one of write-through, write-around, write-back, front-only"),
        ("m:|f:?write=", "\"write\" wants one of"),
        ("m:|f:?fence_slots=0", "\"fence_slots\" wants a whole number from 1 to 268435456"),
        ("m:|f:?fence_slots=268435457", "\"fence_slots\" wants"),
        ("m:|f:?fence_slots=1k", "\"fence_slots\" wants"),
    ] {
        let error = StackConfig::parse(text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{text:?}");
        let said = format!("{error} {error:?}");
        assert!(said.contains(message) && !said.contains("SECRET"), "{text:?}: {said}");
    }
    let long = format!("m:|f:?fresh={}", "x".repeat(100));
    assert!(StackConfig::parse(&long).unwrap_err().to_string().contains("was given 100 characters"));
}

#[test]
fn the_builder_refuses_the_same() {
    let (a, b) = (StoreConfig::new("m", ""), StoreConfig::new("f", "/x"));
    assert!(StackConfig::from_tiers(vec![]).unwrap_err().to_string().contains("at least one store"));
    let alone = StackConfig::from(b.clone());
    assert!(alone.clone().with_policy(StackPolicy::default()).is_ok());
    assert!(alone.with_fresh(Freshness::Always).unwrap_err().to_string().contains("stands alone"));
    let stack = StackConfig::from_tiers(vec![a, b]).unwrap();
    let built = stack
        .clone()
        .with_fresh(Freshness::Always)
        .and_then(|s| s.with_read(ReadPolicy::OriginFirst))
        .and_then(|s| s.with_write(WritePolicy::Around))
        .unwrap();
    assert_eq!(
        built,
        StackConfig::parse("m: | f:/x?fresh=always&read=origin-first&write=write-around").unwrap()
    );
    let mut policy = StackPolicy::default();
    policy.fence_slots = Some(0);
    assert!(stack.clone().with_policy(policy).is_err());
    let mut policy = StackPolicy::default();
    policy.fresh_by_prefix.insert("a\n".into(), Freshness::Always);
    assert!(stack.with_policy(policy).is_err());
    // The last of several maps has the stack's parameters.
    let last = StoreConfig::from_map_of_tier([("url", "f:/x"), ("fresh", "1s")]).unwrap();
    let stack = StackConfig::from_tiers(vec![StoreConfig::new("m", ""), last]).unwrap();
    assert_eq!(stack, StackConfig::parse("m:|f:/x?fresh=1s").unwrap());
}
