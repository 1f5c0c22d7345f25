//! Which nodes live: each holds a lease, `node:<name>`, on every server.
//!
//! The value of a lease is the node's *epoch*: fresh for each life of a process, and again when
//! its own lease ran out because it was paused or cut off. Who finds an epoch that no live node
//! has, knows that its owner is over.
//!
//! Two processes of one name: the second waits until the lease of the first has run out (it
//! crashed), and refuses to start if it is refreshed meanwhile (it lives). Where they come to
//! clash later, because Redis was away when they started, the one that finds the lease taken
//! says so by [`Peers::clash`] and never has a live epoch.

use super::lease::{Lease, Tempo, Told, next_view};
use super::{Redis, Result, Shard};
use futures_util::future::join_all;
use redis::{Script, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

static LEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lease.lua")));

/// One life of a node.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Epoch(pub Uuid);

impl Epoch {
    /// A new one.
    pub fn fresh() -> Self {
        Self(crate::id::fresh())
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A node in one of its lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name, from the settings.
    pub name: Arc<str>,
    /// Its life.
    pub epoch: Epoch,
}

/// Who lives, as this node knows.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Sorted by name; this node is among them while it holds its lease.
    pub nodes: Arc<[Node]>,
    /// Every server answered, and none had lost its data. If not, who is here may be gone.
    pub certain: bool,
    /// Rises with each life of another node that ended without a goodbye that was heard.
    pub lapses: u64,
    /// Rises when this node's own lease had run out, and with it its epoch.
    pub own_lapses: u64,
    /// Rises when a server had lost its data (a flush, a restart without a disk).
    pub forgotten: u64,
}

impl View {
    /// Whether a life goes on.
    pub fn is_live(&self, epoch: Epoch) -> bool {
        self.nodes.iter().any(|node| node.epoch == epoch)
    }
}

/// Why a node may not take part.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Another process has its name.
    #[error(
        "another process named {name} is running: give each node a name of its own (--node NAME)"
    )]
    NameTaken {
        /// The name.
        name: String,
    },
}

/// See the module.
pub struct Peers {
    redis: Arc<Redis>,
    name: Arc<str>,
    tempo: Tempo,
    lease: Mutex<Lease>,
    /// For how long who is missing may still live.
    forgot_until: Mutex<Option<Instant>>,
    view: watch::Sender<View>,
    clash: watch::Sender<bool>,
}

impl Peers {
    /// Takes this node's lease. A server that is away is no reason not to start.
    pub async fn join(
        redis: Arc<Redis>,
        name: &str,
        tempo: Tempo,
    ) -> std::result::Result<Arc<Self>, JoinError> {
        let peers = Arc::new(Self {
            redis,
            name: name.into(),
            tempo,
            lease: Mutex::new(Lease::new(tempo.lease)),
            forgot_until: Mutex::default(),
            view: watch::Sender::default(),
            clash: watch::Sender::default(),
        });
        let mut said = false;
        let mut last_left: BTreeMap<usize, i64> = BTreeMap::new();
        while peers.refresh().await {
            if !said {
                tracing::warn!(
                    node = name,
                    lease_s = tempo.lease.as_secs(),
                    "an earlier process of this name ended without a goodbye, or still runs: \
                     waiting until its lease in Redis has run out"
                );
                said = true;
            }
            for (at, shard) in peers.redis.shards().iter().enumerate() {
                let Ok(left) = shard.query::<i64>(redis::cmd("PTTL").arg(peers.key())).await else {
                    continue;
                };
                // A lease only gets shorter, unless its holder lives.
                if last_left.insert(at, left).is_some_and(|before| left > before) {
                    return Err(JoinError::NameTaken { name: name.to_owned() });
                }
            }
            sleep(tempo.refresh / 10).await;
        }
        Ok(peers)
    }

    /// This node's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// This node's life. It changes when its lease ran out: ask each time.
    pub fn epoch(&self) -> Epoch {
        let (epoch, lapsed) = {
            let mut lease = self.lease();
            let lapsed = lease.lapse(Instant::now());
            (lease.epoch, lapsed)
        };
        if lapsed {
            tracing::warn!(node = %self.name, "this node's lease had run out: it begins anew");
            metrics::counter!("sanctuary_node_own_lapses_total").increment(1);
            self.view.send_modify(|view| view.own_lapses += 1);
        }
        epoch
    }

    /// Others know just now that this node lives.
    pub fn is_held(&self) -> bool {
        self.lease().is_held(Instant::now())
    }

