//! What moving and comparing does besides: conflicts, what does not fit, selections, dry runs, differences.

use larder_cloud_tests::s3::{Double, DoubleOptions};

use crate::shop::Shop;

fn stocked() -> Shop {
    let shop = Shop::new();
    for (key, value) in [("a", "1"), ("b", "2"), ("logs/1", "3"), ("logs/2.gz", "large enough")] {
        shop.ok_fed(&["put", "file:data", key], value.as_bytes());
    }
    shop
}

#[test]
fn keys_that_are_taken() {
    let shop = stocked();
    shop.ok(&["export", "file:data", "d"]);
    for from in [["copy", "file:data"], ["import", "d"]] {
        let target = format!("lmdb:{}", from[0]);
        shop.ok_fed(&["put", &target, "b"], b"other");
        let run = |options: &[&str]| shop.run(&[&from[..], &[&target], options].concat());
        let said = run(&[]);
        assert_eq!(said.code, 4, "{said:?}");
        assert!(
            said.err.contains("\"b\"") && said.err.contains("--on-conflict skip, overwrite or newer"),
            "{said:?}"
        );
        for replacing in ["overwrite", "newer"] {
            let said = run(&["--on-conflict", replacing]);
            assert!(said.code == 2 && said.err.contains("--yes"), "{said:?}");
        }
        assert_eq!(shop.ok(&["get", &target, "b"]), "other");
        let report = &shop.json(&[&from[..], &[&target, "--on-conflict", "skip"]].concat())[0];
        assert_eq!(report["skipped"], 4, "{report}");
        let report = &shop.json(&[&from[..], &[&target, "--on-conflict", "newer", "--yes"]].concat())[0];
        assert_eq!(report["skipped"], 4, "the target's were written later: {report}");
        if from[0] == "copy" {
            // The source's is written later than the target's now.
            shop.ok_fed(&["put", "file:data", "b"], b"2");
            let report = &shop.json(&[&from[..], &[&target, "--on-conflict", "newer", "--yes"]].concat())[0];
            assert_eq!((&report["written"], &report["skipped"]), (&1.into(), &3.into()), "{report}");
            assert_eq!(shop.ok(&["get", &target, "b"]), "2");
        }
        let text = run(&["--on-conflict", "overwrite", "--yes"]).out;
        assert!(text.starts_with("written     4 entries, 15 B\n"), "{text}");
        shop.ok(&["verify", "file:data", &target, "--exact"]);
        let text = run(&[]).out;
        assert!(text.contains("same        4 entries: there already, as they are\n"), "{text}");
    }
}

#[test]
fn what_does_not_fit_is_refused_or_counted() {
    let shop = stocked();
    shop.ok_fed(&["put", "file:data", "c", "--attribute", "a=b", "--expires", "30d"], b"v");
    shop.ok(&["export", "file:data", "d"]);
    for from in [["copy", "file:data"], ["import", "d"]] {
        let folder = from[0];
        let target = format!("file:{folder}?layout=raw");
        let run = |options: &[&str]| shop.run(&[&from[..], &[&target], options].concat());
        // A dry run ends as the run would, and makes nothing.
        let said = run(&["--dry-run"]);
        assert_eq!(said.code, 10, "{said:?}");
        for part in ["1 × attributes", "1 × expiry", "first c", "not there yet", "would be refused"] {
            assert!(said.out.contains(part), "{part}: {said:?}");
        }
        let said = run(&["--dry-run", "--unfit", "strip"]);
        assert!(said.code == 0 && said.out.contains("found       5 entries"), "{said:?}");
        assert!(!shop.path(folder).exists());

        let said = run(&[]);
        assert_eq!((said.code, said.err.lines().count()), (10, 1), "{said:?}");
        for part in ["1 × attributes", "1 × expiry", "--unfit leave-out", "--unfit strip"] {
            assert!(said.err.contains(part), "{part}: {said:?}");
        }
        assert_eq!(shop.ok(&["ls", &target]), "");
        let text = run(&["--unfit", "leave-out"]).out;
        assert!(
            text.contains("written     4 entries") && text.contains("left out    1 × attributes"),
            "{text}"
        );
        assert_eq!(shop.run(&["get", &target, "c"]).code, 3);
        let report = &shop.json(&[&from[..], &[&target, "--unfit", "strip"]].concat())[0];
        assert_eq!(
            (&report["written"], &report["left_out"]["attributes"]),
            (&1.into(), &1.into()),
            "{report}"
        );
        assert_eq!(shop.ok(&["get", &target, "c"]), "v");
    }
}

