//! Listening: the channels that somebody on this node wants, on one server.
//!
//! What is wanted is a set; a worker brings the server's subscriptions in line with it, in
//! batches. A link that broke is made again with growing pauses; all is subscribed again, and
//! only then it is said that something may be missing since it was last heard.

use super::outbound::BROADCAST;
use crate::bus::Channel;
use crate::clock::Clock;
use crate::redis::Shard;
use futures_util::StreamExt as _;
use protocol::Millis;
use redis::aio::{PubSubSink, PubSubStream};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Channels of one SUBSCRIBE or UNSUBSCRIBE.
pub const SUBSCRIBE_BATCH: usize = 512;
/// A channel that nobody wants any more stays subscribed this long, for a phone that reconnects.
pub const LINGER_MS: u64 = 10_000;
/// Whoever waits for a subscription waits no longer than this.
pub const LISTENING_WAIT_MS: u64 = 2_000;
/// The link is asked this often whether it is there.
const PING_MS: u64 = 5_000;
/// A confirmation that takes longer means that the link is broken.
const CONFIRM_TIMEOUT_MS: u64 = 2_000;
/// Between two tries to connect, at least and at most.
const BACKOFF_MS: (u64, u64) = (100, 1_000);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    /// Somebody listens.
    Yes,
    /// Nobody does, and at that time it is unsubscribed.
    Until(Instant),
}

#[derive(Debug)]
struct Wanted {
    want: Want,
    /// The server confirmed it, on this link.
    confirmed: bool,
    /// Sent to the server.
    asked: bool,
}

#[derive(Debug, Default)]
struct Channels {
    wanted: HashMap<Channel, Wanted>,
    /// To be subscribed; may name what is not wanted any more.
    fresh: Vec<Channel>,
    /// Nobody wants these any more; may name what is wanted again.
    stale: std::collections::VecDeque<(Instant, Channel)>,
}

/// See the module.
pub(super) struct Inbound {
    channels: Mutex<Channels>,
    /// There is something to subscribe or, soon, to unsubscribe.
    changed: Notify,
    /// Something was confirmed, or the link broke.
    settled: Notify,
    whole: watch::Sender<bool>,
    /// When the link was last known to be well.
    heard_at: AtomicI64,
}

/// What the link does with what it hears.
pub(super) trait Ears: Send + Sync {
    /// A message.
    fn hear(&self, payload: &[u8]);
    /// The link broke; since then it may not have been well.
    fn deaf_since(&self, since: Millis);
    /// All channels are subscribed again; what was said since then may be missing.
    fn missed_since(&self, since: Millis);
    /// A channel is not subscribed any more.
    fn unlisted(&self, channel: Channel);
}

impl Inbound {
    pub(super) fn new(now: Millis) -> Arc<Self> {
        Arc::new(Self {
            channels: Mutex::default(),
            changed: Notify::new(),
            settled: Notify::new(),
            whole: watch::Sender::new(false),
            heard_at: AtomicI64::new(now),
        })
    }

    pub(super) fn listen(&self, channel: Channel) {
        let mut channels = self.channels();
        let Channels { wanted, fresh, .. } = &mut *channels;
        let there = wanted.entry(channel).or_insert(Wanted {
            want: Want::Yes,
            confirmed: false,
            asked: false,
        });
        there.want = Want::Yes;
        if !there.asked {
            there.asked = true;
            fresh.push(channel);
            drop(channels);
            self.changed.notify_one();
        }
    }

    pub(super) fn unlisten(&self, channel: Channel) {
        let at = Instant::now() + Duration::from_millis(LINGER_MS);
        let mut channels = self.channels();
        let Some(there) = channels.wanted.get_mut(&channel) else { return };
        if there.want == Want::Yes {
            there.want = Want::Until(at);
            channels.stale.push_back((at, channel));
            drop(channels);
            self.changed.notify_one();
        }
    }

    pub(super) async fn listening(&self, channel: Channel) {
        let wait = async {
            loop {
                let settled = self.settled.notified();
                tokio::pin!(settled);
                settled.as_mut().enable();
                let confirmed = {
                    let channels = self.channels();
                    channels.wanted.get(&channel).is_none_or(|there| there.confirmed)
                };
                if confirmed || !self.is_whole() {
                    return;
                }
                settled.await;
            }
        };
        let _ = timeout(Duration::from_millis(LISTENING_WAIT_MS), wait).await;
    }

