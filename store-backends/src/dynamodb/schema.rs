//! The table: made on request, and checked where it is there.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription,
    TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};
use larder_store_core::layer::retry::Retries;
use larder_store_core::{Call, Error, ErrorKind, Op, Result};

use super::error::NO_TABLE;
use super::item::{PK, SK, TTL};
use super::wire::Wire;

/// How long a table may take to be made. It is seconds, as a rule.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(200);

const OP: Op = Op::Open;

/// There is no such table.
pub(super) fn missing(op: Op, wire: &Wire) -> Error {
    let why = format!("there is no table {:?}", wire.table());
    Error::new(ErrorKind::Invalid, op, why).hint("create=true makes it; or mend its name, region or endpoint")
}

/// A table with another schema.
pub(super) fn other(op: Op, differs: &[String]) -> Error {
    Error::new(ErrorKind::Invalid, op, format!("the table is not made for Larder: {}", differs.join("; ")))
        .hint("choose another table, or a name that is free and create=true; nothing in this one was changed")
}

/// What of the table's schema is not as it must be; empty for a good one.
pub(super) async fn differs(wire: &Wire, op: Op, call: &Call) -> Result<Vec<String>> {
    match describe(wire, op, call).await? {
        Some(table) => Ok(compare(&table)),
        None => Err(missing(op, wire)),
    }
}

