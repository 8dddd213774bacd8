//! What a client reads.

use futures_util::TryStreamExt as _;
use larder_store_core::{ByteRange, GetOptions, Got, ListOptions, Listed, Version};

use super::client::Client;
use super::kinds::Asked;
use super::values::{seen, seen_part};
use crate::clock::nanos;
use crate::model::{Action, Outcome as Answer};
use crate::value::{HEAD, WriteNo};

impl Client<'_> {
    pub(super) async fn get(&mut self) -> Option<(usize, WriteNo, Version)> {
        let (key, store) = (self.key(), self.store.clone());
        let name = &self.shared.keys[key];
        let begin = nanos();
        let got = self
            .timed(Asked::Read, "get", async |call| {
                store.get_opts(name, &GetOptions::new().with_call(call)).await
            })
            .await
            .ok()?;
        match seen(name, &got) {
            Err(torn) => {
                self.problem(torn.to_string());
                None
            }
            Ok(state) => {
                self.note(key, begin, Action::Read, Answer::Read(state), false);
                let version = got.meta().and_then(|meta| meta.version.clone());
                state.zip(version).map(|(write, version)| (key, write, version))
            }
        }
    }

    pub(super) async fn get_part(&mut self) {
        let (key, store) = (self.key(), self.store.clone());
        let name = &self.shared.keys[key];
        let range = ByteRange::from(0..self.rng.between(HEAD as u64, 400));
        let begin = nanos();
        let options = GetOptions::new().with_range(range);
        let got = self.timed(Asked::Read, "get of a range", async |call| {
            store.get_opts(name, &options.with_call(call)).await
        });
        let state = match got.await {
            Err(_) => return,
            Ok(Got::Found { body, .. }) => seen_part(name, &body).map(Some),
            Ok(Got::Absent) => Ok(None),
            Ok(Got::Unchanged(_)) => Err("a get without a version says that it is unchanged".into()),
        };
        match state {
            Ok(state) => self.note(key, begin, Action::Read, Answer::Read(state), false),
            Err(torn) => self.problem(torn.to_string()),
        }
    }

    /// A listing names keys in their order, none twice, and none that is not there.
    pub(super) async fn list(&mut self) {
        let store = self.store.clone();
        let listed = self.timed(Asked::Read, "list", async |call| {
            store
                .list_opts(ListOptions::new().with_prefix("k/").with_call(call))
                .try_collect::<Vec<_>>()
                .await
        });
        let Ok(listed) = listed.await else { return };
        let mut last = None;
        for item in &listed {
            let key = match item {
                Listed::Entry(meta) if self.shared.keys.contains(&meta.key) => Some(&meta.key),
                _ => None,
            };
            if key.is_none() || key <= last {
                return self.problem(format!("a listing that is none: {listed:?}"));
            }
            last = key;
        }
    }
}
