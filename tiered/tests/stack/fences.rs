//! The fence that processes share, as a stack meets it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use larder_store_core::config::Freshness;
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{Env, ErrorKind, Op, Sharing, Store, StoreExt, StoreId};
use larder_tiered::fence::{FenceFile, FrontSays, Layout};
use larder_tiered::{Breaker, Builder, TieredStore};

use crate::hooked::Hooked;
use crate::make::{byte_front, local, object_front, settle, slow_front};

const SLOTS: u32 = 1 << 10;
const FRESH: [Freshness; 4] = [
    Freshness::SoleWriter,
    Freshness::MaxAge(Duration::from_secs(30)),
    Freshness::Always,
    Freshness::Immutable,
];

fn shared(folder: &Path) -> Hooked {
    slow_front().promising(|g| g.sharing = Sharing::Host).with_folder(folder)
}

fn stack(origin: &Hooked, folder: &Path, fresh: Freshness) -> Builder {
    TieredStore::builder(origin.clone())
        .front(object_front())
        .front(shared(folder))
        .fence_slots(SLOTS)
        .fresh(fresh)
}

fn fence_file(folder: &Path, origin: &StoreId) -> FenceFile {
    FenceFile {
        path: folder.join("larder.fence"),
        origin: StoreId::new(origin.kind(), origin.place(), ""),
        layout: Layout::new(SLOTS),
        window: Duration::from_secs(300),
        front: FrontSays::Empty,
        fears_the_past: false,
        env: Env::system(),
    }
}

/// Reads and writes that must come out right.
async fn works(store: &TieredStore, round: usize) {
    for i in 0..5 {
        let (key, value) = (format!("k{i}"), format!("v{i}.{round}"));
        store.put(key.as_str(), value.clone()).await.unwrap();
        for _ in 0..2 {
            assert_eq!(store.get(key.as_str()).await.unwrap().unwrap(), value);
            settle(store).await;
        }
    }
}

#[tokio::test]
async fn a_shared_front_has_its_fence_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let origin = local();
    let store = stack(&origin, folder.path(), Freshness::SoleWriter).open().await.unwrap();
    works(&store, 0).await;
    assert!(store.stats().fence.shared);
    assert!(folder.path().join("larder.fence").exists());
    assert_eq!(origin.reads(), 0);
}

#[tokio::test]
async fn a_folder_that_takes_no_fence_is_refused_or_passed_by() {
    for fresh in FRESH {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("not there");
        let origin = local();
        let opened = stack(&origin, &gone, fresh).open().await;
        if fresh == Freshness::SoleWriter {
            let error = opened.unwrap_err();
            assert!(error.is(ErrorKind::Unavailable), "{error}");
            assert!(error.to_string().contains("sole_writer"), "{error}");
            continue;
        }
        let store = opened.unwrap();
        works(&store, 0).await;
        let stats = store.stats();
        assert!(!stats.fence.shared, "{stats:?}");
        assert_eq!(stats.tiers[1].fills, 0, "{fresh}: the shared front is passed by");
        // And back by itself.
        std::fs::create_dir(&gone).unwrap();
        let env = Env::system();
        let patience = env.now() + Duration::from_secs(20);
        for round in 1.. {
            works(&store, round).await;
            if store.stats().fence.shared {
                break;
            }
            assert!(env.now() < patience, "{:?}", store.stats());
            env.sleep(Duration::from_millis(20)).await;
        }
        works(&store, 0).await;
        assert!(store.stats().tiers[1].fills > 0);
        assert_eq!(store.stats().tiers[1].breaker, Breaker::Closed);
    }
}

#[tokio::test]
async fn a_seventeenth_process_is_refused_or_passes_the_front_by() {
    for fresh in FRESH {
        let folder = tempfile::tempdir().unwrap();
        let origin = local();
        let file = fence_file(folder.path(), origin.id());
        let others: Vec<_> = (0..16).map(|_| file.try_attach().unwrap().unwrap()).collect();
        let opened = stack(&origin, folder.path(), fresh).open().await;
        if fresh == Freshness::SoleWriter {
            assert!(opened.unwrap_err().to_string().contains("16 processes"));
            continue;
        }
        let store = opened.unwrap();
        works(&store, 0).await;
        assert!(!store.stats().fence.shared);
        drop(others);
    }
}

#[tokio::test]
async fn a_fence_file_that_is_deleted_while_open_is_attached_anew() {
    for fresh in FRESH {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("larder.fence");
        let origin = local();
        let store = stack(&origin, folder.path(), fresh).open().await.unwrap();
        works(&store, 0).await;
        std::fs::remove_file(&path).unwrap();
        works(&store, 1).await;
        assert!(path.exists());
        assert!(store.stats().fence.shared);
        // Replaced by another process's.
        std::fs::remove_file(&path).unwrap();
        let other = fence_file(folder.path(), origin.id()).try_attach().unwrap().unwrap();
        works(&store, 2).await;
        drop(other);
        works(&store, 3).await;
        assert!(store.stats().fence.shared);
    }
}

