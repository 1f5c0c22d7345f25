//! The bus between nodes, by Redis pub/sub.
//!
//! What this node publishes goes to its own hub at once, whether Redis is there or not, and to
//! Redis once for each channel of the audience. Promises: nothing waits for a server that is
//! away; what may be lost is known, here by [`Suspects`], on other nodes by a `resync`.
//!
//! Does not know: who is connected, what an event means, how it is repaired.

mod inbound;
mod outbound;
mod wire;

pub use inbound::{LINGER_MS, LISTENING_WAIT_MS, SUBSCRIBE_BATCH};
pub use outbound::{
    BATCH_BYTES_MAX, BATCH_MESSAGES_MAX, FULL_WAIT_MS, GATHER_MS, QUEUE_BYTES_MAX, QUEUE_OUT_MAX,
};

use super::sequencer::{self, Feed, Joined};
use super::{Bus, Channel, Control, Message, Notice, Publication, QUEUE_MESSAGES_MAX, Suspects};
use crate::clock::Clock;
use crate::log::Log;
use crate::redis::{LEASE_MS, Peers, REFRESH_MS, Redis};
use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use inbound::{Ears, Inbound};
use outbound::{Outbound, with_patience, with_patience_blocking};
use protocol::Millis;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

/// What waits is written, when the node ends, for no longer than this.
const FLUSH_TIMEOUT_MS: u64 = 2_000;
/// A process that ends waits so long for a Redis that is away, to tell the nodes by a `resync`
/// that something may be missing. The connection itself tries every half second.
const SETTLE_TIMEOUT_MS: u64 = 5_000;
/// A node that died published nothing for longer than this before others noticed, by their
/// clocks.
pub(super) const LAPSE_MS: Millis = (LEASE_MS + REFRESH_MS).cast_signed();

/// One server: what goes there and what comes from there.
struct Way {
    out: Arc<Outbound>,
    into: Arc<Inbound>,
}

/// See the module.
pub struct RedisBus {
    /// This bus, to know its own words by.
    own: Uuid,
    redis: Arc<Redis>,
    ways: Vec<Way>,
    clock: Clock,
    /// To the own hub; `None`: there is none, this process only publishes.
    feed: Option<mpsc::Sender<Feed>>,
    suspects: Arc<Suspects>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// What [`RedisBus::start`] needs: the other end of the queue.
pub struct RedisDrain {
    feed: mpsc::Receiver<Feed>,
    hub: mpsc::Sender<Message>,
}

impl RedisBus {
    /// The bus of a node, what its task needs, and the end that the hub drains.
    pub fn new(
        redis: Arc<Redis>,
        clock: Clock,
    ) -> (Arc<Self>, RedisDrain, mpsc::Receiver<Message>) {
        let (feed, fed) = mpsc::channel(QUEUE_MESSAGES_MAX);
        let (hub, drain) = mpsc::channel(QUEUE_MESSAGES_MAX);
        (Self::over(redis, clock, Some(feed)), RedisDrain { feed: fed, hub }, drain)
    }

    /// A bus that only publishes: for a process beside the nodes.
    pub fn publisher(redis: Arc<Redis>, clock: Clock) -> Arc<Self> {
        Self::over(redis, clock, None)
    }

    fn over(redis: Arc<Redis>, clock: Clock, feed: Option<mpsc::Sender<Feed>>) -> Arc<Self> {
        describe_metrics();
        let own = crate::id::fresh();
        let ways = redis.shards().iter().map(|shard| Way {
            out: Outbound::start(own, Arc::clone(shard), clock.clone()),
            into: Inbound::new(clock.now()),
        });
        let ways = ways.collect();
        let (suspects, tasks) = (Arc::default(), Mutex::default());
        Arc::new(Self { own, redis, ways, clock, feed, suspects, tasks })
    }

    /// Begins to listen to the others. `peers`: their leases. `joined`: see the sequencer.
    pub fn start(
        self: &Arc<Self>,
        drain: RedisDrain,
        log: Arc<dyn Log>,
        peers: &Arc<Peers>,
        joined: impl Fn(&Publication) -> Option<protocol::Topic> + Send + Sync + 'static,
    ) {
        let joined: Joined = Arc::new(joined);
        let mut tasks = vec![
            tokio::spawn(sequencer::run(
                sequencer::Around {
                    log,
                    clock: self.clock.clone(),
                    suspects: Arc::clone(&self.suspects),
                    joined,
                },
                drain.feed,
                drain.hub,
            )),
            tokio::spawn(watch_peers(
                Arc::clone(&self.suspects),
                Arc::clone(peers),
                self.clock.clone(),
            )),
        ];
        if let Some(feed) = &self.feed {
            let ears: Arc<dyn Ears> = Arc::new(Hearing {
                own: self.own,
                feed: feed.clone(),
                suspects: Arc::clone(&self.suspects),
                peers: Arc::clone(peers),
                clock: self.clock.clone(),
            });
            for (way, shard) in self.ways.iter().zip(self.redis.shards()) {
                let run = Arc::clone(&way.into).run(
                    Arc::clone(shard),
                    self.clock.clone(),
                    Arc::clone(&ears),
                );
                tasks.push(tokio::spawn(run));
            }
        }
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).extend(tasks);
    }

