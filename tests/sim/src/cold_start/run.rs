//! Starts the function, and reads what it tells.

use std::process::Command;
use std::time::Duration;

use larder_cloud_tests::s3::{Double, DoubleOptions};

use super::{KEY, Options, PLACE, VALUE, holder};
use crate::Outcome;
use crate::clock::{Times, timed};
use crate::process::Running;
use crate::report::Report;

/// The longest median from `main` to the value, after a clean close.
const CLEAN: Duration = Duration::from_millis(1);
/// And after a kill.
const KILLED: Duration = Duration::from_millis(10);
/// Bytes that the program must stay below.
const SIZE: u64 = 8 << 20;

/// What is known of starts of one kind.
#[derive(Default)]
struct Starts {
    from_main: Times,
    whole: Times,
}

/// Measures.
///
/// # Errors
/// What keeps it from going on.
pub fn run(options: &Options) -> Outcome<Report> {
    let mut report = Report::new("cold-start", "memory, LMDB, s3", 0);
    let size = std::fs::metadata(&options.function)
        .map_err(|e| format!("{}: {e}; it is built with --profile function", options.function.display()))?
        .len();
    report.count("bytes of the program", size);
    let double = Double::start(DoubleOptions::default())?;
    double.create_bucket("bucket");
    let mut function = Command::new(&options.function);
    function.args(["get", KEY]).env("LARDER_STACK", holder::text(&options.folder, &double.url(PLACE)));

    hold_and_kill(options, &double)?;
    // The first start finds what the dead left, and closes.
    start(&mut function, &mut Starts::default())?;
    let before = double.connections();
    let mut clean = Starts::default();
    for _ in 0..options.starts {
        start(&mut function, &mut clean)?;
    }
    let mut connected = double.connections() - before;
    let mut killed = Starts::default();
    for _ in 0..options.kills {
        hold_and_kill(options, &double)?;
        let before = double.connections();
        start(&mut function, &mut killed)?;
        connected += double.connections() - before;
    }
    tell(&mut report, "closed", &clean);
    tell(&mut report, "killed", &killed);
    report.count("connections of starts", connected);
    if connected > 0 {
        report.problem("a start with a cache connects to the service");
    }
    let [clean, killed] = [clean, killed].map(|starts| starts.from_main.quantile(0.5));
    if clean > CLEAN || killed > KILLED {
        report.problem(format!("from main to the value: {clean:?} after a close, {killed:?} after a kill"));
    }
    if size >= SIZE {
        report.problem(format!("the program has {size} bytes"));
    }
    Ok(report)
}

/// Another process has the stack open, has the value in its cache, and dies.
fn hold_and_kill(options: &Options, double: &Double) -> Outcome {
    let folder = options.folder.to_str().ok_or("the folder's name is not UTF-8")?;
    let url = double.url(PLACE);
    let mut child =
        Running::begin_ready(&mut options.program.role(holder::ROLE, ["--folder", folder, "--url", &url]))?;
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// Starts the function once. It answers out of the cache, and tells how long that took.
fn start(function: &mut Command, starts: &mut Starts) -> Outcome {
    let (said, took) = timed(|| function.output());
    let said = said.map_err(|e| format!("{:?} cannot be run: {e}", function.get_program()))?;
    let (answer, times) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    if !answer.contains(&format!(r#""value":"{VALUE}","tier":1"#)) {
        return Err(format!("the function answers {} and says {}", answer.trim(), times.trim()).into());
    }
    let micros = times.lines().find_map(|line| line.strip_suffix(" us from main")?.parse().ok());
    starts.from_main.push(Duration::from_micros(micros.ok_or("the function tells no time")?));
    starts.whole.push(took);
    Ok(())
}

fn tell(report: &mut Report, name: &str, starts: &Starts) {
    report.count(format!("{name}: starts"), starts.from_main.len() as u64);
    report.time(format!("{name}: from main, median"), starts.from_main.quantile(0.5));
    report.time(format!("{name}: from main, p99"), starts.from_main.quantile(0.99));
    report.time(format!("{name}: whole process, median"), starts.whole.quantile(0.5));
}
