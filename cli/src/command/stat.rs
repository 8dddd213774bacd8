//! `larder stat`.

use clap::Args;
use larder::{Got, HeadOptions, Key, Store};
use serde_json::json;

use super::get::absent;
use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::meta;
use crate::open::{self, Make};

const EXAMPLES: &str = "\
Examples:
  larder stat file:data user/7
  larder stat file:data user/7 logs/app --json";

/// Show what is known about values: size, version, times, attributes
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Stat {
    /// The store: a URL, a stack, or @NAME.
    store: String,
    /// The keys of the values.
    #[arg(required = true)]
    keys: Vec<String>,
}

impl Stat {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        let keys = self.keys.iter().map(|key| Key::new(key.as_str())).collect::<larder::Result<Vec<_>>>()?;
        open::with(cx, &self.store, Make::Never, async |store| stat(cx, store, &keys).await).await
    }
}

async fn stat(cx: &Cx, store: &dyn Store, keys: &[Key]) -> Result {
    let options = HeadOptions::new().with_call(cx.call());
    let (mut missing, mut first) = (0, true);
    for key in keys {
        let got = store.head_opts(key, &options).await?;
        let Got::Found { meta, .. } = got else {
            if let [_] = keys {
                return Err(absent(key, store));
            }
            missing += 1;
            match cx.common.json {
                true => cx.out.json(&json!({ "key": key.as_str(), "absent": true }))?,
                false => {
                    let said = absent(key, store);
                    said.tell(cx);
                }
            }
            continue;
        };
        if cx.common.json {
            cx.out.json(&meta::as_json(&meta))?;
            continue;
        }
        if !std::mem::take(&mut first) {
            cx.out.line("")?;
        }
        meta::as_lines(&meta).iter().try_for_each(|line| cx.out.line(line))?;
    }
    match missing {
        0 => Ok(()),
        _ => Err(Failure::Said(Exit::Absent)),
    }
}