#[tokio::test]
async fn a_fence_that_cannot_be_attached_anew_refuses_writes_or_passes_the_front_by() {
    for fresh in FRESH {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("front");
        std::fs::create_dir(&place).unwrap();
        let origin = local();
        let store = stack(&origin, &place, fresh).open().await.unwrap();
        works(&store, 0).await;
        std::fs::remove_dir_all(&place).unwrap();
        if fresh == Freshness::SoleWriter {
            let error = store.put("k1", "unseen").await.unwrap_err();
            assert!(error.is(ErrorKind::Unavailable) && error.settled(), "{error:?}");
            assert_eq!(store.get("k1").await.unwrap().unwrap(), "v1.0", "nothing was written");
        } else {
            works(&store, 1).await;
        }
        std::fs::create_dir(&place).unwrap();
        let env = Env::system();
        let patience = env.now() + Duration::from_secs(20);
        while store.put("k2", "again").await.is_err() || !store.stats().fence.shared {
            assert!(env.now() < patience, "{:?}", store.stats());
            env.sleep(Duration::from_millis(20)).await;
        }
        works(&store, 2).await;
    }
}

/// The front still has what it had, and the fence beside it has seen nothing of the writes in between.
#[tokio::test]
async fn what_was_written_past_a_shared_fence_is_not_read_back_as_it_was_before() {
    for fresh in FRESH.into_iter().filter(|fresh| *fresh != Freshness::SoleWriter) {
        let folder = tempfile::tempdir().unwrap();
        let (fence, aside) = (folder.path().join("larder.fence"), folder.path().join("aside"));
        let front = byte_front().promising(|g| g.sharing = Sharing::Host).with_folder(folder.path());
        let origin = local();
        let open = || {
            let stack = TieredStore::builder(origin.clone()).fence_slots(SLOTS).fresh(fresh);
            stack.front(front.clone()).open()
        };
        let store = open().await.unwrap();
        works(&store, 0).await;
        drop(store);
        // What is no file cannot be attached.
        std::fs::rename(&fence, &aside).unwrap();
        std::fs::create_dir(&fence).unwrap();
        let store = open().await.unwrap();
        assert!(!store.stats().fence.shared);
        store.put("k1", "new").await.unwrap();
        store.delete("k2").await.unwrap();
        std::fs::remove_dir(&fence).unwrap();
        std::fs::rename(&aside, &fence).unwrap();
        let env = Env::system();
        let patience = env.now() + Duration::from_secs(20);
        while !store.stats().fence.shared {
            assert!(env.now() < patience, "{:?}", store.stats());
            assert_eq!(store.get("k1").await.unwrap().unwrap(), "new", "{fresh:?}");
            env.sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(store.get("k1").await.unwrap().unwrap(), "new", "{fresh:?}");
        assert_eq!(store.get("k2").await.unwrap(), None, "{fresh:?}");
        // What nobody wrote is still a hit, and its slot is as good as before.
        let before = store.stats().tiers[0].hits;
        assert_eq!(store.get("k3").await.unwrap().unwrap(), "v3.0", "{fresh:?}");
        assert!(fresh == Freshness::Always || store.stats().tiers[0].hits > before);
        works(&store, 1).await;
    }
}

#[tokio::test]
async fn a_truncated_fence_file_serves_nothing_wrong() {
    for fresh in FRESH {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("larder.fence");
        let origin = local();
        let store = stack(&origin, folder.path(), fresh).open().await.unwrap();
        // By the file first, as the mapping must not be touched behind its end.
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_len(0).unwrap();
        match (fresh, store.put("k", "v").await) {
            (Freshness::SoleWriter, written) => assert!(written.unwrap_err().is(ErrorKind::Unavailable)),
            (_, written) => {
                written.unwrap();
                works(&store, 0).await;
            }
        }
        assert!(!store.stats().fence.shared);
        drop(store);
        let store = stack(&origin, folder.path(), fresh).open().await.unwrap();
        works(&store, 1).await;
        assert!(store.stats().fence.shared, "the next start heals");
    }
}

#[tokio::test]
async fn a_fence_file_that_is_flipped_while_open_serves_nothing_wrong() {
    use std::os::unix::fs::FileExt;

    let seed = Env::system().random_u64();
    for fresh in FRESH {
        let folder = tempfile::tempdir().unwrap();
        let origin = local();
        let path = folder.path().join("larder.fence");
        let mut store = stack(&origin, folder.path(), fresh).open().await.unwrap();
        let mut refused = 0;
        for round in 0..2_000_usize {
            let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
            // The head byte by byte, then anywhere; whole words are noise every fourth time.
            let size = file.metadata().unwrap().len();
            let noise = (seed ^ round as u64)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(32)
                .wrapping_mul(seed | 1);
            let at = if round < 1_000 { round as u64 % 512 } else { noise.rotate_left(17) % (size - 8) };
            let mut bytes = [0; 8];
            file.read_exact_at(&mut bytes, at).unwrap();
            match round % 4 {
                0 => bytes = noise.to_le_bytes(),
                _ => bytes[0] ^= 1 << (round % 8),
            }
            file.write_all_at(&bytes, at).unwrap();

            let key = format!("k{}", round % 3);
            let before = origin.get(key.as_str()).await.unwrap();
            assert_eq!(
                store.get(key.as_str()).await.unwrap(),
                before,
                "{fresh:?}, seed {seed}, round {round}"
            );
            match store.put(key.as_str(), format!("v{round}")).await {
                Ok(_) => assert_eq!(store.get(key.as_str()).await.unwrap().unwrap(), format!("v{round}")),
                Err(error) => {
                    assert!(fresh == Freshness::SoleWriter && error.settled(), "{error:?}");
                    assert_eq!(store.get(key.as_str()).await.unwrap(), before);
                    refused += 1;
                }
            }
            if round % 100 == 99 {
                drop(store);
                store = stack(&origin, folder.path(), fresh).open().await.unwrap();
            }
        }
        assert!(refused < 1_000, "{fresh:?}: {refused} writes refused");
        drop(store);
        let store = stack(&origin, folder.path(), fresh).open().await.unwrap();
        works(&store, 1).await;
        assert!(store.stats().fence.shared, "the next start heals");
    }
}

#[tokio::test]
async fn another_origin_under_the_same_folder_sees_nothing_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let front = byte_front().promising(|g| g.sharing = Sharing::Host).with_folder(folder.path());
    let open =
        |origin: &Hooked| TieredStore::builder(origin.clone()).front(front.clone()).fence_slots(SLOTS).open();
    let (one, two) = (local(), local());
    let first = open(&one).await.unwrap();
    first.put("k", "one").await.unwrap();
    // While the first is open, its fence cannot be the second's.
    let error = open(&two).await.unwrap_err();
    assert!(error.to_string().contains("another origin"), "{error}");
    drop(first);
    let second = open(&two).await.unwrap();
    assert_eq!(second.get("k").await.unwrap(), None);
    second.put("k", "two").await.unwrap();
    drop(second);
    let first = open(&one).await.unwrap();
    assert_eq!(first.get("k").await.unwrap().unwrap(), "one");
    assert_eq!(one.reads(), 1, "the first one's entries went with its fence");
}

