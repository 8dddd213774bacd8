//! Where a dump is written to, part by part.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use larder_store_core::env::InFlight;
use larder_store_core::{Call, Env, Error, ErrorKind, Key, Op, PutOptions, Result, Store};
use tokio::sync::oneshot;

use crate::feed::{Feed, feed};

/// One part while it is written. Dropped before [`Volume::end`], nothing that could be taken for a whole part is left.
#[derive(Debug)]
pub(super) enum Volume {
    File(FileVolume),
    Object(ObjectVolume),
    Stream(Arc<Mutex<Writer>>),
}

/// Anything that bytes can be written to.
pub(crate) struct Writer(pub(super) Box<dyn Write + Send>);

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writer")
    }
}

/// A file that gets its name when it is whole.
#[derive(Debug)]
pub(super) struct FileVolume {
    file: Arc<File>,
    path: PathBuf,
    partial: PathBuf,
    /// Bytes that were written since they were last sent to the disk.
    unsent: usize,
    sending: Arc<AtomicBool>,
}

/// So much is sent to the disk at a time while more is written, so that little of it is left for the end.
const SENT: usize = 32 << 20;

/// An object that is there when it is whole.
#[derive(Debug)]
pub(super) struct ObjectVolume {
    feed: Feed,
    done: oneshot::Receiver<Result<()>>,
}

/// The name of a file while it is written.
pub(super) fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

pub(super) fn failed(path: &Path, what: &str, source: std::io::Error) -> Error {
    let kind = match source.kind() {
        std::io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorKind::Full,
        std::io::ErrorKind::NotFound
        | std::io::ErrorKind::NotADirectory
        | std::io::ErrorKind::IsADirectory => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    };
    let error = Error::new(kind, Op::Export, format!("{}: {what}: {source}", path.display()));
    match kind {
        ErrorKind::Full => {
            error.hint("make room and run the same command again: it goes on where it stopped")
        }
        ErrorKind::Denied => error.hint("the file's and folder's owner and mode decide; see ls -l"),
        ErrorKind::Invalid => error.hint("the folder must be there, and the name must be a file's"),
        _ => error,
    }
}

/// Opens a file that is being written, to go on with it, to replace what is in it or to remove it. As long as it is open
/// no second export gets it; where a file system has no locks, there is none.
pub(super) fn hold(path: &Path, create: bool) -> Result<File> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    let wrong = |e| failed(path, "cannot be written", e);
    let other = || {
        let why = format!("{}: another export is writing this dump", path.display());
        Error::new(ErrorKind::Unavailable, Op::Export, why).hint("wait for it, or choose another name")
    };
    // A dump holds everything that the store does.
    let file = OpenOptions::new().write(true).create(create).truncate(false).mode(0o600).open(path);
    let file = file.map_err(wrong)?;
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Err(other());
    }
    // Whoever had it may have given it its name meanwhile.
    let (mine, there) = (file.metadata().map_err(wrong)?, std::fs::metadata(path));
    match there.is_ok_and(|there| (there.dev(), there.ino()) == (mine.dev(), mine.ino())) {
        true => Ok(file),
        false => Err(other()),
    }
}

impl FileVolume {
    /// Has the disk begin with what was written, if that is enough and it is not at it.
    fn send(&mut self, env: &Env) {
        if self.unsent < SENT || self.sending.swap(true, Ordering::Acquire) {
            return;
        }
        self.unsent = 0;
        let (env, partial, sending) = (env.clone(), self.partial.clone(), self.sending.clone());
        env.clone().spawn(async move {
            // By another handle: this may take longer than the export lives, whose lock goes with its own. An error of the
            // disk is told to each handle, so to that which ends the file too.
            let sync = move || {
                let _ = File::open(&partial).and_then(|file| file.sync_data());
                Ok(())
            };
            let _ = env.blocking(Op::Export, &InFlight::new(), sync).await;
            sending.store(false, Ordering::Release);
        });
    }
}

