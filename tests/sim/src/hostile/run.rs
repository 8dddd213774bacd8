//! Puts hostile keys into a store, and looks where they went.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use larder_store_core::{
    Call, DeleteItem, DeleteOptions, GetOptions, Got, Key, ListOptions, Listed, PutItem, PutOptions, Store,
};

use super::generate::Hostile;
use super::tree;
use crate::report::Report;
use crate::stores::{self, Kind};
use crate::{Outcome, value};

/// How many keys go together.
const BATCH: u64 = 1000;

/// What a campaign does.
#[derive(Debug, Clone)]
pub struct Options {
    /// The store.
    pub kind: Kind,
    /// Its parameters, as in a URL.
    pub params: String,
    /// A folder that holds nothing yet.
    pub folder: PathBuf,
    /// How many keys.
    pub keys: u64,
    /// What repeats them.
    pub seed: u64,
}

/// Runs it.
///
/// # Errors
/// What keeps the campaign from going on.
pub async fn run(options: &Options) -> Outcome<Report> {
    let mut report = Report::new("hostile-keys", options.kind.name(), options.seed);
    let root = options.folder.join("a/b/root");
    std::fs::create_dir_all(options.folder.join("a/b/beside"))?;
    std::fs::write(options.folder.join("a/b/outside"), "x")?;
    std::fs::write(options.folder.join("etc"), "x")?;
    let around = tree::look(&options.folder, Some(&root))?;

    let store = stores::open(&options.kind.at(&root, &options.params)?).await?;
    let longest = store.guarantees().max_key.min(Key::MAX_LEN);
    let mut keys = Hostile::new(options.seed, longest, own_names(&store, &root).await?);
    report.count("longest key", longest as u64);

    let mut escapes = HashSet::new();
    let mut left = options.keys;
    while left > 0 {
        let batch: Vec<Key> = (0..left.min(BATCH)).map(|_| keys.key()).collect();
        left -= batch.len() as u64;
        for key in batch.iter().filter(|_| options.kind.is_on_disk()) {
            let Some(path) = tree::escape(&root, key.as_str()) else { continue };
            let mut named = path.clone().into_os_string();
            named.push(".larder");
            let new = [path, named.into()].into_iter().filter(|path| path.symlink_metadata().is_err());
            escapes.extend(new);
        }
        let items = batch.iter().map(|key| item(key, 1)).collect();
        for (done, key) in store.put_many_opts(items, &Call::default()).await.into_iter().zip(&batch) {
            if let Err(error) = done {
                report.problem(format!("put {key:?}: {error:?}"));
            }
        }
    }
    report.count("keys", keys.given().len() as u64);
    report.count("places outside that keys name", escapes.len() as u64);
    inside(options, &root, &mut report)?;
    for path in escapes.iter().filter(|path| path.symlink_metadata().is_ok()) {
        report.problem(format!("{} was made, outside of the root", path.display()));
    }
    come_back(&store, &keys, &mut report).await;
    listed(&store, &keys, &mut report).await;
    gone(&store, &keys, &mut report).await;
    store.close(&Call::default()).await?;
    if tree::look(&options.folder, Some(&root))? != around {
        report.problem("something around the root has changed");
    }
    if options.kind == Kind::File {
        report.count("files left after all was deleted", files(&root)?.len() as u64);
    }
    Ok(report)
}

fn item(key: &Key, write: u64) -> PutItem {
    PutItem { key: key.clone(), value: value::make(key.as_str(), write, 0), options: PutOptions::new() }
}

/// Names that the store uses in its own folder, with and without values.
async fn own_names(store: &Arc<dyn Store>, root: &Path) -> Outcome<Vec<String>> {
    let key = Key::new("x/y")?;
    store.put_opts(&key, value::make("x/y", 1, 2_000_000), &PutOptions::new()).await?;
    let mut names = HashSet::new();
    if root.exists() {
        for path in tree::look(root, None)?.keys() {
            names.extend(path.file_name().and_then(|name| name.to_str()).map(str::to_owned));
        }
    }
    store.delete_opts(&key, &DeleteOptions::new()).await?;
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    Ok(names)
}