    /// The link is there, and all that was wanted when it was made is subscribed.
    pub(super) fn is_whole(&self) -> bool {
        *self.whole.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<bool> {
        self.whole.subscribe()
    }

    fn channels(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a link, for ever.
    pub(super) async fn run(self: Arc<Self>, shard: Arc<Shard>, clock: Clock, ears: Arc<dyn Ears>) {
        let mut pause_ms = BACKOFF_MS.0;
        loop {
            let begun = Instant::now();
            if let Ok(link) = shard.listen().await {
                let (sink, stream) = link.split();
                let hears = self.hear(stream, &clock, &*ears);
                let asks = self.keep(sink, &clock, &*ears);
                tokio::select! {
                    () = hears => {}
                    () = asks => {}
                }
            }
            self.broke(&shard, &*ears);
            if begun.elapsed() > Duration::from_millis(BACKOFF_MS.1) {
                pause_ms = BACKOFF_MS.0;
            }
            sleep(jittered(pause_ms)).await;
            pause_ms = (pause_ms * 2).min(BACKOFF_MS.1);
        }
    }

    async fn hear(&self, mut stream: PubSubStream, clock: &Clock, ears: &dyn Ears) {
        while let Some(message) = stream.next().await {
            if self.is_whole() {
                self.heard_at.store(clock.now(), Ordering::SeqCst);
            }
            ears.hear(message.get_payload_bytes());
        }
    }

    /// Keeps the subscriptions of one link in line, until it breaks.
    async fn keep(&self, mut sink: PubSubSink, clock: &Clock, ears: &dyn Ears) {
        let mut all: Vec<Channel> = self.begin();
        if confirmed(sink.subscribe(BROADCAST)).await.is_err() {
            return;
        }
        while !all.is_empty() {
            let some = all.split_off(all.len().saturating_sub(SUBSCRIBE_BATCH));
            if self.subscribe(&mut sink, some).await.is_err() {
                return;
            }
        }
        let since = self.heard_at.swap(clock.now(), Ordering::SeqCst);
        self.whole.send_replace(true);
        self.settled.notify_waiters();
        ears.missed_since(since);
        let mut ping_at = Instant::now() + Duration::from_millis(PING_MS);
        loop {
            let fresh = self.take_fresh();
            if !fresh.is_empty() {
                if self.subscribe(&mut sink, fresh).await.is_err() {
                    return;
                }
                continue;
            }
            let stale = self.take_stale();
            if !stale.is_empty() {
                let names: Vec<String> = stale.iter().map(Channel::to_string).collect();
                if confirmed(sink.unsubscribe(&names)).await.is_err() {
                    return;
                }
                for channel in stale {
                    ears.unlisted(channel);
                }
                continue;
            }
            let next_stale = self.channels().stale.front().map(|(at, _)| *at);
            tokio::select! {
                () = self.changed.notified() => {}
                () = sleep_until(next_stale.unwrap_or(ping_at)), if next_stale.is_some() => {}
                () = sleep_until(ping_at) => {
                    if confirmed(sink.ping::<redis::Value>()).await.is_err() {
                        return;
                    }
                    self.heard_at.store(clock.now(), Ordering::SeqCst);
                    ping_at = Instant::now() + Duration::from_millis(PING_MS);
                }
            }
        }
    }

    /// A new link knows nothing: all that is wanted.
    fn begin(&self) -> Vec<Channel> {
        let mut channels = self.channels();
        channels.fresh.clear();
        for there in channels.wanted.values_mut() {
            there.asked = true;
        }
        channels.wanted.keys().copied().collect()
    }

    async fn subscribe(&self, sink: &mut PubSubSink, some: Vec<Channel>) -> Result<(), ()> {
        let names: Vec<String> = some.iter().map(Channel::to_string).collect();
        confirmed(sink.subscribe(&names)).await?;
        let mut channels = self.channels();
        for channel in some {
            if let Some(there) = channels.wanted.get_mut(&channel) {
                there.confirmed = true;
            }
        }
        drop(channels);
        self.settled.notify_waiters();
        Ok(())
    }

    fn take_fresh(&self) -> Vec<Channel> {
        let mut channels = self.channels();
        let keep = channels.fresh.len().saturating_sub(SUBSCRIBE_BATCH);
        channels.fresh.split_off(keep)
    }

    /// What nobody has wanted for long enough.
    fn take_stale(&self) -> Vec<Channel> {
        let now = Instant::now();
        let mut channels = self.channels();
        let mut taken = Vec::new();
        while taken.len() < SUBSCRIBE_BATCH
            && let Some(&(at, channel)) = channels.stale.front().filter(|(at, _)| *at <= now)
        {
            channels.stale.pop_front();
            // Somebody may have come back, and may have left again later.
            let over = channels.wanted.get(&channel).is_some_and(|w| w.want == Want::Until(at));
            if over {
                channels.wanted.remove(&channel);
                taken.push(channel);
            }
        }
        taken
    }

    fn broke(&self, shard: &Shard, ears: &dyn Ears) {
        if self.whole.send_replace(false) {
            tracing::warn!(server = shard.name(), "the link that listens broke");
            metrics::counter!("sanctuary_bus_links_broken_total").increment(1);
            ears.deaf_since(self.heard_at.load(Ordering::SeqCst));
        }
        for there in self.channels().wanted.values_mut() {
            there.confirmed = false;
        }
        self.settled.notify_waiters();
    }
}

async fn confirmed<T>(asked: impl Future<Output = redis::RedisResult<T>>) -> Result<(), ()> {
    match timeout(Duration::from_millis(CONFIRM_TIMEOUT_MS), asked).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}

/// Between half of it and all of it, so that nodes do not come all at once.
fn jittered(ms: u64) -> Duration {
    let lot = crate::id::random::<1>().map_or(128, |[byte]| u64::from(byte));
    Duration::from_millis(ms / 2 + ms * lot / 512)
}
