//! What is done on a disk that fills up.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder_store_core::{
    Call, DeleteOptions, ErrorKind, GetOptions, Got, Key, ListOptions, Listed, PutItem, PutOptions,
    Result as StoreResult, Step, Store, Written,
};

use crate::Outcome;
use crate::report::Report;
use crate::rng::Rng;
use crate::stores::{self, Kind};
use crate::value::{self, WriteNo};

/// Pages that are left free when a store is made on a disk that is nearly full.
const FREE_PAGES: std::ops::Range<u64> = 0..48;

/// How many puts in a row must be refused before the disk counts as full.
const REFUSALS: u32 = 4;

/// What the disk is filled with.
#[derive(Debug, Clone, Copy)]
enum Phase {
    Mixed,
    Medium,
    ManySmall,
    Small,
}

struct Trial<'a> {
    store: Arc<dyn Store>,
    kind: Kind,
    params: &'a str,
    disk: PathBuf,
    rng: Rng,
    next: WriteNo,
    keys: u64,
    /// What must be there.
    stored: BTreeMap<String, (WriteNo, usize)>,
    report: &'a mut Report,
    puts: u64,
    refused: u64,
    deletes: u64,
    refused_again: u64,
}

pub(super) async fn run(
    disk: &Path,
    kind: Kind,
    params: &str,
    rounds: u64,
    seed: u64,
    report: &mut Report,
) -> Outcome {
    let made = nearly_full(disk, kind, params, report).await?;
    report.count("stores made on a nearly full disk", made);
    let store = stores::open(&kind.at(&disk.join("store"), params)?).await?;
    let mut trial = Trial {
        store,
        kind,
        params,
        disk: disk.to_owned(),
        rng: Rng::new(seed),
        next: 0,
        keys: 0,
        stored: BTreeMap::new(),
        report,
        puts: 0,
        refused: 0,
        deletes: 0,
        refused_again: 0,
    };
    for round in 0..rounds {
        trial.round(round).await?;
    }
    let Trial { puts, refused, deletes, refused_again, report, store, .. } = trial;
    report.count("puts made", puts);
    report.count("refused as Full", refused);
    report.count("deletes on a full disk", deletes);
    report.count("refused with a third deleted", refused_again);
    store.close(&Call::default()).await?;
    Ok(())
}

