//! The only place where parts are wired together.

mod engine;

pub use engine::Engine;

use crate::auth::{AccessTokens, Authenticator, KeyRing, MasterKey, Passwords};
use crate::bus::{Bus, LocalBus, Message};
use crate::clock::Clock;
use crate::config::Settings;
use crate::dispatch::{Dispatch, Features};
use crate::features::accounts::{self, Accounts};
use crate::features::conversations::Conversations;
use crate::features::groups::Groups;
use crate::features::support::Support;
use crate::http::{self, Metrics};
use crate::hub::Hub;
use crate::limits::{Allowed, Rates};
use crate::presence::Presence;
use crate::rights::Rights;
use crate::session::Sessions;
use crate::store::{Carry, Store};
use crate::timers::{Driver, Fire};
use crate::ws::{Edge, EdgeConfig, Server, TlsFiles};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

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
    /// What is kept can't be read or written.
    #[error(transparent)]
    Records(#[from] protocol::Error),
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
    store: Arc<Store>,
    authenticator: Arc<Authenticator>,
    accounts: Arc<Accounts>,
    features: Arc<Features>,
    from_bus: mpsc::Receiver<Message>,
}

impl Core {
    /// Opens the store that the settings name.
    pub async fn open(settings: &Settings, clock: Clock) -> Result<Self, StartError> {
        let (bus, from_bus) = LocalBus::new();
        let bus: Arc<dyn Bus> = Arc::new(bus);
        let engine = Engine::open(settings, &clock, &bus).await?;
        Self::over(engine, bus, from_bus, settings, clock).await
    }

    /// Over an engine and a bus that are open.
    pub async fn over(
        engine: Engine,
        bus: Arc<dyn Bus>,
        from_bus: mpsc::Receiver<Message>,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let (log, timers) = (Arc::clone(&engine.log), Arc::clone(&engine.timers));
        let rows = Arc::clone(&engine.rows);
        let store = Store::new(rows, Arc::clone(&log), Arc::clone(&timers), clock.clone());
        let hub = Hub::new(Arc::clone(&log), Arc::clone(&bus), settings.connections_per_person());

        let master = MasterKey::open(&settings.master_key_path())?;
        let keys = KeyRing::open(Arc::clone(&store), &master, clock.clone()).await?;
        let tokens = Arc::new(AccessTokens::new(keys, clock.clone()));
        let closer = Arc::clone(&hub);
        let accounts = Accounts::new(accounts::Parts {
            store: Arc::clone(&store),
            tokens: Arc::clone(&tokens),
            master: &master,
            passwords: Passwords::new()?,
            close: Arc::new(move |user, login, code| closer.close_user(user, login, code)),
            clock: clock.clone(),
            settings: settings.into(),
        });
        let authenticator = Authenticator::new(tokens, accounts.clone());
        let groups = Groups::new(
            Arc::clone(&store),
            Arc::clone(&log),
            Arc::clone(&hub),
            Arc::clone(&accounts),
            clock.clone(),
        );
        let conversations = Conversations::new(
            Arc::clone(&store),
            Arc::clone(&log),
            Arc::clone(&bus),
            Arc::clone(&accounts),
            clock.clone(),
        );
        let support = Support::new(
            Arc::clone(&store),
            Arc::clone(&timers),
            Arc::clone(&bus),
            Arc::clone(&hub),
            Arc::clone(&conversations),
            clock.clone(),
        );
        let features = Arc::new(Features {
            accounts: Arc::clone(&accounts),
            groups,
            conversations,
            support,
            store: Arc::clone(&store),
            log,
        });
        store.carry_with(Arc::clone(&features) as Arc<dyn Carry>);
        hub.rights_with(Arc::clone(&features) as Arc<dyn Rights>);
        Ok(Self { engine, clock, hub, store, authenticator, accounts, features, from_bus })
    }

    /// Who people are.
    pub fn accounts(&self) -> &Arc<Accounts> {
        &self.accounts
    }

    /// Writes what waits and closes the file.
    pub async fn close(self) {
        (self.engine.close)().await;
    }
}

/// A server that listens.
pub struct App {
    engine: Engine,
    features: Arc<Features>,
    dispatch: Dispatch,
    timers: Arc<Driver>,
    presence: Arc<Presence>,
    server: Arc<Server>,
    drain_window: Duration,
    tasks: Vec<JoinHandle<()>>,
}

impl App {
    /// Opens the data folder and listens.
    pub async fn start(settings: &Settings, metrics: Metrics) -> Result<Self, StartError> {
        let core = Core::open(settings, Clock::system()).await?;
        Self::listen(core, settings, metrics, EdgeConfig::default()).await
    }

    /// Listens, over an open data folder.
    pub async fn listen(
        core: Core,
        settings: &Settings,
        metrics: Metrics,
        edge: EdgeConfig,
    ) -> Result<Self, StartError> {
        let Core { engine, clock, hub, store, authenticator, features, .. } = core;
        let (log, timers) = (Arc::clone(&engine.log), Arc::clone(&engine.timers));
        let presence = Presence::new(Arc::clone(&hub), store, clock.clone());
        let sessions = Sessions {
            hub: Arc::clone(&hub),
            log,
            rights: Arc::clone(&features) as Arc<dyn Rights>,
            authenticator: Arc::clone(&authenticator),
            presence: Arc::clone(&presence),
            support: Arc::clone(&features.support),
            clock: clock.clone(),
        };
        let allowed = |per_second| settings.rate(per_second).map(Allowed::with_burst);
        let rates = Rates::new(
            allowed(settings.commands_per_person_per_s),
            allowed(settings.writes_per_person_per_s),
        );
        let dispatch = Dispatch::new(sessions, Arc::clone(&features), rates);
        let driver = Driver::new(timers, Arc::clone(&features) as Arc<dyn Fire>, clock.clone());

        let config = EdgeConfig { origins: settings.allowed_origins.clone(), ..edge };
        let edge = Edge::new(Arc::clone(&hub), Arc::new(dispatch.clone()), clock, config);
        let tls = settings.tls_cert.clone().zip(settings.tls_key.clone());
        let tls = tls.map(|(cert, key)| TlsFiles { cert, key });
        let server = Server::bind(settings.listen, tls, Arc::clone(&edge))
            .map_err(|cause| StartError::Listen { listen: settings.listen, cause })?;
        let router = http::router(http::Parts {
            routes: vec![
                edge.routes(),
                Arc::clone(&features.accounts).routes(),
                http::commands::routes(dispatch.clone()),
            ],
            authenticator,
            checks: vec![engine.check.clone()],
            metrics,
        });

        let mut tasks = vec![
            tokio::spawn(Arc::clone(&hub).run(core.from_bus)),
            tokio::spawn(Arc::clone(&driver).run()),
            tokio::spawn(Arc::clone(&presence).run()),
        ];
        features.support.start().await?;
        let serving = Arc::clone(&server);
        tasks.push(tokio::spawn(async move { serving.serve(router).await }));
        let drain_window = Duration::from_millis(settings.drain_window_ms);
        Ok(Self {
            engine,
            features,
            dispatch,
            timers: driver,
            presence,
            server,
            drain_window,
            tasks,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
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

    /// Sends everybody away kindly, writes what waits and closes the file.
    pub async fn drain(self) {
        self.server.drain(self.drain_window).await;
        for task in &self.tasks {
            task.abort();
        }
        (self.engine.close)().await;
    }
}
