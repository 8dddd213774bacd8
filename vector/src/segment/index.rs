//! An index of a segment, in memory or mapped, read where it is wanted.

use std::ops::Range;

use larder_store_core::{Error, ErrorKind, Op, Result};
use memmap2::{Mmap, MmapMut};

use super::blocks::Table;
use super::format::{self, Head, Part, Section, WHAT};
use crate::Id;
use crate::bytes::{Reader, damaged};
use crate::cells::Cells;
use crate::local::Mapped;
use crate::manifest::{Schema, SegmentEntry};
use crate::tier::{Footprint, Reservation};

/// An index whose checks were made.
#[derive(Debug)]
pub(crate) struct Index {
    bytes: Buffer,
    /// Where sections begin.
    body: usize,
    pub(crate) head: Head,
    /// Cells, ranked as the metric wants.
    pub(crate) cells: Cells,
    /// The first row of each cell, and the number of rows.
    pub(crate) cell_rows: Vec<u32>,
    pub(crate) vectors: Table,
    pub(crate) payloads: Table,
    sections: Sections,
}

/// Where an index is.
#[derive(Debug)]
pub(crate) enum Buffer {
    /// In memory, with the room that is kept for it; without, for as long as somebody reads it.
    Memory(Mmap, Option<Reservation>),
    /// In a file, with the room on the disk.
    File(Mapped, Reservation),
}

impl Buffer {
    /// Memory with these bytes.
    ///
    /// # Errors
    /// `Full` where there is none.
    pub(crate) fn copied(object: &[u8], room: Option<Reservation>) -> Result<Buffer> {
        // Memory of its own begins at a page, which is what scans of codes want.
        let map = MmapMut::map_anon(object.len().max(1)).and_then(|mut map| {
            map[..object.len()].copy_from_slice(object);
            map.make_read_only()
        });
        let no_memory = |e| {
            let why = format!("no memory for {} bytes", object.len());
            Error::new(ErrorKind::Full, Op::Maintain, why).caused_by(e)
        };
        map.map(|map| Buffer::Memory(map, room)).map_err(no_memory)
    }
}

impl std::ops::Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Buffer::Memory(map, _) => map,
            Buffer::File(file, _) => file.bytes(),
        }
    }
}

/// Where sections are in all of the bytes.
#[derive(Debug, Default)]
struct Sections {
    codes: Range<usize>,
    ids: Range<usize>,
    id_bytes: Option<Range<usize>>,
    hashes: Range<usize>,
    hash_rows: Range<usize>,
}

/// The key of an index, behind the collection's.
pub(crate) fn name(entry: &SegmentEntry) -> String {
    format!("seg/{}/index-{:016x}", entry.name, entry.index_rev)
}

impl Index {
    /// Takes an index that was read.
    ///
    /// # Errors
    /// `Corrupt` for what is none of this segment.
    pub(crate) fn new(entry: &SegmentEntry, schema: &Schema, bytes: Buffer) -> Result<Index> {
        let (head, body) = format::read(&name(entry), &bytes)?;
        format::verify(&head, &bytes, body)?;
        let wrong = |why: &str| damaged(WHAT, why);
        let rows = entry.rows as usize;
        if head.rows != entry.rows || head.dims != schema.dims || head.book != entry.book {
            return Err(wrong("it is of another segment than the manifest says"));
        }
        let find = |part: Part, len: Option<usize>| -> Result<Range<usize>> {
            let section = head.sections.iter().find(|section| section.part == part as u8);
            let missing = || wrong(&format!("its section {} is missing or of another length", part as u8));
            let Section { offset, len: there, .. } = section.ok_or_else(missing)?;
            let (from, there) = (body + *offset as usize, *there as usize);
            let whole = from.is_multiple_of(format::ALIGN) && from + there <= bytes.len();
            match whole && len.is_none_or(|len| len == there) {
                true => Ok(from..from + there),
                false => Err(missing()),
            }
        };
        let cells = head.cells as usize;
        let middles = find(Part::Cells, Some(cells * head.dims as usize * 4))?;
        let middles = Reader::new(&bytes[middles], WHAT).f32s(cells * head.dims as usize)?;
        let cell_rows = &bytes[find(Part::CellRows, Some((cells + 1) * 4))?];
        let cell_rows: Vec<u32> =
            cell_rows.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        if !cell_rows.is_sorted() || cell_rows.first() != Some(&0) || cell_rows.last() != Some(&head.rows) {
            return Err(wrong("its cells are not in a row"));
        }
        let codes = find(Part::Codes, Some(rows.div_ceil(64) * 64 * head.code_len as usize))?;
        let id_bytes = find(Part::IdBytes, None).ok();
        let width = if id_bytes.is_some() { 4 * (rows + 1) } else { 8 * rows };
        let sections = Sections {
            codes,
            ids: find(Part::Ids, Some(width))?,
            id_bytes,
            hashes: find(Part::Hashes, Some(8 * rows))?,
            hash_rows: find(Part::HashRows, Some(2 * rows))?,
        };
        let table = |part, rows_of: u32, len: u64| -> Result<Table> {
            match len {
                0 => Ok(Table::default()),
                _ if rows_of == 0 => Err(wrong("its blocks have no rows")),
                _ => Table::decode(&bytes[find(part, None)?], rows.div_ceil(rows_of as usize), len, WHAT),
            }
        };
        let vectors = table(Part::VectorBlocks, head.vector_rows, entry.vector_bytes)?;
        let payloads = table(Part::PayloadBlocks, head.payload_rows, entry.payload_bytes)?;
        if cells == 0 || !middles.iter().all(|x| x.is_finite()) {
            return Err(wrong("its cells are none"));
        }
        let cells = Cells::new(middles, head.dims as usize, schema.metric);
        Ok(Index { body, cells, cell_rows, vectors, payloads, sections, head, bytes })
    }

