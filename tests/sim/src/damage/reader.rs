//! The child: opens the damaged store and reads everything, again and again.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::process::Command;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use larder_store_core::config::StoreConfig;
use larder_store_core::{
    Call, DeleteOptions, Error, ErrorKind, GetOptions, Got, HeadOptions, Key, ListOptions, Listed,
    PutOptions, Store,
};

use super::Options;
use super::answer::Answer;
use super::plan::{self, Stored};
use crate::args::Args;
use crate::{Outcome, process, stores, value};

/// The name of the role.
pub(super) const ROLE: &str = "role-damage-reader";

/// Values from this size on are also read by range and as a stream.
const LARGE: usize = 2_000;

/// A child that plays the role.
pub(super) fn command(options: &Options) -> Outcome<Command> {
    let url = stores::url(&options.kind.at(&options.folder.join("store"), &options.params)?);
    let seed = options.seed.to_string();
    Ok(options.program.role(ROLE, ["--url", &url, "--seed", &seed]))
}

/// Plays the role: for each line on the input (`read` or `write`) a line on the output.
///
/// # Errors
/// Its arguments are wrong, or its parent is gone.
pub(super) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let config = StoreConfig::parse(&args.need("url")?)?;
    let seed = args.number("seed", 0)?;
    args.finish()?;
    let values = plan::values(seed);
    let mut output = std::io::stdout().lock();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    for line in std::io::stdin().lock().lines() {
        let write = line? == "write";
        let answer = runtime.block_on(case(&config, &values, write));
        writeln!(output, "{}", answer.line())?;
        output.flush()?;
    }
    Ok(())
}

async fn case(config: &StoreConfig, values: &[Stored], write: bool) -> Answer {
    let mut answer = Answer::default();
    let store = match stores::open(config).await {
        Ok(store) => store,
        Err(error) => {
            match error.kind() {
                ErrorKind::Corrupt | ErrorKind::Invalid | ErrorKind::Unsupported => answer.refused = 1,
                _ => answer.refused_oddly = 1,
            }
            answer.note(|| format!("{error:?}"));
            return answer;
        }
    };
    for stored in values {
        read(&store, stored, &mut answer).await;
    }
    list(&store, values, &mut answer).await;
    if write {
        write_and_read(&store, values, &mut answer).await;
    }
    if let Err(error) = store.close(&Call::default()).await {
        answer.note(|| format!("{error:?}"));
    }
    answer
}

/// What a read came to.
enum Came {
    Right,
    Absent,
    Wrong(String),
    Failed(Error),
}

impl Answer {
    fn count(&mut self, key: &Key, came: Came) {
        match came {
            Came::Right => self.right += 1,
            Came::Absent => {
                self.absent += 1;
                self.note(|| format!("{key:?} is absent"));
            }
            Came::Wrong(why) => {
                self.wrong += 1;
                self.note = format!("WRONG {key:?}: {why}");
            }
            Came::Failed(error) if error.is(ErrorKind::Corrupt) => self.corrupt += 1,
            Came::Failed(error) => {
                self.odd += 1;
                self.note(|| format!("{error:?}"));
            }
        }
    }
}

/// Reads a value in every way.
async fn read(store: &Arc<dyn Store>, stored: &Stored, answer: &mut Answer) {
    let key = &stored.key;
    let came = get(store, stored).await;
    answer.count(key, came);
    let came = match store.head_opts(key, &HeadOptions::new()).await {
        Ok(got) => match got.meta() {
            None => Came::Absent,
            Some(meta) if meta.size == Some(stored.len as u64) && meta.key == *key => Came::Right,
            Some(meta) => Came::Wrong(format!("head says {:?} bytes of {:?}", meta.size, meta.key)),
        },
        Err(error) => Came::Failed(error),
    };
    answer.count(key, came);
    if stored.len >= LARGE {
        let came = range(store, stored).await;
        answer.count(key, came);
        let came = stream(store, stored).await;
        answer.count(key, came);
    }
}

fn whole(stored: &Stored, body: &[u8]) -> Came {
    match value::check(stored.key.as_str(), body) {
        Ok(write) if write == stored.write => Came::Right,
        Ok(write) => Came::Wrong(format!("it is write {write} instead of {}", stored.write)),
        Err(why) => Came::Wrong(why),
    }
}

async fn get(store: &Arc<dyn Store>, stored: &Stored) -> Came {
    let got = match store.try_get(&stored.key, &GetOptions::new()) {
        Some(got) => got,
        None => store.get_opts(&stored.key, &GetOptions::new()).await,
    };
    match got {
        Ok(Got::Found { body, .. }) => whole(stored, &body),
        Ok(_) => Came::Absent,
        Err(error) => Came::Failed(error),
    }
}

