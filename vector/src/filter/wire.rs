//! CBOR (RFC 8949), read item by item from bytes that are trusted in nothing. Nothing is allocated.

use std::cmp::Ordering;

use half::f16;
use larder_store_core::cbor::MAX_DEPTH;

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// How many bytes were left where it was found.
    pub(crate) left: usize,
    pub(crate) why: &'static str,
}

type Result<T> = std::result::Result<T, Malformed>;

/// The bytes that are still to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

/// An item; of an array or a map only its head.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Item<'a> {
    Uint(u64),
    /// This is -1 less the number, which an `i64` cannot hold.
    Nint(u64),
    Float(f64),
    Bytes(Str<'a>),
    Text(Str<'a>),
    Bool(bool),
    /// Also `undefined`, which has no other meaning here.
    Null,
    /// A simple value that nobody has given a meaning.
    Simple,
    Array(Left),
    Map(Left),
    /// Of what follows.
    Tag,
}

/// How many elements or pairs are left; none says that a break ends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left(pub(crate) Option<u64>);

/// The bytes of a string.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Str<'a> {
    Whole(&'a [u8]),
    /// From the first chunk to the break, which have been read once.
    Chunks(Reader<'a>),
}

/// In the lower five bits of an initial byte: a break ends this item.
const INDEFINITE: u8 = 31;
const BREAK: u8 = 0xff;

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    /// How many bytes are left.
    pub(crate) fn left(self) -> usize {
        self.0.len()
    }

    fn wrong(self, why: &'static str) -> Malformed {
        Malformed { left: self.left(), why }
    }

    #[inline]
    fn take(&mut self, len: u64) -> Result<&'a [u8]> {
        let taken = usize::try_from(len).ok().and_then(|len| self.0.split_at_checked(len));
        let (taken, rest) = taken.ok_or_else(|| self.wrong("the end within an item"))?;
        self.0 = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(|| self.wrong("the end within an item"))?;
        self.0 = rest;
        Ok(*taken)
    }

    /// The argument of an initial byte whose lower bits are `info`.
    #[inline]
    fn argument(&mut self, info: u8) -> Result<u64> {
        Ok(match info {
            0..=23 => u64::from(info),
            24 => u64::from(u8::from_be_bytes(self.array()?)),
            25 => u64::from(u16::from_be_bytes(self.array()?)),
            26 => u64::from(u32::from_be_bytes(self.array()?)),
            27 => u64::from_be_bytes(self.array()?),
            _ => return Err(self.wrong("an initial byte that CBOR does not know")),
        })
    }

    /// The next item, or the tag before it. What is no array and no map has been read to its end.
    #[inline]
    pub(crate) fn item_or_tag(&mut self) -> Result<Item<'a>> {
        let at = *self;
        let [initial] = self.array()?;
        let info = initial & 0x1f;
        Ok(match initial >> 5 {
            0 => Item::Uint(self.argument(info)?),
            1 => Item::Nint(self.argument(info)?),
            2 => Item::Bytes(self.string(initial)?),
            3 => Item::Text(self.string(initial)?),
            4 => Item::Array(self.count(info)?),
            5 => Item::Map(self.count(info)?),
            6 => {
                self.argument(info)?;
                Item::Tag
            }
            _ => match info {
                0..=19 => Item::Simple,
                20 => Item::Bool(false),
                21 => Item::Bool(true),
                22 | 23 => Item::Null,
                24 => match self.array()? {
                    [0..=31] => return Err(at.wrong("a simple value in a form that CBOR forbids")),
                    [_] => Item::Simple,
                },
                25 => Item::Float(f16::from_be_bytes(self.array()?).to_f64()),
                26 => Item::Float(f64::from(f32::from_be_bytes(self.array()?))),
                27 => Item::Float(f64::from_be_bytes(self.array()?)),
                INDEFINITE => return Err(at.wrong("a break that ends nothing")),
                _ => return Err(at.wrong("an initial byte that CBOR does not know")),
            },
        })
    }

    /// The next item, whatever its tags.
    #[inline]
    pub(crate) fn item(&mut self) -> Result<Item<'a>> {
        loop {
            match self.item_or_tag()? {
                Item::Tag => {}
                item => return Ok(item),
            }
        }
    }

    #[inline]
    fn count(&mut self, info: u8) -> Result<Left> {
        Ok(Left(if info == INDEFINITE { None } else { Some(self.argument(info)?) }))
    }

    #[inline]
    fn string(&mut self, initial: u8) -> Result<Str<'a>> {
        let info = initial & 0x1f;
        if info != INDEFINITE {
            let len = self.argument(info)?;
            return Ok(Str::Whole(self.take(len)?));
        }
        let chunks = *self;
        while self.chunk(initial >> 5)?.is_some() {}
        Ok(Str::Chunks(chunks))
    }

    /// The next chunk of a string of the type `major`, or its end.
    fn chunk(&mut self, major: u8) -> Result<Option<&'a [u8]>> {
        let at = *self;
        let [initial] = self.array()?;
        let info = initial & 0x1f;
        if initial == BREAK {
            Ok(None)
        } else if initial >> 5 != major || info == INDEFINITE {
            Err(at.wrong("a chunk of another type than its string"))
        } else {
            let len = self.argument(info)?;
            self.take(len).map(Some)
        }
    }

    /// Whether there is another element or pair, which is then to be read.
    #[inline]
    pub(crate) fn more(&mut self, left: &mut Left) -> Result<bool> {
        match &mut left.0 {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None => match self.0.split_first() {
                Some((&BREAK, rest)) => {
                    self.0 = rest;
                    Ok(false)
                }
                Some(_) => Ok(true),
                None => Err(self.wrong("the end where a break is missing")),
            },
        }
    }

    /// `depth` and one more, for what is within an array or a map.
    #[inline]
    pub(crate) fn deeper(self, depth: usize) -> Result<usize> {
        if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(self.wrong("a nesting deeper than 64")) }
    }

    /// The next item, if it is a text of less than 24 bytes in the shortest form, as most keys are: what
    /// [`item`](Reader::item) says of it, said faster.
    #[inline]
    pub(crate) fn short_text(&mut self) -> Option<&'a [u8]> {
        let (initial, rest) = self.0.split_first()?;
        let len = initial.wrapping_sub(0x60);
        if len >= 24 {
            return None;
        }
        let (text, rest) = rest.split_at_checked(len.into())?;
        self.0 = rest;
        Some(text)
    }

    /// Reads an item to its end. A count that lies ends where the bytes do: every item has at least one.
    #[inline]
    pub(crate) fn skip(&mut self, depth: usize) -> Result<()> {
        if self.short_text().is_some() {
            return Ok(());
        }
        match self.item()? {
            Item::Array(left) => self.skip_all(left, 1, depth),
            Item::Map(left) => self.skip_all(left, 2, depth),
            _ => Ok(()),
        }
    }

    fn skip_all(&mut self, mut left: Left, each: usize, depth: usize) -> Result<()> {
        let depth = self.deeper(depth)?;
        while self.more(&mut left)? {
            for _ in 0..each {
                self.skip(depth)?;
            }
        }
        Ok(())
    }
}