#[test]
fn dry_runs_tell_and_write_nothing() {
    let shop = stocked();
    shop.ok(&["export", "file:data", "d"]);
    for args in [
        &["export", "file:data", "new"][..],
        &["export", "file:data", "lmdb:new::d"],
        &["import", "d", "lmdb:new"],
        &["import", "d", "file:new?layout=raw"],
        &["copy", "file:data", "file:new"],
        &["copy", "file:data", "memory: | lmdb:new?fresh=sole_writer"],
    ] {
        let text = shop.ok(&[args, &["--dry-run"]].concat());
        assert!(text.starts_with("found       4 entries, 15 B\n"), "{args:?}: {text}");
        assert!(
            text.contains("costs       nothing") && text.ends_with("nothing was written\n"),
            "{args:?}: {text}"
        );
        let plan = &shop.json(&[args, &["--dry-run", "--prefix", "logs/"]].concat())[0];
        assert_eq!((&plan["entries"], &plan["dry_run"]), (&2.into(), &true.into()), "{plan}");
        assert_eq!(plan.get("target_is_there").is_some(), args[0] != "export", "{plan}");
        assert!(!shop.path("new").exists(), "{args:?} made something");
    }
    shop.ok_fed(&["put", "lmdb:there", "k"], b"v");
    let plan = &shop.json(&["copy", "file:data", "lmdb:there", "--dry-run"])[0];
    assert_eq!(plan["target_is_there"], true, "{plan}");
    assert_eq!(shop.ok(&["ls", "lmdb:there"]), "k\n");
    // Nothing is left of the stand-in.
    let temp = shop.path("tmp");
    std::fs::create_dir(&temp).unwrap();
    let mut command = shop.command(&["import", "d", "lmdb:new", "--dry-run"]);
    command.env("TMPDIR", &temp);
    assert_eq!(crate::shop::said(command, b"").code, 0);
    assert_eq!(std::fs::read_dir(&temp).unwrap().count(), 0);
}

#[test]
fn only_what_is_selected() {
    let shop = stocked();
    for (options, keys) in [
        (&["--prefix", "logs/"][..], "logs/1\nlogs/2.gz\n"),
        (&["--glob", "*"], "a\nb\n"),
        (&["--glob", "**/*.gz", "--glob", "a"], "a\nlogs/2.gz\n"),
        (&["--not", "logs/*", "--not", "a"], "b\n"),
        (&["--min-size", "2"], "logs/2.gz\n"),
        (&["--max-size", "1", "--prefix", "l"], "logs/1\n"),
        (&["--newer-than", "1h", "--prefix", "a"], "a\n"),
        (&["--older-than", "1h"], ""),
    ] {
        let target = format!("lmdb:{}", options.join("").replace(['/', '*', '.'], "_"));
        shop.ok(&[&["copy", "file:data", &target], options].concat());
        assert_eq!(shop.ok(&["ls", &target, "-r"]), keys, "{options:?}");
        shop.ok(&[&["verify", "file:data", &target, "--exact"], options].concat());
    }
    for wrong in [
        &["--min-size", "2", "--max-size", "1"][..],
        &["--glob", "a["],
        &["--rate", "fast"],
        &["--memory", "0"],
        &["--width", "0"],
        &["--older-than", "1w"],
    ] {
        let said = shop.run(&[&["copy", "file:data", "lmdb:wrong"], wrong].concat());
        assert_eq!((said.code, said.err.lines().count()), (2, 1), "{wrong:?}: {said:?}");
    }
}

#[test]
fn differences_are_named() {
    let shop = stocked();
    shop.ok(&["copy", "file:data", "lmdb:copy"]);
    shop.ok_fed(&["put", "lmdb:copy", "a", "--attribute", "x=y"], b"changed");
    shop.ok_fed(&["put", "lmdb:copy", "b", "--expires", "1d"], b"2");
    shop.ok(&["rm", "lmdb:copy", "logs/1"]);
    shop.ok_fed(&["put", "lmdb:copy", "new\u{202e}"], b"v");
    let said = shop.run(&["diff", "file:data", "lmdb:copy"]);
    assert_eq!((said.code, said.err.as_str()), (11, ""), "{said:?}");
    let lines: Vec<_> = said.out.lines().collect();
    assert_eq!(
        lines[..4],
        ["~ a (value, attributes)", "~ b (expiry)", "- logs/1", "+ new\\u{202e}"],
        "{said:?}"
    );
    assert!(lines.contains(&"equal       1 entry, 12 B"), "{said:?}");
    let said = shop.run(&["--json", "diff", "lmdb:copy", "file:data"]);
    let all = crate::shop::objects(&said.out);
    assert_eq!((said.code, all.len()), (11, 5));
    assert_eq!(
        (&all[0]["key"], &all[0]["value"], &all[0]["expiry"]),
        (&"a".into(), &true.into(), &false.into())
    );
    assert_eq!((&all[2]["what"], &all[3]["what"]), (&"extra".into(), &"missing".into()));
    assert_eq!(
        (&all[4]["same"], &all[4]["changed"], &all[4]["missing"]),
        (&false.into(), &2.into(), &1.into())
    );

    // Of the same size, and nothing else: only the bytes tell.
    shop.ok(&["copy", "file:data", "lmdb:subtle"]);
    shop.ok_fed(&["put", "lmdb:subtle", "a"], b"7");
    assert_eq!(shop.run(&["verify", "file:data", "lmdb:subtle", "--facts"]).code, 0);
    let said = shop.run(&["verify", "file:data", "lmdb:subtle"]);
    assert!(said.code == 11 && said.out.starts_with("~ a (value)\n"), "{said:?}");
    assert!(said.out.ends_with("not verified\n"), "{said:?}");

    shop.ok_fed(&["put", "lmdb:subtle", "a"], b"1");
    shop.ok_fed(&["put", "lmdb:subtle", "more"], b"1");
    assert!(shop.ok(&["verify", "file:data", "lmdb:subtle"]).contains("1 entry that only the second has"));
    let said = shop.run(&["verify", "file:data", "lmdb:subtle", "--exact", "--json"]);
    assert_eq!(said.code, 11);
    let found = &crate::shop::objects(&said.out)[0];
    assert_eq!((&found["verified"], &found["faults"][0]["key"]), (&false.into(), &"more".into()), "{found}");
    assert_eq!(shop.run(&["verify", "d", "--exact"]).code, 2);
}