impl Volume {
    /// A file, from `at` on: 0 for one that must not be there yet, else one that is gone on with.
    pub(super) async fn file(env: &Env, path: PathBuf, at: u64) -> Result<Volume> {
        let partial = partial(&path);
        let opened = partial.clone();
        let file = env
            .blocking(Op::Export, &InFlight::new(), move || {
                let wrong = |e| failed(&opened, "cannot be written", e);
                let mut file = hold(&opened, at == 0)?;
                file.set_len(at).map_err(wrong)?;
                file.seek(SeekFrom::Start(at)).map_err(wrong)?;
                Ok(file)
            })
            .await?;
        Ok(Volume::File(FileVolume {
            file: Arc::new(file),
            path,
            partial,
            unsent: 0,
            sending: Arc::default(),
        }))
    }

    /// An object of a store.
    pub(super) fn object(env: &Env, store: Arc<dyn Store>, key: Key, call: Call) -> Volume {
        let (feed, body) = feed(Op::Export);
        let (tell, done) = oneshot::channel();
        env.spawn(async move {
            let options = PutOptions::new().with_call(call);
            let put = store.put_stream_opts(&key, body, &options).await;
            let _ = tell.send(put.map(drop));
        });
        Volume::Object(ObjectVolume { feed, done })
    }

    pub(super) async fn write(&mut self, env: &Env, bytes: Bytes) -> Result<()> {
        match self {
            Volume::File(volume) => {
                let (file, partial) = (volume.file.clone(), volume.partial.clone());
                volume.unsent += bytes.len();
                let write =
                    move || (&*file).write_all(&bytes).map_err(|e| failed(&partial, "cannot be written", e));
                env.blocking(Op::Export, &InFlight::new(), write).await?;
                volume.send(env);
                Ok(())
            }
            Volume::Stream(writer) => {
                let writer = writer.clone();
                env.blocking(Op::Export, &InFlight::new(), move || {
                    writer
                        .lock()
                        .unwrap_or_else(|e| e.into_inner())
                        .0
                        .write_all(&bytes)
                        .map_err(stream_failed)
                })
                .await
            }
            Volume::Object(volume) => match volume.feed.send(bytes).await {
                true => Ok(()),
                // The upload has ended by itself: its answer says why.
                false => Err(answer(&mut volume.done).await.err().unwrap_or_else(ended_early)),
            },
        }
    }

    /// Makes the part whole: durable, and under its name.
    pub(super) async fn end(self, env: &Env) -> Result<()> {
        match self {
            Volume::File(volume) => {
                env.blocking(Op::Export, &InFlight::new(), move || {
                    let wrong = |e| failed(&volume.path, "cannot be made durable", e);
                    volume.file.sync_all().map_err(wrong)?;
                    std::fs::rename(&volume.partial, &volume.path).map_err(wrong)?;
                    let folder = volume.path.parent().filter(|p| !p.as_os_str().is_empty());
                    File::open(folder.unwrap_or(Path::new("."))).and_then(|f| f.sync_all()).map_err(wrong)
                })
                .await
            }
            Volume::Stream(writer) => {
                env.blocking(Op::Export, &InFlight::new(), move || {
                    writer.lock().unwrap_or_else(|e| e.into_inner()).0.flush().map_err(stream_failed)
                })
                .await
            }
            Volume::Object(mut volume) => match volume.feed.end().await {
                true => answer(&mut volume.done).await,
                false => Err(answer(&mut volume.done).await.err().unwrap_or_else(ended_early)),
            },
        }
    }
}

async fn answer(done: &mut oneshot::Receiver<Result<()>>) -> Result<()> {
    match done.await {
        Ok(done) => done.map_err(|e| e.during(Op::Export)),
        Err(_) => Err(ended_early()),
    }
}

fn ended_early() -> Error {
    Error::new(ErrorKind::Unknown, Op::Export, "the upload of a part ended before its last byte")
}

fn stream_failed(source: std::io::Error) -> Error {
    let kind = match source.kind() {
        std::io::ErrorKind::BrokenPipe => ErrorKind::Cancelled,
        std::io::ErrorKind::StorageFull => ErrorKind::Full,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, Op::Export, format!("the output cannot be written: {source}")).caused_by(source)
}
