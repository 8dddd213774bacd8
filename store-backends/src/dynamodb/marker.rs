//! The marker of a namespace: that Larder keeps values there, in which format, and in how many write shards.

use std::sync::atomic::Ordering;

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure as OnRefusal};
use larder_store_core::{Call, Error, ErrorKind, Key, Op, Result};

use super::error::{NO_TABLE, REFUSED, SCHEMA, is_schema};
use super::item::{self, Item};
use super::name::{ALONE, MAX_SHARDS};
use super::schema;
use super::wire::Wire;

/// The version of the layout.
const FORMAT: i64 = 1;
/// The attribute with the version.
const VERSION: &str = "v";
/// The attribute with the number of write shards.
const SHARDS: &str = "n";

/// What a look for the marker found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marked {
    Shards(u16),
    /// The namespace has none: nothing was ever written there.
    No,
    NoTable,
}

impl Wire {
    /// The partition of a key's head. Whoever writes there first leaves the marker.
    pub(super) async fn home(&self, op: Op, call: &Call, key: &Key, writes: bool) -> Result<String> {
        Ok(self.names.head(key, self.shards(op, call, writes).await?))
    }

    /// How many write shards the namespace has.
    pub(super) async fn shards(&self, op: Op, call: &Call, writes: bool) -> Result<u16> {
        match self.shards.load(Ordering::Relaxed) {
            0 => Box::pin(self.find_shards(op, call, writes)).await,
            known => Ok(known),
        }
    }

    async fn find_shards(&self, op: Op, call: &Call, writes: bool) -> Result<u16> {
        // One looks, the others wait for it.
        let _alone = call.guard(&self.env, op, async { Ok(self.looking.lock().await) }).await?;
        let known = self.shards.load(Ordering::Relaxed);
        if known != 0 {
            return Ok(known);
        }
        let wanted = self.config().shards.unwrap_or(1);
        let shards = match self.marked(op, call).await? {
            Marked::Shards(shards) => shards,
            Marked::NoTable => return Err(schema::missing(op, self)),
            // Nothing is there to be read, and somebody may yet begin with another number.
            Marked::No if !writes => return Ok(wanted),
            Marked::No => self.mark(op, call, wanted).await?,
        };
        if let Some(other) = self.config().shards.filter(|other| *other != shards) {
            let why = format!("the namespace has {shards} write shards, and shards={other} was given");
            return Err(Error::new(ErrorKind::Invalid, op, why)
                .hint("leave shards out, or copy into a new namespace"));
        }
        self.shards.store(shards, Ordering::Relaxed);
        Ok(shards)
    }

    /// Looks for the marker.
    pub(super) async fn marked(&self, op: Op, call: &Call) -> Result<Marked> {
        let live = self.live(op, call).await?;
        let request = live
            .sdk
            .get_item()
            .table_name(self.table())
            .set_key(Some(item::key(self.names.marker(), ALONE)))
            .consistent_read(true)
            .send();
        match self.read(op, call, &live, "dynamodb:GetItem", request).await? {
            Ok(found) => found.item().map_or(Ok(Marked::No), |item| read(op, item).map(Marked::Shards)),
            Err(failure) if failure.has_code(NO_TABLE) => Ok(Marked::NoTable),
            Err(failure) if failure.error.is(ErrorKind::Invalid) && is_schema(failure.error.why()) => {
                // What differs is worth another request, if that is allowed.
                let differs =
                    schema::differs(self, op, call).await.ok().filter(|differs| !differs.is_empty());
                Err(match differs {
                    Some(differs) => schema::other(op, &differs).caused_by(failure.error),
                    None => failure.error.hint(SCHEMA),
                })
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Leaves the marker, unless somebody else was first; gives the shards that hold.
    async fn mark(&self, op: Op, call: &Call, shards: u16) -> Result<u16> {
        let mut marker = item::key(self.names.marker(), ALONE);
        marker.insert(VERSION.into(), item::number(FORMAT));
        marker.insert(SHARDS.into(), item::number(shards));
        let live = self.live(op, call).await?;
        let request = live
            .sdk
            .put_item()
            .table_name(self.table())
            .set_item(Some(marker))
            .condition_expression("attribute_not_exists(pk)")
            .return_values(ReturnValue::None)
            .return_values_on_condition_check_failure(OnRefusal::AllOld)
            .send();
        // A marker that got no answer is no write of the caller's: the next attempt finds it.
        match self.read(op, call, &live, "dynamodb:PutItem", request).await? {
            Ok(_) => Ok(shards),
            Err(failure) if failure.has_code(REFUSED) => match failure.more.item {
                Some(item) => read(op, &item),
                None => match self.marked(op, call).await? {
                    Marked::Shards(shards) => Ok(shards),
                    _ => Err(Error::new(ErrorKind::Unavailable, op, "the namespace's marker comes and goes")),
                },
            },
            Err(failure) => Err(failure.into()),
        }
    }
}

/// What a marker says.
fn read(op: Op, item: &Item) -> Result<u16> {
    let version = item::integer(item, VERSION);
    if version.is_some_and(|version| version != FORMAT) {
        let why =
            format!("the namespace has the format {}, and this reads {FORMAT}", version.unwrap_or_default());
        return Err(Error::new(ErrorKind::Unsupported, op, why).hint("a later version of Larder made it"));
    }
    let shards = item::integer(item, SHARDS).and_then(|n| u16::try_from(n).ok());
    match shards.filter(|n| version.is_some() && (1..=MAX_SHARDS).contains(n)) {
        Some(shards) => Ok(shards),
        None => Err(Error::new(ErrorKind::Corrupt, op, "the namespace's marker is damaged")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_marker_says() {
        let marker = |version: i64, shards: i64| {
            let mut item = item::key("m:n", ALONE);
            item.insert(VERSION.into(), item::number(version));
            item.insert(SHARDS.into(), item::number(shards));
            read(Op::Get, &item).map_err(|e| e.kind())
        };
        assert_eq!(marker(FORMAT, 7), Ok(7));
        assert_eq!(marker(FORMAT + 1, 7), Err(ErrorKind::Unsupported));
        for damaged in [0, -1, 257, 1 << 20] {
            assert_eq!(marker(FORMAT, damaged), Err(ErrorKind::Corrupt));
        }
        assert_eq!(read(Op::Get, &item::key("m:n", ALONE)).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