async fn range(store: &Arc<dyn Store>, stored: &Stored) -> Came {
    let (from, to) = (stored.len / 2, stored.len / 2 + 500);
    let options = GetOptions::new().with_range(from as u64..to as u64);
    match store.get_opts(&stored.key, &options).await {
        Ok(Got::Found { body, .. }) => {
            match body == value::part(stored.key.as_str(), stored.write, stored.len, from..to) {
                true => Came::Right,
                false => Came::Wrong(format!("range {from}..{to} is not what was stored")),
            }
        }
        Ok(_) => Came::Absent,
        Err(error) => Came::Failed(error),
    }
}

async fn stream(store: &Arc<dyn Store>, stored: &Stored) -> Came {
    match store.get_stream_opts(&stored.key, &GetOptions::new()).await {
        Ok(Got::Found { body, .. }) => match body.try_collect::<Vec<_>>().await {
            Ok(pieces) => whole(stored, &pieces.concat()),
            Err(error) => Came::Failed(error),
        },
        Ok(_) => Came::Absent,
        Err(error) => Came::Failed(error),
    }
}

/// A listing is complete, or ends with an error, or has items that say what is wrong.
async fn list(store: &Arc<dyn Store>, values: &[Stored], answer: &mut Answer) {
    let mut wanted: BTreeMap<&str, u64> = values.iter().map(|s| (s.key.as_str(), s.len as u64)).collect();
    let mut items = store.list_opts(ListOptions::new());
    let (mut said, mut last) = (false, None::<Key>);
    while let Some(item) = items.next().await {
        match item {
            Ok(Listed::Entry(meta)) => {
                let len = wanted.remove(meta.key.as_str());
                if len.is_none() || meta.size.is_some_and(|size| Some(size) != len) {
                    answer.list_wrong += 1;
                    answer.note(|| format!("the listing has {meta:?}"));
                }
                if last.as_ref().is_some_and(|last| *last >= meta.key) {
                    answer.list_wrong += 1;
                    answer.note(|| format!("the listing has {:?} after {last:?}", meta.key));
                }
                last = Some(meta.key);
            }
            // A file that is no value any more is named as such.
            Ok(_) => said = true,
            Err(error) if error.is(ErrorKind::Corrupt) => {
                answer.list_corrupt += 1;
                said = true;
            }
            Err(error) => {
                answer.odd += 1;
                answer.note(|| format!("{error:?}"));
                said = true;
            }
        }
    }
    if !wanted.is_empty() && !said {
        answer.list_wrong += 1;
        answer.note(|| format!("the listing leaves out {:?} and says nothing", wanted.keys()));
    }
}

/// Writes to the damaged store, where it takes that, and reads everything again.
async fn write_and_read(store: &Arc<dyn Store>, values: &[Stored], answer: &mut Answer) {
    let mut values = values.to_vec();
    let new = Key::new("new/one").expect("it is legal");
    values.push(Stored { key: new, write: 0, len: 0 });
    let all = values.len();
    for (n, at) in [all - 1, 1, 7, all - 3, 20].into_iter().enumerate() {
        let stored = &mut values[at];
        let (write, len) = (5000 + n as u64, 200 + 9_000 * n);
        match store
            .put_opts(&stored.key, value::make(stored.key.as_str(), write, len), &PutOptions::new())
            .await
        {
            Ok(_) => {
                answer.written += 1;
                (stored.write, stored.len) = (write, len);
            }
            Err(error) => answer.refuse(&error),
        }
    }
    let gone = values.remove(3);
    let deleted = match store.delete_opts(&gone.key, &DeleteOptions::new()).await {
        Ok(_) => true,
        Err(error) => {
            answer.refuse(&error);
            false
        }
    };
    let before = std::mem::take(&mut answer.absent);
    for stored in values.iter().filter(|stored| stored.len > 0) {
        let came = get(store, stored).await;
        answer.count(&stored.key, came);
    }
    if deleted && matches!(get(store, &gone).await, Came::Right | Came::Wrong(_)) {
        answer.wrong += 1;
        answer.note = format!("WRONG {:?}: it was deleted and is there", gone.key);
    }
    answer.absent_later = std::mem::replace(&mut answer.absent, before);
}

impl Answer {
    /// A write that was refused, which must be told as what it is.
    fn refuse(&mut self, error: &Error) {
        self.not_written += 1;
        self.note(|| format!("{error:?}"));
    }
}
