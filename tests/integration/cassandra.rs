//! The real Cassandra under test: where it is, and keyspaces of our own on it.

use sanctuary::clock::Clock;
use sanctuary::engine::Faults;
use sanctuary::engine::cql::{Cql, OpenError, Options, Replication};
use sanctuary::engine::schema::Schema;
use std::sync::Arc;

/// Names the node, `host:port`.
const VARIABLE: &str = "SANCTUARY_TEST_CQL";

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
pub(crate) async fn session(node: &str) -> scylla::client::session::Session {
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
