//! Logs and metrics of a process.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// These libraries write addresses and credentials when they are talkative.
const QUIET: [&str; 5] = ["lettre=warn", "sqlx=warn", "redis=warn", "hyper=warn", "reqwest=warn"];
const UPKEEP: Duration = Duration::from_secs(5);
const SECONDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0];

pub fn init_logs(config: &LogConfig) {
    let asked = config.log.as_deref().unwrap_or("info");
    // Whoever asks for everything still does not get what these would tell.
    let filter = EnvFilter::new(std::iter::once(asked).chain(QUIET).collect::<Vec<_>>().join(","));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let done = match config.log_format {
        LogFormat::Text => subscriber.with_target(false).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    // A second role of the same process finds the first one's subscriber in place.
    drop(done);
}

/// The process's recorder: installed once, shared by all roles of a process.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is in place; /metrics shows nothing");
        }
        handle
    })
}

/// Keeps histograms bounded; runs as long as the process.
pub async fn metrics_upkeep() {
    loop {
        metrics().run_upkeep();
        rest::rest(UPKEEP).await;
    }
}
