//! The bound of `memory:?capacity=`, and what it gives for it.
#![cfg(feature = "memory")]
#![allow(clippy::disallowed_methods, reason = "tests")]

mod trace;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use larder_store_backends::memory::MemoryCache;
use larder_store_core::{ErrorKind, Key, Object, OpenOptions, PutOptions, Role, Store, StoreExt};

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
    assert!(grown < CAPACITY + (48 << 20), "resident memory grew by {grown} bytes");
}

/// What is counted for an entry is what it takes: not less, and not much more. Each in a process of its own where the
/// tests run in processes, so that none finds memory that another one has left.
fn measure(what: &str, capacity: u64, mut add: impl FnMut(&MemoryCache, u64)) {
    let cache = MemoryCache::new(capacity).unwrap();
    let before = resident();
    let entries = (0..).find(|n| {
        add(&cache, *n);
        cache.usage().bytes.unwrap() > capacity / 10 * 9
    });
    let (entries, counted) = (entries.unwrap() + 1, cache.usage().bytes.unwrap());
    let grown = resident().saturating_sub(before);
    println!("{what}: {entries}, counted {} and resident {} bytes each", counted / entries, grown / entries);
    assert_eq!(cache.usage().entries, Some(entries));
    assert!(grown < counted / 100 * 105, "{what} take {grown} and are counted as {counted}");
    if std::env::var_os("NEXTEST").is_some() {
        assert!(grown > counted / 2, "{what} take {grown} and are counted as {counted}");
    }
}

#[test]
fn small_values_cost_what_is_counted() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    measure("values of 16 bytes", 128 << 20, |cache, n| {
        runtime.block_on(cache.put(key(n), vec![7; 16])).unwrap();
    });
}

#[test]
fn values_cost_what_is_counted() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    measure("values of 1,000 bytes", 128 << 20, |cache, n| {
        runtime.block_on(cache.put(key(n), vec![7; 1000])).unwrap();
    });
}

#[test]
fn objects_cost_what_is_counted() {
    measure("objects of 100 bytes", 128 << 20, |cache, n| {
        // As the caller of `insert` counts: two counters, the vector, its bytes.
        let object: Object = Arc::new(vec![7_u8; 100]);
        assert!(cache.objects().unwrap().insert(&key(n), object, 16 + 24 + 112));
    });
}

/// Much more than the bound goes through it: memory stays as it is, whatever the sizes.
#[test]
fn memory_does_not_grow_with_what_goes_through() {
    const CAPACITY: u64 = 64 << 20;
    let cache = MemoryCache::new(CAPACITY).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (before, mut through, mut most) = (resident(), 0, 0);
    for n in 0_u64.. {
        runtime.block_on(cache.put(key(n), vec![n as u8; size(n)])).unwrap();
        through += size(n) as u64;
        if n.is_multiple_of(500) {
            most = most.max(resident().saturating_sub(before));
        }
        if through > 1 << 30 {
            break;
        }
    }
    println!(
        "{} MiB through {} MiB: resident memory grew by {} MiB",
        through >> 20,
        CAPACITY >> 20,
        most >> 20
    );
    assert!(most < CAPACITY + (48 << 20), "resident memory grew by {most}");
}

#[test]
fn it_forgets_what_was_used_least_recently() {
    let trace = trace::Trace::load();
    for wanted in trace::ENTRIES {
        let cache = MemoryCache::new(wanted * (trace::VALUE as u64 + 640)).unwrap();
        let objects = cache.objects().unwrap();
        let (mut hits, mut held) = (0, 0);
        let value: Object = Arc::new([0_u8; trace::VALUE]);
        for (at, n) in trace.keys.iter().enumerate() {
            if objects.get(&key(*n)).is_some() {
                hits += 1;
            } else {
                objects.insert(&key(*n), value.clone(), trace::VALUE as u64 + 16);
            }
            if at % 100 == 0 {
                held = held.max(cache.usage().entries.unwrap());
            }
        }
        trace::compare(&trace, "memory", wanted, held, hits);
    }
}