    /// Who lives, as it changes.
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.subscribe()
    }

    /// Whether a life goes on, as far as this node knows.
    pub fn is_live(&self, epoch: Epoch) -> bool {
        self.view.borrow().is_live(epoch)
    }

    /// A node said goodbye: its life is over, and nothing of it is missing.
    pub fn dismiss(&self, epoch: Epoch) {
        self.view.send_if_modified(|view| {
            let left: Arc<[Node]> =
                view.nodes.iter().filter(|node| node.epoch != epoch).cloned().collect();
            let changed = left.len() != view.nodes.len();
            view.nodes = left;
            changed
        });
    }

    /// Another process has this node's name, and was first.
    pub fn clash(&self) -> watch::Receiver<bool> {
        self.clash.subscribe()
    }

    /// Keeps the lease, for ever.
    pub async fn run(self: Arc<Self>) {
        let mut losses: Vec<_> = self.redis.shards().iter().map(|shard| shard.watch()).collect();
        loop {
            let back = losses.iter_mut().map(|health| {
                Box::pin(async move {
                    // A server that is back knows nothing yet.
                    while health.changed().await.is_ok() && !health.borrow_and_update().up {}
                })
            });
            tokio::select! {
                () = sleep(self.tempo.refresh) => {}
                _ = futures_util::future::select_all(back) => {}
            }
            self.refresh().await;
        }
    }

    /// Gives the lease back: others know at once that this node is gone.
    pub async fn leave(&self) {
        let goodbyes = self.redis.shards().iter().map(|shard| self.ask(shard, Duration::ZERO));
        join_all(goodbyes).await;
    }

    /// Refreshes the lease and the view. True: somebody else has the name.
    async fn refresh(&self) -> bool {
        let sent = Instant::now();
        let epoch = self.epoch();
        let asked = self.redis.shards().iter().map(|shard| self.ask(shard, self.tempo.lease));
        let told: Vec<Option<Told>> = join_all(asked).await.into_iter().map(Result::ok).collect();
        let clash = told.iter().flatten().any(|told| told.holder.is_some());
        // Also after this node was cut off for long: what it finds missing is not gone.
        let was_known = self.lease().known;
        let forgot = was_known && told.iter().flatten().any(|told| !told.was);
        if told.iter().flatten().any(|told| told.holder.is_none()) {
            self.lease().refreshed(epoch, sent);
        }
        let now = Instant::now();
        let in_doubt = {
            let mut until = self.forgot_until.lock().unwrap_or_else(PoisonError::into_inner);
            if forgot {
                *until = Some(now + self.tempo.lease);
            }
            until.is_some_and(|until| now < until)
        };
        self.view.send_modify(|view| {
            let lapses = view.lapses;
            *view = next_view(view, &told, in_doubt);
            view.forgotten += u64::from(forgot);
            if view.lapses > lapses {
                metrics::counter!("sanctuary_peer_lapses_total").increment(view.lapses - lapses);
            }
        });
        metrics::gauge!("sanctuary_nodes").set(count(self.view.borrow().nodes.len()));
        let changed = self.clash.send_if_modified(|was| std::mem::replace(was, clash) != clash);
        if changed && clash && was_known {
            tracing::error!(node = %self.name, "another process has this node's name");
        }
        clash
    }

    /// Refreshes the lease on one server; for no time: gives it back.
    async fn ask(&self, shard: &Shard, lease: Duration) -> Result<Told> {
        let (epoch, before) = {
            let lease = self.lease();
            (lease.epoch, lease.before)
        };
        let mut call = LEASE.prepare_invoke();
        call.key(self.key()).key("nodes").arg(&*self.name).arg(epoch.to_string());
        call.arg(before.map_or_else(String::new, |epoch| epoch.to_string()));
        call.arg(u64::try_from(lease.as_millis()).unwrap_or(u64::MAX));
        let reply: Vec<Value> = shard.script(&call).await?;
        Ok(read(&reply))
    }

    fn key(&self) -> String {
        format!("node:{}", self.name)
    }

    fn lease(&self) -> MutexGuard<'_, Lease> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number for a gauge.
fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

/// See `lease.lua`.
fn read(reply: &[Value]) -> Told {
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).unwrap_or_default(),
        _ => String::new(),
    };
    let epoch = |value: &Value| Uuid::parse_str(&text(value)).ok().map(Epoch);
    let Some(([holder, was], nodes)) = reply.split_first_chunk() else { return Told::default() };
    let nodes = nodes.as_chunks::<2>().0.iter();
    Told {
        // What is no epoch is somebody's all the same.
        holder: (!text(holder).is_empty()).then(|| epoch(holder).unwrap_or(Epoch(Uuid::nil()))),
        was: matches!(was, Value::Int(1)),
        nodes: nodes.filter_map(|[name, life]| Some((text(name).into(), epoch(life)?))).collect(),
    }
}
