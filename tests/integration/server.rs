//! A whole server on a data folder, with a clock that stands still, and people who use it: over
//! the socket, or by commands without one.

use crate::cassandra::Cassandra;
use crate::client::PATIENCE;
use crate::engines::START;
use crate::redis_server::RedisServer;
use crate::registry::TEMPO;
use futures_util::{SinkExt, StreamExt};
use protocol::session::{Open, Opened};
use protocol::support::{Ask, Desks, ListDesks};
use protocol::topics::{Page, Read};
use protocol::{
    Call, CommandFrame, DeskId, Error, Event, Format, Incoming, Push, ReplyFrame, Seq, Signal,
    Topic, UserId,
};
use sanctuary::app::{App, Core, Engine, Network, Nodes};
use sanctuary::auth::{Caller, Role, Roles, Vault};
use sanctuary::bus::RedisBus;
use sanctuary::clock::Clock;
use sanctuary::config::Settings;
use sanctuary::engine::Faults;
use sanctuary::engine::schema::Schema;
use sanctuary::engine::sqlite::{Options, Sqlite};
use sanctuary::features::accounts::{Accounts, NewPeople};
use sanctuary::features::payments::Payments;
use sanctuary::features::support::Support;
use sanctuary::http::Metrics;
use sanctuary::redis::Tempo;
use sanctuary::ws::EdgeConfig;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::{TempDir, tempdir};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use uuid::Uuid;

/// How long people's tokens live here: longer than any test's clock moves.
const TOKEN_TTL_MS: i64 = 20 * 60 * 60 * 1_000;
/// Leases of nodes under test: short enough to wait for, long enough for a busy machine.
pub(crate) const NODE_TEMPO: Tempo =
    Tempo { lease: Duration::from_secs(4), refresh: Duration::from_millis(500) };

/// See the module.
pub(crate) struct TestServer {
    pub(crate) app: App,
    pub(crate) clock: Clock,
    pub(crate) faults: Arc<Faults>,
    pub(crate) address: SocketAddr,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) support: Arc<Support>,
    pub(crate) payments: Arc<Payments>,
}

/// Where whole servers keep their things: for suites that hold on every engine.
pub(crate) struct Site {
    folder: TempDir,
    cassandra: Option<Cassandra>,
}

impl Site {
    /// One for each engine there is.
    pub(crate) async fn all() -> Vec<Self> {
        let mut sites = vec![Self::embedded()];
        sites.extend(Self::on_cassandra().await);
        sites
    }

    /// One with an SQLite file.
    pub(crate) fn embedded() -> Self {
        Self { folder: tempdir().unwrap(), cassandra: None }
    }

    /// One with a keyspace on the real Cassandra, where there is one.
    pub(crate) async fn on_cassandra() -> Option<Self> {
        let cassandra = Some(Cassandra::new().await?);
        Some(Self { cassandra, ..Self::embedded() })
    }

    /// What is in the data folder of a node.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn cassandra(&self) -> Option<&Cassandra> {
        self.cassandra.as_ref()
    }

    /// One node more.
    pub(crate) async fn open(&self, clock: &Clock) -> TestServer {
        self.open_with(clock, |_| {}).await
    }

    /// The same, with other settings.
    pub(crate) async fn open_with(
        &self,
        clock: &Clock,
        change: impl FnOnce(&mut Settings),
    ) -> TestServer {
        let Some(home) = &self.cassandra else {
            return TestServer::open_with(self.folder(), clock.clone(), change).await;
        };
        let (cql, faults) = home.connect(clock).await.unwrap();
        let network = Network::local();
        let engine = Engine::cql(cql, &network.bus);
        let mut settings = TestServer::settings(self.folder());
        change(&mut settings);
        TestServer::over(engine, faults, clock.clone(), network, None, settings).await
    }
}

/// Somebody with an account.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) token: String,
    pub(crate) caller: Caller,
}

impl TestServer {
    pub(crate) async fn open(folder: &Path) -> Self {
        Self::open_at(folder, Clock::manual(START)).await
    }

    /// One node more, or the same again.
    pub(crate) async fn open_at(folder: &Path, clock: Clock) -> Self {
        Self::open_with(folder, clock, |_| {}).await
    }

    /// The same, with other settings.
    pub(crate) async fn open_with(
        folder: &Path,
        clock: Clock,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::open_on(folder, clock, Network::local(), change).await
    }

    /// One of several nodes, which meet over Redis; its clock runs.
    pub(crate) async fn node(folder: &Path, name: &str, redis: &[&RedisServer]) -> Self {
        let mut settings = Settings::defaults().unwrap();
        settings.redis = redis.iter().map(|server| server.url()).collect();
        settings.node = name.to_owned();
        let network = Network::node_with(&settings, &Clock::system(), NODE_TEMPO).await.unwrap();
        let server = Self::open_on(folder, Clock::system(), network, |_| {}).await;
        timeout(PATIENCE, server.bus().whole()).await.unwrap();
        server
    }

