//! Attaching to a fence file, and making it.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;

use larder_store_core::env::InFlight;
use larder_store_core::{Env, Error, ErrorKind, Op, Result, StoreId};
use rustix::fs::{FallocateFlags, OFlags, fallocate};

use super::header::{self, Header, Stands};
use super::owners::{self, Attached, Survey};
use super::{Found, FrontSays, HeaderState, Mapped, Verdict, error};
use crate::fence::table::micros;
use crate::fence::{Layout, Setup, Table};
use crate::sys::{self, Words};

/// The byte whose lock says "I am opening".
const OPENING: u64 = 0;
/// The head and the owners.
const HEAD_BYTES: u64 = 4096;
/// How long another opener is waited for: it takes milliseconds, unless it is stopped.
const PATIENCE: Duration = Duration::from_secs(5);

/// A fence file to attach to.
#[derive(Debug, Clone)]
pub struct FenceFile {
    /// Where it is: beside the front that processes share.
    pub path: PathBuf,
    /// The store that the fence stands before.
    pub origin: StoreId,
    /// The size of the table.
    pub layout: Layout,
    /// How long doubt lasts.
    pub window: Duration,
    /// What the front's own data says.
    pub front: FrontSays,
    /// A write to the origin that got no answer can land later
    /// ([`Guarantees::late_landing`](larder_store_core::Guarantees)), and some prefix is `sole_writer`: then what a
    /// predecessor left under way matters.
    pub fears_the_past: bool,
    /// Clock and randomness.
    pub env: Env,
}

/// A file, and the lock of openers on it.
struct Opened {
    file: File,
    meta: Metadata,
    /// Another open file, whose lock goes with it.
    _door: File,
}

