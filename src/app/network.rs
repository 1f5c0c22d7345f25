//! The way to the other nodes that the settings name: none, or Redis.

use super::StartError;
use crate::bus::{Bus, LocalBus, Message, Publication, RedisBus, RedisDrain, Suspects};
use crate::clock::{Clock, Reference};
use crate::config::Settings;
use crate::error::unavailable;
use crate::features::conversations::Conversations;
use crate::http::Check;
use crate::log::{self, Log};
use crate::presence;
use crate::redis::{Peers, Redis, Tempo};
use crate::timers::{Others, Share};
use protocol::Topic;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// See the module.
pub struct Network {
    /// For those who publish and listen.
    pub bus: Arc<dyn Bus>,
    /// What the hub drains.
    pub from_bus: mpsc::Receiver<Message>,
    /// Redis, where there is one.
    pub cluster: Option<Cluster>,
}

/// What a node shares with others over Redis.
pub struct Cluster {
    /// The servers.
    pub redis: Arc<Redis>,
    /// The bus itself.
    pub bus: Arc<RedisBus>,
    /// The leases; `None`: this process is no node.
    pub peers: Option<Arc<Peers>>,
    drain: Option<RedisDrain>,
    /// Refreshes the lease, from when it was taken: what comes before serving may take longer.
    keeper: Option<JoinHandle<()>>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.abort();
        }
    }
}

/// Nodes were not told of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "Redis is away: what was changed is kept, but servers that run beside this were not told, \
     and find it when they look again"
)]
pub struct Untold;

/// The other nodes, and what is shared with them.
#[derive(Clone)]
pub struct Nodes {
    /// Redis between the nodes.
    pub redis: Arc<Redis>,
    /// Who lives.
    pub peers: Arc<Peers>,
    /// How long things of presence take.
    pub presence: presence::Tempo,
}

impl Network {
    /// Of a single node.
    pub fn local() -> Self {
        let (bus, from_bus) = LocalBus::new();
        Self { bus: Arc::new(bus), from_bus, cluster: None }
    }

    /// Of a node. Waits for an earlier process of its name, and refuses if that one lives.
    pub async fn node(settings: &Settings, clock: &Clock) -> Result<Self, StartError> {
        Self::node_with(settings, clock, Tempo::default()).await
    }

    /// The same, with leases of another length; for tests.
    pub async fn node_with(
        settings: &Settings,
        clock: &Clock,
        tempo: Tempo,
    ) -> Result<Self, StartError> {
        if settings.redis.is_empty() {
            return Ok(Self::local());
        }
        let redis = Redis::open(&settings.redis)?;
        let peers = Peers::join(Arc::clone(&redis), &settings.node, tempo).await?;
        let keeper = Some(tokio::spawn(Arc::clone(&peers).run()));
        let (bus, drain, from_bus) = RedisBus::new(Arc::clone(&redis), clock.clone());
        let (peers, drain) = (Some(peers), Some(drain));
        let cluster = Cluster { redis, bus: Arc::clone(&bus), peers, drain, keeper };
        Ok(Self { bus, from_bus, cluster: Some(cluster) })
    }

    /// Of a process beside the nodes, which publishes and hears nothing.
    pub fn publisher(settings: &Settings, clock: &Clock) -> Result<Self, StartError> {
        if settings.redis.is_empty() {
            return Ok(Self::local());
        }
        let redis = Redis::open(&settings.redis)?;
        let bus = RedisBus::publisher(Arc::clone(&redis), clock.clone());
        let (_, from_bus) = mpsc::channel(1);
        let (peers, drain, keeper) = (None, None, None);
        let cluster = Cluster { redis, bus: Arc::clone(&bus), peers, drain, keeper };
        Ok(Self { bus, from_bus, cluster: Some(cluster) })
    }
}

impl Cluster {
    /// Begins to hear the others. What runs, and keeps the lease, is the caller's to end.
    pub(super) fn start(&mut self, log: &Arc<dyn Log>) -> Vec<JoinHandle<()>> {
        let (Some(drain), Some(peers)) = (self.drain.take(), &self.peers) else {
            return Vec::new();
        };
        self.bus.start(drain, Arc::clone(log), peers, joined);
        self.keeper.take().into_iter().collect()
    }

    /// What presence and rates need of the other nodes; `None`: this process is no node.
    pub fn nodes(&self, presence: presence::Tempo) -> Option<Nodes> {
        let (redis, peers) = (Arc::clone(&self.redis), Arc::clone(self.peers.as_ref()?));
        Some(Nodes { redis, peers, presence })
    }

    /// What may be missing here.
    pub fn suspects(&self) -> &Arc<Suspects> {
        self.bus.suspects()
    }

    /// The clocks of the servers.
    pub(super) fn references(&self) -> impl Iterator<Item = Reference> + '_ {
        self.redis.shards().iter().map(|shard| {
            let shard = Arc::clone(shard);
            Reference::new(shard.name().to_owned(), move || {
                let shard = Arc::clone(&shard);
                async move { shard.time().await.map_err(|_| unavailable()) }
            })
        })
    }

    /// This node's share of the timers; `None`: this process is no node.
    pub(super) fn share(&self) -> Option<Share> {
        let peers = self.peers.as_ref()?;
        let view = peers.view();
        Some(Share::among(peers.name().to_string(), move || {
            let view = view.borrow();
            if !view.certain {
                return Others::Unknown;
            }
            Others::Known(view.nodes.iter().map(|node| node.name.to_string()).collect())
        }))
    }

    /// For `/readyz`: nothing is refused while Redis is away.
    pub(super) fn checks(&self) -> Vec<Check> {
        let bus = Arc::clone(&self.bus);
        let mut checks = vec![Check::degrading("redis", move || std::future::ready(bus.health()))];
        if let Some(peers) = &self.peers {
            let clash = peers.clash();
            checks.push(Check::new("node", move || {
                let taken = *clash.borrow();
                let says = || "another process has this node's name".to_owned();
                std::future::ready(if taken { Err(says()) } else { Ok(()) })
            }));
        }
        checks
    }

    /// Sends what waits, and says goodbye.
    pub(super) async fn close(&self) {
        self.bus.close(self.peers.as_deref()).await;
    }

    /// The same for a process beside the nodes, for which nobody looks when it is gone.
    pub(super) async fn close_beside(&self) -> Result<(), Untold> {
        let told = self.bus.settle().await;
        self.close().await;
        if told { Ok(()) } else { Err(Untold) }
    }
}

/// The conversation that an event of a feed brought somebody into.
fn joined(publication: &Publication) -> Option<Topic> {
    if !log::is_named(&publication.body, "conversation.joined") {
        return None;
    }
    let Publication { topic, seq, at, body, .. } = publication.clone();
    let entry = log::Entry { seq, at, sender: None, body };
    let push = log::decode(topic, &entry).ok()?;
    Conversations::joined(&push.body).map(Topic::Conversation)
}