    /// The bus of a node among several.
    pub(crate) fn bus(&self) -> &RedisBus {
        &self.app.cluster().unwrap().bus
    }

    async fn open_on(
        folder: &Path,
        clock: Clock,
        network: Network,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let nodes = network.cluster.as_ref().and_then(|cluster| cluster.nodes(TEMPO));
        Self::open_among(folder, clock, network, nodes, change).await
    }

    /// Over any network, and as one of these nodes.
    pub(crate) async fn open_among(
        folder: &Path,
        clock: Clock,
        network: Network,
        nodes: Option<Nodes>,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Self::settings(folder);
        change(&mut settings);
        let faults = Arc::new(Faults::default());
        let engine = Sqlite::open_with(Options {
            folder: folder.to_owned(),
            clock: clock.clone(),
            schema: Schema::embedded().clone().unwrap(),
            faults: Arc::clone(&faults),
        });
        let engine = Engine::embedded(engine.unwrap(), &network.bus);
        Self::over(engine, faults, clock, network, nodes, settings).await
    }

    async fn over(
        engine: Engine,
        faults: Arc<Faults>,
        clock: Clock,
        network: Network,
        nodes: Option<Nodes>,
        settings: Settings,
    ) -> Self {
        let Network { bus, from_bus, cluster } = network;
        let core =
            Core::among(engine, bus, from_bus, nodes, &settings, clock.clone()).await.unwrap();
        Self::listen(core.with_cluster(cluster), &settings, clock, faults).await
    }

    fn settings(folder: &Path) -> Settings {
        let mut settings = Settings::defaults().unwrap();
        settings.limits = false;
        folder.clone_into(&mut settings.data);
        settings.listen = "127.0.0.1:0".parse().unwrap();
        settings.drain_window_ms = 0;
        settings
    }

    async fn listen(core: Core, settings: &Settings, clock: Clock, faults: Arc<Faults>) -> Self {
        let (accounts, vault) = (Arc::clone(core.accounts()), Arc::clone(core.vault()));
        let support = Arc::clone(core.support());
        let payments = Arc::clone(core.payments());
        let metrics = Metrics::detached();
        let app = App::listen(core, settings, metrics, EdgeConfig::default()).await.unwrap();
        let address = app.address();
        Self { app, clock, faults, address, accounts, vault, support, payments }
    }

    pub(crate) async fn people(&self, prefix: &str, count: u32, role: Option<Role>) -> Vec<Person> {
        let prefix = Some(prefix.to_owned());
        let wanted = NewPeople { count, role, prefix: prefix.clone(), ttl_ms: TOKEN_TTL_MS };
        let made = self.accounts.create_people(wanted).await.unwrap();
        let person = |(n, (id, token)): (usize, (UserId, String))| Person {
            id,
            token,
            caller: Caller {
                user_id: id,
                login_id: protocol::LoginId(Uuid::nil()),
                name: format!("Load {} {}", prefix.as_deref().unwrap_or_default(), n + 1).into(),
                roles: Roles::new([Role::Member].into_iter().chain(role)),
                token_expires_at: i64::MAX,
                lane: Arc::default(),
            },
        };
        made.into_iter().enumerate().map(person).collect()
    }

    pub(crate) async fn member(&self, name: &str) -> Person {
        self.people(name, 1, None).await.remove(0)
    }

    pub(crate) async fn coach(&self, name: &str) -> Person {
        self.people(name, 1, Some(Role::Coach)).await.remove(0)
    }

    /// What a member asks at the desk that is there from the start.
    pub(crate) async fn question(&self) -> Ask {
        Ask {
            desk_id: self.general().await,
            client_id: Some(client_id()),
            subject: "sleep".to_owned(),
            text: None,
            expertise: None,
            preferred_coach_id: None,
            fee: None,
        }
    }

    pub(crate) async fn trainees(&self, prefix: &str, count: u32) -> Vec<Person> {
        self.people(prefix, count, Some(Role::Trainee)).await
    }

    /// A command of somebody, without a socket.
    pub(crate) async fn by<C: Call>(&self, who: &Person, params: C) -> Result<C::Result, Error> {
        let answer = self.app.dispatch().command(&who.caller, params.command()).await?;
        let bytes = Format::MessagePack.encode(&ReplyFrame::new(Some(1), &Ok(answer)));
        Ok(Incoming::result(Format::MessagePack, &bytes).unwrap())
    }

    /// The desk that is there from the start.
    pub(crate) async fn general(&self) -> DeskId {
        let nobody = self.member("nobody").await;
        let Desks { items } = self.by(&nobody, ListDesks {}).await.unwrap();
        items[0].id
    }

    /// All that somebody may read of a topic.
    pub(crate) async fn read(&self, who: &Person, topic: Topic) -> Result<Vec<Event>, Error> {
        let mut events = Vec::new();
        let mut after = 0;
        loop {
            let read = Read { topic, after: Some(after), before: None, limit: Some(100) };
            let Page { events: page, .. } = self.by(who, read).await?;
            let Some(last) = page.last() else { return Ok(events) };
            after = last.seq.unwrap();
            events.extend(page.into_iter().map(|push| push.body));
        }
    }

