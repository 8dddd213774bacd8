//! Everything that is traced, with all its fields, on the error output.

use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Listens to everything.
#[derive(Debug, Default)]
pub(super) struct Listener {
    spans: AtomicU64,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Line {
    fn begin(what: &str, metadata: &Metadata<'_>) -> Line {
        Line(format!("{what} {} {} {}", metadata.level(), metadata.target(), metadata.name()))
    }

    fn say(self) {
        eprintln!("{}", self.0);
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line::begin("span", span.metadata());
        span.record(&mut line);
        line.say();
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line("more".to_owned());
        values.record(&mut line);
        line.say();
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::begin("event", event.metadata());
        event.record(&mut line);
        line.say();
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
