//! Opening: what is checked before LMDB may touch the files, and how a damaged store is told from a killed process.
//!
//! A process that dies leaves nothing to repair: LMDB's pages are copied before they are changed, and the newest meta
//! page names only what is whole. So a store is opened after any kill as after a close. Only damage from outside is
//! looked for, in this order, each look cheap:
//! 1. The two meta pages must make sense, go together, and agree with `larder.guard`.
//! 2. The list of free pages is read, up to a bound: LMDB writes wherever it says.
//! 3. The whole structure is verified, by our own code that a damaged page cannot crash, if there is a reason: the
//!    file is shorter than it should be; or commits that were not synced may have been lost with the machine; or the
//!    last process died inside LMDB's writing code. A kill there is likely under load, so a first death has a bound of
//!    a few thousand pages, and a third in a row without a commit between has none. If nothing is found, the store
//!    opens: no death alone is held against it.
//!
//! So when damage that got past the reading code kills the process inside LMDB, the next opens look closer until they
//! find it, and from then on each is a typed error. It ends when the folder is restored.
//!
//! A cache is opened in the same way, but where an origin is refused it is thrown away and begins anew, if no other process
//! has it open. So it is when there is only a doubt: after a crash of the machine, or when a process died while it wrote and
//! the whole is too large to be looked at in a moment.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use larder_store_core::{Env, Error, ErrorKind, Op, Result};
use rustix::fs::{AtFlags, OFlags, fsync, unlinkat};

use super::cache::{self, Cache, Recency};
use super::config::{LmdbConfig, LmdbRole, LmdbSync};
use super::guard::{self, Guard, Survey};
use super::registry::{Attempt, Opened};
use super::shared::{Settings, Shared};
use super::snapshot::Data;
use super::sys::{self, Code, Db, OpenArgs, WriteEnd};
use super::tree::{META_BYTES, Meta, verify, verify_free};
use super::writer::Writer;
use super::{error, files, marker};
use crate::errno;
use crate::folder::CheckedFolder;

/// Entries of the reader table: threads that read at once, in all processes together.
const MAX_READERS: u32 = 1024;
/// Pages that are looked at after a first death, a few milliseconds' worth.
const FEW_PAGES: u64 = 4096;
/// Deaths in a row after which all pages are looked at.
const MANY_DEATHS: u64 = 3;

/// Pages that are looked at after a death in a cache. One that has more begins anew.
const CACHE_PAGES: u64 = 16384;

const OP: Op = Op::Open;

/// Opens the store in a folder that was checked.
pub(super) fn open(
    folder: &CheckedFolder,
    config: &LmdbConfig,
    role: LmdbRole,
    create: bool,
    env: &Env,
) -> Result<Attempt<Opened>> {
    Opening { folder, config, role, create, env }.run()
}

/// How much may be mapped.
struct Sizes {
    first: usize,
    most: usize,
    /// The bound of a cache, all its files together.
    capacity: Option<u64>,
}

struct Opening<'a> {
    folder: &'a CheckedFolder,
    config: &'a LmdbConfig,
    role: LmdbRole,
    create: bool,
    env: &'a Env,
}

