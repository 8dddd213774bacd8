//! The fence in memory of the process and in a file: what it promises, seen through its calls.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use larder_store_core::env::{BoxFuture, Clock};
use larder_store_core::{Env, ErrorKind, StoreId};
use larder_tiered::fence::{FenceFile, FrontSays, Layout, Mapped, Table};

const WINDOW: Duration = Duration::from_secs(300);

/// A clock that stands until it is moved.
struct Hands(Instant, AtomicU64);

impl Hands {
    fn new() -> Arc<Hands> {
        Arc::new(Hands(Env::system().now(), AtomicU64::new(0)))
    }

    fn pass(&self, time: Duration) {
        self.1.fetch_add(time.as_micros() as u64, Ordering::SeqCst);
    }

    fn env(self: &Arc<Self>) -> Env {
        Env::system().with_clock(self.clone())
    }
}

impl Clock for Hands {
    fn wall(&self) -> std::time::SystemTime {
        Env::system().wall()
    }
    fn boot(&self) -> Duration {
        Env::system().boot()
    }
    fn now(&self) -> Instant {
        self.0 + Duration::from_micros(self.1.load(Ordering::SeqCst))
    }
    fn sleep_until(&self, _deadline: Instant) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn in_process(hands: &Arc<Hands>) -> Arc<Table<Mapped>> {
    Arc::new(Table::in_process(Layout::new(1024), WINDOW, &hands.env()).unwrap())
}

fn at(path: &Path, hands: &Arc<Hands>) -> FenceFile {
    FenceFile {
        path: path.to_owned(),
        origin: StoreId::new("file", "/origin", "record"),
        layout: Layout::new(1024),
        window: WINDOW,
        front: FrontSays::Empty,
        fears_the_past: true,
        env: hands.env(),
    }
}

fn attach(file: &FenceFile) -> Arc<Table<Mapped>> {
    Arc::new(file.try_attach().unwrap().expect("nobody else is opening"))
}

/// Both backings, each by a name.
fn both(check: impl Fn(&str, Arc<Table<Mapped>>, &Hands)) {
    let hands = Hands::new();
    check("process", in_process(&hands), &hands);
    let folder = tempfile::tempdir().unwrap();
    check("file", attach(&at(&folder.path().join("fence"), &hands)), &hands);
}

#[test]
fn a_quiet_slot_is_clean_and_serves_what_was_filled() {
    both(|name, table, _| {
        let first = table.lease(7);
        assert!(first.is_clean(), "{name}");
        let stamp = table.fill(&first).expect("a clean lease fills");
        assert!(table.serves(&table.lease(7), &stamp), "{name}");
        assert!(!table.serves(&table.lease(8), &stamp), "{name}: each slot has an epoch of its own");
    });
}

#[test]
fn a_write_alone_installs_and_shuts_out_what_was_there() {
    both(|name, table, _| {
        let old = table.fill(&table.lease(3)).unwrap();
        let write = table.open_write(3).unwrap();
        let during = table.lease(3);
        assert!(during.is_open() && !during.is_clean(), "{name}");
        assert!(!table.serves(&during, &old) && table.fill(&during).is_none(), "{name}");
        let new = write.answered().expect("it was alone");
        let after = table.lease(3);
        assert!(after.is_clean() && table.serves(&after, &new) && !table.serves(&after, &old), "{name}");
    });
}

#[test]
fn overlapping_writes_install_nothing_and_the_last_one_opens_the_slot() {
    both(|name, table, _| {
        let (first, second) = (table.open_write(3).unwrap(), table.open_write(3).unwrap());
        // In reverse and in order alike.
        assert!(second.answered().is_none(), "{name}");
        assert!(table.lease(3).is_open(), "{name}: one is left");
        assert!(first.answered().is_none(), "{name}");
        assert!(table.lease(3).is_clean(), "{name}");
    });
}

#[test]
fn a_write_without_an_answer_leaves_a_doubt_for_the_window() {
    for drop_it in [false, true] {
        both(|name, table, hands| {
            let write = table.open_write(3).unwrap();
            if drop_it {
                drop(write)
            } else {
                write.unanswered()
            }
            let lease = table.lease(3);
            assert!(lease.is_doubted() && !lease.is_open() && table.fill(&lease).is_none(), "{name}");
            assert!(
                table.open_write(3).unwrap().answered().is_none(),
                "{name}: nothing is installed in doubt"
            );
            hands.pass(WINDOW - Duration::from_micros(1));
            assert!(!table.lease(3).is_clean(), "{name}");
            hands.pass(Duration::from_micros(1));
            let lease = table.lease(3);
            assert!(lease.is_clean(), "{name}");
            assert!(table.open_write(3).unwrap().answered().is_some(), "{name}");
            assert!(table.lease(4).is_clean(), "{name}: other slots never were in doubt");
        });
    }
}

#[test]
fn a_flight_is_joined_under_the_same_clean_lease_only() {
    both(|name, table, _| {
        let flight = table.lease(3);
        assert!(table.joins(&table.lease(3), &flight), "{name}");
        let write = table.open_write(3).unwrap();
        let during = table.lease(3);
        assert!(!table.joins(&during, &flight) && !table.joins(&during, &during), "{name}");
        write.answered();
        assert!(!table.joins(&table.lease(3), &flight), "{name}");
    });
}

#[test]
fn tables_of_one_process_do_not_know_each_other_and_never_serve_each_others_entries() {
    let hands = Hands::new();
    let (one, other) = (in_process(&hands), in_process(&hands));
    assert_ne!(one.incarnation(), other.incarnation());
    let stamp = one.fill(&one.lease(3)).unwrap();
    assert!(!other.serves(&other.lease(3), &stamp));
}

#[test]
fn processes_see_each_others_writes_through_the_file() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let file = at(&folder.path().join("fence"), &hands);
    let (one, other) = (attach(&file), attach(&file));
    assert_eq!(one.incarnation(), other.incarnation());
    let stamp = one.fill(&one.lease(3)).unwrap();
    assert!(other.serves(&other.lease(3), &stamp));
    let write = other.open_write(3).unwrap();
    assert!(one.lease(3).is_open());
    one.tend(&one.lease(3));
    assert!(one.lease(3).is_open(), "its owner lives");
    let mine = one.open_write(3).unwrap();
    assert!(write.answered().is_none(), "another write moved the epoch");
    assert!(other.lease(3).is_open() && mine.answered().is_none());
    assert!(other.lease(3).is_clean());
}

