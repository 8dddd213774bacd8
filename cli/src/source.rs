//! What is put: from a file or the standard input, in pieces.

use std::fs::File;
use std::io::{IsTerminal, Read, stdin};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use larder::env::InFlight;
use larder::{ByteStream, Env, Error, ErrorKind, Op};

use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::progress::Progress;

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;

/// Something to read, and how much there is of it, where that is known.
pub(crate) struct Source {
    reader: Arc<Mutex<dyn Read + Send>>,
    pub(crate) size: Option<u64>,
    env: Env,
    inflight: InFlight,
}

/// What a value is put from.
pub(crate) enum Body {
    /// All of it, as there is little.
    Whole(Bytes),
    /// The rest comes while it is written.
    Stream(ByteStream),
}

/// Opens a file; `-` and nothing are the standard input.
pub(crate) fn open(cx: &Cx, path: Option<&Path>) -> Result<Source> {
    let source = |reader, size| Source { reader, size, env: cx.env.clone(), inflight: InFlight::new() };
    let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
        if stdin().is_terminal() {
            cx.out.note("the value is read from the terminal; end it with Ctrl-D");
        }
        return Ok(source(Arc::new(Mutex::new(stdin())), None));
    };
    let fails = |e| Failure::own(Exit::Failed, format!("{}: {e}", path.display()));
    let file = File::open(path).map_err(fails)?;
    let told = file.metadata().map_err(fails)?;
    if told.is_dir() {
        return Err(Failure::usage(format!("{} is a folder", path.display())));
    }
    // A pipe or a device tells no size.
    let size = told.is_file().then_some(told.len());
    Ok(source(Arc::new(Mutex::new(file)), size))
}

impl Source {
    /// The next piece; empty at the end.
    async fn next(&self) -> larder::Result<Bytes> {
        let reader = self.reader.clone();
        let work = move || {
            let mut reader = reader.lock().unwrap_or_else(|e| e.into_inner());
            let mut piece = BytesMut::zeroed(PIECE);
            let mut filled = 0;
            while filled < PIECE {
                match reader.read(&mut piece[filled..]) {
                    Ok(0) => break,
                    Ok(bytes) => filled += bytes,
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        let why = format!("the value cannot be read on: {error}");
                        return Err(Error::new(ErrorKind::Invalid, Op::PutStream, why));
                    }
                }
            }
            piece.truncate(filled);
            Ok(piece.freeze())
        };
        self.env.blocking(Op::PutStream, &self.inflight, work).await
    }

    /// Reads what may be all of it: a value that fits one piece is one request.
    pub(crate) async fn body(self, progress: Progress) -> larder::Result<Body> {
        let first = self.next().await?;
        progress.add(first.len() as u64);
        if first.len() < PIECE {
            return Ok(Body::Whole(first));
        }
        let rest = futures_util::stream::try_unfold((self, progress), |(source, progress)| async move {
            let piece = source.next().await?;
            progress.add(piece.len() as u64);
            Ok((!piece.is_empty()).then_some((piece, (source, progress))))
        });
        let first = futures_util::stream::iter([Ok(first)]);
        Ok(Body::Stream(Box::pin(futures_util::StreamExt::chain(first, rest))))
    }
}

/// A line that is typed on the terminal.
pub(crate) async fn typed_line(env: &Env) -> Result<String> {
    let read = || {
        let mut line = String::new();
        match stdin().read_line(&mut line) {
            Ok(_) => Ok(line),
            Err(error) => Err(Error::new(ErrorKind::Invalid, Op::Parse, format!("no answer: {error}"))),
        }
    };
    Ok(env.blocking(Op::Parse, &InFlight::new(), read).await?)
}
