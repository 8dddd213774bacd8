//! The command `larder`.

#![forbid(unsafe_code)]

mod args;
mod cancel;
mod command;
mod cx;
mod error;
mod escape;
mod exit;
mod guarantees;
mod hints;
mod json;
mod meta;
mod migrate;
mod open;
mod output;
mod progress;
mod secrets;
mod source;
mod stores;
mod target;
mod temp;
mod time;
mod trace;
mod units;
#[cfg(feature = "vector")]
mod vectors;

use std::process::ExitCode;

use cx::Cx;
use exit::Exit;

fn main() -> ExitCode {
    let cli = match args::parse(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(code) => return code.into(),
    };
    trace::init(cli.common.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&format!("larder: no threads can be started: {error}"));
            return Exit::Failed.into();
        }
    };
    let code = runtime.block_on(run(cli));
    // Whoever still waits for a terminal or a pipe keeps nobody here.
    runtime.shutdown_background();
    code.into()
}

async fn run(cli: args::Cli) -> Exit {
    let cx = Cx::new(cli.common);
    let done = cli.command.run(&cx).await;
    let done = done.and_then(|()| cx.out.flush());
    match done {
        Ok(()) => Exit::Done,
        Err(failure) => failure.tell(&cx),
    }
}
