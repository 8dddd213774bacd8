//! What stands in a slot of the log.

use bytes::Bytes;
use larder_store_core::Result;

use crate::Id;
use crate::bytes::{Reader, write_f32s, write_id};
use crate::envelope::{self, Kind};

/// A change of one vector.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// The vector has this value from now on.
    Upsert { id: Id, vector: Vec<f32>, payload: Bytes },
    /// There is no such vector from now on.
    Delete { id: Id },
}

impl Change {
    pub(crate) fn id(&self) -> &Id {
        match self {
            Change::Upsert { id, .. } | Change::Delete { id } => id,
        }
    }

    /// About as many bytes as it takes in the log.
    pub(crate) fn size(&self) -> usize {
        match self {
            Change::Upsert { id, vector, payload } => 5 + id.size() + 4 * vector.len() + payload.len(),
            Change::Delete { id } => 1 + id.size(),
        }
    }
}

/// What a slot is for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    /// Somebody became the writer.
    Begin,
    /// Changes that were committed together.
    Changes(Vec<Change>),
}

/// A slot's contents.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// Whose turn as the writer it is.
    pub(crate) epoch: u64,
    /// What tells one attempt to take a slot from another.
    pub(crate) nonce: u64,
    pub(crate) body: Body,
}

impl Entry {
    pub(crate) fn encode(&self, name: &str, dims: usize) -> Bytes {
        let mut out = Vec::new();
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.nonce.to_le_bytes());
        match &self.body {
            Body::Begin => out.push(0),
            Body::Changes(changes) => {
                out.push(1);
                out.extend_from_slice(&(dims as u32).to_le_bytes());
                out.extend_from_slice(&(changes.len() as u32).to_le_bytes());
                for change in changes {
                    match change {
                        Change::Upsert { id, vector, payload } => {
                            out.push(1);
                            write_id(&mut out, id);
                            write_f32s(&mut out, vector);
                            out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
                            out.extend_from_slice(payload);
                        }
                        Change::Delete { id } => {
                            out.push(2);
                            write_id(&mut out, id);
                        }
                    }
                }
            }
        }
        envelope::seal(Kind::Wal, name, &out)
    }

    /// Reads the object that stands under `name`.
    ///
    /// # Errors
    /// Those of [`envelope::open`]; `Corrupt` for what is no entry of a collection of `dims` dimensions.
    pub(crate) fn decode(name: &str, object: &Bytes, dims: usize) -> Result<Entry> {
        let body = envelope::open(Kind::Wal, name, object)?;
        let mut reader = Reader::new(&body, "a part of the log");
        let (epoch, nonce) = (reader.u64()?, reader.u64()?);
        let body = match reader.u8()? {
            0 => Body::Begin,
            1 => {
                if reader.u32()? as usize != dims {
                    return Err(reader.damaged("its vectors have other dimensions"));
                }
                let count = reader.u32()? as usize;
                let mut changes = Vec::new();
                for _ in 0..count {
                    changes.push(match reader.u8()? {
                        1 => Change::Upsert {
                            id: reader.id()?,
                            vector: reader.f32s(dims)?,
                            payload: {
                                let len = reader.u32()? as usize;
                                Bytes::copy_from_slice(reader.take(len)?)
                            },
                        },
                        2 => Change::Delete { id: reader.id()? },
                        _ => return Err(reader.damaged("a change is of an unknown kind")),
                    });
                }
                Body::Changes(changes)
            }
            _ => return Err(reader.damaged("it is of an unknown kind")),
        };
        reader.end()?;
        Ok(Entry { epoch, nonce, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back() {
        let changes = vec![
            Change::Upsert { id: Id::Num(7), vector: vec![1.0, f32::MIN_POSITIVE], payload: Bytes::new() },
            Change::Upsert {
                id: Id::text("ä/b").unwrap(),
                vector: vec![-0.0, f32::MAX],
                payload: Bytes::from_static(&[0xa0]),
            },
            Change::Delete { id: Id::Num(u64::MAX) },
        ];
        for body in [Body::Begin, Body::Changes(Vec::new()), Body::Changes(changes)] {
            let entry = Entry { epoch: 3, nonce: 9, body };
            let object = entry.encode("wal/a", 2);
            assert_eq!(Entry::decode("wal/a", &object, 2).unwrap(), entry);
            assert!(entry.body == Body::Begin || Entry::decode("wal/a", &object, 3).is_err());
        }
    }
}
