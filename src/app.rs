//! The only place where parts are wired together.

mod engine;
mod features;
mod network;

pub use engine::Engine;
pub use network::{Cluster, Network, Nodes, Untold};

use crate::auth::{Authenticator, Vault};
use crate::bus::{Bus, Message, Suspects};
use crate::clock::{Clock, Following, NeverHeard, START_TIMEOUT_MS};
use crate::config::{Settings, StoreKind};
use crate::dispatch::{Dispatch, Features};
use crate::features::accounts::Accounts;
use crate::features::payments::Payments;
use crate::features::support::Support;
use crate::http::{self, Check, Metrics};
use crate::hub::Hub;
use crate::limits::{Allowed, Rates};
use crate::presence::{self, Presence, Registry};
use crate::rates::{Counter, exchange};
use crate::rights::{Rights, Sight};
use crate::session::{Repair, Sessions};
use crate::store::{Carry, Store};
use crate::timers::{Driver, Fire, Others, Share};
use crate::ws::{Edge, EdgeConfig, Server, TlsFiles};
use features::Ground;
use protocol::{Millis, UserId};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Going down, what follows from the last commits and firings has so long to be done; what is
/// not is left to the relay timers.
pub const SETTLE_TIMEOUT_MS: u64 = 5_000;

/// The clock that the settings ask for: a node among others takes the time that they share.
pub fn clock(settings: &Settings) -> Clock {
    if settings.store == StoreKind::Cql || !settings.redis.is_empty() {
        Clock::shared()
    } else {
        Clock::system()
    }
}

