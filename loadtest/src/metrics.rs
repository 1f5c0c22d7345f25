//! What is measured: counts and latencies of one run.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Latencies up to this are told apart; longer ones count as this.
const LATENCY_US_MAX: u64 = 600_000_000;

/// A kind of latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Measure {
    /// From dialling to the result of `session.open`.
    Connect,
    /// From the moment a message was meant to be sent to its acknowledgement.
    Ack,
    /// From the same moment until another person has it.
    Delivery,
    /// `support.request` to its reply.
    Ask,
    /// `support.claim` to its reply.
    Claim,
    /// From asking for support to hearing of a coach.
    Wait,
    /// From the loss of a session to the next one.
    Back,
    /// The same, where the server had sent the person away.
    Moved,
    /// From a person's loss to when a watcher hears that they are offline.
    Offline,
}

/// Counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Messages that were given to a connection.
    pub(crate) sent: u64,
    /// Messages that were acknowledged.
    pub(crate) acked: u64,
    /// Messages that another person saw for the first time.
    pub(crate) delivered: u64,
    /// Sessions that were opened.
    pub(crate) opened: u64,
    /// Sessions that were opened again.
    pub(crate) reconnects: u64,
    /// Acknowledgements of a message that the server had already.
    pub(crate) duplicates_merged: u64,
    /// Gaps that were announced, and read.
    pub(crate) gaps_read: u64,
}

/// What one server did to its people.
pub(crate) struct Served {
    /// Sessions that were opened on it.
    pub(crate) opened: u64,
    /// Sessions that it lost.
    pub(crate) lost: u64,
    /// From the loss of its sessions to the next one, wherever that was.
    back: Histogram<u64>,
}

impl Served {
    fn new() -> Self {
        Self { opened: 0, lost: 0, back: new_histogram() }
    }

    /// Percentiles of the time until those it lost were back.
    pub(crate) fn back(&self) -> Option<Percentiles> {
        (!self.back.is_empty()).then(|| Percentiles::of(&self.back))
    }
}

/// Everything a run measures.
pub(crate) struct Metrics {
    pub(crate) counts: Counts,
    /// Error replies by code.
    pub(crate) errors: BTreeMap<&'static str, u64>,
    /// Ends of connections, by close code or by what the socket said.
    pub(crate) closes: BTreeMap<String, u64>,
    latencies: BTreeMap<Measure, Histogram<u64>>,
    targets: BTreeMap<SocketAddr, Served>,
    /// The counts when the load ended, and how long it took.
    load: Option<(Duration, Counts)>,
}

impl Metrics {
    pub(crate) const fn new() -> Self {
        Self {
            counts: Counts {
                sent: 0,
                acked: 0,
                delivered: 0,
                opened: 0,
                reconnects: 0,
                duplicates_merged: 0,
                gaps_read: 0,
            },
            errors: BTreeMap::new(),
            closes: BTreeMap::new(),
            latencies: BTreeMap::new(),
            targets: BTreeMap::new(),
            load: None,
        }
    }

    /// Records a latency.
    pub(crate) fn record(&mut self, measure: Measure, latency: Duration) {
        let histogram = self.latencies.entry(measure).or_insert_with(new_histogram);
        histogram.saturating_record(micros(latency));
    }

    /// A session was opened on a server.
    pub(crate) fn opened_on(&mut self, target: SocketAddr) {
        self.target(target).opened += 1;
    }

    /// A server lost a session.
    pub(crate) fn lost_by(&mut self, target: SocketAddr) {
        self.target(target).lost += 1;
    }

    /// Somebody whose session `target` had lost has one again.
    pub(crate) fn back_from(&mut self, target: SocketAddr, measure: Measure, after: Duration) {
        self.record(measure, after);
        self.target(target).back.saturating_record(micros(after));
    }

    fn target(&mut self, target: SocketAddr) -> &mut Served {
        self.targets.entry(target).or_insert_with(Served::new)
    }

    /// The servers of the run.
    pub(crate) const fn targets(&self) -> &BTreeMap<SocketAddr, Served> {
        &self.targets
    }

    /// The load ends here: rates are measured up to now, since what follows only drains.
    pub(crate) fn load_ended(&mut self, after: Duration) {
        self.load = Some((after, self.counts));
    }

    /// Counts and duration of the load itself.
    pub(crate) fn load(&self) -> (Duration, Counts) {
        self.load.unwrap_or((Duration::ZERO, self.counts))
    }

    /// Percentiles of every latency that was recorded.
    pub(crate) fn percentiles(&self) -> BTreeMap<Measure, Percentiles> {
        self.latencies.iter().map(|(&measure, h)| (measure, Percentiles::of(h))).collect()
    }
}

fn micros(latency: Duration) -> u64 {
    u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).clamp(1, LATENCY_US_MAX)
}

/// A histogram of three significant digits. Its bounds are constants that the crate accepts.
#[expect(clippy::expect_used, reason = "fails only for bounds that are not allowed")]
fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("bounds are allowed")
}

/// A distribution in five numbers, microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) count: u64,
    pub(crate) p50_us: u64,
    pub(crate) p90_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) p999_us: u64,
    pub(crate) max_us: u64,
}

impl Percentiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            count: histogram.len(),
            p50_us: histogram.value_at_quantile(0.5),
            p90_us: histogram.value_at_quantile(0.9),
            p99_us: histogram.value_at_quantile(0.99),
            p999_us: histogram.value_at_quantile(0.999),
            max_us: histogram.max(),
        }
    }
}
