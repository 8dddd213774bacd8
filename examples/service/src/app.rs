//! The shared state, the routes, and the life of the process.

use std::error::Error as StdError;
use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use larder::layer::timeout::TimeoutOptions;
use larder::{Call, Env, OpenOptions, Store, layer};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use crate::config::Settings;
use crate::{delete, get as read, health, list, put, stop};

/// What every request shares.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) env: Env,
    pub(crate) settings: Arc<Settings>,
    pub(crate) metrics: PrometheusHandle,
    /// Set from the signal on, so that a load balancer looks elsewhere.
    pub(crate) stopping: Arc<AtomicBool>,
}

impl App {
    /// The context of a request that is answered at once.
    pub(crate) fn call(&self) -> Call {
        Call::within(&self.env, self.settings.request())
    }

    /// The context of one whose body is streamed.
    pub(crate) fn stream_call(&self) -> Call {
        Call::within(&self.env, self.settings.stream())
    }
}

fn routes(app: App) -> Router {
    Router::new()
        .route("/v1", get(list::list))
        .route("/v1/{*key}", get(read::get).head(read::head).put(put::put).delete(delete::delete))
        .route("/health", get(health::ready))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .with_state(app)
}

/// Buckets of `larder_call_seconds`: from a hit in memory to a request that is about to be given up.
const SECONDS: [f64; 12] = [1e-5, 1e-4, 5e-4, 1e-3, 5e-3, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// Opens the store, serves until a signal, and sees everything out.
pub(crate) async fn run(settings: Settings) -> Result<(), Box<dyn StdError>> {
    let env = Env::system();
    // Before the store is opened: it registers its metrics then.
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("larder_call_seconds".into()), &SECONDS)?
        .install_recorder()?;
    keep_up(&env, metrics.clone());

    let stack = larder::registry().open_stack(&settings.store, &OpenOptions::default()).await?;
    let timeouts = TimeoutOptions::new()
        .with_reads(Some(settings.request()))
        .with_writes(Some(settings.request()))
        .with_progress(Some(settings.progress()));
    let store = layer::stack(stack).timeout(timeouts)?.observe().build();

    let listener = TcpListener::bind(settings.listen).await?;
    println!("listening on {}", listener.local_addr()?);
    let limit = settings.stop();
    let app = App {
        store: store.clone(),
        env: env.clone(),
        settings: Arc::new(settings),
        metrics,
        stopping: Arc::default(),
    };
    let stopping = app.stopping.clone();
    let (signalled, mut seen) = tokio::sync::watch::channel(None);
    let clock = env.clone();
    let signal = async move {
        stop::signal().await;
        stopping.store(true, SeqCst);
        let _ = signalled.send(clock.now().checked_add(limit));
    };
    let serving = axum::serve(listener, routes(app)).with_graceful_shutdown(signal).into_future();
    let late = async {
        let deadline = seen.wait_for(Option::is_some).await.ok().and_then(|deadline| *deadline);
        match deadline {
            Some(deadline) => env.sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    // Whoever has not finished by then is cut off; the store is seen out all the same.
    let served = tokio::select! {
        served = serving => served.map_err(Into::into),
        () = late => Err("requests were still under way when the time to stop was over".into()),
    };
    let last = Call::within(&env, limit.max(Duration::from_secs(5)));
    store.drain(&last).await?;
    store.close(&last).await?;
    served
}

/// Histograms give back what they no longer need.
fn keep_up(env: &Env, metrics: PrometheusHandle) {
    let clock = env.clone();
    env.spawn(async move {
        loop {
            clock.sleep(Duration::from_secs(5)).await;
            metrics.run_upkeep();
        }
    });
}
