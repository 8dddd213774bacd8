//! `-v`: what Larder does, on the error output.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Turns it on. Only Larder's own lines: what SDKs say at these levels holds whole requests.
pub(crate) fn init(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let targets = Targets::new().with_default(LevelFilter::OFF).with_target("larder", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    // It is the only one: main comes here once.
    let _ = tracing_subscriber::registry().with(lines).with(targets).try_init();
}