    /// What may be missing here.
    pub fn suspects(&self) -> &Arc<Suspects> {
        &self.suspects
    }

    /// Everything that others publish arrives here, as far as is known.
    pub fn is_whole(&self) -> bool {
        self.redis.is_up() && self.is_listening()
    }

    /// All channels are subscribed on every server.
    pub fn is_listening(&self) -> bool {
        self.ways.iter().all(|way| way.into.is_whole())
    }

    /// Resolves when that is so.
    pub async fn whole(&self) {
        for way in &self.ways {
            let _ = way.into.watch().wait_for(|whole| *whole).await;
        }
        for shard in self.redis.shards() {
            let _ = shard.watch().wait_for(|health| health.up).await;
        }
    }

    /// For `/readyz`.
    pub fn health(&self) -> Result<(), String> {
        self.redis.health()?;
        if self.is_whole() { Ok(()) } else { Err("not all channels are subscribed yet".to_owned()) }
    }

    /// Compares the topics that are active here with their heads now, as happens each minute.
    pub async fn compare_heads(&self) {
        if let Some(feed) = &self.feed {
            let _ = feed.send(Feed::Net).await;
        }
    }

    /// Sends what waits.
    pub async fn flush(&self) {
        let flushed = join_all(self.ways.iter().map(|way| way.out.flush()));
        let _ = timeout(Duration::from_millis(FLUSH_TIMEOUT_MS), flushed).await;
    }

    /// Sends what waits; where something was lost, waits until the others are told, for a bounded
    /// time. False: they were not.
    pub async fn settle(&self) -> bool {
        self.flush().await;
        let settled = join_all(self.ways.iter().map(|way| way.out.settled()));
        timeout(Duration::from_millis(SETTLE_TIMEOUT_MS), settled).await.is_ok()
    }

    /// Sends what waits, and, as a node, says goodbye.
    pub async fn close(&self, peers: Option<&Peers>) {
        self.flush().await;
        if let Some(peers) = peers {
            // Who owes a resync does not say goodbye: its lease lapses, and the others look.
            if self.ways.iter().all(|way| !way.out.owes()) {
                let goodbye = wire::goodbye(self.own, peers.epoch());
                for way in &self.ways {
                    way.out.signal(outbound::BROADCAST.to_owned(), goodbye.clone());
                }
                self.flush().await;
            }
            peers.leave().await;
        }
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }

    /// For tests: the next publications to Redis are lost, and nobody notices.
    pub fn lose(&self, publications: u32) {
        self.ways.iter().for_each(|way| way.out.lose(publications));
    }

    /// For tests: how many are still to be lost.
    pub fn to_lose(&self) -> u32 {
        self.ways.iter().map(|way| way.out.to_lose()).sum()
    }

    /// Tells all other nodes that something may be missing.
    pub async fn resync(&self) {
        join_all(self.ways.iter().map(|way| way.out.resync())).await;
    }

    /// For measurements: each publication in a pipeline of its own.
    pub fn publish_singly(&self, on: bool) {
        self.ways.iter().for_each(|way| way.out.singly(on));
    }

    /// The way to whoever listens to a channel, and its name there.
    fn way(&self, channel: Channel) -> Option<(&Way, String)> {
        let name = channel.to_string();
        Some((self.ways.get(self.redis.index(name.as_bytes()))?, name))
    }

    /// Queues an event for all its channels; those whose queue is full come back.
    fn send(&self, publication: &Publication) -> Vec<(&Outbound, (String, Bytes))> {
        let payload = wire::event(self.own, publication);
        let mut full = Vec::new();
        for &channel in &publication.audience {
            let Some((way, name)) = self.way(channel) else { continue };
            if let Err(back) = way.out.event(name, payload.clone()) {
                full.push((&*way.out, back));
            }
        }
        full
    }
}

impl Bus for RedisBus {
    fn publish_blocking(&self, publications: Vec<Publication>) {
        for publication in publications {
            let full = self.send(&publication);
            if let Some(feed) = &self.feed {
                // Closed means that the node ends; what was published is in the log.
                let _ = feed.blocking_send(Feed::Message(Message::Event(publication)));
            }
            for (out, back) in full {
                with_patience_blocking(out, back);
            }
        }
    }