fn files(root: &Path) -> Outcome<Vec<PathBuf>> {
    Ok(tree::look(root, None)?
        .into_iter()
        .filter(|(_, thing)| thing.kind == "file")
        .map(|(path, _)| path)
        .collect())
}

/// Everything under the root is a file or a folder, and the owner's alone.
fn inside(options: &Options, root: &Path, report: &mut Report) -> Outcome {
    if !options.kind.is_on_disk() {
        return Ok(());
    }
    let things = tree::look(root, None)?;
    report.count("files under the root", things.values().filter(|thing| thing.kind == "file").count() as u64);
    for (path, thing) in &things {
        let wanted = if thing.kind == "folder" { 0o700 } else { 0o600 };
        if thing.kind == "something else" || thing.mode != wanted {
            report.problem(format!("{} is {} of mode {:o}", path.display(), thing.kind, thing.mode));
        }
    }
    if options.kind == Kind::File && (things.len() as u64) < options.keys {
        report.problem(format!("{} keys are in {} files and folders", options.keys, things.len()));
    }
    Ok(())
}

/// Every key gives its own value.
async fn come_back(store: &Arc<dyn Store>, keys: &Hostile, report: &mut Report) {
    let mut right = 0;
    for text in keys.given() {
        let Ok(key) = Key::new(text) else { continue };
        let got = match store.try_get(&key, &GetOptions::new()) {
            Some(got) => got,
            None => store.get_opts(&key, &GetOptions::new()).await,
        };
        match got {
            Ok(Got::Found { body, .. }) => match value::check(text, &body) {
                Ok(_) => right += 1,
                Err(why) => report.problem(format!("get {key:?}: {why}")),
            },
            Ok(_) => report.problem(format!("get {key:?}: absent")),
            Err(error) => report.problem(format!("{error:?}")),
        }
    }
    report.count("come back by get", right);
}

/// The listing is exactly the keys, in the order of their bytes.
async fn listed(store: &Arc<dyn Store>, keys: &Hostile, report: &mut Report) {
    let given = keys.given();
    let mut items = store.list_opts(ListOptions::new());
    let mut at = 0;
    while let Some(item) = items.next().await {
        match item {
            Ok(Listed::Entry(meta)) if given.get(at) == Some(&meta.key.as_str()) => at += 1,
            Ok(other) => {
                report.problem(format!("the listing has {other:?} in place of {:?}", given.get(at)));
                return;
            }
            Err(error) => {
                report.problem(format!("{error:?}"));
                return;
            }
        }
    }
    if at != given.len() {
        report.problem(format!("the listing ends after {at} of {} keys", given.len()));
    }
    report.count("come back by list", at as u64);
}

/// Every second key is deleted: those go, the others stay. Then the rest.
async fn gone(store: &Arc<dyn Store>, keys: &Hostile, report: &mut Report) {
    let keys: Vec<Key> = keys.given().into_iter().filter_map(|text| Key::new(text).ok()).collect();
    for half in [0, 1] {
        let going: Vec<&Key> = keys.iter().skip(half).step_by(2).collect();
        for batch in going.chunks(BATCH as usize) {
            let items = batch.iter().map(|key| DeleteItem { key: (*key).clone(), only: None }).collect();
            let done = store.delete_many_opts(items, &DeleteOptions::new()).await;
            for error in done.into_iter().filter_map(Result::err) {
                report.problem(format!("{error:?}"));
            }
        }
        let mut items = store.list_opts(ListOptions::new());
        let mut left = 0;
        while let Some(item) = items.next().await {
            match item {
                Ok(_) => left += 1,
                Err(error) => return report.problem(format!("{error:?}")),
            }
        }
        let wanted = if half == 0 { keys.len() / 2 } else { 0 };
        if left != wanted {
            report.problem(format!("{left} keys are left instead of {wanted}"));
        }
    }
}
