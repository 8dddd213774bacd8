//! Where the bytes of an object are.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;

use crate::Failure;

/// Bodies up to this size stay in memory even where there is a folder: a file would cost more.
const IN_MEMORY: usize = 16 << 10;
/// Bytes of a file that are read at once.
const CHUNK: u64 = 256 << 10;

/// Keeps bodies: in memory, or in a folder that goes when this does.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: Option<tempfile::TempDir>,
    next: AtomicU64,
}

impl Spool {
    pub(crate) fn new(under: Option<&Path>) -> io::Result<Self> {
        let folder = match under {
            Some(under) => {
                std::fs::create_dir_all(under)?;
                Some(tempfile::Builder::new().prefix("bodies-").tempdir_in(under)?)
            }
            None => None,
        };
        Ok(Self { folder, next: AtomicU64::new(0) })
    }

    pub(crate) fn writer(&self) -> Writer {
        let path = self
            .folder
            .as_ref()
            .map(|folder| folder.path().join(self.next.fetch_add(1, Ordering::Relaxed).to_string()));
        Writer { path, memory: Vec::new(), file: None, written: 0 }
    }
}

/// Takes one body in.
#[derive(Debug)]
pub(crate) struct Writer {
    path: Option<PathBuf>,
    memory: Vec<u8>,
    file: Option<(File, Arc<OnDisk>)>,
    written: u64,
}

impl Writer {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some((file, _)) = &self.file {
            file.write_all_at(bytes, self.written)?;
        } else {
            self.memory.extend_from_slice(bytes);
            if let Some(path) = self.path.as_ref().filter(|_| self.memory.len() > IN_MEMORY) {
                let file = File::create_new(path)?;
                file.write_all_at(&self.memory, 0)?;
                self.memory = Vec::new();
                self.file = Some((file, Arc::new(OnDisk { path: path.clone() })));
            }
        }
        self.written += bytes.len() as u64;
        Ok(())
    }

    pub(crate) fn finish(self) -> Content {
        match self.file {
            Some((_, at)) => Content::One(Segment::Disk { at, len: self.written }),
            None if self.memory.is_empty() => Content::Empty,
            None => Content::One(Segment::Memory(Bytes::from(self.memory.into_boxed_slice()))),
        }
    }
}

/// A file that is removed when nobody names it any more, readers included.
#[derive(Debug)]
pub(crate) struct OnDisk {
    path: PathBuf,
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Segment {
    Memory(Bytes),
    Disk { at: Arc<OnDisk>, len: u64 },
}

impl Segment {
    fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Disk { len, .. } => *len,
        }
    }
}

/// The bytes of an object. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Empty,
    One(Segment),
    Many(Arc<[Segment]>),
}

impl Content {
    /// The bytes of all, one after the other.
    pub(crate) fn joined(parts: impl IntoIterator<Item = Content>) -> Self {
        let mut segments = Vec::new();
        for part in parts {
            segments.extend_from_slice(part.segments());
        }
        Self::Many(segments.into())
    }

    fn segments(&self) -> &[Segment] {
        match self {
            Self::Empty => &[],
            Self::One(segment) => std::slice::from_ref(segment),
            Self::Many(segments) => segments,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.segments().iter().map(Segment::len).sum()
    }

    pub(crate) fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut reader = self.reader(0..self.len());
        let mut whole = Vec::new();
        while let Some(piece) = reader.next_piece() {
            whole.extend_from_slice(&piece?);
        }
        Ok(whole)
    }

    pub(crate) fn reader(&self, range: Range<u64>) -> Reader {
        Reader { content: self.clone(), left: range, open: None }
    }
}

/// Reads a range of a content, in pieces.
#[derive(Debug)]
pub(crate) struct Reader {
    content: Content,
    left: Range<u64>,
    /// The file that was read last, and the index of its segment.
    open: Option<(usize, File)>,
}

impl Reader {
    /// Bytes that are still to come.
    pub(crate) fn left(&self) -> u64 {
        self.left.end - self.left.start
    }

    fn next_piece(&mut self) -> Option<io::Result<Bytes>> {
        if self.left.is_empty() {
            return None;
        }
        let mut begin = 0;
        for (index, segment) in self.content.segments().iter().enumerate() {
            let end = begin + segment.len();
            if self.left.start < end {
                let inside = self.left.start - begin..self.left.end.min(end) - begin;
                let piece = match segment {
                    Segment::Memory(bytes) => Ok(bytes.slice(inside.start as usize..inside.end as usize)),
                    Segment::Disk { at, .. } => read(&mut self.open, index, &at.path, inside),
                };
                if let Ok(piece) = &piece {
                    self.left.start += piece.len() as u64;
                }
                return Some(piece);
            }
            begin = end;
        }
        Some(Err(io::Error::other("the range ends behind the content")))
    }
}

fn read(open: &mut Option<(usize, File)>, index: usize, path: &Path, range: Range<u64>) -> io::Result<Bytes> {
    let file = match open {
        Some((at, file)) if *at == index => file,
        _ => &mut open.insert((index, File::open(path)?)).1,
    };
    let mut piece = vec![0; (range.end - range.start).min(CHUNK) as usize];
    file.read_exact_at(&mut piece, range.start)?;
    Ok(piece.into())
}

impl Stream for Reader {
    type Item = Result<Bytes, Failure>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.get_mut().next_piece().map(|piece| piece.map_err(Into::into)))
    }
}