#[tokio::test]
async fn a_clean_restart_on_the_same_folder_goes_on_with_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let front = byte_front().promising(|g| g.sharing = Sharing::Host).with_folder(folder.path());
    let origin = local();
    let open = || TieredStore::builder(origin.clone()).front(front.clone()).fence_slots(SLOTS).open();
    let store = open().await.unwrap();
    store.put("k", "v").await.unwrap();
    drop(store);
    let store = open().await.unwrap();
    assert_eq!(store.get("k").await.unwrap().unwrap(), "v");
    assert_eq!(origin.reads(), 0);
}

/// Damage in a front fails nobody, wherever it is: here in what the front says about its fence.
#[tokio::test]
async fn a_front_that_cannot_say_which_fence_it_belongs_to_is_opened_with_a_new_one() {
    for damaged in [vec![Op::Get], vec![Op::Get, Op::List]] {
        for fresh in FRESH {
            let (origin, folder) = (local(), tempfile::tempdir().unwrap());
            let faults = Faults::new(3, [Fault::before(damaged.clone()).fail(ErrorKind::Corrupt)]).unwrap();
            let front = Arc::new(FaultStore::new(shared(folder.path()), faults.clone()));
            let open = || {
                let stack = TieredStore::builder(origin.clone()).fence_slots(SLOTS).fresh(fresh);
                stack.front(front.clone()).open()
            };
            faults.disable();
            let store = open().await.unwrap();
            store.put("k", "v").await.unwrap();
            // Without closing the front, which is opened again.
            drop(store);
            faults.enable();
            let store = open().await.unwrap();
            faults.disable();
            assert_eq!(store.get("k").await.unwrap().unwrap(), "v", "{fresh:?}");
            assert_eq!(origin.reads(), 1, "{fresh:?}: an entry of a table that is gone was served");
            works(&store, 1).await;
        }
    }
}

#[tokio::test]
async fn two_stacks_of_one_process_attach_one_fence_once() {
    let folder = tempfile::tempdir().unwrap();
    let origin = local();
    let front = shared(folder.path());
    let open = |slots| {
        TieredStore::builder(origin.clone())
            .front(object_front())
            .front(front.clone())
            .fence_slots(slots)
            .open()
    };
    let (one, two) = (open(SLOTS).await.unwrap(), open(SLOTS).await.unwrap());
    one.put("k", "1").await.unwrap();
    assert_eq!(two.get("k").await.unwrap().unwrap(), "1");
    assert_eq!(origin.reads(), 0, "alone in the fence, so that it was installed, and in one table");
    two.put("k", "2").await.unwrap();
    assert_eq!(one.get("k").await.unwrap().unwrap(), "2");
    assert_eq!(open(SLOTS * 2).await.unwrap_err().kind(), ErrorKind::Invalid);
}