impl Opening<'_> {
    fn run(&self) -> Result<Attempt<Opened>> {
        match self.once() {
            Err(error) if self.role == LmdbRole::Cache && cache::is_healed(&error) => self.heal(error),
            done => done,
        }
    }

    /// Throws the content of a damaged cache away and opens it, unless somebody uses it.
    fn heal(&self, error: Error) -> Result<Attempt<Opened>> {
        let guard = self.guard()?;
        if !guard.try_begin().map_err(|e| self.io(e, "locking larder.guard"))? {
            return Ok(Attempt::Busy);
        }
        let survey = guard.survey().map_err(|e| self.io(e, "reading larder.guard"))?;
        if survey.alive > 0 {
            return Err(error.hint("other processes use the cache; it begins anew when they have closed it"));
        }
        if !cache::begin_anew(self.folder, &guard, &error)? {
            return Err(error);
        }
        // The lock of openers goes with the guard.
        drop(guard);
        // It was there, so nobody has to let it be created.
        Opening { create: true, ..*self }.once()
    }

    fn once(&self) -> Result<Attempt<Opened>> {
        let had_guard = self.may_begin()?;
        self.begin(had_guard)
    }

    /// Whether there is anything to open, or a place to make it in, before a file is made; whether there is a guard.
    fn may_begin(&self) -> Result<bool> {
        let data_len = self.look(files::DATA)?.unwrap_or(0);
        self.look(files::LOCK)?;
        let had_guard = self.look(guard::NAME)?.is_some();
        if data_len == 0 && !self.create && !had_guard {
            return Err(self.missing());
        }
        if data_len == 0 && !had_guard && files::has_others(OP, &self.folder.fd)? {
            let why = format!("{} holds files that Larder did not write", self.folder.path.display());
            return Err(Error::new(ErrorKind::Invalid, OP, why).hint("choose an empty folder, or a new one"));
        }
        Ok(had_guard)
    }

    fn begin(&self, had_guard: bool) -> Result<Attempt<Opened>> {
        let guard = self.guard()?;
        if !guard.try_begin().map_err(|e| self.io(e, "locking larder.guard"))? {
            return Ok(Attempt::Busy);
        }
        // Looked at only now: before the lock another process may be making the store, and writing to it.
        let data_len = self.look(files::DATA)?.unwrap_or(0);
        let survey = guard.survey().map_err(|e| self.io(e, "reading larder.guard"))?;
        if let Some(pid) = survey.stranger {
            let why =
                format!("process {pid} of another pid namespace (another container) has the store open");
            return Err(Error::new(ErrorKind::Unsupported, OP, why)
                .hint("LMDB tells living readers from dead ones by their pid; share the pid namespace, or let one container own the store"));
        }
        let is_new = self.is_new(&guard, had_guard, data_len, &survey)?;
        let sizes = self.sizes(&guard, &survey)?;
        let (readers, end, data, settings) = self.environment(&guard, &survey, is_new, &sizes)?;
        self.finish(guard, survey, readers, end, data, settings).map(Attempt::Done)
    }

    /// How much may be mapped. The capacity of a cache is the same for all who have it open.
    fn sizes(&self, guard: &Guard, survey: &Survey) -> Result<Sizes> {
        if self.role == LmdbRole::Origin {
            let (first, most) = self.config.sizes();
            return Ok(Sizes { first: first.min(most), most, capacity: None });
        }
        let theirs = guard.capacity().filter(|_| survey.alive > 0);
        if let (Some(ours), Some(theirs)) = (self.config.capacity, theirs)
            && ours != theirs
        {
            let why =
                format!("the cache is open in another process with a capacity of {theirs} bytes, not {ours}");
            return Err(Error::new(ErrorKind::Invalid, OP, why)
                .hint("open it the same way everywhere; without capacity= it is opened as it is"));
        }
        let capacity = match theirs.or(self.config.capacity) {
            Some(capacity) => capacity,
            None => {
                let capacity = cache::default_capacity(self.folder)?;
                tracing::info!(folder = %self.folder.path.display(), capacity, "default capacity of an LMDB cache");
                capacity
            }
        };
        let bytes = usize::try_from(cache::for_data(capacity, MAX_READERS)).unwrap_or(usize::MAX);
        let is_origin = guard.role() == Some(LmdbRole::Origin);
        if !is_origin && cache::allocated(self.folder, &[files::DATA]) > bytes as u64 + cache::INDEX {
            return Err(self
                .corrupt(format!("data.mdb takes more of the disk than the capacity of {capacity} bytes")));
        }
        Ok(Sizes { first: bytes, most: bytes, capacity: Some(capacity) })
    }

    fn look(&self, name: &str) -> Result<Option<u64>> {
        files::look(OP, &self.folder.fd, &self.folder.path, name)
    }

    fn file(&self, name: &str, flags: OFlags) -> Result<File> {
        files::open(OP, &self.folder.fd, &self.folder.path, name, flags)
    }

    fn io(&self, e: std::io::Error, what: &str) -> Error {
        errno::io_error(OP, e, format_args!("{what} in {}", self.folder.path.display()))
    }

    fn missing(&self) -> Error {
        let why = format!("there is no store in {}", self.folder.path.display());
        Error::new(ErrorKind::Invalid, OP, why).hint("let it be created, or mend the path")
    }

    fn corrupt(&self, why: String) -> Error {
        Error::new(ErrorKind::Corrupt, OP, why).hint(error::DAMAGED_HINT)
    }

    fn guard(&self) -> Result<Guard> {
        let file = self.file(guard::NAME, OFlags::RDWR | OFlags::CREATE)?;
        files::allocate(OP, &file, guard::LEN, &self.folder.path.join(guard::NAME))?;
        Guard::map(file).map_err(|e| self.io(e, "mapping larder.guard"))
    }

    /// Whether there is no store yet. One that was there and is not any more is damage.
    fn is_new(&self, guard: &Guard, had_guard: bool, data_len: u64, survey: &Survey) -> Result<bool> {
        let knows = guard.knows_commits();
        if data_len == 0 {
            if knows {
                return Err(self
                    .corrupt("data.mdb is gone or empty, and larder.guard knows of commits".into())
                    .hint("restore data.mdb, or destroy the store"));
            }
            return if self.create { Ok(true) } else { Err(self.missing()) };
        }
        // Whoever made the file died before its first two pages were there.
        if data_len < 2 * 4096 && had_guard && !knows && survey.alive == 0 {
            unlinkat(&self.folder.fd, files::DATA, AtFlags::empty())
                .map_err(|e| errno::error(OP, e, "removing a data.mdb that was never finished"))?;
            return if self.create { Ok(true) } else { Err(self.missing()) };
        }
        Ok(false)
    }

    /// Checks the data file, and opens the environment over it.
    fn environment(
        &self,
        guard: &Guard,
        survey: &Survey,
        is_new: bool,
        sizes: &Sizes,
    ) -> Result<(sys::Readers, WriteEnd, Data, Settings)> {
        let mut map_size = sizes.first;
        let mut data = None;
        if !is_new {
            let (found, page_size, len) = self.data(map_size)?;
            if sizes.capacity.is_none() {
                map_size = map_size.max(len.next_power_of_two());
            }
            if survey.alive == 0 {
                self.inspect(guard, survey, &found)?;
            }
            data = Some((found, page_size));
        }
        if survey.alive == 0 {
            // Longer than LMDB wants is as good; shorter it would stretch, leaving holes.
            let file = self.file(files::LOCK, OFlags::RDWR | OFlags::CREATE)?;
            let len = sys::lock_file_len(MAX_READERS);
            files::allocate(OP, &file, len, &self.folder.path.join(files::LOCK))?;
        }
        let sync = self.config.sync_as(self.role) == LmdbSync::Full;
        let args = OpenArgs { path: &self.folder.path, map_size, max_readers: MAX_READERS, sync };
        let what = format!("opening LMDB in {}", self.folder.path.display());
        let (readers, end) = Db::open(&args).map_err(|code| match code {
            // As good as damaged: a cache begins anew.
            Code::VersionMismatch if sizes.capacity.is_some() => error::code(OP, Code::Invalid, &what),
            code => error::code(OP, code, &what),
        })?;
        let (data, page_size) = match data {
            Some(data) => data,
            None => {
                // The names of new files must be as durable as what is in them.
                fsync(&self.folder.fd).map_err(|e| errno::error(OP, e, "syncing the folder"))?;
                let (data, page_size, _) = self.data(map_size)?;
                (data, page_size)
            }
        };
        let settings = Settings {
            role: self.role,
            sync,
            map_size: self.config.sizes().0,
            max_size: sizes.most,
            page_size,
            capacity: sizes.capacity,
        };
        Ok((readers, end, data, settings))
    }

    /// Maps the data file: with the size of its pages, and its length.
    fn data(&self, map_size: usize) -> Result<(Data, usize, usize)> {
        let file = self.file(files::DATA, OFlags::RDONLY)?;
        let len = file.metadata().map_err(|e| self.io(e, "looking at data.mdb"))?.len();
        let mut first = [0; META_BYTES];
        let page_size = match file.read_exact_at(&mut first, 0) {
            Ok(()) => Meta::read(&first, 0).map_err(|d| error::damage(OP, d))?.page_size,
            Err(_) => return Err(self.corrupt("data.mdb is cut off".into())),
        };
        if len < 2 * page_size as u64 {
            return Err(self.corrupt("data.mdb is cut off".into()));
        }
        let len = usize::try_from(len).map_err(|_| error::full(OP))?;
        let data =
            Data::map(file, page_size, map_size.max(len)).map_err(|e| self.io(e, "mapping data.mdb"))?;
        Ok((data, page_size, len))
    }

    /// Looks for damage. Nobody else has the store open.
    fn inspect(&self, guard: &Guard, survey: &Survey, data: &Data) -> Result<()> {
        let (meta, mapping) = data.alone().map_err(|trouble| error::trouble(OP, trouble))?;
        let damage = |d| error::damage(OP, d);
        let lost = guard.lost_with_machine();
        if self.role == LmdbRole::Cache {
            return self.inspect_cache(guard, survey, data);
        }
        if !lost {
            guard.check(&meta).map_err(|d| {
                damage(d).hint("if data.mdb was put there by hand, remove larder.guard; else restore the folder from a backup")
            })?;
        }
        let view = data.quiet(&mapping, meta).view;
        verify_free(view, &meta, FEW_PAGES).map_err(damage)?;
        let budget = match survey.deaths {
            _ if lost || data.is_short(&meta) => u64::MAX,
            0 => return Ok(()),
            deaths if deaths < MANY_DEATHS => FEW_PAGES,
            _ => u64::MAX,
        };
        tracing::info!(deaths = survey.deaths, lost, "looking at the structure of an LMDB store");
        verify(view, &meta, budget).map_err(damage)?;
        Ok(())
    }

    /// The same for a cache: what cannot be proven to be whole in a moment is thrown away.
    fn inspect_cache(&self, guard: &Guard, survey: &Survey, data: &Data) -> Result<()> {
        let damage = |d| error::damage(OP, d);
        if guard.is_damaged() {
            return Err(self.corrupt("damage was met when the cache was last open".into()));
        }
        if guard.lost_with_machine() {
            return Err(self.corrupt("commits that were not synced may be lost with the machine".into()));
        }
        let (meta, mapping) = data.alone().map_err(|trouble| error::trouble(OP, trouble))?;
        guard.check(&meta).map_err(damage)?;
        let view = data.quiet(&mapping, meta).view;
        verify_free(view, &meta, FEW_PAGES).map_err(damage)?;
        if survey.deaths == 0 {
            return Ok(());
        }
        tracing::info!(
            deaths = survey.deaths,
            "a process died while it wrote to an LMDB cache: looking at it"
        );
        match verify(view, &meta, CACHE_PAGES).map_err(damage)? {
            true => Ok(()),
            false => Err(self.corrupt(
                "a process died while it wrote, and the cache is too large to be looked at as a whole".into(),
            )),
        }
    }

    /// The table of last uses. `last`: the newest birth in the tree.
    fn recency(&self, capacity: u64, is_alone: bool) -> Result<Recency> {
        let len = cache::recency_len(capacity);
        // Of a cache with another capacity, or with holes, which must not be mapped.
        if is_alone && self.look(files::RECENCY)?.is_some_and(|found| found != len) {
            unlinkat(&self.folder.fd, files::RECENCY, AtFlags::empty())
                .map_err(|e| errno::error(OP, e, "removing larder.recency"))?;
        }
        let file = self.file(files::RECENCY, OFlags::RDWR | OFlags::CREATE)?;
        files::allocate(OP, &file, len, &self.folder.path.join(files::RECENCY))?;
        Recency::map(&file, capacity).map_err(|e| self.io(e, "mapping larder.recency"))
    }

    fn finish(
        &self,
        mut guard: Guard,
        survey: Survey,
        readers: sys::Readers,
        end: WriteEnd,
        data: Data,
        settings: Settings,
    ) -> Result<Opened> {
        end.clear_dead_readers().map_err(|code| error::code(OP, code, "clearing the reader table"))?;
        let claimed = guard.claim(self.env).map_err(|e| self.io(e, "taking a slot of larder.guard"))?;
        if !claimed {
            let why = "as many processes as can share a store have it open";
            return Err(Error::new(ErrorKind::Unavailable, OP, why).hint("close it in one of them"));
        }
        let noted = match settings.sync {
            false => guard.set_unsynced(true),
            true if survey.alive == 0 && guard.is_unsynced() => {
                end.sync().map_err(|code| error::code(OP, code, "syncing data.mdb"))?;
                guard.set_unsynced(false)
            }
            true => Ok(()),
        };
        noted.map_err(|e| self.io(e, "writing larder.guard"))?;
        let shared = Arc::new(Shared::new(settings, readers, data, guard, self.env.clone()));
        // With others at work the structure cannot be looked at now: the first transaction does.
        let suspect = survey.alive > 0 && survey.deaths > 0;
        let budget = if survey.deaths < MANY_DEATHS { FEW_PAGES } else { u64::MAX };
        let file = self.file(files::DATA, OFlags::RDWR)?;
        let mut writer = Writer::new(end, file, shared.clone(), suspect.then_some(budget));
        marker::check(&mut writer, &shared, self.role, self.create)?;
        shared.guard.set_role(self.role);
        // Not before: only the folder of a cache has this file.
        if let Some(capacity) = settings.capacity {
            let recency = self.recency(capacity, survey.alive == 0)?;
            shared.guard.set_capacity(capacity);
            let _ = shared.cache.set(Cache { capacity, recency, evictions: AtomicU64::new(0) });
        }
        shared.guard.end();
        let writer = std::thread::Builder::new()
            .name("larder-lmdb".into())
            .spawn(move || writer.run())
            .map_err(|e| self.io(e, "starting the writer"))?;
        Ok(Opened { shared, writer })
    }
}

#[cfg(test)]
mod tests {
    use larder_store_core::StoreExt;

    use super::*;
    use crate::folder::{FolderRules, check};
    use crate::lmdb::LmdbStore;

    #[tokio::test]
    async fn a_store_that_another_makes_meanwhile_has_lost_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let config = LmdbConfig::new(folder.path());
        let checked = check(&config.path, &FolderRules { op: OP, create: true, network: false }).unwrap();
        let env = Env::system();
        let role = LmdbRole::Origin;
        let opening = Opening { folder: &checked, config: &config, role, create: true, env: &env };
        let had_guard = opening.may_begin().unwrap();
        let other = LmdbStore::open(&config).await.unwrap();
        other.put("k", "value").await.unwrap();
        drop(other);
        let opened = opening.begin(had_guard);
        assert!(matches!(opened, Ok(Attempt::Done(_))), "{:?}", opened.err());
    }
}
