//! `/metrics`, in the text format of Prometheus. No label holds a name, an address or an id.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Bounds of histograms, in seconds: from a fast commit to a slow page.
const BUCKETS_S: [f64; 12] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Bounds of waits for a coach, in seconds: from at once to a day.
const WAITS_S: [f64; 14] = [
    1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 10_800.0, 43_200.0,
    86_400.0,
];
/// The names of histograms of waits begin like this.
const WAITS: &str = "sanctuary_support_wait_";

/// What was counted.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Makes this the process's recorder. Once, and before the parts that describe what they
    /// count.
    pub fn install() -> Result<Self, BuildError> {
        let waits = Matcher::Prefix(WAITS.to_owned());
        let handle = PrometheusBuilder::new()
            .set_buckets(&BUCKETS_S)?
            .set_buckets_for_metric(waits, &WAITS_S)?
            .install_recorder()?;
        describe();
        Ok(Self(handle))
    }

    /// A recorder that hears nothing, for tests.
    pub fn detached() -> Self {
        Self(PrometheusBuilder::new().build_recorder().handle())
    }

    pub(super) fn render(&self) -> Response {
        if let Some(bytes) = resident_bytes() {
            metrics::gauge!("process_resident_memory_bytes").set(bytes);
        }
        self.0.run_upkeep();
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], self.0.render()).into_response()
    }
}

fn describe() {
    metrics::describe_gauge!(
        "process_resident_memory_bytes",
        metrics::Unit::Bytes,
        "Memory of this process that is in RAM"
    );
    metrics::describe_histogram!(
        "sanctuary_support_wait_seconds",
        metrics::Unit::Seconds,
        "From a request for support to the first coach"
    );
    metrics::describe_histogram!(
        "sanctuary_support_wait_low_seconds",
        metrics::Unit::Seconds,
        "The least that was predicted at the request"
    );
    metrics::describe_histogram!(
        "sanctuary_support_wait_high_seconds",
        metrics::Unit::Seconds,
        "The most that was predicted at the request"
    );
    metrics::describe_counter!(
        "sanctuary_support_waits_total",
        "Waits that were as predicted (hit), were not (miss), or were not known yet (unknown)"
    );
}

/// From `/proc`; other systems have their own ways, and none here.
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kib) * 1_024.0)
}
