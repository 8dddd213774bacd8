//! Where a table was made.

use crate::place::Place;

/// One line: cores, what else runs, the file system.
pub(crate) fn machine(place: &Place) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let processor = std::fs::read_to_string("/proc/cpuinfo").ok();
    let processor = processor.as_deref().and_then(model).unwrap_or("unknown processor");
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    let load = load.as_deref().and_then(|text| text.split(' ').next()).unwrap_or("unknown");
    format!("{cores} cores ({processor}), load {load} at the start, {}", place.kind())
}

fn model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_processor() {
        assert_eq!(
            model("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t: a b\n"),
            Some("Some CPU @ 2 GHz")
        );
        assert_eq!(model("processor\t: 0\n"), None);
    }
}