/// Makes a store where only a few pages are free: it is made, or refused as `Full`, and never a death by `SIGBUS`. What
/// was refused can be made once there is room.
async fn nearly_full(disk: &Path, kind: Kind, params: &str, report: &mut Report) -> Outcome<u64> {
    let mut made = 0;
    let full = |report: &mut Report, what: String, error: larder_store_core::Error| {
        if !error.is(ErrorKind::Full) {
            report.problem(format!("{what}: {error:?}"));
        }
    };
    for pages in FREE_PAGES {
        let folder = disk.join(format!("early{pages}"));
        let config = kind.at(&folder, params)?;
        let ballast = Ballast::leave(disk, pages * 4096)?;
        match stores::open(&config).await {
            Ok(store) => {
                made += 1;
                let key = Key::new("early")?;
                let body = value::make("early", 1, 3000);
                match store.put_opts(&key, body, &PutOptions::new()).await {
                    Ok(_) => match store.get_opts(&key, &GetOptions::new()).await?.into_body() {
                        Some(body) if value::check("early", &body) == Ok(1) => {}
                        other => report.problem(format!("{pages} pages free: put, then get gave {other:?}")),
                    },
                    Err(error) => full(report, format!("put with {pages} pages free"), error),
                }
                store.close(&Call::default()).await?;
            }
            Err(error) => full(report, format!("open with {pages} pages free"), error),
        }
        drop(ballast);
        let store = stores::open(&config).await.map_err(|e| format!("open with room again: {e:?}"))?;
        store.put_opts(&Key::new("late")?, Bytes::from_static(b"x"), &PutOptions::new()).await?;
        store.close(&Call::default()).await?;
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(made)
}

impl Trial<'_> {
    async fn round(&mut self, round: u64) -> Outcome {
        self.fill().await;
        self.refuse_more().await;
        self.all_there("full").await;
        // Then others take what is left, to the last byte.
        let ballast = Ballast::leave(&self.disk, 0)?;
        self.refuse_more().await;
        self.all_there("full to the last byte").await;
        if round.is_multiple_of(3) {
            self.open_again().await?;
            self.all_there("opened on a full disk").await;
        }
        self.delete(3).await;
        self.all_there("deleted on a full disk").await;
        drop(ballast);
        self.put_again(false).await;
        self.all_there("put again").await;
        self.delete(1).await;
        self.all_there("empty").await;
        self.put_again(true).await;
        self.all_there("put into an empty store").await;
        Ok(())
    }

    fn value(&mut self, key: &str, len: usize) -> (WriteNo, Bytes) {
        self.next += 1;
        (self.next, value::make(key, self.next, len))
    }

    fn len(&mut self) -> usize {
        let (least, most) = *self.rng.weighted(&[
            (5, (40, 400)),
            (4, (1_000, 20_000)),
            (3, (60_000, 140_000)),
            (1, (400_000, 900_000)),
        ]);
        self.rng.between(least, most) as usize
    }

    /// Counts what a put came to. Whether it was made.
    fn came(&mut self, key: &str, write: WriteNo, len: usize, done: StoreResult<Written>) -> bool {
        match done {
            Ok(_) => {
                self.puts += 1;
                self.stored.insert(key.to_owned(), (write, len));
                true
            }
            Err(error) => {
                self.refused += 1;
                if !error.is(ErrorKind::Full) {
                    self.report.problem(format!("a put of {len} bytes on a full disk: {error:?}"));
                }
                false
            }
        }
    }

    async fn put(&mut self, key: &str, len: usize) -> bool {
        let (write, body) = self.value(key, len);
        let len = body.len();
        let name = Key::new(key).expect("it is legal");
        let stream = self.rng.one_in(4);
        let done = match stream {
            true => {
                let pieces: Vec<_> =
                    (0..len).step_by(50_000).map(|at| Ok(body.slice(at..(at + 50_000).min(len)))).collect();
                let body = Box::pin(futures_util::stream::iter(pieces));
                self.store.put_stream_opts(&name, body, &PutOptions::new()).await
            }
            false => self.store.put_opts(&name, body, &PutOptions::new()).await,
        };
        self.came(key, write, len, done)
    }

    /// Puts until the disk is full, then smaller ones until even those are refused.
    async fn fill(&mut self) {
        for phase in [Phase::Mixed, Phase::Medium, Phase::ManySmall, Phase::Small] {
            let mut refusals = 0;
            while refusals < REFUSALS {
                self.keys += 1;
                let fresh = self.keys;
                // Some over what is there.
                let number = if self.rng.one_in(5) { self.rng.below(fresh) } else { fresh };
                let key = format!("fill/{number}");
                let made = match phase {
                    Phase::ManySmall => self.put_many_small(fresh).await,
                    Phase::Mixed => {
                        let len = self.len();
                        self.put(&key, len).await
                    }
                    Phase::Medium => {
                        let len = self.rng.between(1_000, 20_000) as usize;
                        self.put(&key, len).await
                    }
                    Phase::Small => {
                        let len = self.rng.between(40, 400) as usize;
                        self.put(&key, len).await
                    }
                };
                refusals = if made { 0 } else { refusals + 1 };
                if fresh > 1_000_000 {
                    return self.report.problem("a million puts did not fill the disk");
                }
            }
        }
    }

    /// Whether one of them was made.
    async fn put_many_small(&mut self, number: u64) -> bool {
        let mut batch = Vec::new();
        for n in 0..40 {
            let (key, len) = (format!("small/{number}/{n}"), self.rng.between(40, 400) as usize);
            let (write, value) = self.value(&key, len);
            batch.push((key, write, value));
        }
        let item = |(key, _, value): &(String, WriteNo, Bytes)| {
            let key = Key::new(key.as_str()).expect("it is legal");
            PutItem { key, value: value.clone(), options: PutOptions::new() }
        };
        let done = self.store.put_many_opts(batch.iter().map(item).collect(), &Call::default()).await;
        let mut made = false;
        for ((key, write, value), done) in batch.iter().zip(done) {
            made |= self.came(key, *write, value.len(), done);
        }
        made
    }

    /// Values that cannot fit, in every form. Each is refused, or was small enough after all; whole or not at all.
    async fn refuse_more(&mut self) {
        for n in 0..6 {
            self.put(&format!("more/{n}"), 1_500_000).await;
            let over = self.stored.keys().nth(n * 3).cloned();
            if let Some(over) = over {
                self.put(&over, 300_000).await;
            }
        }
        let keys: Vec<String> = (0..5).map(|n| format!("many/{n}")).collect();
        let mut items = Vec::new();
        let mut writes = Vec::new();
        for key in &keys {
            let (write, value) = self.value(key, 200_000);
            writes.push((write, value.len()));
            items.push(PutItem {
                key: Key::new(key.as_str()).expect("it is legal"),
                value,
                options: PutOptions::new(),
            });
        }
        let steps: Vec<Step> = items.iter().cloned().map(Step::Put).collect();
        let done = self.store.put_many_opts(items, &Call::default()).await;
        for ((key, (write, len)), done) in keys.iter().zip(&writes).zip(done) {
            self.came(key, *write, *len, done);
        }
        if self.store.guarantees().transactions.is_some() {
            match self.store.transact_opts(steps, &Call::default()).await {
                Ok(_) => {
                    self.puts += keys.len() as u64;
                    let stored = keys.into_iter().zip(writes);
                    self.stored.extend(stored);
                }
                Err(error) if error.is(ErrorKind::Full) => self.refused += 1,
                Err(error) => self.report.problem(format!("a transaction on a full disk: {error:?}")),
            }
        }
    }

    /// One of `n` values is deleted.
    async fn delete(&mut self, n: usize) {
        let going: Vec<String> = self.stored.keys().step_by(n).cloned().collect();
        for key in going {
            let name = Key::new(key.as_str()).expect("it is legal");
            match self.store.delete_opts(&name, &DeleteOptions::new()).await {
                Ok(_) => {
                    self.deletes += 1;
                    self.stored.remove(&key);
                }
                Err(error) => self.report.problem(format!("a delete: {error:?}")),
            }
        }
    }

    /// Puts work again: with a third deleted, small ones; larger ones need room in one piece where a store keeps
    /// everything in one file that cannot grow. With all deleted, all.
    async fn put_again(&mut self, empty: bool) {
        for n in 0..8 {
            let len = [100, 3_000, 30_000, 90_000][n % 4];
            if self.put(&format!("again/{n}"), len).await {
                continue;
            }
            self.refused_again += u64::from(!empty);
            if empty || len <= 3_000 || self.kind == Kind::File {
                self.report.problem(format!("with room again a put of {len} bytes is refused"));
            }
        }
    }

    async fn open_again(&mut self) -> Outcome {
        self.store.close(&Call::default()).await?;
        let config = self.kind.at(&self.disk.join("store"), self.params)?;
        let opened = stores::open(&config).await;
        self.store = opened.map_err(|e| format!("a store is not opened again on a full disk: {e:?}"))?;
        Ok(())
    }

    /// Exactly what was acknowledged is there.
    async fn all_there(&mut self, when: &str) {
        for (key, (write, _)) in &self.stored {
            let name = Key::new(key.as_str()).expect("it is legal");
            let got = self.store.get_opts(&name, &GetOptions::new()).await.map(Got::into_body);
            match got {
                Ok(Some(body)) if value::check(key, &body) == Ok(*write) => {}
                Ok(Some(body)) => {
                    let is = value::check(key, &body);
                    self.report.problem(format!("{when}: {key} is {is:?} instead of write {write}"));
                }
                Ok(None) => self.report.problem(format!("{when}: {key} is gone")),
                Err(error) => self.report.problem(format!("{when}: {error:?}")),
            }
        }
        let listed: StoreResult<Vec<Listed>> = self.store.list_opts(ListOptions::new()).try_collect().await;
        match listed {
            Ok(listed) => {
                let names: Vec<&str> = listed.iter().map(Listed::name).collect();
                if !names.iter().copied().eq(self.stored.keys().map(String::as_str)) {
                    let (is, should) = (names.len(), self.stored.len());
                    self.report.problem(format!("{when}: {is} keys are listed instead of {should}"));
                }
            }
            Err(error) => self.report.problem(format!("{when}: {error:?}")),
        }
    }
}

