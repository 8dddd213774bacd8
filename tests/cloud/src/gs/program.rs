//! The double as a program: `larder-gs-double`, and a role that other programs play.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::{Double, DoubleOptions, Obeys};
use crate::Failure;
use crate::program::{duration, until_signal};

const HELP: &str = "\
larder-gs-double [--option value]

A strict Google Cloud Storage server on 127.0.0.1 for tests: REST on one port, gRPC on another. It says \"ready
http://127.0.0.1:PORT http://127.0.0.1:PORT\" (REST, gRPC) on its output when it takes connections, and ends on SIGTERM
or SIGINT.

  --bucket NAME       a bucket that is there from the start; may stand more than once
  --versioned NAME    one that keeps replaced and deleted generations
  --port P            of REST; 0, the default, takes a free one
  --grpc-port P       of gRPC; 0, the default, takes a free one
  --dir DIR           bodies above 16 KiB are kept in a folder inside DIR, which is removed at the end; without it
                      they are in memory. Names are in memory always: nothing outlives the process
  --token TOKEN       requests must carry it as a bearer token; without it everybody is let in
  --latency 20ms      every answer waits this long (us, ms, s)
  --conditions ignored
                      generations that a write names are not looked at, as emulators do
  --threads N         2 if it is not given
  --die-with-parent   ends with the process that started it, however that ends
";

#[derive(Default)]
struct Wish {
    options: DoubleOptions,
    versioned: Vec<String>,
    token: Option<String>,
    latency: Duration,
    obeys: Obeys,
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
            eprintln!("larder-gs-double: {failure}");
            ExitCode::from(2)
        }
    }
}

fn read(words: Vec<String>) -> Result<Wish, Failure> {
    let mut wish = Wish::default();
    let mut words = words.into_iter();
    while let Some(name) = words.next() {
        if name == "--die-with-parent" {
            wish.dies_with_parent = true;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{name} wants a value; see --help"))?;
        match name.as_str() {
            "--bucket" => wish.options.buckets.push(value),
            "--versioned" => wish.versioned.push(value),
            "--port" => wish.options.port = value.parse()?,
            "--grpc-port" => wish.options.grpc_port = value.parse()?,
            "--dir" => wish.options.bodies = Some(PathBuf::from(value)),
            "--token" => wish.token = Some(value),
            "--latency" => wish.latency = duration(&value)?,
            "--threads" => wish.options.threads = value.parse()?,
            "--conditions" => match value.as_str() {
                "ignored" => wish.obeys = Obeys::Nothing,
                "honoured" => wish.obeys = Obeys::All,
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
        for bucket in &wish.versioned {
            double.create_bucket(bucket);
            double.set_versioned(bucket, true);
        }
        double.set_token(wish.token.as_deref());
        double.set_latency(wish.latency);
        double.set_obeys(wish.obeys);
        println!("ready {} {}", double.endpoint(), double.grpc_endpoint());
        Ok(double)
    })
}
