//! An HTTP service over a stack of stores: see its README.

mod app;
mod config;
mod delete;
mod etag;
mod get;
mod headers;
mod health;
mod list;
mod put;
mod range;
mod status;
mod stop;

use std::process::ExitCode;

use config::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    let path = std::env::args_os().nth(1).or_else(|| std::env::var_os("LARDER_SERVICE_CONFIG"));
    let Some(path) = path else {
        eprintln!("usage: larder-example-service CONFIG.toml (or LARDER_SERVICE_CONFIG)");
        return ExitCode::from(2);
    };
    let settings = match Settings::read(path.as_ref()) {
        Ok(settings) => settings,
        Err(why) => {
            eprintln!("larder-example-service: {why}");
            return ExitCode::from(2);
        }
    };
    // `LOG=debug` shows each call with its span.
    let level =
        std::env::var("LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(tracing::Level::INFO);
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).init();
    match app::run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("larder-example-service: {why}");
            ExitCode::FAILURE
        }
    }
}
