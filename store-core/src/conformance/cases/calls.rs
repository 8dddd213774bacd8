//! Calls that are over: before they begin, and while they are carried out.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::ops::{self, Ended};
use crate::conformance::case::{Case, Held, T, cases, check, fail, same};
use crate::conformance::values::{key, patterned, stream_of};
use crate::error::ErrorKind;
use crate::options::{GetOptions, PutOptions};
use crate::outcome::ByteStream;
use crate::store::Store;
use crate::{Call, StoreExt};

pub(super) const CASES: &[Case] = cases![
    "calls.over": over = "a call that is past its deadline or cancelled before it begins does nothing, in every operation",
    "calls.ending": ending = "a call that ends while it is carried out comes back in time and leaves old or new",
];

async fn over(t: &T) -> Held {
    t.store.put(ops::STANDS, "stands").await?;
    let before = t.see(&key(ops::STANDS)).await?;
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let past = t.env().now();
    let calls = [
        (Call::default().with_deadline(past), ErrorKind::Timeout, "past its deadline"),
        (Call::default().with_cancel(cancelled.clone()), ErrorKind::Cancelled, "that is cancelled"),
    ];
    for (call, kind, what) in calls {
        for (op, ended) in ops::all(&t.store, &call).await {
            match ended {
                Ended::Failed(error) if error.is(kind) => {
                    check!(t, error.settled(), "{op} {what}: not settled, and nothing was sent");
                }
                Ended::Failed(error)
                    if error.is(ErrorKind::Unsupported) && op == "transact" && t.g.transactions.is_none() =>
                {
                    t.count();
                }
                Ended::Skipped => {}
                other => return Err(fail(format_args!("{op} {what}: {other:?}, expected {kind:?}"))),
            }
        }
        t.expect_same(&key(ops::STANDS), &before, &format!("after calls {what}")).await?;
        t.expect_absent(&key(ops::FRESH), &format!("after calls {what}")).await?;
        let closing = t.store.close(&call).await;
        if let Err(error) = closing {
            check!(t, error.is(kind), "close {what}: {error:?}, expected {kind:?}");
        } else {
            return Err(fail(format_args!("close {what}: done, expected {kind:?}")));
        }
        t.store.put("still", "open").await?;
    }
    same!(t, t.names(&*t.store).await?, [ops::STANDS, "still"], "the listing after calls that were over");
    Ok(())
}

/// A source that brings one piece and no end.
fn endless() -> ByteStream {
    stream_of(patterned(1, 200_000), 50_000, false).chain(stream::pending()).boxed()
}

async fn ending(t: &T) -> Held {
    let name = key("ending");
    t.store.put("ending", "stands").await?;
    let before = t.see(&name).await?;
    // Real time: a store that waits for its source has nothing else to wait for.
    let soon = || Call::within(t.env(), Duration::from_millis(60));
    let put = t.store.put_stream_opts(&name, endless(), &PutOptions::new().with_call(soon())).await;
    let error = put.err().ok_or_else(|| fail("a stream without an end was put"))?;
    let ended = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unknown);
    check!(t, ended, "a stream past its deadline ends in {error:?}");
    t.drained().await?;
    t.expect_same(&name, &before, "after a stream that ran into its deadline").await?;

    let token = CancellationToken::new();
    let options = PutOptions::new().with_call(Call::default().with_cancel(token.clone()));
    let upload = t.store.put_stream_opts(&name, endless(), &options);
    let cancel = async {
        t.env().sleep(Duration::from_millis(30)).await;
        token.cancel();
    };
    let (put, ()) = futures_util::future::join(upload, cancel).await;
    let error = put.err().ok_or_else(|| fail("a stream without an end was put"))?;
    let ended = matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Unknown);
    check!(t, ended, "a stream that is cancelled ends in {error:?}");
    t.drained().await?;
    t.expect_same(&name, &before, "after a stream that was cancelled").await?;

    // Writes under deadlines of all lengths: an error means old (and says so) or, if unknown, old or new.
    let mut old = Bytes::from_static(b"stands");
    for i in 0..40u64 {
        let new = patterned(i, if i % 4 == 0 { 300_000 } else { 100 });
        let call = Call::within(t.env(), Duration::from_micros(i * i * 4));
        let options = PutOptions::new().with_call(call);
        match t.store.put_opts(&name, new.clone(), &options).await {
            Ok(_) => old = new,
            Err(error) => {
                let unknown = error.is(ErrorKind::Unknown);
                check!(t, unknown || error.is(ErrorKind::Timeout), "a put past its deadline: {error:?}");
                check!(t, unknown != error.settled(), "a put past its deadline: {error:?} is settled or not");
                t.drained().await?;
                if unknown && t.see(&name).await?.is_some_and(|seen| seen.value == new) {
                    old = new;
                }
            }
        }
        t.expect(&name, &old, &format!("after put {i} under a short deadline")).await?;
    }
    // A read under a deadline that is far does as without.
    let call = Call::within(t.env(), Duration::from_secs(3_600)).with_cancel(CancellationToken::new());
    let got = t.store.get_opts(&name, &GetOptions::new().with_call(call)).await?;
    same!(t, got.into_body(), Some(old), "a get under a deadline that is far");
    Ok(())
}
