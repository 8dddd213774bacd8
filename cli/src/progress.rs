//! How far it is, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cx::Cx;

/// A line that is drawn over and over, and gone at the end.
#[derive(Debug, Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Bytes, of `all` where that is known.
    pub(crate) fn bytes(cx: &Cx, what: &str, all: Option<u64>) -> Progress {
        let form = match all {
            Some(_) => "{msg} {bytes} of {total_bytes} at {bytes_per_sec}, {eta} left",
            None => "{msg} {bytes} at {bytes_per_sec}",
        };
        Progress::new(cx, what, all, form)
    }

    /// Things that are counted.
    pub(crate) fn count(cx: &Cx, what: &str) -> Progress {
        Progress::new(cx, what, None, "{msg} {human_pos} at {per_sec}")
    }

    /// A text of its own each time, cut where the terminal ends.
    pub(crate) fn text(cx: &Cx) -> Progress {
        Progress::new(cx, "", None, "{wide_msg}")
    }

    /// Nothing is shown.
    pub(crate) fn none() -> Progress {
        Progress(ProgressBar::hidden())
    }

    fn new(cx: &Cx, what: &str, all: Option<u64>, form: &str) -> Progress {
        if !cx.shows_progress() {
            return Progress::none();
        }
        let bar = ProgressBar::with_draw_target(all, ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        bar.set_message(crate::escape::shown(what));
        Progress(bar)
    }

    /// So many more.
    pub(crate) fn add(&self, more: u64) {
        self.0.inc(more);
    }

    /// Shows this text.
    pub(crate) fn say(&self, text: String) {
        self.0.set_message(text);
    }

    /// How many there were.
    pub(crate) fn position(&self) -> u64 {
        self.0.position()
    }

    /// Takes it away.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}
