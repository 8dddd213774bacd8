//! One random operation.

use bytes::Bytes;

use super::model::{Entry, Walker};
use crate::conformance::case::{Held, check, fail, same};
use crate::conformance::see::differ;
use crate::conformance::values::{key, stream_of};
use crate::error::{ErrorKind, Result};
use crate::guarantees::{CasScope, Ranges};
use crate::options::{
    CopyOptions, DeleteItem, DeleteOptions, GetOptions, ListOptions, Precondition, PutItem, PutOptions, Step,
};
use crate::outcome::{Copied, Deleted, Got, Removed, StepDone, Written};
use crate::store::Store;
use crate::{Call, StoreExt, Updated, WriteId};

impl Walker {
    pub(super) async fn step(&mut self) -> Held {
        match self.rng.below(20) {
            0..=4 => self.put().await,
            5 => self.put_many().await,
            6 | 7 => self.delete().await,
            8 => self.transact().await,
            9 => self.copy().await,
            10 => self.update().await,
            11..=13 => self.get().await,
            14 => self.range().await,
            15 => self.get_many().await,
            16 => {
                let name = self.name();
                self.log(format_args!("see {name:?}"));
                self.see(&name).await
            }
            17 | 18 => self.listing().await,
            _ => self.quiet().await,
        }
    }

    fn log(&mut self, what: std::fmt::Arguments<'_>) {
        self.log.push(what.to_string());
        if self.log.len() > 12 {
            self.log.remove(0);
        }
    }

    fn precondition(&mut self, name: &str) -> Precondition {
        if self.t.g.cas == CasScope::None || self.rng.one_in(2) {
            return Precondition::Any;
        }
        match self.some_version(name) {
            None => Precondition::Absent,
            Some(version) => Precondition::Matches(version),
        }
    }

    fn only(&mut self, name: &str) -> Option<crate::Version> {
        let can = self.t.g.cas > CasScope::None && self.t.g.conditional_delete;
        if can && self.rng.one_in(2) { self.some_version(name) } else { None }
    }