#[test]
fn a_table_outlives_its_processes() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let mut file = at(&folder.path().join("fence"), &hands);
    let table = attach(&file);
    let stamp = table.fill(&table.lease(3)).unwrap();
    file.front = FrontSays::Incarnation(table.incarnation());
    drop(table);
    let table = attach(&file);
    assert!(table.lease(3).is_clean() && table.serves(&table.lease(3), &stamp));
}

/// The file as a killed process leaves it: a copy of what it was while the process lived.
fn after_kill(path: &Path, to: &Path) {
    std::fs::copy(path, to).unwrap();
}

#[test]
fn the_bits_of_the_dead_become_doubt_before_they_are_given_out() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let (path, copy) = (folder.path().join("fence"), folder.path().join("copy"));
    let table = attach(&at(&path, &hands));
    let stamp = table.fill(&table.lease(9)).unwrap();
    let _writes = [table.open_write(3).unwrap(), table.open_write(600).unwrap()];
    after_kill(&path, &copy);
    let heir = attach(&at(&copy, &hands));
    for slot in [3, 600] {
        let lease = heir.lease(slot);
        assert!(lease.is_doubted() && !lease.is_open(), "slot {slot}");
    }
    assert!(heir.serves(&heir.lease(9), &stamp), "what was quiet stays");
    hands.pass(WINDOW);
    assert!(heir.lease(3).is_clean());
}

#[test]
fn a_seventeenth_process_is_refused_and_a_dead_ones_place_is_free() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let file = at(&folder.path().join("fence"), &hands);
    let mut tables: Vec<_> = (0..16).map(|_| attach(&file)).collect();
    let refused = file.try_attach().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.why().contains("16 processes are attached"), "{refused}");
    tables.swap_remove(4);
    tables.push(attach(&file));
    assert!(file.try_attach().is_err());
    // Each has a bit of its own.
    let writes: Vec<_> = tables.iter().map(|table| table.open_write(3).unwrap()).collect();
    for write in writes {
        assert!(tables[0].lease(3).is_open());
        write.answered();
    }
    assert!(tables[0].lease(3).is_clean());
}

#[test]
fn every_place_of_the_dead_is_swept_at_once() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let (path, copy) = (folder.path().join("fence"), folder.path().join("copy"));
    let tables: Vec<_> = (0..16).map(|_| attach(&at(&path, &hands))).collect();
    let _writes: Vec<_> =
        tables.iter().zip(0..).map(|(table, slot)| table.open_write(slot * 50).unwrap()).collect();
    after_kill(&path, &copy);
    let heirs: Vec<_> = (0..16).map(|_| attach(&at(&copy, &hands))).collect();
    for slot in (0..16).map(|slot| slot * 50) {
        assert!(heirs[0].lease(slot).is_doubted() && !heirs[0].lease(slot).is_open());
    }
}

#[test]
fn a_file_that_was_removed_or_replaced_or_cut_is_noticed_by_the_next_write() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let path = folder.path().join("fence");
    let table = attach(&at(&path, &hands));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(table.open_write(3).unwrap_err().kind(), ErrorKind::Unavailable);
    let other = attach(&at(&path, &hands));
    let refused = table.open_write(3).unwrap_err();
    assert!(refused.why().contains("removed or replaced"), "{refused}");
    assert!(other.open_write(3).unwrap().answered().is_some());
    assert_ne!(table.incarnation(), other.incarnation());

    let length = std::fs::metadata(&path).unwrap().len();
    File::options().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
    let refused = other.open_write(3).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    drop(other);
    // The next start makes it anew.
    assert!(attach(&at(&path, &hands)).lease(3).is_doubted());
    assert_eq!(std::fs::metadata(&path).unwrap().len(), length);
}

