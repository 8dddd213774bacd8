//! A collection is opened: the manifest is read, and the tail of the log, and nothing else.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use larder_store_core::env::InFlight;
use larder_store_core::{Call, CasScope, Error, ErrorKind, GetOptions, Got, Key, Op, Result, Store, Version};

use super::core::Core;
use super::options::{CollectionOptions, Role};
use super::view::{Table, View};
use crate::manifest::{Manifest, NAME, Schema};
use crate::memtable::Memtable;
use crate::segment::Segment;
use crate::tiers::Tiers;
use crate::wal::{self, Appended, Body, Entry, Log};

/// How often it is tried while others change it. A busy writer is met at a moment between two of its slots, which takes as many tries as
/// chance has it; each is a few requests, and a deadline ends them sooner.
const ATTEMPTS: usize = 200;

/// What an opened collection begins with.
pub(super) struct Opened {
    pub(super) core: Arc<Core>,
    /// The end of the log, for the writer.
    pub(super) log: Option<Log>,
}

pub(super) async fn open(store: Arc<dyn Store>, options: CollectionOptions) -> Result<Opened> {
    check(&store, &options)?;
    let (manifest, version, entries, log) = match options.role {
        Role::Writer => become_writer(&store, &options).await?,
        Role::Reader => {
            let (manifest, version, entries) = read(&store, &options).await?;
            (manifest, version, entries, None)
        }
    };
    let schema = manifest.schema;
    let mut table = Memtable::new(schema.dims as usize, 0);
    fill(&mut table, manifest.floor, entries);
    let view = View {
        moves: 0,
        segments: manifest.segments.iter().cloned().map(Segment::new).map(Arc::new).collect(),
        manifest: Arc::new(manifest),
        version,
        codecs: Vec::new(),
        tables: vec![Table::new(table)],
    };
    let tiers = Tiers::new(&options, &view.manifest.collection)?;
    let core = Core {
        env: options.env.clone(),
        store,
        schema,
        options,
        view: ArcSwap::from_pointee(view),
        turn: Default::default(),
        rewriting: Default::default(),
        backlog: Default::default(),
        trained: Default::default(),
        inflight: InFlight::new(),
        closed: Arc::new(AtomicBool::new(false)),
        fenced: AtomicBool::new(false),
        tiers,
    };
    Ok(Opened { core: Arc::new(core), log })
}

/// Puts what stands in slots behind `floor` into a table.
pub(super) fn fill(table: &mut Memtable, floor: u64, entries: Vec<(u64, Entry)>) {
    for (slot, entry) in entries.into_iter().filter(|(slot, _)| *slot > floor) {
        match entry.body {
            Body::Begin => table.begin(slot),
            Body::Changes(changes) => changes.into_iter().for_each(|change| table.apply(slot, change)),
        }
    }
}

fn check(store: &Arc<dyn Store>, options: &CollectionOptions) -> Result<()> {
    let invalid = |why: String| Err(Error::new(ErrorKind::Invalid, Op::Open, why).at(store.id()));
    if let Some(Schema { dims, .. }) = options.schema
        && !(2..=4096).contains(&dims)
    {
        return invalid(format!("a collection has 2 to 4096 dimensions, not {dims}"));
    }
    if !(1..=crate::segment::MAX_ROWS).contains(&options.seal_rows) || options.seal_bytes == 0 {
        return invalid(format!("a segment has 1 to {} rows", crate::segment::MAX_ROWS));
    }
    if options.code_width == 0 || !(0.0..=1.0).contains(&options.vacuum) || options.vacuum == 0.0 {
        return invalid("the width of codes and the share of deleted rows are above 0".into());
    }
    if options.role == Role::Writer && store.guarantees().cas == CasScope::None {
        let why = "a collection needs a store with conditional writes";
        return Err(Error::new(ErrorKind::Unsupported, Op::Open, why).at(store.id()));
    }
    Ok(())
}

/// The manifest, and what the log has behind it.
pub(super) async fn read(
    store: &Arc<dyn Store>,
    options: &CollectionOptions,
) -> Result<(Manifest, Version, Vec<(u64, Entry)>)> {
    read_on(store, options, None).await
}

/// What was read of a log, and the collection that it is the log of.
type Known = (String, Vec<(u64, Entry)>);

