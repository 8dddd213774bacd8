//! `larder vector`: vectors in, searched, out as dumps, and in again.

use std::io::Read;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::shop::Shop;

/// An array of NumPy, in single precision.
pub(crate) fn npy(vectors: &[Vec<f32>]) -> Vec<u8> {
    let shape = format!("({}, {})", vectors.len(), vectors[0].len());
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(vectors.iter().flatten().flat_map(|x| x.to_le_bytes()));
    file
}

/// The same with the number of values in front of each.
pub(crate) fn fvecs(vectors: &[Vec<f32>]) -> Vec<u8> {
    let row = |vector: &Vec<f32>| {
        let values = vector.iter().flat_map(|x| x.to_le_bytes());
        (vector.len() as u32).to_le_bytes().into_iter().chain(values).collect::<Vec<u8>>()
    };
    vectors.iter().flat_map(row).collect()
}

/// Points that are far from each other, each with odd values besides.
fn points(count: usize) -> Vec<Vec<f32>> {
    (0..count).map(|n| vec![n as f32, 0.1 * (n % 7) as f32, -0.5, 1.0 / (n + 1) as f32]).collect()
}

/// Ids and distances of an answer.
fn hits(answer: &Value) -> Vec<(Value, f64)> {
    let hits = answer["hits"].as_array().unwrap();
    hits.iter().map(|hit| (hit["id"].clone(), hit["distance"].as_f64().unwrap())).collect()
}

fn ids(answer: &Value) -> Vec<Value> {
    hits(answer).into_iter().map(|(id, _)| id).collect()
}

#[test]
fn imported_vectors_are_found_again() {
    let shop = Shop::new();
    shop.file("a.npy", npy(&points(300)));
    let payloads: String = (0..300)
        .map(|n| if n == 9 { "null\n".into() } else { format!("{{\"n\": {n}, \"even\": {}}}\n", n % 2 == 0) })
        .collect();
    shop.file("p.jsonl", payloads);
    let args = [
        "vector",
        "import",
        "lmdb:db",
        "a.npy",
        "--first-id",
        "100",
        "--payloads",
        "p.jsonl",
        "--batch",
        "64",
    ];
    let report = &shop.json(&args)[0];
    assert_eq!(
        (&report["written"], &report["rows"], &report["segments"]),
        (&300.into(), &300.into(), &1.into())
    );

    let search = |more: &[&str]| {
        let query = ["vector", "search", "lmdb:db", "--query", "[20.2, 0.6, -0.5, 0]", "-k", "3"];
        shop.json(&[&query[..], more].concat()).remove(0)
    };
    for how in [&[][..], &["--exact"], &["--rescore", "300", "--cells", "1"]] {
        let answer = search(how);
        assert_eq!(ids(&answer), [120, 121, 119], "{how:?}: {answer}");
        assert_eq!(answer["exact"], how == ["--exact"], "{answer}");
        assert!(answer["hits"][0].get("payload").is_none());
    }
    let even = search(&["--filter", "{\"eq\": {\"even\": true}}", "--with-payload", "--exact"]);
    assert_eq!(ids(&even), [120, 122, 118]);
    assert_eq!(even["hits"][1]["payload"], serde_json::json!({"n": 22, "even": true}));
    // With nothing to ask of the store, distances are those of codes, and the answer says so.
    let coded = search(&["--remote-requests", "0"]);
    assert_eq!((&coded["approximate"]["coded_hits"], &coded["exact"]), (&3.into(), &false.into()));

    let like = &shop.json(&["vector", "search", "lmdb:db", "--like", "150", "-k", "2", "--exact"])[0];
    assert_eq!(ids(like), [149, 151]);
    shop.file("q.fvecs", fvecs(&points(2)));
    let both = shop.json(&["vector", "search", "lmdb:db", "--queries", "q.fvecs", "-k", "1"]);
    assert_eq!(
        both.iter().map(|one| (&one["query"], ids(one))).collect::<Vec<_>>(),
        [(&0.into(), vec![100.into()]), (&1.into(), vec![101.into()])]
    );

    let said = shop.run(&["vector", "search", "lmdb:db", "--like", "109", "-k", "2", "--with-payload"]);
    assert_eq!(said.out.lines().count(), 2, "{said:?}");
    assert!(
        said.err.starts_with("larder: approximate: 1 segment whose") && said.err.lines().count() == 1,
        "{said:?}"
    );
    let said =
        shop.run(&["vector", "search", "lmdb:db", "--like", "110", "--exact", "--with-payload", "-k", "4"]);
    assert!(said.out.contains("  {\"even\":false,\"n\":11}\n") && said.err.is_empty(), "{said:?}");

    let stats = &shop.json(&["vector", "stats", "lmdb:db"])[0];
    assert_eq!((&stats["rows"], &stats["dims"], &stats["metric"]), (&300.into(), &4.into(), &"l2".into()));
    let explained = shop.json(&["vector", "explain", "lmdb:db"]);
    assert_eq!((explained.len(), &explained[0]["rows"]), (1, &300.into()));
    assert!(shop.ok(&["vector", "stats", "lmdb:db"]).contains("rows        300\n"));
}

