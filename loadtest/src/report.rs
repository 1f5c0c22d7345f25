//! What a run says at its end: a table for people, one JSON object for programs.

use crate::metrics::{Measure, Metrics, Percentiles, Served};
use crate::oracle::Findings;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::time::Duration;

/// Figures that only one scenario has, in the order in which they are shown.
pub(crate) type Extra = Vec<(&'static str, f64)>;

/// One finished run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) scenario: &'static str,
    pub(crate) users: usize,
    pub(crate) encoding: &'static str,
    pub(crate) threads: usize,
    /// How long the load itself took; rates are per second of it.
    pub(crate) load_seconds: f64,
    pub(crate) sent: u64,
    pub(crate) acked: u64,
    pub(crate) delivered: u64,
    pub(crate) acked_per_second: f64,
    pub(crate) delivered_per_second: f64,
    pub(crate) sessions_opened: u64,
    pub(crate) reconnects: u64,
    pub(crate) duplicates_merged: u64,
    pub(crate) gaps_read: u64,
    pub(crate) latency: BTreeMap<Measure, Percentiles>,
    /// By address.
    pub(crate) targets: BTreeMap<String, Target>,
    pub(crate) errors: BTreeMap<&'static str, u64>,
    pub(crate) closes: BTreeMap<String, u64>,
    pub(crate) extra: BTreeMap<&'static str, f64>,
    pub(crate) findings: Findings,
    /// Whether the oracle found nothing.
    pub(crate) clean: bool,
}

/// What one server did to its people.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) opened: u64,
    pub(crate) lost: u64,
    /// Until those it lost had a session again, on whichever server.
    pub(crate) back: Option<Percentiles>,
}

/// A count as a floating point number, for rates.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(crate) const fn real(count: u64) -> f64 {
    count as f64
}

/// `count` in `time`, per second.
pub(crate) fn rate(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { (real(count) / time.as_secs_f64() * 10.0).round() / 10.0 }
}

/// What the command line said.
pub(crate) struct About {
    pub(crate) scenario: &'static str,
    pub(crate) users: usize,
    pub(crate) encoding: &'static str,
    pub(crate) threads: usize,
}

impl Report {
    pub(crate) fn new(about: &About, metrics: &Metrics, extra: Extra, findings: Findings) -> Self {
        let (time, load) = metrics.load();
        let counts = metrics.counts;
        Self {
            scenario: about.scenario,
            users: about.users,
            encoding: about.encoding,
            threads: about.threads,
            load_seconds: (time.as_secs_f64() * 1_000.0).round() / 1_000.0,
            sent: counts.sent,
            acked: counts.acked,
            delivered: counts.delivered,
            acked_per_second: rate(load.acked, time),
            delivered_per_second: rate(load.delivered, time),
            sessions_opened: counts.opened,
            reconnects: counts.reconnects,
            duplicates_merged: counts.duplicates_merged,
            gaps_read: counts.gaps_read,
            latency: metrics.percentiles(),
            targets: targets(metrics),
            errors: metrics.errors.clone(),
            closes: metrics.closes.clone(),
            extra: extra.into_iter().collect(),
            clean: findings.total == 0,
            findings,
        }
    }
}

fn targets(metrics: &Metrics) -> BTreeMap<String, Target> {
    let target =
        |served: &Served| Target { opened: served.opened, lost: served.lost, back: served.back() };
    metrics
        .targets()
        .iter()
        .map(|(address, served)| (address.to_string(), target(served)))
        .collect()
}

fn milliseconds(micros: u64) -> String {
    format!("{:.1}", real(micros) / 1_000.0)
}

fn listed<K: Display, V: Display>(map: &BTreeMap<K, V>) -> String {
    if map.is_empty() {
        return "none".to_owned();
    }
    map.iter().map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", ")
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} · {} people · {} · {:.1} s of load",
            self.scenario, self.users, self.encoding, self.load_seconds
        )?;
        writeln!(
            f,
            "  messages        sent {}, acknowledged {} ({}/s), delivered {} ({}/s)",
            self.sent, self.acked, self.acked_per_second, self.delivered, self.delivered_per_second
        )?;
        writeln!(
            f,
            "  connections     opened {}, of them again {}; ended: {}",
            self.sessions_opened,
            self.reconnects,
            listed(&self.closes)
        )?;
        writeln!(
            f,
            "  repaired        duplicates merged {}, announced gaps {}",
            self.duplicates_merged, self.gaps_read
        )?;
        writeln!(f, "  error replies   {}", listed(&self.errors))?;
        for (name, value) in &self.extra {
            writeln!(f, "  {:<30} {value}", name.replace('_', " "))?;
        }
        if !self.latency.is_empty() {
            writeln!(
                f,
                "  {:<10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9}",
                "ms", "count", "p50", "p90", "p99", "p99.9", "max"
            )?;
        }
        for (measure, p) in &self.latency {
            writeln!(
                f,
                "  {:<10} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9}",
                format!("{measure:?}").to_lowercase(),
                p.count,
                milliseconds(p.p50_us),
                milliseconds(p.p90_us),
                milliseconds(p.p99_us),
                milliseconds(p.p999_us),
                milliseconds(p.max_us)
            )?;
        }
        for (address, target) in self.targets.iter().filter(|_| self.targets.len() > 1) {
            let Target { opened, lost, back } = target;
            write!(f, "  {address:<22} opened {opened}, lost {lost}")?;
            match back {
                None => writeln!(f)?,
                Some(p) => writeln!(
                    f,
                    "; back within p50 {}, p99 {}, max {} ms",
                    milliseconds(p.p50_us),
                    milliseconds(p.p99_us),
                    milliseconds(p.max_us)
                )?,
            }
        }
        if self.clean {
            return write!(f, "  oracle          clean");
        }
        write!(f, "  oracle          {} findings: ", self.findings.total)?;
        write!(f, "{}", listed(&self.findings.by_kind))?;
        for line in &self.findings.first {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}
