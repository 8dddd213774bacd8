//! A Lambda function that serves and updates keys of a bucket through memory and an LMDB cache in the scratch folder.
//!
//! One environment variable says everything: `LARDER_STACK`, as in
//! `memory:?capacity=32MiB | lmdb:/tmp/larder?capacity=400MiB | s3://bucket/prefix?fresh=30s`.
//! The README beside this has the events that it takes, the template that deploys it, and what it costs.

mod event;
mod function;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use lambda_runtime::{LambdaEvent, service_fn};
use larder::{Call, Env, Result, Store};

use event::Event;

/// Where the stack is named.
const STACK: &str = "LARDER_STACK";

fn main() -> ExitCode {
    let begin = Env::system().now();
    // One thread: a function waits more than it works, and starts sooner without more.
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(begin)),
        Err(error) => {
            eprintln!("no runtime: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(begin: Instant) -> ExitCode {
    let store = match open().await {
        Ok(store) => store,
        Err(error) => {
            // What the function's log shows of a start that failed.
            eprintln!("{STACK}: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Some(code) = once(&store, begin).await {
        return code;
    }
    let handler = move |event: LambdaEvent<Event>| {
        let store = store.clone();
        async move { function::answer(&*store, event.payload, Some(event.context.deadline())).await }
    };
    // One invocation at a time, unless the environment was given several (AWS_LAMBDA_MAX_CONCURRENCY).
    match lambda_runtime::run_concurrent(service_fn(handler)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the runtime ended: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Opens the stack. No network is touched: credentials and connections are made by the first key that needs the bucket.
async fn open() -> Result<Arc<dyn Store>> {
    match std::env::var(STACK) {
        Ok(text) => larder::open(&text).await,
        Err(_) => larder::open("").await,
    }
}

/// `larder-lambda get KEY` answers one key, says how long that took, and ends: what a cold start does, without the
/// runtime around it.
async fn once(store: &Arc<dyn Store>, begin: Instant) -> Option<ExitCode> {
    let mut args = std::env::args().skip(1);
    let (Some(op), Some(key)) = (args.next(), args.next()) else { return None };
    let event = match op.as_str() {
        "get" => Event::Get { key },
        "add" => Event::Add { key, by: 1 },
        _ => {
            eprintln!("larder-lambda [get|add KEY]");
            return Some(ExitCode::FAILURE);
        }
    };
    let done = function::answer(&**store, event, None).await;
    let took = Env::system().now().saturating_duration_since(begin);
    let code = match done {
        Ok(answer) => {
            println!("{}", serde_json::to_string(&answer).unwrap_or_default());
            eprintln!("{} us from main", took.as_micros());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    };
    if let Err(error) = store.close(&Call::default()).await {
        eprintln!("{STACK}: {error}");
        return Some(ExitCode::FAILURE);
    }
    Some(code)
}