#[test]
fn into_a_bucket_and_out_of_it() {
    let shop = stocked();
    let double = Double::start(DoubleOptions::default()).expect("the double starts");
    double.create_bucket("bucket");
    let (store, vault) = (double.url("bucket/prod"), double.url("bucket/vault"));
    let object = format!("{vault}::dumps/today");
    let plan = &shop.json(&["copy", "file:data", &store, "--dry-run"])[0];
    assert_eq!((&plan["target"]["writes"], plan.get("dollars")), (&4.into(), None), "{plan}");
    assert_eq!(double.count("bucket"), 0, "a dry run writes nothing");
    shop.ok(&["copy", "file:data", &store]);
    assert_eq!(double.count("bucket"), 4, "and no mark is left");
    shop.ok(&["verify", "file:data", &store, "--exact"]);
    let text = shop.ok(&["export", &store, &object]);
    assert!(text.contains("dump        dumps/today in s3:"), "{text}");
    shop.ok(&["verify", &store, &object, "--exact"]);
    shop.ok(&["import", &object, "lmdb:back"]);
    shop.ok(&["verify", "file:data", "lmdb:back", "--exact"]);
    // The whole bucket holds the dump too, which cannot hold itself.
    let said = shop.run(&["export", &double.url("bucket"), &object, "--replace", "--yes"]);
    assert!(said.code == 2 && said.err.contains("would lie in"), "{said:?}");
}

#[test]
fn pipes_and_devices_are_not_replaced() {
    let shop = stocked();
    let text = shop.ok(&["export", "file:data", "/dev/null"]);
    assert!(text.contains("dump        /dev/null"), "{text}");
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    assert_eq!(shop.run(&["export", "file:data", "/dev/null", "--replace", "--yes"]).code, 2);
    shop.ok(&["export", "file:data", "d"]);
    let line = "mkfifo pipe && { cat d > pipe & larder -q import pipe lmdb:c && larder -q verify d lmdb:c; }";
    let said = shop.shell(line);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    // A dry run opens nothing to write: a pipe that nobody reads would hold it up.
    let said = shop.shell("timeout 20 larder -q export file:data pipe --dry-run");
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
}

#[test]
fn pipes_that_nobody_reads() {
    let shop = stocked();
    let lines: String = (0..20_000).map(|n| format!("{{\"key\":\"{n:05}\",\"text\":\"{n}\"}}\n")).collect();
    assert_eq!(shop.feed(&["import", "-", "lmdb:many"], lines.as_bytes()).code, 0);
    for args in [&["export", "lmdb:many", "-", "--plain"][..], &["diff", "lmdb:many", "file:data"]] {
        let mut child = shop.start(args);
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), err.as_str()), (Some(141), ""), "{args:?}");
    }
}

#[test]
fn what_killed_writers_left_is_removed() {
    use std::io::Write;
    let shop = Shop::new();
    shop.ok_fed(&["put", "file:data", "k"], b"v");
    let mut child = shop.start(&["put", "file:data", "big"]);
    child.stdin.as_mut().unwrap().write_all(&vec![7; 4 << 20]).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let found = &shop.json(&["gc-uploads", "file:data", "--older-than", "0s", "--dry-run"])[0];
    assert_eq!((&found["found"], &found["removed"]), (&1.into(), &0.into()), "{found}");
    assert!(shop.ok(&["gc-uploads", "file:data", "--dry-run"]).starts_with("0 leftovers"), "it is too young");
    let refused = shop.run(&["gc-uploads", "file:data", "--older-than", "0s"]);
    assert!(refused.code == 2 && refused.err.contains("--yes"), "{refused:?}");
    let text = shop.ok(&["gc-uploads", "file:data", "--older-than", "0s", "--yes"]);
    assert!(text.starts_with("1 leftover, ") && text.ends_with("removed\n"), "{text}");
    assert!(shop.ok(&["gc-uploads", "file:data", "--older-than", "0s", "--yes"]).starts_with("0 leftovers"));
    assert_eq!(shop.ok(&["ls", "file:data"]), "k\n");
}