/// Between two looks after sessions because another process writes to the file.
const FOREIGN_REST_MS: u64 = 10_000;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error(transparent)]
    Store(#[from] crate::engine::sqlite::OpenError),
    /// The cluster.
    #[error(transparent)]
    Cluster(#[from] crate::engine::cql::OpenError),
    /// The file with the password of the cluster.
    #[error("cql.password_file {}: {cause}", path.display())]
    Password {
        /// The file.
        path: std::path::PathBuf,
        /// Why it can't be read.
        cause: std::io::Error,
    },
    /// The master key.
    #[error(transparent)]
    MasterKey(#[from] crate::auth::MasterKeyError),
    /// The mailer.
    #[error(transparent)]
    Mail(#[from] crate::mail::OpenError),
    /// Notifications and pushes.
    #[error(transparent)]
    Notifications(#[from] crate::features::notifications::OpenError),
    /// Payments.
    #[error(transparent)]
    Payments(#[from] crate::features::payments::OpenError),
    /// The servers between nodes.
    #[error(transparent)]
    Redis(#[from] crate::redis::OpenError),
    /// Another node is in the way.
    #[error(transparent)]
    Node(#[from] crate::redis::JoinError),
    /// The words that sound like an emergency.
    #[error(transparent)]
    Crisis(#[from] crate::features::support::ListError),
    /// What is kept can't be read or written.
    #[error(transparent)]
    Records(#[from] protocol::Error),
    /// Nobody says what time it is.
    #[error(transparent)]
    Clock(#[from] NeverHeard),
    /// The address, or the certificate.
    #[error("{listen}: {cause}")]
    Listen {
        /// What was to be listened on.
        listen: SocketAddr,
        /// Why not.
        cause: std::io::Error,
    },
}

/// What the server and the command line have in common: the data folder, and who people are.
pub struct Core {
    engine: Engine,
    clock: Clock,
    hub: Arc<Hub>,
    registry: Arc<dyn Registry>,
    nodes: Option<Nodes>,
    store: Arc<Store>,
    authenticator: Arc<Authenticator>,
    accounts: Arc<Accounts>,
    features: Arc<Features>,
    from_bus: mpsc::Receiver<Message>,
    /// Keeps the clock right, where it is a shared one.
    following: Option<Following>,
    share: Share,
    cluster: Option<Cluster>,
}

impl Core {
    /// Opens what the settings name, for a process beside the nodes: the command line.
    pub async fn open(settings: &Settings, clock: Clock) -> Result<Self, StartError> {
        Self::open_on(Network::publisher(settings, &clock)?, settings, clock).await
    }

    /// The same for a node.
    pub async fn open_node(settings: &Settings, clock: Clock) -> Result<Self, StartError> {
        Self::open_on(Network::node(settings, &clock).await?, settings, clock).await
    }

    async fn open_on(
        network: Network,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let Network { bus, from_bus, cluster } = network;
        let engine = Engine::open(settings, &clock, &bus).await?;
        // Before anything asks what time it is.
        let shards = cluster.iter().flat_map(Cluster::references);
        let references = std::iter::once(engine.time.clone()).chain(shards).collect();
        let limit = Duration::from_millis(START_TIMEOUT_MS);
        let following = clock.follow(references, limit).await?;
        let nodes = cluster.as_ref().and_then(|cluster| cluster.nodes(presence::Tempo::default()));
        let mut core = Self::among(engine, bus, from_bus, nodes, settings, clock).await?;
        core.following = following;
        if settings.store == StoreKind::Cql {
            core.share = Share::among(&settings.node, || Others::Unknown);
        }
        Ok(core.with_cluster(cluster))
    }

    /// With the other nodes, where the bus is that of Redis.
    #[must_use]
    pub fn with_cluster(mut self, cluster: Option<Cluster>) -> Self {
        if let Some(share) = cluster.as_ref().and_then(Cluster::share) {
            self.share = share;
        }
        Self { cluster, ..self }
    }

    /// Over an engine and a bus that are open.
    pub async fn over(
        engine: Engine,
        bus: Arc<dyn Bus>,
        from_bus: mpsc::Receiver<Message>,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, StartError> {
        Self::among(engine, bus, from_bus, None, settings, clock).await
    }

    /// The same, as one node of several.
    pub async fn among(
        engine: Engine,
        bus: Arc<dyn Bus>,
        from_bus: mpsc::Receiver<Message>,
        nodes: Option<Nodes>,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let (log, timers) = (Arc::clone(&engine.log), Arc::clone(&engine.timers));
        let rows = Arc::clone(&engine.rows);
        let store = Store::new(rows, Arc::clone(&log), timers, clock.clone());
        let hub = Hub::new(log, Arc::clone(&bus), settings.connections_per_person());
        let registry: Arc<dyn Registry> = match nodes.clone() {
            None => presence::Local::new(Arc::clone(&hub), clock.clone()),
            Some(Nodes { redis, peers, presence }) => {
                presence::Redis::start(redis, peers, Arc::clone(&hub), clock.clone(), presence)
            }
        };

        let ground = Ground {
            engine: &engine,
            store: &store,
            bus: &bus,
            hub: &hub,
            registry: &registry,
            counter: nodes.as_ref().map(|nodes| Counter::new(Arc::clone(&nodes.redis))),
            settings,
            clock: &clock,
        };
        let (features, authenticator) = ground.features().await?;
        let (accounts, features) = (Arc::clone(&features.accounts), Arc::new(features));
        accounts.personal_with(&features.personal());
        store.carry_with(Arc::clone(&features) as Arc<dyn Carry>);
        hub.rights_with(Arc::clone(&features) as Arc<dyn Rights>);
        Ok(Self {
            engine,
            clock,
            hub,
            registry,
            nodes,
            store,
            authenticator,
            accounts,
            features,
            from_bus,
            following: None,
            share: Share::default(),
            cluster: None,
        })
    }

    /// Who people are.
    pub fn accounts(&self) -> &Arc<Accounts> {
        &self.accounts
    }

    /// Has searches find people who were made just now.
    pub async fn index_people(&self, users: &[UserId]) -> crate::error::Result<()> {
        self.features.people().index_new(users).await
    }

    /// The keys of private notes.
    pub fn vault(&self) -> &Arc<Vault> {
        &self.features.vault
    }

    /// The payments.
    pub fn payments(&self) -> &Arc<Payments> {
        &self.features.payments
    }

    /// The desks.
    pub fn support(&self) -> &Arc<Support> {
        &self.features.support
    }

    /// Writes and sends what waits, and closes the file. Waits for a Redis that is away, but not
    /// for ever; `Err`: the nodes were not told of everything.
    pub async fn close(self) -> Result<(), Untold> {
        // What follows from the last commit; if it takes longer, a node's relay timer sees to it.
        let limit = Duration::from_millis(SETTLE_TIMEOUT_MS);
        let _ = tokio::time::timeout(limit, self.store.settled()).await;
        (self.engine.close)().await;
        match &self.cluster {
            Some(cluster) => cluster.close_beside().await,
            None => Ok(()),
        }
    }
}

/// A server that listens.
pub struct App {
    engine: Engine,
    store: Arc<Store>,
    features: Arc<Features>,
    dispatch: Dispatch,
    timers: Arc<Driver>,
    presence: Arc<Presence>,
    server: Arc<Server>,
    drain_window: Duration,
    cluster: Option<Cluster>,
    tasks: Vec<JoinHandle<()>>,
}

impl App {
    /// Opens the data folder and listens.
    pub async fn start(settings: &Settings, metrics: Metrics) -> Result<Self, StartError> {
        let core = Core::open_node(settings, clock(settings)).await?;
        Self::listen(core, settings, metrics, EdgeConfig::default()).await
    }

    /// Listens, over an open data folder.
    pub async fn listen(
        core: Core,
        settings: &Settings,
        metrics: Metrics,
        edge: EdgeConfig,
    ) -> Result<Self, StartError> {
        let Core { engine, clock, hub, registry, nodes, store, authenticator, features, .. } = core;
        let mut cluster = core.cluster;
        let (log, timers) = (Arc::clone(&engine.log), Arc::clone(&engine.timers));
        let sight = Arc::clone(&features) as Arc<dyn Sight>;
        let presence = Presence::new(registry, Arc::clone(&store), sight, clock.clone());
        let watches = Arc::clone(&presence);
        let walls = Arc::clone(&hub);
        features.people.tell_changes(Box::new(move |user| {
            watches.seen_differently(user);
            walls.reconsider(user);
        }));
        let repair = Arc::new(Repair {
            hub: Arc::clone(&hub),
            log: Arc::clone(&log),
            rights: Arc::clone(&features) as Arc<dyn Rights>,
            authenticator: Arc::clone(&authenticator),
            people: Arc::clone(&features.people),
            conversations: Arc::clone(&features.conversations),
            clock: clock.clone(),
        });
        let sessions = Sessions {
            hub: Arc::clone(&hub),
            log: Arc::clone(&log),
            rights: Arc::clone(&features) as Arc<dyn Rights>,
            authenticator: Arc::clone(&authenticator),
            presence: Arc::clone(&presence),
            conversations: Arc::clone(&features.conversations),
            support: Arc::clone(&features.support),
            clock: clock.clone(),
        };
        let allowed = |per_second| settings.rate(per_second).map(Allowed::with_burst);
        let rates = Rates::new(
            allowed(settings.commands_per_person_per_s),
            allowed(settings.writes_per_person_per_s),
        );
        let rates = Arc::new(if nodes.is_some() { rates.tallied() } else { rates });
        let dispatch = Dispatch::new(sessions, Arc::clone(&features), Arc::clone(&rates));
        let fire = Arc::clone(&features) as Arc<dyn Fire>;
        let driver = Driver::sharing(timers, fire, clock.clone(), core.share);

        let config = EdgeConfig { origins: settings.allowed_origins.clone(), ..edge };
        let edge = Edge::new(Arc::clone(&hub), Arc::new(dispatch.clone()), clock.clone(), config);
        let tls = settings.tls_cert.clone().zip(settings.tls_key.clone());
        let tls = tls.map(|(cert, key)| TlsFiles { cert, key });
        let server = Server::bind(settings.listen, tls, Arc::clone(&edge))
            .map_err(|cause| StartError::Listen { listen: settings.listen, cause })?;
        let router = http::router(http::Parts {
            routes: vec![
                edge.routes(),
                Arc::clone(&features.accounts).routes(),
                Arc::clone(&features.notifications).routes(),
                Arc::clone(&features.bookings).routes(),
                Arc::clone(&features.payments).routes(),
                http::commands::routes(dispatch.clone()),
            ],
            authenticator,
            checks: [engine.check.clone(), drain_check(&edge), clock_check(clock)]
                .into_iter()
                .chain(cluster.iter().flat_map(Cluster::checks))
                .collect(),
            metrics,
        });

        let mut tasks = vec![
            tokio::spawn(Arc::clone(&hub).run(core.from_bus)),
            tokio::spawn(Arc::clone(&driver).run()),
            tokio::spawn(Arc::clone(&presence).run()),
        ];
        if let Some(Nodes { redis, peers, .. }) = nodes {
            tasks.push(tokio::spawn(exchange(redis, peers, rates)));
        }
        tasks.extend(core.following.map(|following| tokio::spawn(following.run())));
        if let Some(cluster) = &mut cluster {
            tasks.extend(cluster.start(&log));
            let (bus, suspects) = (Arc::clone(&cluster.bus), Arc::clone(cluster.suspects()));
            tasks.push(tokio::spawn(repair.run(suspects, move || !bus.is_whole())));
        } else if let Some(foreign) = engine.foreign.clone() {
            let suspects = Arc::new(Suspects::default());
            tasks.push(tokio::spawn(watch_file(foreign, Arc::clone(&suspects))));
            tasks.push(tokio::spawn(repair.run(suspects, || false)));
        }
        features.support.start().await?;
        tasks.push(tokio::spawn(Arc::clone(&features.support).run()));
        tasks.push(tokio::spawn(Arc::clone(&features.conversations).run()));
        let serving = Arc::clone(&server);
        tasks.push(tokio::spawn(async move { serving.serve(router).await }));
        let drain_window = Duration::from_millis(settings.drain_window_ms);
        Ok(Self {
            engine,
            store,
            features,
            dispatch,
            timers: driver,
            presence,
            server,
            drain_window,
            cluster,
            tasks,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// The features, for those inside the process: the demo's people, and tests.
    pub fn features(&self) -> &Arc<Features> {
        &self.features
    }

    /// Answers commands of those inside the process.
    pub fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// Fires deadlines, for tests whose clock stands still.
    pub fn timers(&self) -> &Arc<Driver> {
        &self.timers
    }

    /// Presence, for tests whose clock stands still.
    pub fn presence(&self) -> &Arc<Presence> {
        &self.presence
    }

    /// The other nodes, for tests.
    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// Resolves when what was begun is done: commands, deadlines and what follows from commits.
    pub async fn settled(&self) {
        // In this order: each may still begin something of the next.
        self.dispatch.settled().await;
        self.features.conversations.settled().await;
        self.timers.settled().await;
        self.store.settled().await;
    }

    /// Sends everybody away kindly, finishes what was begun, writes and sends what waits and
    /// closes the store.
    pub async fn drain(self) {
        self.server.drain(self.drain_window).await;
        for task in &self.tasks {
            task.abort();
        }
        let limit = Duration::from_millis(SETTLE_TIMEOUT_MS);
        if tokio::time::timeout(limit, self.settled()).await.is_err() {
            tracing::warn!("something that was begun is left to other nodes, or to the next start");
        }
        // What the engine still carries out is published, so the goodbye comes last.
        (self.engine.close)().await;
        if let Some(cluster) = &self.cluster {
            cluster.close().await;
        }
    }
}

/// Another process wrote to the file: it may have appended, and revoked, without a word.
async fn watch_file(mut foreign: watch::Receiver<u64>, suspects: Arc<Suspects>) {
    while foreign.changed().await.is_ok() {
        // Who has no place in a topic hears nothing of before: what others write beside a
        // server are roles and logins.
        suspects.raise(Millis::MAX / 2, "file");
        tokio::time::sleep(Duration::from_millis(FOREIGN_REST_MS)).await;
    }
}

/// A node that goes down takes nobody in.
fn drain_check(edge: &Arc<Edge>) -> Check {
    let edge = Arc::clone(edge);
    Check::new("drain", move || {
        let going = edge.is_draining();
        std::future::ready(if going { Err("this node is going down".to_owned()) } else { Ok(()) })
    })
}

/// A node whose clock is in doubt fires no timers, and serves people all the same.
fn clock_check(clock: Clock) -> Check {
    Check::degrading("clock", move || {
        std::future::ready(clock.doubt().map_or(Ok(()), |doubt| Err(doubt.to_string())))
    })
}
