//! Rates across nodes, in Redis. Each node has limiters of its own; this makes several of them
//! act like one, nearly.
//!
//! - Logins and registrations are rare: each asks a [`Counter`] that all nodes share, in one
//!   round trip. Exact while Redis answers; else each node goes by its own limiter.
//! - Commands are frequent: no command waits for Redis. Once a second a node [`tells`] the others
//!   who used more than half of a rate, and they charge that to their own limiters.
//!
//! How near: who goes by N nodes at once gets through, in the long run, at most N/2 times the
//! rate (below half of it on each node nobody tells), and never less than the rate of one node.
//! A burst counts on each node by itself until it is told of, a second later.
//!
//! [`tells`]: exchange

use crate::limits::{Rates, Usage};
use crate::redis::{Epoch, Peers, Redis, Shard};
use futures_util::StreamExt as _;
use redis::Script;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take.lua")));

/// A counter that does not answer in this time is done without.
pub const COUNTER_WAIT_MS: u64 = 300;
/// Nodes tell one another this often.
pub const TELL_MS: u64 = 1_000;
/// People whom one word to the others is about; those who used most come first.
pub const TOLD_PEOPLE_MAX: usize = 1_000;
/// The channel of those words.
const CHANNEL: &str = "rates";
/// After a connection that broke.
const RETRY: Duration = Duration::from_millis(500);

/// So many in so much time, and as many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many.
    pub count: NonZeroU32,
    /// In which time.
    pub period: Duration,
}

/// Counts for all nodes.
pub struct Counter {
    redis: Arc<Redis>,
}

impl Counter {
    /// In these servers.
    pub fn new(redis: Arc<Redis>) -> Arc<Self> {
        Arc::new(Self { redis })
    }

    /// Takes one for `id` from a rate of this name; `Some`: there is none, come back after that.
    /// Where nobody can say, it is taken.
    pub async fn take(&self, name: &str, id: uuid::Uuid, quota: Quota) -> Option<Duration> {
        let key = format!("{CHANNEL}:{name}:{id}");
        let shard = self.redis.shard(key.as_bytes());
        let mut call = TAKE.prepare_invoke();
        call.key(key).arg(quota.count.get());
        call.arg(u64::try_from(quota.period.as_millis()).unwrap_or(u64::MAX));
        let limit = Duration::from_millis(COUNTER_WAIT_MS);
        match timeout(limit, shard.script::<u64>(&call)).await {
            Ok(Ok(0)) => None,
            Ok(Ok(wait_ms)) => Some(Duration::from_millis(wait_ms)),
            Ok(Err(_)) | Err(_) => {
                metrics::counter!("sanctuary_rates_uncounted_total").increment(1);
                None
            }
        }
    }
}

/// What a node tells the others.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    from: Epoch,
    used: Vec<Usage>,
}

/// Tells the other nodes who was busy here, and charges what they tell. For ever.
pub async fn exchange(redis: Arc<Redis>, peers: Arc<Peers>, rates: Arc<Rates>) {
    let shard = redis.shard(CHANNEL.as_bytes());
    tokio::join!(tell(shard, &peers, &rates), hear(shard, &peers, &rates));
}

async fn tell(shard: &Shard, peers: &Peers, rates: &Rates) {
    let mut rounds = interval(Duration::from_millis(TELL_MS));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let mut used = rates.busy();
        if used.is_empty() {
            continue;
        }
        used.sort_unstable_by_key(|usage| std::cmp::Reverse(usage.commands.max(usage.writes)));
        used.truncate(TOLD_PEOPLE_MAX);
        let told = Told { from: peers.epoch(), used };
        let bytes = protocol::Format::MessagePack.encode(&told);
        // What is lost is lost: the next word comes in a second.
        let _ = shard.query::<i64>(redis::cmd("PUBLISH").arg(CHANNEL).arg(bytes)).await;
    }
}

async fn hear(shard: &Shard, peers: &Peers, rates: &Rates) {
    loop {
        if let Ok(mut connection) = shard.listen().await
            && connection.subscribe(CHANNEL).await.is_ok()
        {
            let mut words = connection.on_message();
            while let Some(word) = words.next().await {
                let told = protocol::Format::MessagePack.decode::<Told>(word.get_payload_bytes());
                if let Ok(told) = told
                    && told.from != peers.epoch()
                {
                    told.used.iter().take(TOLD_PEOPLE_MAX).for_each(|usage| rates.charge(usage));
                }
            }
        }
        sleep(RETRY).await;
    }
}
