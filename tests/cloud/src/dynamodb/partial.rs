//! Batches of which the service does only a part, as no emulator ever does.

use serde_json::{Map, Value, json};

/// What of a batch is sent on, and what is left undone.
pub(super) struct Partial {
    pub(super) sent: Value,
    undone: Map<String, Value>,
    /// The name of what is left undone, in the answer.
    name: &'static str,
}

/// The items of a batch, table by table, as each operation has them.
fn items<'v>(name: &str, of_table: &'v mut Value) -> Option<&'v mut Vec<Value>> {
    match name {
        "UnprocessedKeys" => of_table.get_mut("Keys")?.as_array_mut(),
        _ => of_table.as_array_mut(),
    }
}

impl Partial {
    /// Takes items out of a batch as `leave` says; `None` for what is no batch, or where nothing is left.
    pub(super) fn of(operation: &str, body: &[u8], mut leave: impl FnMut() -> bool) -> Option<Partial> {
        let name = match operation {
            "BatchWriteItem" => "UnprocessedItems",
            "BatchGetItem" => "UnprocessedKeys",
            _ => return None,
        };
        let mut sent: Value = serde_json::from_slice(body).ok()?;
        let mut undone = Map::new();
        for (table, of_table) in sent.get_mut("RequestItems")?.as_object_mut()? {
            let mut left = of_table.clone();
            let all = items(name, of_table)?;
            let (mut taken, mut kept) = (Vec::new(), Vec::new());
            for item in std::mem::take(all) {
                if leave() { taken.push(item) } else { kept.push(item) }
            }
            // The service does something, or throttles the whole.
            if kept.is_empty() {
                kept.extend(taken.pop());
            }
            *all = kept;
            if !taken.is_empty() {
                *items(name, &mut left)? = taken;
                undone.insert(table.clone(), left);
            }
        }
        (!undone.is_empty()).then_some(Partial { sent, undone, name })
    }

    /// Adds to the answer what was left undone, to what the service itself left.
    pub(super) fn answer(self, body: &[u8]) -> Option<Vec<u8>> {
        let mut answer: Value = serde_json::from_slice(body).ok()?;
        let all = answer.as_object_mut()?.entry(self.name).or_insert_with(|| json!({})).as_object_mut()?;
        for (table, mut left) in self.undone {
            match all.get_mut(&table).and_then(|there| items(self.name, there)) {
                Some(there) => there.append(items(self.name, &mut left)?),
                None => drop(all.insert(table, left)),
            }
        }
        serde_json::to_vec(&answer).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_as_the_service_tells_it() {
        let mut n = 0;
        let mut every_second = || {
            n += 1;
            n % 2 == 0
        };
        let batch = json!({"RequestItems": {"t": [{"a": 1}, {"b": 2}, {"c": 3}]}});
        let partial = Partial::of("BatchWriteItem", batch.to_string().as_bytes(), &mut every_second).unwrap();
        assert_eq!(partial.sent, json!({"RequestItems": {"t": [{"a": 1}, {"c": 3}]}}));
        let answer: Value = serde_json::from_slice(&partial.answer(b"{}").unwrap()).unwrap();
        assert_eq!(answer, json!({"UnprocessedItems": {"t": [{"b": 2}]}}));

        let batch = json!({"RequestItems": {"t": {"Keys": [1, 2, 3], "ConsistentRead": true}}});
        let partial = Partial::of("BatchGetItem", batch.to_string().as_bytes(), || true).unwrap();
        assert_eq!(partial.sent, json!({"RequestItems": {"t": {"Keys": [3], "ConsistentRead": true}}}));
        let there = json!({"Responses": {}, "UnprocessedKeys": {"t": {"Keys": [9]}}}).to_string();
        let answer: Value = serde_json::from_slice(&partial.answer(there.as_bytes()).unwrap()).unwrap();
        assert_eq!(answer["UnprocessedKeys"]["t"]["Keys"], json!([9, 1, 2]));
        assert!(Partial::of("PutItem", b"{}", || true).is_none());
    }
}
