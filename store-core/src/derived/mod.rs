//! Derived operations, for stores that do not do better themselves: one line each.

mod delimit;
mod many;
mod stream;

use crate::error::{Error, Op, Result};
use crate::key::Key;
use crate::options::{CopyOptions, GetOptions, HeadOptions, PutOptions, Step};
use crate::outcome::{Copied, Got, Transacted};
use crate::store::Store;

pub use delimit::{Cursor, Delimited, Place};
pub use many::{check_delete_many, delete_many_by_one, get_many_by_one, put_many_by_one};
pub use stream::{collect, get_by_stream, pieces, put_stream_by_put, stream_by_get};

/// A head by a get whose body is thrown away. Only for stores where that costs no more.
///
/// # Errors
/// Those of the get.
pub async fn head_by_get<S: Store + ?Sized>(store: &S, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
    let mut get = GetOptions::new().with_consistency(options.consistency).with_call(options.call.clone());
    get.unless = options.unless.clone();
    get.only = options.only.clone();
    let got = store.get_opts(key, &get).await.map_err(|e| e.during(Op::Head))?;
    Ok(got.map(drop))
}

/// A copy by a streamed get and a streamed put, in bounded memory.
///
/// # Errors
/// Those of the two.
pub async fn copy_by_stream<S: Store + ?Sized>(
    store: &S,
    from: &Key,
    to: &Key,
    options: &CopyOptions,
) -> Result<Copied> {
    let mut get = GetOptions::new().with_call(options.call.clone());
    get.only = options.only.clone();
    let got = store.get_stream_opts(from, &get).await.map_err(|e| e.during(Op::Copy))?;
    let Got::Found { meta, body, .. } = got else { return Ok(Copied::Absent) };
    let mut put = PutOptions::new().with_pre(options.pre.clone()).with_call(options.call.clone());
    put.write_id = options.write_id;
    put.size_hint = meta.size;
    put.expires = meta.expires.and_then(|e| e.at());
    put.attributes = meta.attributes.unwrap_or_default();
    let written = store.put_stream_opts(to, body, &put).await.map_err(|e| e.during(Op::Copy))?;
    Ok(Copied::Done(written))
}

/// The answer of a store without transactions.
///
/// # Errors
/// Always [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported).
pub fn no_transact<S: Store + ?Sized>(store: &S, steps: &[Step]) -> Result<Transacted> {
    let _ = steps;
    Err(Error::unsupported(Op::Transact, "transactions").at(store.id()))
}