    /// All of its sections, as they are.
    pub(crate) fn sections(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.head.sections.iter().map(|section| {
            let from = self.body + section.offset as usize;
            (section.part, &self.bytes[from..from + section.len as usize])
        })
    }

    /// Whether there is room to keep it.
    pub(crate) fn is_kept(&self) -> bool {
        !matches!(self.bytes, Buffer::Memory(_, None))
    }

    /// Bytes of memory and of the disk that it takes.
    pub(crate) fn footprint(&self) -> Footprint {
        match &self.bytes {
            Buffer::Memory(_, room) => {
                Footprint { memory: room.as_ref().map_or(0, Reservation::bytes), disk: 0 }
            }
            Buffer::File(_, room) => Footprint { memory: 0, disk: room.bytes() },
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.head.rows as usize
    }

    /// Codes in blocks of 64 rows.
    pub(crate) fn codes(&self) -> &[u8] {
        &self.bytes[self.sections.codes.clone()]
    }

    /// The id of a row.
    ///
    /// # Errors
    /// `Corrupt` if it is none, which a right check does not rule out.
    pub(crate) fn id(&self, row: usize) -> Result<Id> {
        let ids = &self.bytes[self.sections.ids.clone()];
        let Some(texts) = &self.sections.id_bytes else {
            return Ok(Id::Num(u64::from_le_bytes(ids.as_chunks().0[row])));
        };
        let starts = ids.as_chunks::<4>().0;
        let at = |n: usize| u32::from_le_bytes(starts[n]) as usize;
        let text = self.bytes[texts.clone()].get(at(row)..at(row + 1));
        let mut reader = Reader::new(text.ok_or_else(|| damaged(WHAT, "an id is outside of it"))?, WHAT);
        let id = reader.id()?;
        reader.end()?;
        Ok(id)
    }

    /// The row of an id, if it is here.
    pub(crate) fn find(&self, id: &Id) -> Result<Option<usize>> {
        let hashes = self.bytes[self.sections.hashes.clone()].as_chunks::<8>().0;
        let rows = self.bytes[self.sections.hash_rows.clone()].as_chunks::<2>().0;
        let hash = id.hash();
        let at = |n: usize| u64::from_le_bytes(hashes[n]);
        // Hashes are spread evenly, so that a hash tells about where it is; from there steps that double find its bounds.
        let guess = ((u128::from(hash) * hashes.len() as u128) >> 64) as usize;
        let (mut low, mut high, mut step) = (guess, guess, 8);
        while low > 0 && at(low) >= hash {
            (low, step) = (low.saturating_sub(step), step * 2);
        }
        step = 8;
        while high < hashes.len() && at(high) < hash {
            (high, step) = ((high + step).min(hashes.len()), step * 2);
        }
        let first = low + hashes[low..high].partition_point(|bytes| u64::from_le_bytes(*bytes) < hash);
        let same = hashes[first..].iter().take_while(|bytes| u64::from_le_bytes(**bytes) == hash);
        for (_, row) in same.zip(&rows[first..]) {
            let row = usize::from(u16::from_le_bytes(*row));
            if row >= self.rows() {
                return Err(damaged(WHAT, "it names a row that there is not"));
            }
            if self.id(row)? == *id {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}