#[test]
fn the_file_is_allocated_to_its_last_byte() {
    use std::os::unix::fs::MetadataExt;
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let path = folder.path().join("fence");
    drop(attach(&at(&path, &hands)));
    let meta = std::fs::metadata(&path).unwrap();
    assert!(meta.blocks() * 512 >= meta.len() && meta.len() >= 1024 * 16);
    // A hole that somebody made is filled at the next start.
    File::options().write(true).open(&path).unwrap().set_len(4096).unwrap();
    File::options().write(true).open(&path).unwrap().set_len(meta.len()).unwrap();
    drop(attach(&at(&path, &hands)));
    let meta = std::fs::metadata(&path).unwrap();
    assert!(meta.blocks() * 512 >= meta.len());
}

#[test]
fn renewal_is_in_doubt_only_where_the_past_is_to_be_feared() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let path = folder.path().join("fence");
    // Nothing was there: a cold start caches at once.
    assert!(attach(&at(&path, &hands)).lease(3).is_clean());
    for (fears_the_past, doubted) in [(true, true), (false, false)] {
        let mut file = at(&path, &hands);
        file.fears_the_past = fears_the_past;
        // The front was last used with another table.
        file.front = FrontSays::Incarnation(1);
        let table = attach(&file);
        assert_eq!(table.lease(3).is_doubted(), doubted);
        // It lasts for those who come later too, and no longer than the window.
        let later = attach(&file);
        assert_eq!(later.lease(3).is_doubted(), doubted);
        hands.pass(WINDOW);
        assert!(table.lease(3).is_clean() && later.lease(3).is_clean());
        drop((table, later));
    }
}

#[test]
fn a_file_in_use_is_not_renewed_for_a_stranger() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let path = folder.path().join("fence");
    let table = attach(&at(&path, &hands));
    let mut slots = at(&path, &hands);
    slots.layout = Layout::new(2048);
    let mut origin = at(&path, &hands);
    origin.origin = StoreId::new("file", "/another", "record");
    for file in [&slots, &origin] {
        assert_eq!(file.try_attach().unwrap_err().kind(), ErrorKind::Unavailable);
    }
    let before = table.incarnation();
    drop(table);
    for file in [&slots, &origin] {
        assert_ne!(attach(file).incarnation(), before);
    }
}

#[test]
fn every_damaged_bit_of_a_slot_is_doubt_and_mends() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let path = folder.path().join("fence");
    let table = attach(&at(&path, &hands));
    let raw = File::options().read(true).write(true).open(&path).unwrap();
    let place = (Layout::new(1024).words() as u64 - 2 * 1024 + 2 * 3) * 8;
    for bit in 0..128u64 {
        let stamp = table.fill(&table.lease(3)).expect("clean before");
        let at = place + bit / 8;
        let mut byte = [0];
        raw.read_exact_at(&mut byte, at).unwrap();
        raw.write_all_at(&[byte[0] ^ 1 << (bit % 8)], at).unwrap();
        let lease = table.lease(3);
        assert!(!lease.is_clean() && table.fill(&lease).is_none(), "bit {bit}");
        table.tend(&lease);
        let lease = table.lease(3);
        assert!(lease.is_doubted(), "bit {bit}");
        if bit < 64 {
            assert!(!table.serves(&lease, &stamp), "bit {bit}: nobody knows what was missed");
        }
        hands.pass(WINDOW);
        let lease = table.lease(3);
        table.tend(&lease);
        assert!(table.lease(3).is_clean(), "bit {bit}");
    }
}

#[test]
fn a_zeroed_page_recalls_no_old_epoch() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let path = folder.path().join("fence");
    let table = attach(&at(&path, &hands));
    let stamp = table.fill(&table.lease(3)).unwrap();
    let raw = File::options().write(true).open(&path).unwrap();
    let place = (Layout::new(1024).words() as u64 - 2 * 1024) * 8;
    raw.write_all_at(&[0; 4096], place).unwrap();
    let lease = table.lease(3);
    assert!(!lease.is_clean() && !table.serves(&lease, &stamp));
    table.tend(&lease);
    assert!(table.lease(3).is_doubted() && !table.serves(&table.lease(3), &stamp));
    // A write opens over it just so.
    assert!(table.open_write(5).unwrap().answered().is_none());
}

#[test]
fn a_write_whose_bit_was_lost_to_damage_ends_in_doubt() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let path = folder.path().join("fence");
    let (one, other) = (attach(&at(&path, &hands)), attach(&at(&path, &hands)));
    let write = one.open_write(3).unwrap();
    let raw = File::options().write(true).open(&path).unwrap();
    raw.write_all_at(&[0; 4096], (Layout::new(1024).words() as u64 - 2 * 1024) * 8).unwrap();
    other.tend(&other.lease(3));
    hands.pass(WINDOW);
    assert!(write.answered().is_none());
    assert!(other.lease(3).is_doubted());
}