async fn describe(wire: &Wire, op: Op, call: &Call) -> Result<Option<TableDescription>> {
    let live = wire.live(op, call).await?;
    let request = live.sdk.describe_table().table_name(wire.table()).send();
    match wire.read(op, call, &live, "dynamodb:DescribeTable", request).await? {
        Ok(found) => Ok(found.table),
        Err(failure) if failure.has_code(NO_TABLE) => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// What differs from a table of Larder's, in clauses.
fn compare(table: &TableDescription) -> Vec<String> {
    let mut differs = Vec::new();
    let wanted = [
        (KeyType::Hash, "partition key", PK, ScalarAttributeType::S),
        (KeyType::Range, "sort key", SK, ScalarAttributeType::B),
    ];
    for (kind, what, name, of) in wanted {
        let Some(found) = table.key_schema().iter().find(|element| element.key_type == kind) else {
            differs.push(format!("it has no {what}, which must be {name:?} of type {}", of.as_str()));
            continue;
        };
        let found = found.attribute_name();
        let definition = table.attribute_definitions().iter().find(|a| a.attribute_name() == found);
        let is = definition.map_or("none", |a| a.attribute_type().as_str());
        if found != name || is != of.as_str() {
            differs.push(format!(
                "its {what} is {found:?} of type {is}, and must be {name:?} of type {}",
                of.as_str()
            ));
        }
    }
    if !table.local_secondary_indexes().is_empty() {
        differs.push("it has a local secondary index, which limits a partition to 10 GB".into());
    }
    differs
}

/// Sees to it that the table is there and as it must be: made, if it is not, with TTL.
pub(super) async fn ensure(wire: &Wire, retries: &Retries, call: &Call) -> Result<()> {
    let mut found = retries.run(OP, call, |_| describe(wire, OP, call)).await?;
    if found.is_none() {
        retries.run(OP, call, |_| create(wire, call)).await?;
    }
    let begun = wire.env.now();
    loop {
        if let Some(table) = &found {
            let differs = compare(table);
            if !differs.is_empty() {
                return Err(other(OP, &differs));
            }
            if matches!(table.table_status(), Some(TableStatus::Active | TableStatus::Updating)) {
                break;
            }
        }
        if wire.env.now().duration_since(begun) > PATIENCE {
            let why = format!("the table {:?} is not ready after {PATIENCE:?}", wire.table());
            return Err(Error::new(ErrorKind::Unavailable, OP, why));
        }
        let paused = async {
            wire.env.sleep(PAUSE).await;
            Ok(())
        };
        call.guard(&wire.env, OP, paused).await?;
        found = retries.run(OP, call, |_| describe(wire, OP, call)).await?;
    }
    retries.run(OP, call, |_| expire(wire, call)).await
}

/// Makes the table.
async fn create(wire: &Wire, call: &Call) -> Result<()> {
    let invalid = |e: aws_sdk_dynamodb::error::BuildError| {
        Error::new(ErrorKind::Invalid, OP, format!("the request could not be made: {e}"))
    };
    let live = wire.live(OP, call).await?;
    let mut request =
        live.sdk.create_table().table_name(wire.table()).billing_mode(BillingMode::PayPerRequest);
    for (name, of, kind) in
        [(PK, ScalarAttributeType::S, KeyType::Hash), (SK, ScalarAttributeType::B, KeyType::Range)]
    {
        let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(of);
        let element = KeySchemaElement::builder().attribute_name(name).key_type(kind);
        request = request
            .attribute_definitions(definition.build().map_err(invalid)?)
            .key_schema(element.build().map_err(invalid)?);
    }
    match wire.read(OP, call, &live, "dynamodb:CreateTable", request.send()).await? {
        Ok(_) => Ok(()),
        // Somebody else makes it at this moment.
        Err(failure) if failure.has_code("ResourceInUseException") => Ok(()),
        Err(failure) => Err(failure.into()),
    }
}

/// Has the service remove what expired.
async fn expire(wire: &Wire, call: &Call) -> Result<()> {
    if expires(wire, OP, call).await? {
        return Ok(());
    }
    let spec = TimeToLiveSpecification::builder().attribute_name(TTL).enabled(true).build();
    let spec =
        spec.map_err(|e| Error::new(ErrorKind::Invalid, OP, format!("the request could not be made: {e}")))?;
    let live = wire.live(OP, call).await?;
    let request = live.sdk.update_time_to_live().table_name(wire.table()).time_to_live_specification(spec);
    match wire.read(OP, call, &live, "dynamodb:UpdateTimeToLive", request.send()).await? {
        Ok(_) => Ok(()),
        // Two who make it do this twice.
        Err(failure) if failure.error.why().contains("already enabled") => Ok(()),
        Err(failure) if failure.error.is(ErrorKind::Unsupported) => {
            tracing::warn!(store = %wire.id, "the service has no TTL: what expired stays until it is replaced or deleted");
            Ok(())
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Whether the service removes what expired, as far as it tells.
pub(super) async fn expires(wire: &Wire, op: Op, call: &Call) -> Result<bool> {
    let live = wire.live(op, call).await?;
    let request = live.sdk.describe_time_to_live().table_name(wire.table()).send();
    let answer = wire.read(op, call, &live, "dynamodb:DescribeTimeToLive", request).await?;
    match answer {
        Ok(found) => Ok(found.time_to_live_description().is_some_and(|ttl| {
            ttl.attribute_name() == Some(TTL)
                && matches!(
                    ttl.time_to_live_status(),
                    Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
                )
        })),
        // A service that does not offer it, or a caller who may not ask.
        Err(failure) if matches!(failure.error.kind(), ErrorKind::Unsupported | ErrorKind::Denied) => {
            Ok(false)
        }
        Err(failure) => Err(failure.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(keys: &[(&str, KeyType, ScalarAttributeType)]) -> TableDescription {
        let mut table = TableDescription::builder();
        for (name, kind, of) in keys {
            let element = KeySchemaElement::builder().attribute_name(*name).key_type(kind.clone());
            let definition = AttributeDefinition::builder().attribute_name(*name).attribute_type(of.clone());
            table =
                table.key_schema(element.build().unwrap()).attribute_definitions(definition.build().unwrap());
        }
        table.build()
    }

    #[test]
    fn what_differs_is_named() {
        use KeyType::{Hash, Range};
        use ScalarAttributeType::{B, N, S};
        assert_eq!(compare(&table(&[(PK, Hash, S), (SK, Range, B)])), Vec::<String>::new());
        for (keys, words) in [
            (vec![("id", Hash, S)], vec!["\"id\" of type S", "no sort key"]),
            (vec![(PK, Hash, B), (SK, Range, B)], vec!["\"pk\" of type B", "must be \"pk\" of type S"]),
            (vec![(PK, Hash, S), (SK, Range, N)], vec!["\"sk\" of type N", "must be \"sk\" of type B"]),
            (vec![(PK, Hash, S), ("other", Range, B)], vec!["\"other\" of type B"]),
        ] {
            let differs = other(Op::Open, &compare(&table(&keys))).to_string();
            for word in words {
                assert!(differs.contains(word), "{word}: {differs}");
            }
        }
    }
}