impl<'a> Str<'a> {
    /// Its chunks, or all of it at once.
    pub(crate) fn chunks(self) -> impl Iterator<Item = &'a [u8]> {
        let (mut whole, mut chunks) = match self {
            Str::Whole(bytes) => (Some(bytes), None),
            Str::Chunks(reader) => (None, Some(reader)),
        };
        std::iter::from_fn(move || {
            whole.take().or_else(|| {
                let reader = chunks.as_mut()?;
                // Both types of string have been read once, with nothing wrong in them.
                let major = reader.0.first()? >> 5;
                reader.chunk(major).ok().flatten()
            })
        })
    }

    #[inline]
    pub(crate) fn is(self, other: &[u8]) -> bool {
        match self {
            Str::Whole(bytes) => bytes == other,
            Str::Chunks(_) => self.compare(other).is_eq(),
        }
    }

    /// Bytewise.
    pub(crate) fn compare(self, mut other: &[u8]) -> Ordering {
        if let Str::Whole(bytes) = self {
            return bytes.cmp(other);
        }
        for chunk in self.chunks() {
            let both = chunk.len().min(other.len());
            let order = chunk[..both].cmp(&other[..both]);
            if order.is_ne() || chunk.len() > both {
                return order.then(Ordering::Greater);
            }
            other = &other[both..];
        }
        if other.is_empty() { Ordering::Equal } else { Ordering::Less }
    }
}
