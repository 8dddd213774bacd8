//! Puts and copies of unknown fate: each row of the table in the layer's docs.

use std::time::Duration;

use futures_util::FutureExt;
use larder_store_core::layer::fault::Fault;
use larder_store_core::{
    Call, Copied, CopyOptions, ErrorKind, Meta, Op, Precondition, PutItem, PutOptions, Result, Store,
    StoreExt, Version, WriteId, Written,
};

use crate::common::faulty::{body, key};
use crate::common::retried::{Bed, bed};

/// The ways to write `new` to a key.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Put,
    Many,
    Copy,
    Stream,
}

const WAYS: [Way; 4] = [Way::Put, Way::Many, Way::Copy, Way::Stream];

impl Way {
    fn op(self) -> Op {
        match self {
            Way::Put => Op::Put,
            Way::Many => Op::PutMany,
            Way::Copy => Op::Copy,
            Way::Stream => Op::PutStream,
        }
    }

    async fn write(self, bed: &Bed, pre: Precondition, id: Option<WriteId>, call: Call) -> Result<Written> {
        let at = key("k");
        let mut options = PutOptions::new().with_pre(pre.clone()).with_call(call.clone());
        options.write_id = id;
        match self {
            Way::Put => bed.store.put_opts(&at, "new".into(), &options).await,
            Way::Many => {
                let item = PutItem { key: at, value: "new".into(), options };
                bed.store.put_many_opts(vec![item], &call).await.remove(0)
            }
            Way::Copy => {
                bed.inner.put("source", "new").await?;
                let mut options = CopyOptions::new().with_pre(pre).with_call(call);
                options.write_id = id;
                match bed.store.copy_opts(&key("source"), &at, &options).await? {
                    Copied::Done(written) => Ok(written),
                    Copied::Absent => panic!("there is a source"),
                }
            }
            Way::Stream => bed.store.put_stream_opts(&at, body(&["n", "ew"]), &options).await,
        }
    }

    async fn conditional(self, bed: &Bed, named: Option<Version>) -> Result<Written> {
        let pre = named.map_or(Precondition::Absent, Precondition::Matches);
        self.write(bed, pre, None, Call::default()).await
    }
}

async fn meta(bed: &Bed) -> Meta {
    bed.inner.head("k").await.unwrap().unwrap()
}

async fn stands(bed: &Bed) -> Option<bytes::Bytes> {
    bed.inner.get("k").await.unwrap()
}

/// A bed on which `k` stands or not, and its version.
async fn on(present: bool, rules: impl IntoIterator<Item = Fault>) -> (Bed, Option<Version>) {
    let bed = bed(rules).await;
    let version = match present {
        true => Some(bed.inner.put("k", "before").await.unwrap().version),
        false => None,
    };
    (bed, version)
}

/// Each look at a key is late, so that something can happen before it.
fn late_look() -> Fault {
    Fault::before([Op::Head]).delay(Duration::from_millis(1))
}

/// Somebody else's write, in the next sleep.
fn meanwhile(bed: &Bed, pre: Precondition, value: Option<&'static str>) {
    let inner = bed.inner.clone();
    bed.clock.meanwhile(move || {
        match value {
            Some(value) => {
                let options = PutOptions::new().with_pre(pre.clone());
                inner.put_opts(&key("k"), value.into(), &options).now_or_never().unwrap().unwrap();
            }
            None => drop(inner.delete("k").now_or_never().unwrap().unwrap()),
        }
        true
    });
}

#[track_caller]
fn is_unknown(done: Result<Written>, what: impl std::fmt::Debug) {
    let error = done.expect_err("it is not known");
    assert_eq!((error.kind(), error.settled()), (ErrorKind::Unknown, false), "{what:?}: {error:?}");
    assert_eq!(error.key(), Some(&key("k")), "{what:?}");
    assert!(error.store().is_some() && error.advice().is_some(), "{what:?}: {error:?}");
}

#[tokio::test]
async fn made_and_standing_is_a_success() {
    for way in WAYS {
        for present in [false, true] {
            let (bed, named) = on(present, [Fault::after([way.op()]).nth(1), late_look()]).await;
            let written = way.conditional(&bed, named).await.unwrap_or_else(|e| panic!("{way:?}: {e:?}"));
            let meta = meta(&bed).await;
            assert!(!written.settled, "{way:?}");
            assert_eq!(Some(&written.version), meta.version.as_ref());
            assert_eq!((Some(written.write_id), written.modified), (meta.write_id, meta.modified), "{way:?}");
            assert_eq!(
                (bed.asked(way.op()), bed.asked(Op::Head)),
                (1, 1),
                "{way:?}: sent once, and looked for"
            );
            assert_eq!(stands(&bed).await.unwrap(), "new");
        }
    }
}

