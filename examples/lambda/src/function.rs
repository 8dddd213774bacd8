//! One invocation.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use larder::{
    Call, Env, Error, ErrorKind, GetOptions, Got, Key, Op, PutOptions, Result, Store, StoreExt, UpdateOptions,
};

use crate::event::{Answer, Event};

/// What is kept of an invocation's time for sending the answer.
const MARGIN: Duration = Duration::from_millis(50);

/// A failed invocation, with a type that callers and alarms can look at.
#[derive(Debug)]
pub(crate) struct Failed(Error);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed(error)
    }
}

impl From<Failed> for lambda_runtime::Diagnostic {
    fn from(failed: Failed) -> lambda_runtime::Diagnostic {
        let error_type = format!("larder.{:?}", failed.0.kind());
        lambda_runtime::Diagnostic { error_type, error_message: failed.to_string() }
    }
}

/// The time of an invocation that has no deadline.
const NO_DEADLINE: Duration = Duration::from_secs(60);

/// Carries out an event, and leaves nothing in the background that a freeze could stop half way.
///
/// A deadline that was over when the invocation came is none: `cargo lambda watch` tells one of the year 1970.
pub(crate) async fn answer(
    store: &dyn Store,
    event: Event,
    deadline: Option<SystemTime>,
) -> Result<Answer, Failed> {
    let env = Env::system();
    let left = deadline.and_then(|deadline| deadline.duration_since(env.wall()).ok());
    let left = left.unwrap_or(NO_DEADLINE).saturating_sub(MARGIN);
    let call = Call::within(&env, left);
    let done = carry_out(store, event, &call).await;
    // Also behind an error: what was begun is ended before the environment is frozen.
    let drained = store.drain(&call).await;
    let answer = done?;
    if let Err(error) = drained {
        // The answer is right all the same; what was not written to the cache is a miss later.
        eprintln!("the cache was not drained in time: {error}");
    }
    Ok(answer)
}

async fn carry_out(store: &dyn Store, event: Event, call: &Call) -> Result<Answer> {
    let key = Key::new(event.key())?;
    match event {
        Event::Get { key: name } => {
            let got = store.get_opts(&key, &GetOptions::new().with_call(call.clone())).await?;
            Ok(match got {
                Got::Found { body, served, .. } => {
                    Answer::of(&name, Some(text(&key, &body)?)).served(served.tier, served.age)
                }
                _ => Answer::of(&name, None),
            })
        }
        Event::Put { key: name, value } => {
            let options = PutOptions::new().with_call(call.clone());
            store.put_opts(&key, value.clone().into(), &options).await?;
            Ok(Answer::of(&name, Some(value)))
        }
        Event::Delete { key: name } => {
            let options = larder::DeleteOptions::new().with_call(call.clone());
            store.delete_opts(&key, &options).await?;
            Ok(Answer::of(&name, None))
        }
        Event::Add { key: name, by } => {
            let options = UpdateOptions::new().with_call(call.clone());
            let mut sum = Ok(0);
            let updated = store.update_opts(&key, options, |old: Option<Bytes>| {
                sum = add(old.as_deref(), by)
                    .map_err(|why| Error::new(ErrorKind::Invalid, Op::Update, why).on(&key));
                match &sum {
                    Ok(sum) => Some(sum.to_string().into()),
                    // What is no number stays as it is.
                    Err(_) => old,
                }
            });
            updated.await?;
            Ok(Answer::of(&name, Some(sum?.to_string())))
        }
    }
}

fn text(key: &Key, value: &[u8]) -> Result<String> {
    str::from_utf8(value).map(str::to_owned).map_err(|_| {
        Error::new(ErrorKind::Invalid, Op::Get, "the value is no text, and this function answers text")
            .on(key)
    })
}

/// The sum, of a value that is a number or absent.
fn add(old: Option<&[u8]>, by: i64) -> Result<i64, &'static str> {
    let old: i64 = match old {
        None => 0,
        Some(old) => {
            str::from_utf8(old).ok().and_then(|text| text.parse().ok()).ok_or("the value is no number")?
        }
    };
    old.checked_add(by).ok_or("the sum does not fit 64 bits")
}