    /// Somebody's own feed.
    pub(crate) async fn feed(&self, who: &Person) -> Vec<Event> {
        self.read(who, Topic::User(who.id)).await.unwrap()
    }

    /// Somebody on a socket.
    pub(crate) async fn socket(&self, who: &Person) -> Socket {
        self.resume(who, Open { device_id: "a device".to_owned(), ..Open::default() }).await.0
    }

    pub(crate) async fn resume(&self, who: &Person, open: Open) -> (Socket, Opened) {
        let mut socket = Socket::connect(self.address).await;
        let open = Open { token: Some(who.token.clone()), ..open };
        let opened = socket.call(open).await.unwrap();
        (socket, opened)
    }

    /// Moves the clock and fires what is due by then, and what follows from that.
    pub(crate) async fn later(&self, ms: i64) {
        self.clock.advance(ms);
        while self.app.timers().fire_due(self.clock.now()).await.unwrap() > 0 {}
    }
}

/// A client that keeps what it hears until it is asked for.
pub(crate) struct Socket {
    ws: WebSocketStream<MaybeTlsStream<TcpStream>>,
    heard: VecDeque<Incoming>,
    id: u32,
}

impl Socket {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let (ws, _) = connect_async(format!("ws://{address}/v1/socket")).await.unwrap();
        Self { ws, heard: VecDeque::new(), id: 0 }
    }

    /// A command whose reply is not waited for.
    pub(crate) async fn send<C: Call>(&mut self, params: C) {
        self.id += 1;
        let frame = CommandFrame { id: self.id, command: params.command() };
        let text = String::from_utf8(Format::Json.encode(&frame)).unwrap();
        self.ws.send(Message::text(text)).await.unwrap();
    }

    /// A command and its reply; pushes before it are kept.
    pub(crate) async fn call<C: Call>(&mut self, params: C) -> Result<C::Result, Error> {
        self.send(params).await;
        let mut outcome = None;
        while outcome.is_none() {
            let text = self.message().await.unwrap_or_else(|code| panic!("closed: {code}"));
            for frame in Format::Json.split(text.as_bytes()).unwrap() {
                match Incoming::decode(Format::Json, frame).unwrap() {
                    Incoming::Reply { id, error } if id == Some(self.id) => {
                        let result = || Incoming::result(Format::Json, frame).unwrap();
                        outcome = Some(error.map_or_else(|| Ok(result()), Err));
                    }
                    push => self.heard.push_back(push),
                }
            }
        }
        outcome.unwrap()
    }

    /// The next message, or the code of the close.
    async fn message(&mut self) -> Result<String, u16> {
        loop {
            match timeout(PATIENCE, self.ws.next()).await.expect("something to hear") {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(close))) => return Err(close.expect("a code").code.into()),
                Some(Ok(_)) => {}
                end => panic!("the end, without a close: {end:?}"),
            }
        }
    }

    /// Takes the first push that `wanted` finds something in; the others stay.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(&Incoming) -> Option<T>) -> T {
        let mut seen = 0;
        loop {
            while let Some(push) = self.heard.get(seen) {
                if let Some(found) = wanted(push) {
                    self.heard.remove(seen);
                    return found;
                }
                seen += 1;
            }
            let text = self.message().await.unwrap_or_else(|code| panic!("closed: {code}"));
            for frame in Format::Json.split(text.as_bytes()).unwrap() {
                self.heard.push_back(Incoming::decode(Format::Json, frame).unwrap());
            }
        }
    }

    /// The next event of a topic.
    pub(crate) async fn event(&mut self, topic: Topic) -> Push<Event> {
        self.until(|push| match push {
            Incoming::Event(push) if push.topic == Some(topic) => Some(Push::clone(push)),
            _ => None,
        })
        .await
    }

    /// Events of a topic up to a seq, which has to come.
    pub(crate) async fn events_to(&mut self, topic: Topic, seq: Seq) -> Vec<Seq> {
        let mut seqs = Vec::new();
        while seqs.last().is_none_or(|&last| last < seq) {
            seqs.extend(self.event(topic).await.seq);
        }
        seqs
    }

    /// The first signal that `wanted` finds something in.
    pub(crate) async fn signal<T>(&mut self, wanted: impl Fn(&Signal) -> Option<T>) -> T {
        self.until(|push| match push {
            Incoming::Signal(push) => wanted(&push.body),
            _ => None,
        })
        .await
    }

    /// What was heard and not asked for.
    pub(crate) fn rest(&mut self) -> Vec<Incoming> {
        self.heard.drain(..).collect()
    }

    /// The code of the close that has to come.
    pub(crate) async fn closed(mut self) -> u16 {
        loop {
            if let Err(code) = self.message().await {
                return code;
            }
        }
    }
}

/// A client id.
pub(crate) fn client_id() -> protocol::ClientId {
    protocol::ClientId(Uuid::now_v7())
}

/// Asks again until it is so, within bounds.
pub(crate) async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let ask = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, ask).await.expect("it to become so")
}
