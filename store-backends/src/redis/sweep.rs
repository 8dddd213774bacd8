//! Parts that belong to no value, and entries of values that Redis has removed.

use std::sync::Arc;

use ::redis::Value;
use larder_store_core::{Call, Op, Result, SweepOptions, Swept, time};

use super::client::Lane;
use super::command::{WRITE, plain, script};
use super::error::strange;
use super::name::Shard;
use super::upload::{forget, unlink};
use super::wire::Wire;
use super::write::AT_ONCE;

/// Leftovers, or expired entries, that one request names.
const PAGE: u64 = 500;

/// Removes parts that were left long ago.
pub(super) async fn sweep(wire: &Arc<Wire>, options: &SweepOptions) -> Result<Swept> {
    let (op, call) = (Op::Sweep, &options.call);
    let _busy = wire.begin(op, call)?;
    wire.home(op, call, false).await?;
    let mut swept = Swept::default();
    let now = time::to_nanos(wire.env.wall()).unwrap_or(0);
    let age = i64::try_from(options.older_than.as_nanos()).unwrap_or(i64::MAX);
    let before = now.saturating_sub(age).div_euclid(1_000_000).to_string();
    for shard in wire.names.shards() {
        // Those that are not removed are passed over.
        let mut kept = 0u64;
        loop {
            let (count, from) = (PAGE.to_string(), kept.to_string());
            let leftovers = wire.names.leftovers(shard);
            let page: [&[u8]; 6] =
                [&leftovers, b"-inf", before.as_bytes(), b"LIMIT", from.as_bytes(), count.as_bytes()];
            let commands = vec![wire.ask_marker(shard), plain("ZRANGEBYSCORE", &page)];
            let mut answers = wire.ask(op, call, Lane::Bulk, &wire.to(shard), commands).await?.into_iter();
            wire.check_marker(op, answers.next().unwrap_or(Value::Nil))?;
            let entries = wire.list(op, answers.next().unwrap_or(Value::Nil))?;
            let len = entries.len() as u64;
            for entry in entries {
                let Value::BulkString(entry) = entry else { return Err(strange(op, false, "an entry")) };
                let removed = remove(wire, call, shard, &entry, options.dry_run, &mut swept).await?;
                kept += u64::from(!removed);
            }
            if len < PAGE {
                break;
            }
        }
        if !options.dry_run {
            tidy(wire, call, shard).await?;
        }
    }
    Ok(swept)
}

/// Removes what one entry names. One that is none of ours stays.
async fn remove(
    wire: &Wire,
    call: &Call,
    shard: Shard,
    entry: &[u8],
    dry_run: bool,
    swept: &mut Swept,
) -> Result<bool> {
    let op = Op::Sweep;
    let text = str::from_utf8(entry).ok().and_then(|text| text.split_once(':'));
    let id = text.filter(|(id, _)| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    let Some((id, count)) = id else { return Ok(false) };
    // An upload does not say how many there are; they are there from the first on, but for some that were under way.
    let most = count.parse().ok().filter(|count| *count > 0).unwrap_or(u64::MAX);
    let (mut first, mut bytes) = (0, 0);
    while first < most {
        let numbers = first..first.saturating_add(AT_ONCE).min(most);
        let found = lengths(wire, call, shard, id, numbers.clone()).await?;
        bytes += found.iter().sum::<u64>();
        if !dry_run {
            unlink(wire, op, call, shard, id, numbers).await?;
        }
        if found.iter().all(|len| *len == 0) {
            break;
        }
        first += AT_ONCE;
    }
    if !dry_run {
        forget(wire, op, call, shard, &String::from_utf8_lossy(entry)).await?;
    }
    swept.count(|| format!("the parts {id} in {}{}}}", wire.names.root(), shard.0), bytes, !dry_run);
    Ok(!dry_run)
}

async fn lengths(
    wire: &Wire,
    call: &Call,
    shard: Shard,
    id: &str,
    numbers: std::ops::Range<u64>,
) -> Result<Vec<u64>> {
    let op = Op::Sweep;
    let commands = numbers.map(|number| plain("STRLEN", &[&wire.names.part(shard, id, number)]));
    let answers = wire.ask(op, call, Lane::Bulk, &wire.to(shard), commands.collect()).await?;
    let read = |answer| match wire.good(op, answer)? {
        Value::Int(len) => Ok(u64::try_from(len).unwrap_or(0)),
        other => Err(strange(op, false, super::wire::kind_of(&other))),
    };
    answers.into_iter().map(read).collect()
}

/// Takes values that Redis has removed out of the index.
async fn tidy(wire: &Wire, call: &Call, shard: Shard) -> Result<()> {
    let op = Op::Sweep;
    loop {
        let mut command = script(&WRITE, &wire.names.frame(shard).collect::<Vec<_>>(), 100);
        command.arg(wire.names.marker_text()).arg("each").arg(0).arg(0).arg(0).arg(PAGE);
        let answers = wire.tell(op, call, Lane::Bulk, &wire.to(shard), 0, vec![command]).await?;
        let answer = wire.list(op, answers.into_iter().next().unwrap_or(Value::Nil))?;
        match answer.first() {
            Some(Value::Int(tidied)) if *tidied as u64 >= PAGE => {}
            Some(Value::Int(_)) => return Ok(()),
            _ => return Err(strange(op, true, "the script's answer")),
        }
    }
}
