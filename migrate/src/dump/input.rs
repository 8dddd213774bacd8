//! The bytes of a part, as they are read.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt;
use larder_store_core::env::InFlight;
use larder_store_core::{ByteRange, ByteStream, Call, Env, Error, ErrorKind, GetOptions, Got, Op, Result};

use super::parts::Part;

/// How much is read of a file at a time.
const BLOCK: usize = 1 << 20;

/// The bytes of a part.
pub(super) enum Input {
    Read(Arc<Mutex<Box<dyn Read + Send>>>),
    Stream(ByteStream),
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Input")
    }
}

fn failed(name: &str, source: std::io::Error) -> Error {
    let kind = match source.kind() {
        std::io::ErrorKind::PermissionDenied => ErrorKind::Denied,
        std::io::ErrorKind::NotFound => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, Op::Import, format!("{name}: cannot be read: {source}")).caused_by(source)
}

impl Input {
    /// Opens a part from `at` on.
    pub(super) async fn open(env: &Env, part: &Part, at: u64, call: &Call) -> Result<Input> {
        match part {
            Part::File(path) => {
                let path = path.clone();
                env.blocking(Op::Import, &InFlight::new(), move || {
                    let wrong = |e| failed(&path.display().to_string(), e);
                    let mut file = File::open(&path).map_err(wrong)?;
                    if at > 0 {
                        file.seek(SeekFrom::Start(at)).map_err(wrong)?;
                    }
                    Ok(Input::Read(Arc::new(Mutex::new(Box::new(file)))))
                })
                .await
            }
            Part::Object(store, key) => {
                let mut options = GetOptions::new().with_call(call.clone());
                if at > 0 {
                    options = options.with_range(ByteRange::from(at..));
                }
                match store.get_stream_opts(key, &options).await {
                    Ok(Got::Found { body, .. }) => Ok(Input::Stream(body)),
                    Ok(_) => Err(Error::new(ErrorKind::Invalid, Op::Import, "this part of the dump is gone")
                        .at(store.id())
                        .on(key)),
                    // The part ends exactly there.
                    Err(error) if error.unsatisfied_range() == Some(at) => {
                        Ok(Input::Stream(Box::pin(futures_util::stream::empty())))
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// The next bytes; none at the end.
    pub(super) async fn read(&mut self, env: &Env) -> Result<Option<Bytes>> {
        match self {
            Input::Read(input) => {
                let input = input.clone();
                env.blocking(Op::Import, &InFlight::new(), move || {
                    let mut input = input.lock().unwrap_or_else(|e| e.into_inner());
                    let mut block = Vec::with_capacity(BLOCK);
                    (&mut *input)
                        .take(BLOCK as u64)
                        .read_to_end(&mut block)
                        .map_err(|e| failed("the dump", e))?;
                    Ok((!block.is_empty()).then(|| block.into()))
                })
                .await
            }
            Input::Stream(body) => body.next().await.transpose(),
        }
    }
}