impl FenceFile {
    /// Attaches this process, as one more owner. If nobody is attached and the table cannot be gone on with, it is made
    /// anew; [`Table::incarnation`] tells, and belongs into the front's own data then.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] or [`ErrorKind::Full`] if the file cannot be made; [`ErrorKind::Unavailable`] if 16 processes
    /// are attached, if another one is opening for more than five seconds, or if those attached use it otherwise.
    pub async fn attach(self) -> Result<Table<Mapped>> {
        let (env, inflight) = (self.env.clone(), InFlight::new());
        let give_up = env.now() + PATIENCE;
        let mut pause = Duration::from_micros(500);
        loop {
            let request = self.clone();
            if let Some(table) = env.blocking(Op::Open, &inflight, move || request.try_attach()).await? {
                return Ok(table);
            }
            if env.now() >= give_up {
                let why = format!(
                    "another process has been opening the fence file {} for too long",
                    self.path.display()
                );
                return Err(Error::new(ErrorKind::Unavailable, Op::Open, why)
                    .hint("it may be stopped; continue or kill it"));
            }
            env.sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Attaches without waiting for another opener; `None` if there is one. It blocks for the file system only.
    ///
    /// # Errors
    /// As [`FenceFile::attach`].
    pub fn try_attach(&self) -> Result<Option<Table<Mapped>>> {
        sys::watch();
        let Some(opened) = self.open()? else { return Ok(None) };
        let said = |what| move |e| error::of(what, &self.path, e);
        let stands = Header::read(&opened.file).map_err(said("read"))?;
        // Owners are looked at in whatever is there; the rest is mapped when it is known to be whole.
        let head =
            (opened.meta.len() >= HEAD_BYTES).then(|| Words::of_file(&opened.file, HEAD_BYTES as usize / 8));
        let head = head.transpose().map_err(said("mapped"))?;
        let survey = owners::survey(&opened.file, head.as_ref()).map_err(said("locked"))?;
        drop(head);
        let now = micros(self.env.monotonic());
        let verdict = self.found(&stands, &survey, &opened.meta, now).verdict();
        let (mapped, header) = match (verdict, stands) {
            (Verdict::Refuse(why), _) => return Err(error::mismatch(&self.path, why)),
            (Verdict::Keep, Stands::Head(header, _)) => {
                self.allocate(&opened.file).map_err(said("allocated"))?;
                (self.map(&opened.file)?, header)
            }
            (Verdict::Keep, _) => return Err(error::mismatch(&self.path, "has no head")),
            (Verdict::Renew { unclean }, _) => {
                self.renew(&opened.file, unclean && self.fears_the_past, now)?
            }
        };
        if verdict == Verdict::Keep {
            // Nobody's table: it sets no bit of its own.
            let table = self.table(mapped, &header, 0);
            if survey.dirty != 0 {
                table.memory.words.populate();
                table.sweep(survey.dirty);
            }
            owners::free(&table.memory.words, survey.dead | survey.dirty);
            return self.enter(opened, table.memory, header);
        }
        self.enter(opened, mapped, header)
    }

    /// Takes a bit.
    fn enter(&self, opened: Opened, mut mapped: Mapped, header: Header) -> Result<Option<Table<Mapped>>> {
        let claimed = owners::claim(&opened.file, &mapped.words, &self.env);
        let Some(owner) = claimed.map_err(|e| error::of("locked", &self.path, e))? else {
            return Err(error::crowded(&self.path));
        };
        mapped.attached = Some(Attached {
            file: opened.file,
            path: self.path.clone(),
            owner,
            identity: (opened.meta.dev(), opened.meta.ino()),
            len: self.bytes(),
            forks: sys::forks(),
        });
        Ok(Some(self.table(mapped, &header, owner)))
    }

    fn table(&self, mapped: Mapped, header: &Header, owner: u8) -> Table<Mapped> {
        let setup = Setup {
            layout: self.layout,
            incarnation: header.incarnation,
            owner,
            window: self.window,
            all_until: header.all_until,
            env: self.env.clone(),
        };
        Table::new(mapped, setup)
    }

    fn bytes(&self) -> u64 {
        (self.layout.words() * size_of::<u64>()) as u64
    }

    fn map(&self, file: &File) -> Result<Mapped> {
        let words = Words::of_file(file, self.layout.words());
        Ok(Mapped::new(words.map_err(|e| error::of("mapped", &self.path, e))?, None))
    }

    /// Opens the file, or makes it, and takes the lock of openers; `None` if another process has it.
    fn open(&self) -> Result<Option<Opened>> {
        let said = |what| move |e| error::of(what, &self.path, e);
        let open = || {
            // Whoever may write the folder decides what is in it, but not where else we write.
            let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK).bits() as i32;
            File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(flags)
                .open(&self.path)
        };
        loop {
            let (door, file) = (open().map_err(said("opened"))?, open().map_err(said("opened"))?);
            if !sys::try_lock(&door, OPENING).map_err(said("locked"))? {
                return Ok(None);
            }
            let meta = file.metadata().map_err(said("looked at"))?;
            if !meta.is_file() {
                return Err(error::of("used", &self.path, io::Error::other("it is not a file")));
            }
            // It may have been replaced in between, or by us, twice.
            let same = |other: &Metadata| (other.dev(), other.ino()) == (meta.dev(), meta.ino());
            if same(&door.metadata().map_err(said("looked at"))?)
                && std::fs::symlink_metadata(&self.path).is_ok_and(|m| same(&m))
            {
                return Ok(Some(Opened { file, meta, _door: door }));
            }
        }
    }

    fn found(&self, stands: &Stands, survey: &Survey, meta: &Metadata, now: u64) -> Found {
        let mut doubted = false;
        let header = match stands {
            Stands::Nothing => HeaderState::New,
            Stands::Damage => HeaderState::Damaged,
            Stands::Head(header, last_doubt) => {
                doubted = *last_doubt > now;
                let same_slots = header.slots == u64::from(self.layout.slots());
                match same_slots && meta.len() < self.bytes() {
                    true => HeaderState::Damaged,
                    false => HeaderState::Sound {
                        incarnation: header.incarnation,
                        this_boot: header.boot == header::boot_id(),
                        same_slots,
                        same_origin: header.origin == header::origin_number(&self.origin),
                    },
                }
            }
        };
        let unclean = survey.dead != 0 || survey.dirty != 0 || doubted;
        Found { header, attached: survey.attached, unclean, front: self.front }
    }

    /// Makes the table anew, with nobody attached. Whoever is killed in the middle leaves a file without a head.
    fn renew(&self, file: &File, doubt: bool, now: u64) -> Result<(Mapped, Header)> {
        let said = |what| move |e| error::of(what, &self.path, e);
        file.set_len(0).map_err(said("emptied"))?;
        self.allocate(file).map_err(said("allocated"))?;
        let header = Header {
            slots: u64::from(self.layout.slots()),
            incarnation: self.env.random_u64(),
            boot: header::boot_id(),
            origin: header::origin_number(&self.origin),
            all_until: if doubt { now.saturating_add(micros(self.window)) } else { 0 },
        };
        let mapped = self.map(file)?;
        header.write(&mapped.words);
        Ok((mapped, header))
    }

    /// Gives the file its length and every byte of it a place on the disk, so that writing to the mapping never meets a
    /// full one.
    fn allocate(&self, file: &File) -> io::Result<()> {
        let meta = file.metadata()?;
        if meta.len() >= self.bytes() && meta.blocks() * 512 >= self.bytes() {
            return Ok(());
        }
        match fallocate(file, FallocateFlags::empty(), 0, self.bytes()) {
            Ok(()) => Ok(()),
            Err(e) => {
                // Nothing half made stays behind.
                if meta.len() == 0 {
                    let _ = file.set_len(0);
                }
                Err(e.into())
            }
        }
    }
}