    fn publish(&self, publications: Vec<Publication>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            for publication in publications {
                let full = self.send(&publication);
                if let Some(feed) = &self.feed {
                    let _ = feed.send(Feed::Message(Message::Event(publication))).await;
                }
                for (out, back) in full {
                    with_patience(out, back).await;
                }
            }
        })
    }

    fn control(&self, control: Control) {
        if let Some((way, name)) = self.way(Channel::User(control.user())) {
            let payload = wire::control(self.own, &control);
            let name = if control.is_for_all() { outbound::BROADCAST.to_owned() } else { name };
            if way.out.event(name, payload).is_err() {
                way.out.drop_event();
            }
        }
    }

    fn listen(&self, channel: Channel) {
        if let Some((way, _)) = self.way(channel) {
            way.into.listen(channel);
        }
    }

    fn unlisten(&self, channel: Channel) {
        if let Some((way, _)) = self.way(channel) {
            way.into.unlisten(channel);
        }
    }

    fn listening(&self, channel: Channel) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some((way, _)) = self.way(channel) {
                way.into.listening(channel).await;
            }
        })
    }

    fn notify(&self, notice: Notice) {
        let payload = wire::notice(self.own, &notice);
        for &channel in &notice.audience {
            if let Some((way, name)) = self.way(channel) {
                way.out.signal(name, payload.clone());
            }
        }
        let Some(feed) = &self.feed else { return };
        if feed.try_send(Feed::Message(Message::Notice(notice))).is_err() {
            metrics::counter!("sanctuary_bus_notices_dropped_total").increment(1);
        }
    }
}

/// What is heard of the others.
struct Hearing {
    own: Uuid,
    feed: mpsc::Sender<Feed>,
    suspects: Arc<Suspects>,
    peers: Arc<Peers>,
    clock: Clock,
}

impl Ears for Hearing {
    fn hear(&self, payload: &[u8]) {
        match wire::read(self.own, payload) {
            Some(wire::Said::Message(message)) => {
                let is_signal = matches!(message, Message::Notice(_));
                // The link is read in any case: a hub that is behind must not fill the server.
                if self.feed.try_send(Feed::Message(message)).is_err() {
                    metrics::counter!("sanctuary_bus_overrun_total").increment(1);
                    if !is_signal {
                        self.suspects.raise(self.clock.now(), "overrun");
                    }
                }
            }
            Some(wire::Said::Resync(since)) => self.suspects.raise(since, "resync"),
            Some(wire::Said::Goodbye(epoch)) => self.peers.dismiss(epoch),
            None => {}
        }
    }

    fn deaf_since(&self, since: Millis) {
        self.suspects.doubt(since);
    }

    fn missed_since(&self, since: Millis) {
        self.suspects.raise(since, "link");
    }

    fn unlisted(&self, channel: Channel) {
        // Where this is lost, the topic is read once more than needed.
        let _ = self.feed.try_send(Feed::Unlisted(channel));
    }
}

async fn watch_peers(suspects: Arc<Suspects>, peers: Arc<Peers>, clock: Clock) {
    let mut views = peers.view();
    let mut seen = views.borrow_and_update().clone();
    while views.changed().await.is_ok() {
        let view = views.borrow_and_update().clone();
        if view.lapses > seen.lapses {
            suspects.raise(clock.now() - LAPSE_MS, "peer_lapsed");
        }
        if view.own_lapses > seen.own_lapses {
            suspects.raise(clock.now() - LAPSE_MS, "own_lapse");
        }
        seen = view;
    }
}

fn describe_metrics() {
    use metrics::describe_counter;
    describe_counter!("sanctuary_bus_published_total", "Publications that Redis took");
    describe_counter!("sanctuary_bus_batches_total", "Pipelines in which they went");
    describe_counter!("sanctuary_bus_dropped_total", "Publications that Redis did not get");
    describe_counter!("sanctuary_bus_overrun_total", "Messages heard while the hub was full");
    describe_counter!("sanctuary_bus_unreadable_total", "Messages of another format");
    describe_counter!("sanctuary_bus_links_broken_total", "Links to Redis that broke");
    describe_counter!("sanctuary_bus_suspect_total", "Why events may have been missing");
    describe_counter!("sanctuary_bus_gaps_total", "Gaps that were read from the log");
    describe_counter!("sanctuary_bus_duplicates_total", "Events that came again");
    describe_counter!("sanctuary_bus_held_full_total", "Times when too many events waited");
}