/// The same, behind what is known already: whoever is too late for a busy writer has less to read each time.
async fn read_on(
    store: &Arc<dyn Store>,
    options: &CollectionOptions,
    known: Option<Known>,
) -> Result<(Manifest, Version, Vec<(u64, Entry)>)> {
    let (mut of, mut entries) = known.unwrap_or_default();
    for _ in 0..ATTEMPTS {
        let (manifest, version) = find(store, options).await?;
        let last = entries.last().map_or(0, |(slot, _)| *slot);
        if of != manifest.collection || last < manifest.floor {
            entries.clear();
            of.clone_from(&manifest.collection);
        }
        // What the manifest covers by now counts no more.
        entries.retain(|(slot, _)| *slot > manifest.floor);
        let from = entries.last().map_or(manifest.floor, |(slot, _)| *slot);
        let dims = manifest.schema.dims as usize;
        match wal::read_from(store, dims, from, &options.call).await {
            Ok(more) => {
                entries.extend(more);
                // Slots that were removed before they were listed are covered by another manifest.
                if is_still(store, &version, &options.call).await? {
                    return Ok((manifest, version, entries));
                }
            }
            // The manifest that says so is to be read.
            Err(error) if error.is(ErrorKind::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(busy(store))
}

/// Whether the manifest is the one of this version.
pub(super) async fn is_still(store: &Arc<dyn Store>, version: &Version, call: &Call) -> Result<bool> {
    let mut options = GetOptions::new().with_call(call.clone());
    options.unless = Some(version.clone());
    match store.get_opts(&Key::new(NAME)?, &options).await? {
        Got::Unchanged(_) => Ok(true),
        Got::Found { meta, .. } => Ok(meta.version.as_ref() == Some(version)),
        Got::Absent => Ok(false),
    }
}

/// The manifest, made where there is none and a schema was said.
async fn find(store: &Arc<dyn Store>, options: &CollectionOptions) -> Result<(Manifest, Version)> {
    for _ in 0..ATTEMPTS {
        if let Some((manifest, version)) = Manifest::read(store, &options.call).await? {
            match options.schema {
                Some(schema) if schema != manifest.schema => {
                    let why =
                        format!("the collection there has {}, not {}", say(&manifest.schema), say(&schema));
                    return Err(Error::new(ErrorKind::Conflict, Op::Open, why).at(store.id()));
                }
                _ => return Ok((manifest, version)),
            }
        }
        let (Some(schema), Role::Writer) = (options.schema, options.role) else {
            let error = Error::new(ErrorKind::Invalid, Op::Open, "there is no collection").at(store.id());
            return Err(error.hint("open it as a writer with a schema to make one"));
        };
        let name = format!("{:016x}{:016x}", options.env.random_u64(), options.env.random_u64());
        let manifest = Manifest::new(name, schema);
        match manifest.write(store, None, &options.call).await {
            Ok(version) => return Ok((manifest, version)),
            // Somebody else was first, or one's own write had an effect that was not told.
            Err(error) if error.is(ErrorKind::Conflict) || error.is(ErrorKind::Unknown) => {}
            Err(error) => return Err(error),
        }
    }
    Err(busy(store))
}

fn say(schema: &Schema) -> String {
    format!("{} dimensions, metric {:?}, keep {:?}", schema.dims, schema.metric, schema.keep)
}

fn busy(store: &Arc<dyn Store>) -> Error {
    let why = "others change the collection faster than it can be opened";
    Error::new(ErrorKind::Unavailable, Op::Open, why)
        .at(store.id())
        .hint("try again, or let the writer pause: the next try may come between two of its writes")
}

/// Takes the next slot of the log, which fences whoever wrote before, then the manifest.
async fn become_writer(
    store: &Arc<dyn Store>,
    options: &CollectionOptions,
) -> Result<(Manifest, Version, Vec<(u64, Entry)>, Option<Log>)> {
    let call = &options.call;
    let mut known = None;
    for _ in 0..ATTEMPTS {
        let (manifest, _, mut entries) = read_on(store, options, known.take()).await?;
        let dims = manifest.schema.dims as usize;
        let last = entries.last().map_or(manifest.floor, |(slot, _)| *slot);
        let before = entries.iter().map(|(_, entry)| entry.epoch).fold(manifest.epoch, u64::max);
        let epoch = before + 1;
        let mut log = Log::new(store.clone(), options.env.clone(), dims, epoch, last + 1);
        let nonce = log.nonce();
        let slot = match log.append(nonce, &Body::Begin, call).await {
            Ok(Appended::Done { slot }) => slot,
            // Somebody wrote, or became the writer, meanwhile.
            Ok(Appended::Fenced { .. }) => {
                known = Some((manifest.collection, entries));
                continue;
            }
            Err(error) if error.is(ErrorKind::Unknown) => continue,
            Err(error) => return Err(error),
        };
        entries.push((slot, Entry { epoch, nonce, body: Body::Begin }));
        if let Some((manifest, version)) = claim(store, options, epoch).await? {
            // A slot that a manifest covers was free as it had been removed: taking it has fenced nobody.
            if manifest.floor < slot {
                return Ok((manifest, version, entries, Some(log)));
            }
        }
    }
    Err(busy(store))
}

/// Writes the epoch into the manifest, so that a writer before finds its own manifest replaced; `None` if there is a later writer.
async fn claim(
    store: &Arc<dyn Store>,
    options: &CollectionOptions,
    epoch: u64,
) -> Result<Option<(Manifest, Version)>> {
    for _ in 0..ATTEMPTS {
        let (mut manifest, version) = find(store, options).await?;
        if manifest.epoch >= epoch {
            // One's own write may have had an effect that was not told: epochs are given once.
            return Ok((manifest.epoch == epoch).then_some((manifest, version)));
        }
        manifest.epoch = epoch;
        manifest.turn += 1;
        match manifest.write(store, Some(version), &options.call).await {
            Ok(version) => return Ok(Some((manifest, version))),
            Err(error) if error.is(ErrorKind::Conflict) || error.is(ErrorKind::Unknown) => {}
            Err(error) => return Err(error),
        }
    }
    Err(busy(store))
}
