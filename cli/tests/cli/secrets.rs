//! Secrets are never needed on the command line, and never shown.

use larder_cloud_tests::s3::{Double, DoubleOptions};

use crate::shop::{Said, Shop, said};

/// Nobody's key, and easy to find.
const SECRET: &str = "hunter2hunter2hunter2";

fn double() -> Double {
    let double = Double::start(DoubleOptions::default()).expect("the double starts");
    double.create_bucket("bucket");
    double
}

/// The bucket, with its keys from elsewhere.
fn url(double: &Double, keys: &str) -> String {
    format!("s3://bucket/p?endpoint={}&region={}{keys}", double.endpoint(), double.region())
}

#[test]
fn secrets_come_from_the_environment_files_and_the_chain() {
    let (shop, double) = (Shop::new(), double());
    shop.file("access", format!("{}\n", double.access_key()));
    shop.file("secret", double.secret_key());
    let files = url(&double, "&access_key=file:access&secret_key=file:secret");
    assert_eq!(shop.feed(&["put", &files, "k"], b"v").code, 0);

    let by_environment = |url: &str, names: [&str; 2]| {
        let mut command = shop.command(&["get", url, "k"]);
        command.env(names[0], double.access_key()).env(names[1], double.secret_key());
        said(command, b"").out
    };
    let named = url(&double, "&access_key=env:MY_KEY&secret_key=env:MY_SECRET");
    assert_eq!(by_environment(&named, ["MY_KEY", "MY_SECRET"]), "v");
    assert_eq!(by_environment(&url(&double, ""), ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]), "v");

    shop.file(
        "larder.toml",
        format!(
            "[stores.prod]\nurl = \"s3://bucket/p\"\nendpoint = \"{}\"\nregion = \"{}\"\n\
             access_key = \"file:access\"\nsecret_key = \"file:secret\"\n",
            double.endpoint(),
            double.region()
        ),
    );
    assert_eq!(shop.ok(&["get", "@prod", "k", "--config", "larder.toml"]), "v");

    let missing = shop.run(&["get", &named, "k"]);
    assert_eq!(missing.code, 2);
    assert!(missing.err.contains("access_key") && missing.err.contains("environment"), "{}", missing.err);
    let gone = shop.run(&["get", &url(&double, "&access_key=file:gone&secret_key=file:gone"), "k"]);
    assert!(gone.code == 2 && gone.err.contains("No such file"), "{gone:?}");
}

#[test]
fn no_output_shows_a_secret() {
    let (shop, double) = (Shop::new(), double());
    let wrong = url(&double, &format!("&access_key=AKIA{SECRET}&secret_key={SECRET}"));
    let stack = format!("memory: | {wrong}&fresh=30s");
    let unescaped = format!("s3://bucket?secret_key={SECRET}&{SECRET}|{SECRET}");
    let bare = format!("s3://me:{SECRET}@bucket?region=x");
    let env = format!("s3://bucket?access_key=env:{SECRET}&secret_key=x");
    let check = |said: Said| {
        assert!(!said.out.contains(SECRET) && !said.err.contains(SECRET), "{said:?}");
        assert_ne!(said.code, 0, "{said:?}");
    };
    for url in [&wrong, &stack, &unescaped, &bare, &env] {
        for args in [
            &["get", url, "k"][..],
            &["get", url, "k", "-vvv"],
            &["put", url, "k", "-vvv"],
            &["ls", url, "--json", "-vv"],
            &["stats", url],
            &["probe", url, "-vvv"],
            &["doctor", url, "-vvv"],
            &["doctor", url, "--json"],
            &["ls", "file:x", "a", url],
            &["ls", "file:x", "a", url, "--json"],
            &["frobnicate", url],
            &["--config", "none.toml", "get", url],
            &["get", "file:x", "k", "--range", url],
            &["put", "file:x", "k", "--expires", url],
            &[url],
            &["gc-uploads", url, "--dry-run"],
        ] {
            check(shop.run(args));
        }
    }
    shop.ok_fed(&["put", "file:data", "k"], b"v");
    shop.ok(&["export", "file:data", "dump"]);
    let capital = format!("S3://bucket?secret_key={SECRET}");
    for url in [&wrong, &stack, &unescaped, &bare, &env, &capital] {
        let (object, partial) = (format!("{url}::k"), format!("{url}::"));
        for args in [
            &["export", url, "d", "-vvv"][..],
            &["export", "file:data", &object, "-vvv"],
            &["export", "file:data", &object, "--dry-run", url],
            &["export", "file:data", &partial],
            &["export", "file:data", &object, "--replace"],
            &["import", url, "lmdb:db"],
            &["import", &object, "lmdb:db", "--json"],
            &["import", "dump", url, "-vvv"],
            &["import", "dump", url, "--dry-run"],
            &["copy", "file:data", url, "--json"],
            &["copy", url, "file:data", "--on-conflict", "overwrite"],
            &["verify", url],
            &["verify", url, "file:data", "-vvv"],
            &["diff", "dump", &object],
            &["diff", "dump", "dump", url],
        ] {
            check(shop.run(args));
        }
    }
    // An output that shows what was given shows that it was not looked for in vain.
    let told = shop.run(&["doctor", &wrong]);
    assert!(told.out.contains("secret_key=***"), "{}", told.out);
}
