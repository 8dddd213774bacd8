//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ErrorKind};
use clap::{Args, CommandFactory, Parser};
use larder::config::parse_duration;
use serde_json::json;

use crate::command::Command;
use crate::exit::{self, Exit};
use crate::{escape, json, output};

/// Look into any store, change it, and find out what is wrong with it.
///
/// STORE is the URL of a store (file:/srv/data, lmdb:/var/lib/app, s3://bucket/prefix?region=eu-west-1, memory:), several
/// on top of each other ("memory:?capacity=64MiB | lmdb:/var/cache/app | file:/srv/data?fresh=sole_writer"), or @NAME,
/// which --config knows. `larder backends` lists the schemes and what each can be told.
///
/// No secret has to stand on a command line: a secret parameter of the form env:NAME is taken from the environment, one
/// of the form file:PATH from a file (secret_key=file:/run/secrets/s3), both in URLs and in configurations. Without keys
/// s3: asks the chain of providers that AWS's own tools ask.
#[derive(Debug, Parser)]
#[command(name = "larder", version, after_long_help = exit::HELP, max_term_width = 100, disable_help_subcommand = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every subcommand takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Common {
    /// File that knows the stores: @ is the stack that it describes, @NAME its [stores.NAME]; else LARDER_CONFIG.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Answer with one JSON object a line; errors too, on the error output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing beside the answer, and show no progress.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Tell what is done on the error output; twice and three times: more of it.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Give up after this time, such as 30s or 5m; by default never.
    #[arg(long, global = true, value_name = "TIME", value_parser = time)]
    pub(crate) timeout: Option<Duration>,
}

/// A span of time.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let wanted = "a time such as 30s, 5m or 100ms (us, ms, s, m, h, d; whole numbers)";
    parse_duration(text).ok_or_else(|| format!("wants {wanted}"))
}

/// Reads the command line. What is wrong with it, and help, is said here.
pub(crate) fn parse(argv: Vec<OsString>) -> Result<Cli, Exit> {
    let error = match Cli::try_parse_from(&argv) {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A pipe that nobody reads is no error of help.
            let _ = error.print();
            return Err(Exit::Done);
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            let _ = error.print();
            return Err(Exit::Usage);
        }
        _ => {}
    }
    let (why, hint) = (redacted(first_lines(&error), &argv), hint(&error, &argv));
    match argv.iter().any(|arg| arg == "--json") {
        true => {
            let told = json!({ "kind": "invalid", "why": why, "hint": hint, "exit": Exit::Usage.code() });
            output::complain(&json::text(&json!({ "error": told })));
        }
        false => output::complain(&escape::shown_line(&format!("larder: {why} ({hint})"))),
    }
    Err(Exit::Usage)
}

/// What clap says, up to the usage, on one line.
fn first_lines(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn hint(error: &clap::Error, argv: &[OsString]) -> String {
    let mut texts = Vec::new();
    for kind in [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue] {
        match error.get(kind) {
            Some(clap::error::ContextValue::String(text)) => texts.push(text.clone()),
            Some(clap::error::ContextValue::Strings(more)) => texts.extend(more.iter().cloned()),
            _ => {}
        }
    }
    let cli = Cli::command();
    let (mut at, mut help) = (&cli, "larder".to_owned());
    for arg in argv.iter().skip(1).filter_map(|arg| arg.to_str()) {
        if let Some(sub) = at.find_subcommand(arg) {
            help += &format!(" {}", sub.get_name());
            at = sub;
        }
    }
    help += " --help";
    match texts.is_empty() {
        true => format!("see {help}"),
        false => format!("did you mean {}? See {help}", texts.join(" or ")),
    }
}

/// Takes out what may be a secret of a URL that stands where it should not.
fn redacted(mut text: String, argv: &[OsString]) -> String {
    for arg in argv.iter().skip(1) {
        let arg = arg.to_string_lossy();
        if arg.contains(':') && arg.contains(['?', '@', '=']) {
            let shown = arg.split([':', '?', '@', '=']).next().unwrap_or_default();
            let spaced = arg.split_whitespace().collect::<Vec<_>>().join(" ");
            for whole in [&*arg, &*spaced] {
                text = text.replace(whole, &format!("{shown}:***"));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_subcommand_has_examples_at_its_end() {
        let mut subs: Vec<_> = Cli::command().get_subcommands().cloned().collect();
        while let Some(sub) = subs.pop() {
            if sub.get_name() != "help" {
                let after = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(after.starts_with("Examples:\n"), "{}", sub.get_name());
                subs.extend(sub.get_subcommands().cloned());
            }
        }
    }

    #[test]
    fn secrets_of_stray_urls_are_not_shown() {
        let argv = ["larder", "ls", "s3://user:hunter2@b?secret_key=hunter2 | file:x"].map(OsString::from);
        let said = redacted(format!("unexpected argument '{}' found", argv[2].to_string_lossy()), &argv);
        assert_eq!(said, "unexpected argument 's3:***' found");
    }
}