/// A file that takes what is free. Removed when this goes.
pub(super) struct Ballast(PathBuf);

impl Ballast {
    /// Takes everything but so many bytes.
    pub(super) fn leave(disk: &Path, bytes: u64) -> Outcome<Ballast> {
        Ballast::named("ballast", disk, bytes)
    }

    /// Takes the rest, beside another one.
    pub(super) fn rest(disk: &Path) -> Outcome<Ballast> {
        Ballast::named("ballast-rest", disk, 0)
    }

    fn named(name: &str, disk: &Path, bytes: u64) -> Outcome<Ballast> {
        let path = disk.join(name);
        let mut file = match std::fs::File::create(&path) {
            Ok(file) => file,
            // Not even that fits: it is full to the last byte.
            Err(e) if e.kind() == std::io::ErrorKind::StorageFull => return Ok(Ballast(path)),
            Err(e) => return Err(e.into()),
        };
        let ballast = Ballast(path);
        let stat = rustix::fs::statvfs(disk)?;
        let free = stat.f_bavail * stat.f_frsize;
        let noise = vec![0x5a; 65_536];
        let mut left = free.saturating_sub(bytes);
        // File systems need some room of their own: the last pages may come one by one, or not at all.
        let mut piece = noise.len() as u64;
        while left > 0 && piece >= 1 {
            match file.write(&noise[..piece.min(left) as usize]) {
                Ok(0) | Err(_) => piece /= 2,
                Ok(n) => left -= n as u64,
            }
        }
        // What the disk does not take shows here at the latest, and is what this is for.
        let _ = file.sync_all();
        Ok(ballast)
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
