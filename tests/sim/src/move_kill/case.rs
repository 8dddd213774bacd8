//! What is done in a case, chosen at random.

use larder_migrate::{Encoding, OnConflict};

use crate::rng::Rng;
use crate::stores::Kind;

/// What the child does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Work {
    Export,
    Import,
    Copy,
}

impl Work {
    pub(super) fn name(self) -> &'static str {
        match self {
            Work::Export => "export",
            Work::Import => "import",
            Work::Copy => "copy",
        }
    }
}

/// How a dump lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    File,
    Parts,
    Object,
    Objects,
}

impl Shape {
    /// Where a new part begins.
    pub(super) fn split(self) -> Option<u64> {
        matches!(self, Shape::Parts | Shape::Objects).then_some(100_000)
    }

    pub(super) fn is_object(self) -> bool {
        matches!(self, Shape::Object | Shape::Objects)
    }
}

/// A dump's encoding, by its name.
pub(super) fn encoding(name: &str) -> Option<Encoding> {
    match name {
        "zstd" => Some(Encoding::Zstd(1)),
        "plain" => Some(Encoding::Plain),
        "lines" => Some(Encoding::JsonLines),
        _ => None,
    }
}

/// What becomes of conflicts, by its name.
pub(super) fn on_conflict(name: &str) -> Option<OnConflict> {
    match name {
        "fail" => Some(OnConflict::Fail),
        "skip" => Some(OnConflict::Skip),
        "overwrite" => Some(OnConflict::Overwrite),
        _ => None,
    }
}

/// A case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Case {
    pub(super) work: Work,
    /// The source; that of the dump for an import.
    pub(super) from: Kind,
    /// The target. An export has none.
    pub(super) to: Kind,
    pub(super) shape: Shape,
    pub(super) encoding: &'static str,
    pub(super) conflict: &'static str,
    /// How often the child writes down how far it came, in milliseconds.
    pub(super) remember: u64,
    /// Whether a dump is looked through first.
    pub(super) preflight: bool,
}

const KINDS: [Kind; 2] = [Kind::File, Kind::Lmdb];

impl Case {
    pub(super) fn choose(rng: &mut Rng, works: &[Work]) -> Case {
        let work = *rng.pick(works);
        let shapes = [Shape::File, Shape::File, Shape::Parts, Shape::Parts, Shape::Objects, Shape::Object];
        Case {
            work,
            from: *rng.pick(&KINDS),
            to: *rng.pick(&KINDS),
            shape: *rng.pick(&shapes),
            encoding: rng.pick::<&str>(&["zstd", "plain", "lines"]),
            conflict: match work {
                Work::Export => "fail",
                _ => rng.pick::<&str>(&["fail", "fail", "skip", "overwrite"]),
            },
            // The least, what it is by default, and between.
            remember: *rng.pick(&[0, 20, 20, 100, 1000]),
            preflight: !rng.one_in(3),
        }
    }

    /// Cases that take about as long.
    pub(super) fn class(&self) -> (Work, Kind) {
        (self.work, if self.work == Work::Export { self.from } else { self.to })
    }

    pub(super) fn name(&self) -> String {
        let Case { work, from, to, shape, encoding, conflict, remember, preflight } = self;
        let dump = format!("{encoding} {shape:?}");
        let more = format!("on conflict {conflict}, remember {remember} ms, preflight {preflight}");
        match work {
            Work::Export => format!("export from {} to {dump}", from.name()),
            Work::Import => format!("import from {dump} to {}, {more}", to.name()),
            Work::Copy => format!("copy from {} to {}, {more}", from.name(), to.name()),
        }
    }
}
