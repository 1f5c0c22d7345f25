//! The real Cassandra under test: where it is, and keyspaces of our own on it.

use crate::engines::{Breaks, Engine, Home, Probe, START, schema};
use futures_util::future::{BoxFuture, join_all};
use sanctuary::bus::Bus;
use sanctuary::clock::Clock;
use sanctuary::config::Replication;
use sanctuary::engine::Faults;
use sanctuary::engine::cql::{Cql, OpenError, Options};
use sanctuary::engine::schema::Schema;
use sanctuary::log::CqlLog;
use sanctuary::store::{CqlStore, StoreEngine};
use sanctuary::timers::{CqlTimers, Timers};
use scylla::client::session::Session;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

/// Names the node, `host:port`.
const VARIABLE: &str = "CQL_UNDER_TEST";

/// Where Cassandra is. On a person's machine it may be absent, and the test says so and ends; in
/// CI that is a failure.
pub(crate) fn node() -> Option<String> {
    let node = std::env::var(VARIABLE).ok().filter(|node| !node.is_empty());
    if node.is_none() {
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!ci, "{VARIABLE} says where Cassandra is: in CI it must be there");
        eprintln!("SKIPPED: {VARIABLE} does not say where Cassandra is (127.0.0.1:9042)");
    }
    node
}

/// What an engine on the real node is opened with.
pub(crate) fn options(node: &str, keyspace: &str, schema: Schema) -> Options {
    Options {
        nodes: vec![node.to_owned()],
        keyspace: keyspace.to_owned(),
        replication: Replication::Simple(1),
        tablets: false,
        login: None,
        tls: None,
        datacenter: None,
        clock: Clock::system(),
        schema,
        faults: Arc::new(Faults::default()),
    }
}

/// A session of the tests' own, for what the engine would not do.
pub(crate) async fn session(node: &str) -> Session {
    scylla::client::session_builder::SessionBuilder::new().known_node(node).build().await.unwrap()
}

/// A keyspace that is gone when the test is over.
pub(crate) struct Keyspace {
    pub(crate) node: String,
    pub(crate) name: String,
}

impl Keyspace {
    /// One that does not exist yet.
    pub(crate) fn new(node: String, test: &str) -> Self {
        let name = format!("t_{test}_{}", uuid::Uuid::now_v7().simple());
        Self { node, name: name.chars().take(48).collect() }
    }

    pub(crate) async fn open(&self, text: &'static str) -> Result<Arc<Cql>, OpenError> {
        let schema = Schema::read(&[("test.cql", text)]).unwrap();
        Cql::open(options(&self.node, &self.name, schema)).await
    }

    pub(crate) async fn drop(self) {
        let drop = format!("DROP KEYSPACE IF EXISTS \"{}\"", self.name);
        session(&self.node).await.query_unpaged(drop, &[]).await.unwrap();
    }
}

/// Keyspaces that the suites share out among tests that run at once.
const POOL_MAX: usize = 64;
/// Tries to open a keyspace.
const OPEN_TRIES_MAX: u32 = 3;
/// A keyspace out of a pool: making its tables takes seconds, emptying some of them does not. It
/// is this test's alone, across processes too, and stays for the next run.
pub(crate) struct Cassandra {
    pub(crate) node: String,
    pub(crate) keyspace: String,
    _lock: File,
}

impl Cassandra {
    pub(crate) async fn new() -> Option<Self> {
        let node = node()?;
        let (keyspace, lock) = Self::take();
        let home = Self { node, keyspace, _lock: lock };
        let session = session(&home.node).await;
        for left in (0..OPEN_TRIES_MAX).rev() {
            match home.connect(&Clock::system()).await {
                Ok(_) => break,
                // Of another version of the schema.
                Err(OpenError::Differs { .. }) => {
                    let drop = format!("DROP KEYSPACE {}", home.keyspace);
                    session.query_unpaged(drop, &[]).await.unwrap();
                }
                // A busy node lets go of connections while tables are made.
                Err(error) => assert!(left > 0, "{error}"),
            }
        }
        home.empty(&session).await;
        Some(home)
    }

    /// Empties what holds something: to look is quick, to empty is not.
    async fn empty(&self, session: &Session) {
        let empty = Self::tables().into_iter().map(async |table| {
            let (look, empty) = (
                format!("SELECT * FROM {}.{table} LIMIT 1", self.keyspace),
                format!("TRUNCATE {}.{table}", self.keyspace),
            );
            let found = session.query_unpaged(look, &[]).await.unwrap();
            if found.into_rows_result().unwrap().rows_num() > 0 {
                session.query_unpaged(empty, &[]).await.unwrap();
            }
        });
        join_all(empty).await;
    }

    /// All tables, those of the suites among them.
    pub(crate) fn tables() -> Vec<&'static str> {
        schema().tables().iter().map(|table| table.name).collect()
    }

    /// All that is kept in a table, as text: each row as JSON, blobs in hex.
    pub(crate) async fn dump(&self, table: &str) -> Vec<String> {
        let text = format!("SELECT JSON * FROM {}.{table}", self.keyspace);
        let rows = session(&self.node).await.query_unpaged(text, &[]).await.unwrap();
        let rows = rows.into_rows_result().unwrap();
        rows.rows::<(String,)>().unwrap().map(|row| row.unwrap().0).collect()
    }

    /// One that nobody uses now.
    fn take() -> (String, File) {
        let mut hash = DefaultHasher::new();
        env!("CARGO_MANIFEST_DIR").hash(&mut hash);
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
        for n in 0..POOL_MAX {
            let keyspace = format!("it_{:08x}_{n}", hash.finish() & 0xffff_ffff);
            let lock = File::create(folder.join(format!("{keyspace}.lock"))).unwrap();
            if lock.try_lock().is_ok() {
                return (keyspace, lock);
            }
        }
        panic!("{POOL_MAX} tests at once are too many")
    }

    /// The engine itself, with its faults.
    pub(crate) async fn connect(
        &self,
        clock: &Clock,
    ) -> Result<(Arc<Cql>, Arc<Faults>), OpenError> {
        let faults = Arc::new(Faults::default());
        let options = Options {
            clock: clock.clone(),
            faults: Arc::clone(&faults),
            ..options(&self.node, &self.keyspace, schema())
        };
        Ok((Cql::open(options).await?, faults))
    }
}

impl Home for Cassandra {
    fn open(&self) -> BoxFuture<'_, Engine> {
        Box::pin(async move {
            let clock = Clock::manual(START);
            let (cql, faults) = self.connect(&clock).await.unwrap();
            let bus = Arc::new(Probe::default());
            let store: Arc<dyn StoreEngine> = Arc::new(CqlStore::new(Arc::clone(&cql)));
            let timers: Arc<dyn Timers> = Arc::new(CqlTimers::new(Arc::clone(&cql)));
            let log = CqlLog::new(
                Arc::clone(&cql),
                Arc::clone(&store),
                Arc::clone(&timers),
                Arc::clone(&bus) as Arc<dyn Bus>,
            );
            Engine {
                log: Arc::new(log),
                store,
                timers,
                bus,
                clock,
                faults: faults as Arc<dyn Breaks>,
                health: Box::new(move || cql.health()),
                close: Box::new(|| {}),
                finds_out: true,
                pass: Box::new(|time| Box::pin(tokio::time::sleep(time))),
                sweep: Box::new(|| Box::pin(std::future::ready(0))),
            }
        })
    }
}
