//! What all simulated people of one run share: the target, the clock, what is measured, what
//! was found, and the oracle's records.

use crate::memo::Memo;
use crate::metrics::Metrics;
use crate::oracle::record::Record;
use crate::oracle::{Fault, Findings};
use protocol::{ClientId, Topic};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};

/// Marks the moment of sending inside a text; the same marker as the neutral load generator's.
const STAMP_MARK: &str = "~T";
const STAMP_DIGITS: usize = 16;

/// What the command line settles for everybody.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// At least one.
    pub(crate) targets: Vec<SocketAddr>,
    /// How long the load lasts.
    pub(crate) load: Duration,
    pub(crate) seed: u64,
    /// Characters of a text.
    pub(crate) text_chars: usize,
    /// Longest wait before a reconnect.
    pub(crate) reconnect_max: Duration,
    /// A server that is away for longer than this is gone.
    pub(crate) give_up: Duration,
    /// Nothing was heard for so long: ask whether anybody is there.
    pub(crate) quiet: Duration,
    /// What was acknowledged has to be everywhere within this.
    pub(crate) settle: Duration,
    /// Dials under way at a time.
    pub(crate) dials: usize,
}

/// One run.
pub(crate) struct Run {
    pub(crate) settings: Settings,
    pub(crate) began: Instant,
    pub(crate) metrics: Mutex<Metrics>,
    pub(crate) memo: Memo,
    pub(crate) dials: Semaphore,
    findings: Mutex<Findings>,
    records: Mutex<HashMap<Topic, Arc<Mutex<Record>>>>,
    /// Begins every `client_id` of this run, and differs between runs on one server.
    nonce: [u8; 6],
    client_ids: AtomicU64,
    load_over: AtomicBool,
    load_ends: Notify,
}

/// A lock whose holder panicked holds nothing half done here.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Run {
    pub(crate) fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            dials: Semaphore::new(settings.dials.max(1)),
            settings,
            began: Instant::now(),
            metrics: Mutex::new(Metrics::new()),
            memo: Memo::new(),
            findings: Mutex::default(),
            records: Mutex::default(),
            nonce: rand::random(),
            client_ids: AtomicU64::new(1),
            load_over: AtomicBool::new(false),
            load_ends: Notify::new(),
        })
    }

    /// A broken promise, and where.
    pub(crate) fn found(&self, place: &impl std::fmt::Display, fault: &Fault) {
        held(&self.findings).add(place, fault);
    }

    /// All findings so far.
    pub(crate) fn findings(&self) -> Findings {
        held(&self.findings).clone()
    }

    /// The oracle's record of a topic.
    pub(crate) fn record(&self, topic: Topic) -> Arc<Mutex<Record>> {
        Arc::clone(held(&self.records).entry(topic).or_default())
    }

    /// A key nobody used before.
    pub(crate) fn client_id(&self) -> ClientId {
        let mut bytes = [0; 16];
        let n = self.client_ids.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (byte, from) in bytes.iter_mut().zip(self.nonce.iter().chain(&[0, 0]).chain(&n)) {
            *byte = *from;
        }
        ClientId(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// Whether a message is of this run.
    pub(crate) fn is_ours(&self, client_id: ClientId) -> bool {
        client_id.as_bytes().starts_with(&self.nonce)
    }

    /// A name that tells runs and devices apart.
    pub(crate) fn device(&self, index: usize) -> String {
        let nonce = self.nonce.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        format!("loadtest-{nonce:012x}-{index}")
    }

    /// A text that says when it was meant to be sent.
    pub(crate) fn text(&self, intended: Instant) -> String {
        let micros = intended.saturating_duration_since(self.began).as_micros();
        let mut text = format!("{STAMP_MARK}{micros:0STAMP_DIGITS$x}");
        let padding = self.settings.text_chars.saturating_sub(text.len());
        text.extend(std::iter::repeat_n('x', padding));
        text
    }

    /// When a text was meant to be sent.
    pub(crate) fn intended(&self, text: &str) -> Option<Instant> {
        let digits = text.strip_prefix(STAMP_MARK)?.get(..STAMP_DIGITS)?;
        let micros = u64::from_str_radix(digits, 16).ok()?;
        self.began.checked_add(Duration::from_micros(micros))
    }

    /// Nobody begins anything new from here on.
    pub(crate) fn end_load(&self) {
        self.load_over.store(true, Ordering::Release);
        self.load_ends.notify_waiters();
    }

    /// Whether the load is over.
    pub(crate) fn load_is_over(&self) -> bool {
        self.load_over.load(Ordering::Acquire)
    }

    /// Waits until the load is over.
    pub(crate) async fn load_ended(&self) {
        let ends = self.load_ends.notified();
        if !self.load_is_over() {
            ends.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Arc<Run> {
        Run::new(Settings {
            targets: vec![SocketAddr::from(([127, 0, 0, 1], 1))],
            load: Duration::ZERO,
            seed: 0,
            text_chars: 40,
            reconnect_max: Duration::ZERO,
            give_up: Duration::ZERO,
            quiet: Duration::ZERO,
            settle: Duration::ZERO,
            dials: 1,
        })
    }

    #[test]
    fn a_text_says_when_it_was_meant_to_be_sent() {
        let run = run();
        let intended = run.began + Duration::from_micros(1_234_567);
        let text = run.text(intended);
        assert_eq!(text.len(), 40);
        assert_eq!(run.intended(&text), Some(intended));
        assert_eq!(run.intended("hello"), None);
    }

    #[test]
    fn keys_differ_and_are_known_as_ours() {
        let other = run();
        let run = run();
        let keys: std::collections::HashSet<ClientId> =
            (0..1_000).map(|_| run.client_id()).collect();
        assert_eq!(keys.len(), 1_000);
        assert!(keys.iter().all(|&key| run.is_ours(key) && !other.is_ours(key)));
    }
}
