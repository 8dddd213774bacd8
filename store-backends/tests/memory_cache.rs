//! The bound of `memory:?capacity=`, and what it gives for it.
#![cfg(feature = "memory")]
#![allow(clippy::disallowed_methods, reason = "tests")]

mod trace;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use larder_store_backends::memory::MemoryCache;
use larder_store_core::{
    ErrorKind, Key, Object, OpenOptions, PutOptions, Role, Store, StoreExt,
};

fn key(n: u64) -> Key {
    Key::new(format!("key/{n}")).unwrap()
}

/// Anonymous resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// The size of the `n`th value: mostly small, sometimes large.
fn size(n: u64) -> usize {
    let random = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    match random % 64 {
        0 => 64 * 1024 + random as usize % (256 * 1024),
        1..8 => 4096 + random as usize % 16384,
        _ => random as usize % 2048,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_bound_holds_at_every_instant() {
    const CAPACITY: u64 = 16 << 20;
    let cache = Arc::new(MemoryCache::new(CAPACITY).unwrap());
    let (before, over) = (resident(), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let (cache, over) = (cache.clone(), over.clone());
            tokio::spawn(async move {
                for n in 0..20_000_u64 {
                    let (key, n) = (key(task << 32 | n), task << 32 | n);
                    let put = match n % 3 {
                        0 => cache.put(key.clone(), vec![1; size(n)]).await.map(drop),
                        _ => {
                            let object: Object = Arc::new(vec![1_u8; size(n)]);
                            let objects = cache.objects().unwrap();
                            assert!(objects.insert(&key, object, size(n) as u64 + 64), "not admitted");
                            Ok(())
                        }
                    };
                    put.unwrap();
                    let _ = cache.get(key).await.unwrap();
                    over.fetch_or(cache.usage().bytes.unwrap() > CAPACITY, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(!over.load(Ordering::Relaxed), "more was in use than there may be");
    let usage = cache.usage();
    assert!(usage.bytes.unwrap() > CAPACITY / 2, "{usage:?}: it keeps too little");
    assert_eq!(usage.evictions.unwrap() + usage.entries.unwrap(), 80_000, "{usage:?}");
    let grown = resident().saturating_sub(before);
    println!("{usage:?}; resident memory grew by {} KiB", grown >> 10);
    assert!(grown < CAPACITY + (16 << 20), "resident memory grew by {grown} bytes");
}

/// What is counted for an entry is what it takes: small values show what is kept about each.
#[tokio::test]
async fn what_an_entry_costs_is_counted() {
    const CAPACITY: u64 = 128 << 20;
    for (what, len) in [("values", 16), ("values", 1000), ("objects", 100)] {
        let cache = MemoryCache::new(CAPACITY).unwrap();
        let before = resident();
        for n in 0_u64.. {
            match what {
                "values" => drop(cache.put(key(n), vec![7; len]).await.unwrap()),
                _ => {
                    let object: Object = Arc::new(vec![7_u8; len]);
                    cache.objects().unwrap().insert(&key(n), object, 48 + len as u64 + 16);
                }
            }
            if cache.usage().bytes.unwrap() > CAPACITY / 10 * 9 {
                break;
            }
        }
        let (usage, grown) = (cache.usage(), resident().saturating_sub(before));
        let entries = usage.entries.unwrap();
        println!(
            "{what} of {len} bytes: {entries}, counted {} and resident {} bytes each",
            usage.bytes.unwrap() / entries,
            grown / entries
        );
        assert!(grown < usage.bytes.unwrap() / 10 * 11, "{what} of {len} bytes take {grown}: {usage:?}");
        cache.close(&Default::default()).await.unwrap();
    }
}
