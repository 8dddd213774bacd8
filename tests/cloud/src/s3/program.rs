//! The double as a program: `larder-s3-double`, and a role that other programs play.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::{Conditions, Double, DoubleOptions};
use crate::Failure;
use crate::program::{duration, until_signal};

const HELP: &str = "\
larder-s3-double [--option value]

A strict S3 server on 127.0.0.1 for tests: it checks signatures and decides conditions under one lock. It says
\"ready http://127.0.0.1:PORT\" on its output when it takes connections, and ends on SIGTERM or SIGINT.

  --bucket NAME       a bucket that is there from the start; may stand more than once
  --port P            0, the default, takes a free one
  --access-key KEY    LARDERDOUBLEKEY if it is not given
  --secret-key KEY    larder/double+secret if it is not given
  --region NAME       eu-west-1 if it is not given; requests must be signed for it
  --dir DIR           bodies above 16 KiB are kept in a folder inside DIR, which is removed at the end; without it
                      they are in memory. Names are in memory always: nothing outlives the process
  --latency 20ms      every answer waits this long (us, ms, s)
  --conditions ignored
                      If-Match and If-None-Match on writes are not looked at, as some look-alikes do
  --threads N         2 if it is not given
  --die-with-parent   ends with the process that started it, however that ends
";

struct Wish {
    options: DoubleOptions,
    latency: Duration,
    conditions: Conditions,
    dies_with_parent: bool,
}

/// Is the double until a signal ends it, as the words behind the program's name say.
pub fn play(words: impl IntoIterator<Item = String>) -> ExitCode {
    let words: Vec<String> = words.into_iter().collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    match read(words).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("larder-s3-double: {failure}");
            ExitCode::from(2)
        }
    }
}

fn read(words: Vec<String>) -> Result<Wish, Failure> {
    let mut wish = Wish {
        options: DoubleOptions::default(),
        latency: Duration::ZERO,
        conditions: Conditions::Honoured,
        dies_with_parent: false,
    };
    let mut words = words.into_iter();
    while let Some(name) = words.next() {
        if name == "--die-with-parent" {
            wish.dies_with_parent = true;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{name} wants a value; see --help"))?;
        match name.as_str() {
            "--bucket" => wish.options.buckets.push(value),
            "--port" => wish.options.port = value.parse()?,
            "--access-key" => wish.options.access_key = value,
            "--secret-key" => wish.options.secret_key = value,
            "--region" => wish.options.region = value,
            "--dir" => wish.options.bodies = Some(PathBuf::from(value)),
            "--latency" => wish.latency = duration(&value)?,
            "--threads" => wish.options.threads = value.parse()?,
            "--conditions" => match value.as_str() {
                "ignored" => wish.conditions = Conditions::Ignored,
                "honoured" => wish.conditions = Conditions::Honoured,
                _ => return Err("--conditions is honoured or ignored".into()),
            },
            _ => return Err(format!("{name} is no option; see --help").into()),
        }
    }
    Ok(wish)
}

fn run(wish: Wish) -> Result<(), Failure> {
    if wish.dies_with_parent {
        crate::child::die_with_parent()?;
    }
    until_signal(|| {
        let double = Double::start(wish.options)?;
        double.set_latency(wish.latency);
        double.set_conditions(wish.conditions);
        println!("ready {}", double.endpoint());
        Ok(double)
    })
}
