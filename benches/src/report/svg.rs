//! The ratios as a picture: a dot for the median, a bar for its spread, a mark for the limit.

use std::fmt::Write;

use super::table::times;
use crate::case::Outcome;

const ROW: f64 = 26.0;
const TOP: f64 = 58.0;
const LEFT: f64 = 372.0;
const PLOT: f64 = 340.0;
const RIGHT: f64 = 190.0;
const WIDTH: f64 = LEFT + PLOT + RIGHT;

/// Good, missed, and without a limit. They differ in brightness too, and hold on a white and on a dark page.
const MET: &str = "#1a7f37";
const MISSED: &str = "#cf222e";
const NONE: &str = "#3a78c9";

/// The picture, complete in itself.
pub(crate) fn svg(outcomes: &[Outcome]) -> String {
    let height = TOP + ROW * outcomes.len() as f64 + 34.0;
    let axis = Axis::over(outcomes);
    let mut svg = String::new();
    let mut push = |line: std::fmt::Arguments<'_>| {
        svg.write_fmt(line).and_then(|()| svg.write_char('\n')).expect("text takes everything");
    };
    push(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">"
    ));
    push(format_args!("<title>Cost of Larder over the peer's</title>"));
    push(format_args!("<rect width=\"{WIDTH}\" height=\"{height}\" rx=\"6\" fill=\"#ffffff\"/>"));
    push(format_args!(
        "<text x=\"16\" y=\"24\" fill=\"#1f2328\" font-weight=\"600\">Cost of Larder over the peer's, same work in the same process</text>"
    ));
    push(format_args!(
        "<text x=\"16\" y=\"43\" fill=\"#59636e\" font-size=\"11\">less is better · dot: median of the rounds · bar: its 95 % interval · | : the limit we set ourselves</text>"
    ));
    let bottom = TOP + ROW * outcomes.len() as f64;
    for tick in axis.ticks() {
        let (x, colour) = (axis.x(tick), if tick == 1.0 { "#8c959f" } else { "#e4e8ec" });
        push(format_args!(
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"{colour}\"/>"
        ));
        push(format_args!(
            "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"#59636e\" font-size=\"11\" text-anchor=\"middle\">{tick}×</text>",
            bottom + 17.0
        ));
    }
    for (row, outcome) in outcomes.iter().enumerate() {
        let y = TOP + ROW * (row as f64 + 0.5);
        let base = y + 4.5;
        let colour = match outcome.met() {
            Some(true) => MET,
            Some(false) => MISSED,
            None => NONE,
        };
        let name = escaped(&format!("{}: {}", outcome.case.suite, outcome.case.name));
        let peer = escaped(outcome.case.peer);
        push(format_args!(
            "<text x=\"16\" y=\"{base:.1}\" fill=\"#1f2328\">{name} <tspan fill=\"#59636e\">over {peer}</tspan></text>"
        ));
        if let Some(limit) = outcome.limit_as_ratio() {
            let x = axis.x(limit);
            push(format_args!(
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"#1f2328\" stroke-width=\"2\"/>",
                y - 8.0,
                y + 8.0
            ));
        }
        let (low, high, dot) = (axis.x(outcome.spread.0), axis.x(outcome.spread.1), axis.x(outcome.ratio));
        push(format_args!(
            "<line x1=\"{low:.1}\" x2=\"{high:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"{colour}\" stroke-width=\"5\" stroke-opacity=\"0.4\" stroke-linecap=\"round\"/>"
        ));
        push(format_args!("<circle cx=\"{dot:.1}\" cy=\"{y:.1}\" r=\"4.5\" fill=\"{colour}\"/>"));
        push(format_args!(
            "<text x=\"{:.1}\" y=\"{base:.1}\" fill=\"{colour}\">{}× <tspan fill=\"#59636e\">{} / {}</tspan></text>",
            LEFT + PLOT + 14.0,
            times(outcome.ratio),
            outcome.case.unit.show(outcome.ours),
            outcome.case.unit.show(outcome.theirs)
        ));
    }
    push(format_args!("</svg>"));
    svg
}

/// A logarithmic axis, on which twice and half are equally far from 1.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn over(outcomes: &[Outcome]) -> Axis {
        let mut axis = Axis { low: 0.5, high: 2.0 };
        for outcome in outcomes {
            let limit = outcome.limit_as_ratio().unwrap_or(1.0);
            axis.low = axis.low.min(outcome.spread.0 * 0.9).min(limit * 0.9);
            axis.high = axis.high.max(outcome.spread.1 * 1.1).max(limit * 1.1);
        }
        axis
    }

    fn x(&self, ratio: f64) -> f64 {
        LEFT + PLOT * (ratio / self.low).ln() / (self.high / self.low).ln()
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let range = self.low..=self.high;
        [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
            .into_iter()
            .filter(move |tick| range.contains(tick))
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;

    fn outcome(peer: &'static str, ratio: f64) -> Outcome {
        Outcome::new(Case::new("warm", "get", peer).limit(1.5), &[(ratio, 1.0)])
    }

    #[test]
    fn half_and_twice_are_equally_far_from_one() {
        let axis = Axis::over(&[]);
        let (half, one, twice) = (axis.x(0.5), axis.x(1.0), axis.x(2.0));
        assert!((one - half - (twice - one)).abs() < 1e-9);
        assert_eq!((half, twice), (LEFT, LEFT + PLOT));
    }

    #[test]
    fn everything_is_within_the_picture() {
        let axis = Axis::over(&[outcome("a", 0.03), outcome("b", 40.0)]);
        for ratio in [0.03, 1.5, 40.0] {
            assert!((LEFT..=LEFT + PLOT).contains(&axis.x(ratio)), "{ratio}");
        }
        assert!(axis.ticks().count() > 5);
    }

    #[test]
    fn colours_tell_the_verdict_and_names_are_escaped() {
        let text = svg(&[outcome("RwLock<BTreeMap>", 1.4), outcome("b & c", 1.6)]);
        assert!(text.contains("RwLock&lt;BTreeMap&gt;") && text.contains("b &amp; c"));
        assert!(text.contains(MET) && text.contains(MISSED) && !text.contains(NONE));
        assert_eq!(text.matches("<circle").count(), 2);
        assert!(text.trim_end().ends_with("</svg>"));
    }
}