#[test]
fn ids_are_numbers_and_texts_and_a_second_import_replaces() {
    let shop = Shop::new();
    shop.file("a.fvecs", fvecs(&points(4)));
    shop.file("ids", "7\n\"7\"\ndoc/a\n007\n");
    let import =
        ["vector", "import", "file:db", "a.fvecs", "--ids", "ids", "--metric", "cosine", "--keep", "f16"];
    shop.ok(&import);
    let report = &shop.json(&import)[0];
    assert_eq!((&report["written"], &report["rows"]), (&4.into(), &4.into()));
    let answer = &shop.json(&["vector", "search", "file:db", "--like", "\"7\"", "-k", "9", "--exact"])[0];
    let mut found = ids(answer);
    found.sort_by_key(Value::to_string);
    assert_eq!(found, [Value::from("007"), "doc/a".into(), 7.into()]);
    let stats = &shop.json(&["vector", "stats", "file:db"])[0];
    assert_eq!(
        (&stats["metric"], &stats["keep"], &stats["epoch"]),
        (&"cosine".into(), &"f16".into(), &2.into())
    );
}

#[test]
fn a_dump_carries_every_bit_elsewhere() {
    let shop = Shop::new();
    let mut vectors = points(50);
    vectors[3] = vec![-0.0, f32::MIN_POSITIVE, 1e15, -1e-30];
    shop.file("a.npy", npy(&vectors));
    shop.file(
        "ids",
        (0..50).map(|n| if n < 25 { format!("{n}\n") } else { format!("doc/{n}%\n") }).collect::<String>(),
    );
    shop.file("p", (0..50).map(|n| format!("{{\"n\": [{n}, 0.5, \"é\"]}}\n")).collect::<String>());
    shop.ok(&["vector", "import", "lmdb:a", "a.npy", "--ids", "ids", "--payloads", "p", "--metric", "ip"]);
    for (n, form) in [&[][..], &["--json-lines"]].iter().enumerate() {
        let (dump, again, copy) = (format!("{n}.dump"), format!("{n}.again"), format!("file:b{n}"));
        shop.ok(&[&["vector", "export", "lmdb:a", &dump][..], form].concat());
        let whole = &shop.json(&["verify", &dump])[0];
        assert_eq!((&whole["verified"], &whole["totals"]["entries"]), (&true.into(), &51.into()));
        let report = &shop.json(&["vector", "import", &copy, &dump])[0];
        assert_eq!((&report["written"], &report["rows"]), (&50.into(), &50.into()), "{report}");
        // What comes out of the copy is the same, every byte of it.
        shop.ok(&["vector", "export", &copy, &again]);
        shop.ok(&["verify", &dump, &again, "--exact"]);
        let stats = &shop.json(&["vector", "stats", &copy])[0];
        assert_eq!((&stats["metric"], &stats["dims"]), (&"ip".into(), &4.into()));
    }
    let bits = shop.json(&["vector", "search", "file:b0", "--like", "3", "-k", "1", "--exact"]);
    assert_eq!(
        bits,
        shop.json(&["vector", "search", "lmdb:a", "--like", "3", "-k", "1", "--exact"])
            .into_iter()
            .map(|mut one| {
                one["work"] = bits[0]["work"].clone();
                one
            })
            .collect::<Vec<_>>()
    );
    // Through a pipe, over another collection, of another store.
    let said = shop.shell("larder -q vector export lmdb:a - | larder -q vector import lmdb:c -");
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    shop.file("other.npy", npy(&[vec![1.0, 2.0]]));
    shop.ok(&["vector", "import", "lmdb:other", "other.npy"]);
    let said = shop.run(&["vector", "import", "lmdb:other", "0.dump"]);
    assert!(said.code == 4 && said.err.contains("dimensions"), "{said:?}");
    shop.ok_fed(&["put", "file:plain", "user/7"], b"Anna");
    shop.ok(&["export", "file:plain", "plain.dump"]);
    let said = shop.run(&["vector", "import", "lmdb:d", "plain.dump"]);
    assert!(said.code == 2 && said.err.contains("larder import"), "{said:?}");
}

