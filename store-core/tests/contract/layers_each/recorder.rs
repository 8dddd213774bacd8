//! A recorder that a test can read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// Metrics by name and labels, as Prometheus would write them.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<BTreeMap<String, f64>>>);

struct One {
    kept: Kept,
    name: String,
}

impl Kept {
    /// What it stands at; a histogram, how many values it took.
    pub(crate) fn at(&self, name: &str) -> f64 {
        self.0.lock().unwrap().get(name).copied().unwrap_or(0.0)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }

    fn one(&self, key: &Key) -> Arc<One> {
        let labels: Vec<_> = key.labels().map(|l| format!("{}={:?}", l.key(), l.value())).collect();
        Arc::new(One { kept: self.clone(), name: format!("{}{{{}}}", key.name(), labels.join(",")) })
    }
}

impl One {
    fn edit(&self, change: impl FnOnce(&mut f64)) {
        change(self.kept.0.lock().unwrap().entry(self.name.clone()).or_default());
    }
}

impl CounterFn for One {
    fn increment(&self, value: u64) {
        self.edit(|v| *v += value as f64);
    }

    fn absolute(&self, value: u64) {
        self.edit(|v| *v = value as f64);
    }
}

impl GaugeFn for One {
    fn increment(&self, value: f64) {
        self.edit(|v| *v += value);
    }

    fn decrement(&self, value: f64) {
        self.edit(|v| *v -= value);
    }

    fn set(&self, value: f64) {
        self.edit(|v| *v = value);
    }
}

impl HistogramFn for One {
    fn record(&self, _value: f64) {
        self.edit(|v| *v += 1.0);
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.one(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.one(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.one(key))
    }
}