#[tokio::test]
async fn what_finds_no_room_is_refused_and_changes_nothing() {
    let cache = MemoryCache::new(1 << 20).unwrap();
    cache.put("k", "small").await.unwrap();
    let error = cache.put("k", vec![0; 1 << 20]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    assert!(error.to_string().contains("capacity"), "{error}");
    let stream = || larder_store_core::derived::pieces(vec![0; 2 << 20].into());
    for options in [PutOptions::new(), PutOptions::new().with_size_hint(2 << 20)] {
        let error = cache.put_stream_opts(&Key::new("k").unwrap(), stream(), &options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    }
    // Three quarters fit, after the others have gone; and it comes back as it was.
    for n in 0..100 {
        cache.put(key(n), vec![3; 8000]).await.unwrap();
    }
    let large: Vec<u8> = (0..700_000).map(|n| n as u8).collect();
    cache.put("large", large.clone()).await.unwrap();
    assert_eq!(cache.get("large").await.unwrap().unwrap(), large);
    assert!(cache.usage().evictions.unwrap() > 50);
}

#[tokio::test]
async fn an_upload_counts_while_it_is_under_way() {
    let cache = MemoryCache::new(4 << 20).unwrap();
    let (send, receive) = futures_channel(64);
    let upload = {
        let cache = cache.again();
        tokio::spawn(async move {
            let key = Key::new("upload").unwrap();
            cache.put_stream_opts(&key, receive, &PutOptions::new()).await
        })
    };
    for _ in 0..12 {
        send.send(Ok(vec![5; 128 << 10].into())).await.unwrap();
    }
    while cache.usage().bytes.unwrap() < 12 * (128 << 10) {
        tokio::task::yield_now().await;
    }
    // Others go on in what is left, and the bound holds.
    for n in 0..1000 {
        cache.put(key(n), vec![1; 10_000]).await.unwrap();
        assert!(cache.usage().bytes.unwrap() <= 4 << 20);
    }
    upload.abort();
    assert!(upload.await.unwrap_err().is_cancelled());
    for n in 0..1000 {
        cache.put(key(n), vec![1; 10_000]).await.unwrap();
    }
    assert!(cache.usage().entries.unwrap() > 300, "what was given up still counts: {:?}", cache.usage());
}

/// A stream that another task feeds.
fn futures_channel(
    room: usize,
) -> (tokio::sync::mpsc::Sender<larder_store_core::Result<bytes::Bytes>>, larder_store_core::ByteStream) {
    let (send, receive) = tokio::sync::mpsc::channel(room);
    let stream = futures_util::stream::unfold(receive, |mut receive| async move {
        receive.recv().await.map(|piece| (piece, receive))
    });
    (send, Box::pin(stream))
}

#[test]
fn objects_are_apart_from_values_and_gone_when_they_are_evicted() {
    let cache = MemoryCache::new(1 << 20).unwrap();
    let objects = cache.objects().unwrap();
    let one = Key::new("one").unwrap();
    let object: Object = Arc::new(String::from("an object"));
    let weak: Weak<dyn std::any::Any + Send + Sync> = Arc::downgrade(&object);
    assert!(objects.insert(&one, object, 100));
    let found = objects.get(&one).unwrap();
    assert_eq!(found.downcast_ref::<String>().unwrap(), "an object");
    drop(found);
    let options = larder_store_core::GetOptions::new();
    let got = cache.try_get(&one, &options).unwrap().unwrap();
    assert_eq!(got, larder_store_core::Got::Absent);

    // Too large: not kept, and what was there before is gone.
    let large: Object = Arc::new(());
    assert!(!objects.insert(&one, large, 2 << 20));
    assert!(objects.get(&one).is_none());
    for n in 0..20_000 {
        assert!(objects.insert(&key(n), Arc::new(()), 100));
    }
    assert_eq!(weak.strong_count(), 0, "what was evicted is still held");
    let held = (0..20_000).filter(|n| objects.get(&key(*n)).is_some()).count() as u64;
    assert_eq!(held, cache.usage().entries.unwrap());
    objects.remove(&key(19_999));
    assert!(objects.get(&key(19_999)).is_none());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let registry = larder_store_backends::registry();
    let open = async |url: &str, role| registry.open_url(url, &OpenOptions::new().with_role(role)).await;
    for (url, role, why) in [
        ("memory:?capacity=32KiB", Role::Front, "64KiB"),
        ("memory:name?capacity=1MiB", Role::Alone, "name"),
        ("memory:?capacity=1MiB", Role::Origin, "last tier"),
        ("memory:name", Role::Front, "bound"),
        ("memory:?capacity=lots", Role::Front, "capacity"),
    ] {
        let error = open(url, role).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{url}: {error}");
        assert!(error.to_string().contains(why), "{url}: {error}");
    }
    let front = open("memory:", Role::Front).await.unwrap();
    assert_eq!(front.usage().capacity, Some(64 << 20));
    assert_eq!(front.guarantees().retention, larder_store_core::Retention::MayEvict);
    let alone = open("memory:?capacity=1MiB", Role::Alone).await.unwrap();
    assert_eq!(alone.usage().capacity, Some(1 << 20));
    assert_eq!(open("memory:", Role::Origin).await.unwrap().usage().capacity, None);
}