    fn put_options(&mut self, name: &str) -> PutOptions {
        let mut options = PutOptions::new().with_pre(self.precondition(name));
        options.expires = self.expires();
        options.attributes = self.attributes();
        if self.rng.one_in(4) {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&self.rng.next().to_le_bytes());
            options.write_id = Some(WriteId::from_bytes(id));
        }
        options
    }

    /// What a put answers, against the model.
    fn judge_put(
        &mut self,
        what: &str,
        name: &str,
        value: &Bytes,
        options: &PutOptions,
        done: Result<Written>,
    ) -> Held {
        if !self.holds(name, &options.pre) {
            let error = self.t.refuses(done, ErrorKind::Conflict, format_args!("{what} {name:?}"))?;
            same!(self.t, error.key(), Some(&key(name)), "{what}: the key that the conflict names");
            return Ok(());
        }
        let written = done.map_err(|e| fail(format_args!("{what} {name:?}: {e:?}")))?;
        // Of the version that was named: where versions come from the content, another write may have the same.
        let chain = match &options.pre {
            Precondition::Matches(version) => version.chain().collect(),
            _ => Vec::new(),
        };
        let entry = Entry {
            value: value.clone(),
            expires: options.expires,
            attributes: options.attributes.clone(),
            version: written.version.clone(),
            write_id: written.write_id,
            chain,
        };
        self.wrote(name, entry, &written, options.write_id)
    }

    /// What a delete answers, against the model.
    fn judge_delete(
        &mut self,
        what: &str,
        name: &str,
        only: &Option<crate::Version>,
        done: Result<Removed>,
    ) -> Held {
        let pre = only.clone().map_or(Precondition::Any, Precondition::Matches);
        if !self.holds(name, &pre) {
            self.t.refuses(done, ErrorKind::Conflict, format_args!("{what} {name:?}"))?;
            return Ok(());
        }
        let removed = done.map_err(|e| fail(format_args!("{what} {name:?}: {e:?}")))?;
        let existed = if self.live(name).is_some() { Deleted::Yes } else { Deleted::No };
        let told = removed.existed == existed || removed.existed == Deleted::NotTold;
        check!(self.t, told, "{what} {name:?} says {:?}, and it was {existed:?}", removed.existed);
        self.model.remove(name);
        Ok(())
    }

    async fn put(&mut self) -> Held {
        let (name, key) = self.key();
        let (value, options) = (self.value(), self.put_options(&name));
        let streamed = self.rng.one_in(3);
        let what = if streamed { "put_stream" } else { "put" };
        self.log(format_args!(
            "{what} {name:?} {} bytes {:?} {:?}",
            value.len(),
            options.pre,
            options.expires
        ));
        let done = if streamed {
            let body =
                stream_of(value.clone(), 1 + self.rng.below(60_000) + value.len() / 50, self.rng.one_in(2));
            self.t.store.put_stream_opts(&key, body, &options).await
        } else {
            self.t.store.put_opts(&key, value.clone(), &options).await
        };
        self.judge_put(what, &name, &value, &options, done)
    }

    async fn put_many(&mut self) -> Held {
        let mut items = Vec::new();
        for _ in 0..self.rng.below(6) {
            let (name, key) = self.key();
            items.push(PutItem { key, value: self.value(), options: self.put_options(&name) });
        }
        let named: Vec<_> =
            items.iter().map(|item| (item.key.as_str().to_owned(), &item.options.pre)).collect();
        let text = format!("put_many {named:?}");
        self.log(format_args!("{text}"));
        let done = self.t.store.put_many_opts(items.clone(), &Call::default()).await;
        same!(self.t, done.len(), items.len(), "outcomes of put_many");
        for (item, done) in items.iter().zip(done) {
            self.judge_put("put_many", item.key.as_str(), &item.value, &item.options, done)?;
        }
        Ok(())
    }

    async fn delete(&mut self) -> Held {
        if self.rng.one_in(4) {
            let mut items = Vec::new();
            for _ in 0..self.rng.below(5) {
                let (name, key) = self.key();
                items.push(DeleteItem { key, only: self.only(&name) });
            }
            self.log(format_args!("delete_many {items:?}"));
            let done = self.t.store.delete_many_opts(items.clone(), &DeleteOptions::new()).await;
            same!(self.t, done.len(), items.len(), "outcomes of delete_many");
            for (item, done) in items.iter().zip(done) {
                self.judge_delete("delete_many", item.key.as_str(), &item.only, done)?;
            }
            return Ok(());
        }
        let (name, key) = self.key();
        let mut options = DeleteOptions::new();
        options.only = self.only(&name);
        self.log(format_args!("delete {name:?} {:?}", options.only));
        let done = self.t.store.delete_opts(&key, &options).await;
        self.judge_delete("delete", &name, &options.only, done)
    }

    async fn transact(&mut self) -> Held {
        let Some(limit) = self.t.g.transactions else { return Ok(()) };
        let mut steps: Vec<Step> = Vec::new();
        for _ in 0..self.rng.below(5.min(limit.max_steps) + 1) {
            let (name, key) = self.key();
            if steps.iter().any(|step| *step.key() == key) {
                continue;
            }
            steps.push(match self.rng.below(4) {
                0 => Step::Delete(DeleteItem { key, only: self.only(&name) }),
                1 => Step::Check { key, pre: self.precondition(&name) },
                _ => Step::Put(PutItem { key, value: self.value(), options: self.put_options(&name) }),
            });
        }
        let condition = |step: &Step| match step {
            Step::Check { pre, .. } => pre.clone(),
            Step::Put(item) => item.options.pre.clone(),
            Step::Delete(item) => item.only.clone().map_or(Precondition::Any, Precondition::Matches),
        };
        let named: Vec<_> = steps.iter().map(|s| (s.key().as_str().to_owned(), condition(s))).collect();
        self.log(format_args!("transact {named:?}"));
        let done = self.t.store.transact(steps.clone()).await;
        if let Some((first, _)) = named.iter().find(|(name, pre)| !self.holds(name, pre)) {
            let error = self.t.refuses(done, ErrorKind::Conflict, "transact")?;
            // Where several fail, any of them may be named.
            let named = error.key().is_some_and(|k| {
                named.iter().any(|(name, pre)| name == k.as_str() && !self.holds(name, pre))
            });
            check!(self.t, named, "transact: the conflict names {:?}, and not {first:?}", error.key());
            return Ok(());
        }
        let done = done.map_err(|e| fail(format_args!("transact: {e:?}")))?;
        same!(self.t, done.steps.len(), steps.len(), "outcomes of transact");
        for (step, done) in steps.iter().zip(done.steps) {
            match (step, done) {
                (Step::Check { .. }, StepDone::Checked) => {}
                (Step::Put(item), StepDone::Written(written)) => {
                    self.judge_put("transact", item.key.as_str(), &item.value, &item.options, Ok(written))?;
                }
                (Step::Delete(item), StepDone::Removed(removed)) => {
                    self.judge_delete("transact", item.key.as_str(), &item.only, Ok(removed))?;
                }
                (step, done) => return Err(fail(format_args!("transact: {step:?} did {done:?}"))),
            }
        }
        Ok(())
    }

    async fn copy(&mut self) -> Held {
        let (from, to) = (self.name(), self.name());
        let mut options = CopyOptions::new().with_pre(self.precondition(&to));
        if self.rng.one_in(3) {
            options.only = self.some_version(&from);
        }
        self.log(format_args!("copy {from:?} to {to:?} {:?} only {:?}", options.pre, options.only));
        let done = self.t.store.copy_opts(&key(&from), &key(&to), &options).await;
        let Some(source) = self.live(&from).cloned() else {
            return match done {
                Ok(Copied::Absent) => Ok(()),
                // What must hold for the target may be asked first.
                Err(error) if error.is(ErrorKind::Conflict) && !self.holds(&to, &options.pre) => Ok(()),
                other => Err(fail(format_args!("a copy of an absent key: {other:?}"))),
            };
        };
        if options.only.as_ref().is_some_and(|only| *only != source.version) {
            self.t.refuses(done, ErrorKind::Conflict, "a copy of another version")?;
            return Ok(());
        }
        let done = match done {
            Ok(Copied::Done(written)) => Ok(written),
            Ok(Copied::Absent) => return Err(fail("a copy says that its source is absent, and it stands")),
            Err(error) => Err(error),
        };
        let mut put = PutOptions::new().with_pre(options.pre);
        put.expires = source.expires;
        put.attributes = source.attributes;
        self.judge_put("copy", &to, &source.value, &put, done)
    }

    async fn update(&mut self) -> Held {
        if self.t.g.cas == CasScope::None || !self.t.g.conditional_delete {
            return Ok(());
        }
        let (name, key) = self.key();
        let (given, removes) = (self.value(), self.rng.one_in(4));
        self.log(format_args!("update {name:?} {} bytes, removes: {removes}", given.len()));
        let mut found = None;
        let updated = self.t.store.update(&key, |old| {
            found = old;
            (!removes).then(|| given.clone())
        });
        let updated = updated.await?;
        let old = self.live(&name).cloned();
        let good = found == old.as_ref().map(|e| e.value.clone());
        check!(self.t, good, "update {name:?} finds {:?} bytes, or others", found.map(|f| f.len()));
        match updated {
            Updated::Written { written, .. } if !removes => {
                let (expires, attributes, chain) = match old {
                    Some(old) => (old.expires, old.attributes, old.version.chain().collect()),
                    None => Default::default(),
                };
                let version = written.version.clone();
                let write_id = written.write_id;
                let entry = Entry { value: given, expires, attributes, version, write_id, chain };
                self.wrote(&name, entry, &written, None)
            }
            Updated::Removed(_) if removes && old.is_some() => {
                self.model.remove(&name);
                Ok(())
            }
            Updated::Nothing if removes && old.is_none() => Ok(()),
            other => Err(fail(format_args!("update {name:?} did {other:?}"))),
        }
    }

    /// What a get answers, against the model.
    fn judge_get(&self, what: &str, name: &str, options: &GetOptions, got: Result<Got<Bytes>>) -> Held {
        let t = &self.t;
        let Some(entry) = self.live(name) else {
            let got = got.map(|got| got.meta().cloned());
            let absent = matches!(got, Ok(None));
            check!(t, absent, "{what} {name:?}: {got:?}, and it is absent");
            return Ok(());
        };
        if options.only.as_ref().is_some_and(|only| *only != entry.version) {
            t.refuses(
                got.map(drop),
                ErrorKind::Conflict,
                format_args!("{what} {name:?} of another version"),
            )?;
            return Ok(());
        }
        if options.unless.as_ref() == Some(&entry.version) {
            let unchanged = matches!(got, Ok(Got::Unchanged(_)));
            check!(t, unchanged, "{what} {name:?} unless its own version: {:?}", got.map(drop));
            return Ok(());
        }
        let want = match options.range.map(|range| range.resolve(entry.value.len() as u64)) {
            None => entry.value.clone(),
            Some(Ok(part)) => entry.value.slice(part.start as usize..part.end as usize),
            Some(Err(_)) => {
                t.refuses(got.map(drop), ErrorKind::Invalid, format_args!("{what} {name:?} past its end"))?;
                return Ok(());
            }
        };
        match got.map_err(|e| fail(format_args!("{what} {name:?}: {e:?}")))? {
            Got::Found { meta, body, .. } => {
                check!(t, body == want, "{what} {name:?} {:?}: {}", options.range, differ(&body, &want));
                self.same_meta(what, &meta, entry)
            }
            other => Err(fail(format_args!("{what} {name:?}: {:?}, and it stands", other.map(drop)))),
        }
    }

    async fn get(&mut self) -> Held {
        let (name, key) = self.key();
        let mut options = GetOptions::new();
        if self.rng.one_in(3) {
            options.only = self.some_version(&name);
        }
        if self.rng.one_in(3) {
            options.unless = self.some_version(&name);
        }
        self.log(format_args!("get {name:?}"));
        if let Some(got) = self.t.store.try_get(&key, &options) {
            self.judge_get("try_get", &name, &options, got)?;
        }
        let got = self.t.store.get_opts(&key, &options).await;
        self.judge_get("get", &name, &options, got)
    }

    async fn range(&mut self) -> Held {
        if self.t.g.ranges == Ranges::None {
            return Ok(());
        }
        let (name, key) = self.key();
        let size = self.live(&name).map_or(10, |e| e.value.len());
        let start = self.rng.below(size + 3) as u64;
        let length = 1 + self.rng.below(size + 3) as u64;
        let options = match self.rng.below(3) {
            0 => GetOptions::new().with_range(start..start + length),
            1 => GetOptions::new().with_range(start..),
            _ => GetOptions::new().with_range(crate::ByteRange::suffix(length)),
        };
        self.log(format_args!("get {name:?} {:?}", options.range));
        let got = self.t.store.get_opts(&key, &options).await;
        self.judge_get("get", &name, &options, got)
    }

    async fn get_many(&mut self) -> Held {
        let names: Vec<String> = (0..self.rng.below(8)).map(|_| self.name()).collect();
        let keys: Vec<_> = names.iter().map(key).collect();
        self.log(format_args!("get_many {names:?}"));
        let options = GetOptions::new();
        let got = self.t.store.get_many_opts(&keys, &options).await;
        same!(self.t, got.len(), names.len(), "outcomes of get_many");
        for (name, got) in names.iter().zip(got) {
            self.judge_get("get_many", name, &options, got)?;
        }
        Ok(())
    }

    async fn listing(&mut self) -> Held {
        let tail = *self.rng.pick(&["", "", "a", "a/", "b", "z/", "é", "%", "."]);
        let mut options = ListOptions::new().with_prefix(format!("{}{tail}", self.prefix()));
        if self.rng.one_in(2) {
            let after = *self.rng.pick(&["", "a", "a/", "a/b", "a0", "b//", "z/2", "\u{10ffff}"]);
            options.start_after = Some(format!("{}{after}", self.prefix()));
        }
        if self.rng.one_in(2) {
            options.delimiter = Some((*self.rng.pick(&["/", "b", "//"])).to_owned());
        }
        if self.rng.one_in(3) {
            options.limit = Some(self.rng.below(6));
        }
        self.log(format_args!("list {options:?}"));
        self.list(options).await
    }

    async fn quiet(&mut self) -> Held {
        let call = Call::default();
        match self.rng.below(4) {
            0 => self.t.store.flush(&call).await?,
            1 => self.t.store.drain(&call).await?,
            2 => drop(self.t.store.sweep(&crate::SweepOptions::new()).await?),
            // Somebody gives up on a write; the model then asks what became of it.
            _ => return self.given_up().await,
        }
        Ok(())
    }

    async fn given_up(&mut self) -> Held {
        let (name, key) = self.key();
        let (value, options) = (self.value(), PutOptions::new());
        let polls = self.rng.below(4);
        self.log(format_args!("put {name:?} dropped after {polls} polls"));
        let put = self.t.store.put_opts(&key, value.clone(), &options);
        let done = crate::conformance::polls::polled(put, polls).await;
        self.t.store.drain(&Call::default()).await?;
        if let Some(done) = done {
            return self.judge_put("put", &name, &value, &options, done);
        }
        let got = self.t.see(&key).await?;
        let Some(seen) =
            got.filter(|seen| Some(seen.meta.write_id) != self.live(&name).map(|e| Some(e.write_id)))
        else {
            return self.see(&name).await;
        };
        check!(
            self.t,
            seen.value == value,
            "{name:?} has a value that nobody wrote: {}",
            differ(&seen.value, &value)
        );
        let write_id = seen.meta.write_id.unwrap_or(WriteId::from_bytes([0; 16]));
        let (version, chain) = (seen.version(), Vec::new());
        let entry = Entry { value, expires: None, attributes: Default::default(), version, write_id, chain };
        self.model.insert(name, entry);
        Ok(())
    }
}
