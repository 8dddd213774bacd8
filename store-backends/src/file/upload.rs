//! Writing values that come as streams.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use larder_store_core::record::{Head, Sealer};
use larder_store_core::{ByteStream, Env, Error, ErrorKind, Key, Op, PutOptions, Result, Written};

use super::config::Layout;
use super::error::{failed, internal};
use super::handle::{Handle, Parked};
use super::job::Cx;
use super::put::{Content, Put};
use super::root::Root;
use super::temp::{Temp, write_all};

/// How many bytes are gathered before they are written.
const GATHERED: usize = 1 << 20;
/// The most pieces that are gathered, so that a stream of single bytes needs no more memory than one of large pieces.
const GATHERED_PIECES: usize = 4096;
/// How many bytes of the index are kept in memory: those of a value of 8 GiB.
const INDEX_IN_MEMORY: usize = 1 << 20;

/// A value being written: its bytes so far, behind the room for its head.
pub(super) struct Upload {
    temp: Temp,
    /// Bytes in front of the value; 0 where it is the file.
    head_len: u64,
    written: u64,
    seal: Option<Seal>,
}

/// The checks of a value's blocks.
struct Seal {
    sealer: Sealer,
    /// Those made so far, if they are many: a file without a name.
    spilled: Option<(OwnedFd, u64)>,
}

/// Writes a value from a stream.
pub(super) async fn put_stream(
    handle: &Arc<Handle>,
    root: Arc<Root>,
    op: Op,
    key: &Key,
    body: ByteStream,
    options: &PutOptions,
) -> Result<Written> {
    let put = Put::new(handle, op, key, options)?;
    let work = gather(handle, &root, op, body, options, put);
    let put = options.call.guard(&handle.env, op, work).await?;
    let Some(put) = put.take() else { return Err(internal(op, "an upload that is none")) };
    put.run(handle, root, op, &options.call).await
}

/// Writes everything but the head and the end.
async fn gather(
    handle: &Arc<Handle>,
    root: &Arc<Root>,
    op: Op,
    mut body: ByteStream,
    options: &PutOptions,
    put: Put,
) -> Result<Parked<Put>> {
    let (inner, root) = (handle.clone(), root.clone());
    let (mut put, ()) =
        handle.blocking_on(op, handle.park(put), move |put| begin(put, &inner, &root, op)).await?;
    let mut total = 0u64;
    let mut ended = false;
    while !ended {
        let (mut pieces, mut gathered) = (Vec::new(), 0);
        while gathered < GATHERED && pieces.len() < GATHERED_PIECES {
            let Some(piece) = body.next().await.transpose()? else {
                ended = true;
                break;
            };
            gathered += piece.len();
            if !piece.is_empty() {
                pieces.push(piece);
            }
        }
        total = total.saturating_add(gathered as u64);
        check_size(handle, op, total, ended, options)?;
        if !pieces.is_empty() {
            (put, ()) = handle
                .blocking_on(op, put, {
                    let env = handle.env.clone();
                    move |put| put.push(op, &env, &pieces)
                })
                .await?;
        }
    }
    Ok(put)
}

/// Refuses a stream that is longer than it may be, as soon as that shows, or another than was announced.
fn check_size(handle: &Handle, op: Op, total: u64, ended: bool, options: &PutOptions) -> Result<()> {
    handle.guarantees.check_size(op, total)?;
    match options.size_hint {
        Some(hint) if total > hint || (ended && total != hint) => {
            let more = if ended { "" } else { " or more" };
            let why = format!("the size hint says {hint} bytes and the stream brought {total}{more}");
            Err(Error::new(ErrorKind::Invalid, op, why))
        }
        _ => Ok(()),
    }
}

fn begin(put: &mut Put, handle: &Handle, root: &Arc<Root>, op: Op) -> Result<()> {
    put.check(handle, root, op)?;
    put.checked = true;
    let temp = Temp::create(root, &handle.env).map_err(|e| failed(op, e, "writing the value"))?;
    let (head_len, seal) = match handle.layout_of(&put.key) {
        Layout::Raw => (0, None),
        Layout::Record => {
            let seal = Seal { sealer: Sealer::new(put.head.binding()), spilled: None };
            (put.head.encode()?.len() as u64, Some(seal))
        }
    };
    put.content = Some(Content::Upload(Box::new(Upload { temp, head_len, written: 0, seal })));
    Ok(())
}

impl Put {
    fn push(&mut self, op: Op, env: &Env, pieces: &[Bytes]) -> Result<()> {
        match &mut self.content {
            Some(Content::Upload(upload)) => upload.push(op, env, pieces),
            _ => Err(internal(op, "an upload that is none")),
        }
    }
}

impl Upload {
    fn push(&mut self, op: Op, env: &Env, pieces: &[Bytes]) -> Result<()> {
        let fails = |e| failed(op, e, "writing the value");
        let slices: Vec<&[u8]> = pieces.iter().map(|piece| &piece[..]).collect();
        self.temp.write(self.head_len + self.written, &slices).map_err(fails)?;
        for piece in &slices {
            self.written += piece.len() as u64;
            if let Some(seal) = &mut self.seal {
                seal.sealer.push(piece);
            }
        }
        match &mut self.seal {
            Some(seal) => seal.spill(op, env, &self.temp),
            None => Ok(()),
        }
    }

    /// Writes the index and the head.
    pub(super) fn end(self, cx: &Cx, head: &mut Head) -> Result<Temp> {
        let Upload { temp, head_len, written, seal } = self;
        let Some(seal) = seal else { return Ok(temp) };
        let fails = |e| failed(cx.op, e, "writing the value");
        let (raw_len, rest) = seal.sealer.finish();
        head.raw_len = raw_len;
        let first = head.encode()?;
        if first.len() as u64 != head_len || raw_len != written {
            return Err(internal(cx.op, "a head that changed its length"));
        }
        let mut at = head_len + raw_len;
        if let Some((file, len)) = seal.spilled {
            let spilled = super::source::Source { file, len };
            let mut from = 0;
            while from < len {
                let part = spilled.read(cx.op, from, (len - from).min(INDEX_IN_MEMORY as u64) as usize)?;
                temp.write(at, &[&part]).map_err(fails)?;
                from += part.len() as u64;
                at += part.len() as u64;
            }
        }
        temp.write(at, &[&rest]).map_err(fails)?;
        temp.write(0, &[&first]).map_err(fails)?;
        Ok(temp)
    }
}

impl Seal {
    /// Moves the checks to a file when they are many.
    fn spill(&mut self, op: Op, env: &Env, beside: &Temp) -> Result<()> {
        let sealed = self.sealer.raw_len() / larder_store_core::record::BLOCK as u64;
        let spilled = self.spilled.as_ref().map_or(0, |(_, len)| *len);
        let in_memory = sealed * larder_store_core::record::CHECK as u64 - spilled;
        if in_memory < INDEX_IN_MEMORY as u64 {
            return Ok(());
        }
        let fails = |e| failed(op, e, "writing the index of the value");
        let index = self.sealer.take_index();
        let (file, len) = match &mut self.spilled {
            Some(spilled) => spilled,
            none => none.insert((beside.another_unnamed(env).map_err(fails)?, 0)),
        };
        write_all(&*file, *len, &[&index]).map_err(fails)?;
        *len += index.len() as u64;
        Ok(())
    }
}