#[tokio::test]
async fn made_and_built_upon_is_a_success_with_its_own_version() {
    for way in WAYS {
        let id = WriteId::from_bytes([9; 16]);
        let (bed, named) = on(true, [Fault::after([way.op()]).nth(1), late_look()]).await;
        let named = named.unwrap();
        let mine = Version::of_write(id, []);
        meanwhile(
            &bed,
            Precondition::Matches(Version::of_write(id, [named.write_id().unwrap()])),
            Some("later"),
        );
        let written = way.write(&bed, Precondition::Matches(named.clone()), Some(id), Call::default()).await;
        let written = written.unwrap_or_else(|e| panic!("{way:?}: {e:?}"));
        assert_eq!((&written.version, written.write_id, written.settled), (&mine, id, false));
        assert_eq!(written.version.predecessors(), [named.write_id().unwrap()]);
        assert_eq!(written.modified, None, "what a get says now is of another write");
        assert_eq!(stands(&bed).await.unwrap(), "later");
    }
}

#[tokio::test]
async fn not_made_is_sent_again_with_the_same_id() {
    for way in [Way::Put, Way::Many, Way::Copy] {
        for present in [false, true] {
            let unknown = Fault::before([way.op()]).fail(ErrorKind::Unknown).times(2);
            let (bed, named) = on(present, [unknown, late_look()]).await;
            let id = WriteId::from_bytes([3; 16]);
            let pre = named.map_or(Precondition::Absent, Precondition::Matches);
            let written = way.write(&bed, pre, Some(id), Call::default()).await.unwrap();
            assert!(!written.settled, "{way:?}: the first may still land");
            assert_eq!(meta(&bed).await.write_id, Some(id));
            assert_eq!((bed.asked(way.op()), bed.asked(Op::Head)), (3, 2), "{way:?}");
        }
    }
    // A stream cannot be: nobody knows whether it lands.
    let unknown = || [Fault::before([Op::PutStream]).fail(ErrorKind::Unknown).times(2), late_look()];
    let (bed, _) = on(false, unknown()).await;
    is_unknown(Way::Stream.conditional(&bed, None).await, "stream");
    assert_eq!((bed.asked(Op::PutStream), bed.asked(Op::Head)), (1, 1));
}

#[tokio::test]
async fn an_error_that_is_not_settled_is_looked_for_whatever_its_kind() {
    for kind in [ErrorKind::Throttled, ErrorKind::Unavailable, ErrorKind::Timeout, ErrorKind::Conflict] {
        for way in [Way::Put, Way::Many, Way::Copy] {
            let (bed, named) = on(true, [Fault::after([way.op()]).fail(kind).nth(1), late_look()]).await;
            let written = way.conditional(&bed, named).await.unwrap_or_else(|e| panic!("{way:?}: {e:?}"));
            assert_eq!(
                (written.settled, bed.asked(way.op()), bed.asked(Op::Head)),
                (false, 1, 1),
                "{way:?} {kind}"
            );
        }
    }
}

#[tokio::test]
async fn somebody_else_was_first() {
    for way in WAYS {
        let unknown = || [Fault::before([way.op()]).fail(ErrorKind::Unknown).nth(1), late_look()];
        let (bed, named) = on(true, unknown()).await;
        meanwhile(&bed, Precondition::Matches(named.clone().unwrap()), Some("theirs"));
        let error = way.conditional(&bed, named).await.unwrap_err();
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Conflict, false), "{way:?}: {error:?}");
        assert_eq!(error.current(), meta(&bed).await.version.as_ref());
        assert_eq!((stands(&bed).await.unwrap().as_ref(), bed.asked(way.op())), (b"theirs".as_ref(), 1));
    }
}

#[tokio::test]
async fn what_the_look_does_not_tell_is_unknown() {
    for way in WAYS {
        for (present, after, theirs) in [
            (true, false, Some("theirs")),
            (true, true, Some("theirs")),
            (true, true, None),
            (true, false, None),
            (false, false, Some("theirs")),
            (false, true, Some("theirs")),
        ] {
            let lost = match after {
                true => Fault::after([way.op()]).nth(1),
                false => Fault::before([way.op()]).fail(ErrorKind::Unknown).nth(1),
            };
            let (bed, named) = on(present, [lost, late_look()]).await;
            meanwhile(&bed, Precondition::Any, theirs);
            is_unknown(way.conditional(&bed, named).await, (way, present, after, theirs));
            assert_eq!(stands(&bed).await.as_deref(), theirs.map(str::as_bytes));
            assert_eq!(bed.asked(way.op()), 1, "{way:?}: it is not sent again");
        }
    }
}