#[test]
fn a_stopped_import_says_how_to_go_on() {
    let shop = Shop::new();
    shop.file("a.npy", npy(&points(4000)));
    let import = ["vector", "import", "file:db", "a.npy", "--batch", "1", "--no-optimize"];
    let mut child = shop.start(&import);
    let slots = || std::fs::read_dir(shop.path("db/wal")).map_or(0, Iterator::count);
    while slots() < 20 {
        assert!(child.try_wait().unwrap().is_none(), "it has ended before it could be stopped");
        // Not in its way: there are few cores.
        std::thread::park_timeout(Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{err}");
    let hint = err.strip_prefix("larder: interrupted (run the same command again with --skip ");
    let skip = hint.and_then(|rest| rest.split(':').next()).unwrap_or_else(|| panic!("{err}"));
    let rows = shop.json(&["vector", "stats", "file:db"])[0]["rows"].as_u64().unwrap();
    let written: u64 = skip.parse().unwrap();
    assert!((15..4000).contains(&written) && (written..=written + 1).contains(&rows), "{written}, {rows}");

    let report = &shop.json(&["vector", "import", "file:db", "a.npy", "--skip", skip])[0];
    assert_eq!((&report["skipped"], &report["rows"]), (&written.into(), &4000.into()));
    let last = &shop.json(&["vector", "search", "file:db", "--like", "3999", "-k", "1", "--exact"])[0];
    assert_eq!(ids(last), [3998]);
}

#[test]
fn what_is_wrong_is_said_in_a_line() {
    let shop = Shop::new();
    shop.file("a.npy", npy(&points(3)));
    shop.file("wide.npy", npy(&[vec![0.0; 6]]));
    shop.file("cut.npy", &npy(&points(3))[..100]);
    shop.file("text.npy", "hello");
    shop.file("text.fvecs", "hello");
    shop.file("two", "a\nb\n");
    shop.file("four", "{}\n{}\n{}\n{}\n");
    shop.file("list", "[1]\n{}\n{}\n");
    shop.ok(&["vector", "import", "lmdb:db", "a.npy"]);
    shop.ok_fed(&["put", "file:plain", "k"], b"v");
    for (args, code, part) in [
        (&["import", "lmdb:new", "none.npy"][..], 1, "No such file"),
        (&["import", "lmdb:new", "text.npy"], 2, "no .npy"),
        (&["import", "lmdb:new", "text.fvecs"], 2, "values"),
        (&["import", "lmdb:cut", "cut.npy"], 2, "ends"),
        (&["import", "lmdb:new", "a.csv"], 2, "no such file"),
        (&["import", "lmdb:db", "wide.npy"], 2, "6 values, and those of the collection 4"),
        (&["import", "lmdb:db", "a.npy", "--metric", "cosine"], 2, "--metric"),
        (&["import", "lmdb:db", "a.npy", "--ids", "two"], 2, "two ends behind line 2"),
        (&["import", "lmdb:db", "a.npy", "--payloads", "four"], 2, "four, line 4"),
        (&["import", "lmdb:db", "a.npy", "--payloads", "list"], 2, "list, line 1"),
        (&["import", "lmdb:db", "a.npy", "--skip", "4"], 2, "--skip 4"),
        (&["search", "file:plain", "--like", "1"], 2, "larder vector import"),
        (&["search", "lmdb:nowhere", "--like", "1"], 2, "no folder"),
        (&["search", "lmdb:db", "--like", "77"], 3, "no vector 77"),
        (&["search", "lmdb:db", "--query", "[1, 2]"], 2, "2 values"),
        (&["search", "lmdb:db", "--query", "1, 2"], 2, "array of numbers"),
        (&["search", "lmdb:db"], 2, "--query"),
        (&["search", "lmdb:db", "--like", "1", "--filter", "{\"near\": {}}"], 2, "\"near\""),
        (&["search", "lmdb:db", "--like", "1", "--cells", "0"], 2, "share of cells"),
        (&["stats", "file:plain"], 2, "no collection"),
        (&["export", "file:plain", "d"], 2, "no collection"),
        (&["frobnicate"], 2, "larder vector --help"),
    ] {
        let all = [&["vector"], args].concat();
        let said = shop.run(&all);
        assert_eq!(said.code, code, "{args:?}: {said:?}");
        assert!(said.err.starts_with("larder: ") && said.err.lines().count() == 1, "{args:?}: {}", said.err);
        assert!(said.err.contains(part) && said.out.is_empty(), "{args:?}: {said:?}");
        let said = shop.run(&[&all, &["--json"][..]].concat());
        let error: Value =
            serde_json::from_str(&said.err).unwrap_or_else(|e| panic!("{args:?}: {e}: {}", said.err));
        assert_eq!(error["error"]["exit"], code, "{args:?}: {error}");
    }
    // What is wrong with a file is said before a store is made, as far as its beginning tells.
    assert!(!shop.path("new").exists());
}
