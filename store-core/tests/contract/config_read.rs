//! Stacks from TOML.

use larder_store_core::config::StackConfig;

fn read(text: &str) -> Result<StackConfig, toml::de::Error> {
    toml::from_str(text)
}

fn same(text: &str, url: &str) {
    assert_eq!(read(text).unwrap(), StackConfig::parse(url).unwrap(), "{text}");
}

#[test]
fn tables_say_what_stack_strings_say() {
    same(r#"tiers = ["file:/a"]"#, "file:/a");
    same(
        r#"tiers = ["memory:", "file:/a?sync=none&fresh=always"]"#,
        "memory: | file:/a?sync=none&fresh=always",
    );
    same(
        r#"
        tiers = [{ scheme = "memory", capacity = "1MiB" }, { url = "file:/a", sync = "none" }]
        fresh = "30s"
        read = "revalidate(5s)"
        write = "write-around"
        fence_slots = 1024
        fresh_by_prefix = { "img/" = "immutable" }
        "#,
        "memory:?capacity=1MiB | file:/a?sync=none&fresh=30s&read=revalidate(5s)&write=write-around&fence_slots=1024&fresh.img/=immutable",
    );
    same(r#"tiers = [{ url = "tape:a", rack = 7, wet = true }]"#, "tape:a?rack=7&wet=true");
}

#[test]
fn what_is_wrong_is_said_without_the_secret() {
    for (text, said) in [
        ("tiers = []", "at least one store"),
        ("fresh = \"30s\"", "missing field `tiers`"),
        (
            r#"tiers = ["file:/a"]
            fresh = "30s""#,
            "stands alone",
        ),
        (
            r#"tiers = ["memory:", "file:/a?fresh=1s"]
            fresh = "30s""#,
            "one place is enough",
        ),
        (
            r#"tiers = ["memory:", "file:/a"]
            fresh = "soon""#,
            "fresh",
        ),
        (
            r#"tiers = ["memory:", "file:/a"]
            freshness = "1s""#,
            "unknown field",
        ),
        (r#"tiers = [{ url = "redis://h", password = ["s3same"] }]"#, "a whole number"),
        (r#"tiers = [{ url = "redis://h", scheme = "s3same" }]"#, "beside it"),
        (r#"tiers = [{ place = "s3same" }]"#, "neither"),
        (r#"tiers = [7]"#, "a store"),
    ] {
        let message = read(text).unwrap_err().message().to_owned();
        assert!(message.contains(said), "{text}: {message}");
        assert!(!message.contains("s3same"), "{message}");
    }
}