#[tokio::test]
async fn a_look_that_fails_for_good_is_unknown_and_one_that_fails_for_a_while_is_not() {
    for way in WAYS {
        let lost = || Fault::after([way.op()]).nth(1);
        for kind in [ErrorKind::Denied, ErrorKind::Unavailable] {
            let (bed, named) = on(true, [lost(), Fault::before([Op::Head]).fail(kind)]).await;
            is_unknown(way.conditional(&bed, named).await, (way, kind));
            assert_eq!(bed.asked(Op::Head), if kind == ErrorKind::Denied { 1 } else { 10 });
        }
        let (bed, named) = on(true, [lost(), Fault::before([Op::Head]).times(5)]).await;
        assert!(!way.conditional(&bed, named).await.unwrap().settled);
    }
}

#[tokio::test]
async fn a_conflict_at_the_first_attempt_is_one() {
    for way in WAYS {
        let (bed, _) = on(true, [Fault::before([way.op(), Op::Head]).delay(Duration::ZERO)]).await;
        let error = way.conditional(&bed, None).await.unwrap_err();
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Conflict, true), "{way:?}");
        assert_eq!((bed.asked(way.op()), bed.asked(Op::Head)), (1, 0), "{way:?}: no look");
    }
}

#[tokio::test]
async fn a_conflict_with_our_own_late_landing_is_a_success() {
    for way in [Way::Put, Way::Many, Way::Copy] {
        let unknown = Fault::before([way.op()]).fail(ErrorKind::Unknown).nth(1);
        let (bed, named) = on(true, [unknown, Fault::before([Op::Head]).keys("none")]).await;
        let id = WriteId::from_bytes([3; 16]);
        let pre = Precondition::Matches(named.unwrap());
        // The first attempt lands in the pause before the second.
        let (inner, late) = (bed.inner.clone(), PutOptions::new().with_pre(pre.clone()).with_write_id(id));
        bed.clock.meanwhile(move || {
            inner.put_opts(&key("k"), "new".into(), &late).now_or_never().unwrap().unwrap();
            true
        });
        let written = way.write(&bed, pre, Some(id), Call::default()).await;
        let written = written.unwrap_or_else(|e| panic!("{way:?}: {e:?}"));
        assert_eq!((Some(&written.version), written.settled), (meta(&bed).await.version.as_ref(), false));
        assert_eq!(bed.asked(way.op()), 2);
    }
}

#[tokio::test]
async fn an_open_attempt_makes_every_other_end_unknown() {
    for way in [Way::Put, Way::Many, Way::Copy] {
        for kind in [ErrorKind::Throttled, ErrorKind::Denied, ErrorKind::Full, ErrorKind::Timeout] {
            for pre in [Precondition::Any, Precondition::Absent] {
                let unknown = Fault::before([way.op()]).fail(ErrorKind::Unknown).nth(1);
                let (bed, _) = on(false, [unknown, Fault::before([way.op()]).fail(kind)]).await;
                is_unknown(way.write(&bed, pre, None, Call::default()).await, (way, kind));
            }
        }
    }
}

#[tokio::test]
async fn an_unconditional_one_is_sent_again() {
    for way in [Way::Put, Way::Many, Way::Copy] {
        let (bed, _) = on(true, [Fault::after([way.op()]).times(2), late_look()]).await;
        meanwhile(&bed, Precondition::Any, Some("theirs"));
        let written = way.write(&bed, Precondition::Any, None, Call::default()).await.unwrap();
        assert!(!written.settled);
        assert_eq!((bed.asked(way.op()), bed.asked(Op::Head)), (3, 0), "{way:?}");
        assert_eq!(stands(&bed).await.unwrap(), "new", "it may take effect twice");
    }
}

#[tokio::test]
async fn a_copy_whose_source_goes_away_after_an_open_attempt() {
    let (bed, _) = on(false, [Fault::after([Op::Copy]).nth(1)]).await;
    bed.inner.put("source", "new").await.unwrap();
    let inner = bed.inner.clone();
    bed.clock.meanwhile(move || inner.delete("source").now_or_never().unwrap().is_ok());
    let error = bed.store.copy("source", "k").await.unwrap_err();
    assert_eq!((error.kind(), error.settled()), (ErrorKind::Unknown, false));
    assert_eq!((error.key(), error.store()), (Some(&key("k")), Some(bed.inner.id())));
}

#[tokio::test]
async fn the_looks_of_a_call_end_with_its_deadline() {
    let limit = Duration::from_secs(1);
    for way in WAYS {
        let (bed, named) =
            on(true, [Fault::after([way.op()]).nth(1), Fault::before([Op::Head]).hang()]).await;
        let pre = Precondition::Matches(named.unwrap());
        is_unknown(way.write(&bed, pre, None, Call::within(&bed.env, limit)).await, way);
        assert_eq!(bed.clock.passed(), limit, "{way:?}");
    }
}
