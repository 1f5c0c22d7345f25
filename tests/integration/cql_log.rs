//! What the log on CQL promises beyond the suite of all engines: buckets, several nodes on one
//! topic, lost answers, redactions across buckets; and its laws, broken on purpose.

use crate::cassandra::Cassandra;
use crate::engines::{Engine, Probe, START};
use crate::log::{append, event, key, numbers, open, topic};
use crate::server::eventually;
use futures_util::future::{BoxFuture, join_all};
use protocol::{Error, ErrorCode, Event, Millis, Seq, Topic};
use sanctuary::bus::{Bus, Channel, Control, Notice, Publication};
use sanctuary::clock::Clock;
use sanctuary::engine::Faults;
use sanctuary::engine::cql::{Cql, Outcome};
use sanctuary::error::conflict;
use sanctuary::log::cql::{CqlLog, REDACT_AFTER_MS};
use sanctuary::log::{Appended, Gate, Head, REDACT_TIMER, Span, Stamped};
use sanctuary::store::{
    Batch, Cells, CommitError, CqlStore, Maximum, Partition, Range, Snapshot, StoreEngine, Value,
    Version,
};
use sanctuary::timers::{CqlTimers, Timer, Timers};
use scylla::value::CqlValue;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use uuid::Uuid;

/// Events of a bucket, where a test wants several.
const SMALL: u32 = 8;

/// A keyspace with buckets of one size.
struct Cluster {
    home: Cassandra,
    bucket_events: u32,
}

/// A node on it.
struct Node {
    engine: Engine,
    cql: Arc<Cql>,
    faults: Arc<Faults>,
}

/// What a node of a test has of its own.
#[derive(Default)]
struct Parts {
    bus: Option<Arc<dyn Bus>>,
    rival: Option<Arc<Rival>>,
}

impl Cluster {
    async fn new(bucket_events: u32) -> Option<Self> {
        Some(Self { home: Cassandra::new().await?, bucket_events })
    }

    async fn node(&self) -> Node {
        self.node_with(Parts::default()).await
    }

    async fn node_with(&self, parts: Parts) -> Node {
        let clock = Clock::manual(START);
        let (cql, faults) = self.home.connect(&clock).await.unwrap();
        let probe = Arc::new(Probe::default());
        let bus = parts.bus.unwrap_or_else(|| Arc::clone(&probe) as _);
        let store: Arc<dyn StoreEngine> = match parts.rival {
            Some(rival) => rival,
            None => Arc::new(CqlStore::new(Arc::clone(&cql))),
        };
        let timers: Arc<dyn Timers> = Arc::new(CqlTimers::new(Arc::clone(&cql)));
        let log = CqlLog::with_buckets_of(
            self.bucket_events,
            Arc::clone(&cql),
            Arc::clone(&store),
            Arc::clone(&timers),
            bus,
        );
        let health = Arc::clone(&cql);
        let engine = Engine {
            log: Arc::new(log),
            store,
            timers,
            bus: probe,
            clock,
            faults: Arc::clone(&faults) as _,
            health: Box::new(move || health.health()),
            close: Box::new(|| {}),
            finds_out: true,
            pass: Box::new(|time| Box::pin(tokio::time::sleep(time))),
            sweep: Box::new(|| Box::pin(async { 0 })),
        };
        Node { engine, cql, faults }
    }
}

impl Node {
    /// All bodies in a bucket, of all kinds of rows.
    async fn bodies(&self, topic: Topic, bucket: i32) -> Vec<Vec<u8>> {
        let select = "SELECT body FROM topic_log WHERE topic = ? AND bucket = ?";
        let values = vec![Some(CqlValue::Text(topic.to_string())), Some(CqlValue::Int(bucket))];
        let rows = self.cql.rows(select, values, usize::MAX).await.unwrap();
        let bodies = rows.into_iter().filter_map(|row| row.columns.into_iter().next().flatten());
        bodies.filter_map(CqlValue::into_blob).collect()
    }

    /// Whether a text is anywhere in the first buckets of a topic.
    async fn holds(&self, topic: Topic, text: &str) -> bool {
        let mut found = false;
        for bucket in 0..5 {
            let bodies = self.bodies(topic, bucket).await;
            let text = text.as_bytes();
            found |= bodies.iter().any(|body| body.windows(text.len()).any(|part| part == text));
        }
        found
    }

    /// Timers that wait.
    async fn timers(&self) -> Vec<Timer> {
        let due = self.engine.clock.now() + REDACT_AFTER_MS;
        self.engine.timers.due(due, 100).await.unwrap()
    }

    /// Appends so many events without keys.
    async fn fill(&self, topic: Topic, count: u128) {
        for n in 0..count {
            append(&self.engine, topic, None, open(n)).await.unwrap();
        }
    }
}

/// A gate with a rule that state decides.
#[derive(Clone, Default)]
struct Rule {
    number: u128,
    text: String,
    wants: Option<u8>,
    leaves: Option<u8>,
    redact: Vec<(Seq, String)>,
    raises: bool,
}

impl Rule {
    fn says(number: u128, text: &str) -> Self {
        Self { number, text: text.to_owned(), ..Self::default() }
    }

    fn redacts(number: u128, seq: Seq, text: &str) -> Self {
        Self { number, redact: vec![(seq, text.to_owned())], ..Self::default() }
    }
}

impl Gate for Rule {
    fn stamp(&self, head: Head<'_>, _: Millis) -> Result<Stamped, Error> {
        if self.wants.is_some_and(|wants| head.state != [wants]) {
            return Err(conflict("not now"));
        }
        let mark = Maximum {
            table: "test_marks",
            key: vec![Value::Uuid(Uuid::nil()), Value::Uuid(Uuid::nil())],
            columns: vec![("seen", 1)],
        };
        Ok(Stamped {
            event: event(self.number, Some(self.text.clone())),
            state: self.leaves.map(|state| vec![state]),
            redact: self
                .redact
                .iter()
                .map(|(seq, text)| (*seq, event(0, Some(text.clone()))))
                .collect(),
            maxima: if self.raises { vec![mark] } else { Vec::new() },
            audience: vec![Channel::User(protocol::UserId(Uuid::nil()))],
        })
    }

    fn audience(&self, _: Head<'_>, _: Seq) -> Vec<Channel> {
        vec![Channel::User(protocol::UserId(Uuid::nil()))]
    }
}

/// Records that use the moment between a round's reads and its write: another node appends.
struct Rival {
    node: OnceLock<Node>,
    topic: Topic,
    times: AtomicU32,
}

impl Rival {
    fn new(topic: Topic, times: u32) -> Arc<Self> {
        Arc::new(Self { node: OnceLock::new(), topic, times: AtomicU32::new(times) })
    }
}

impl StoreEngine for Rival {
    fn raise(&self, _: Vec<Maximum>) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            let left = self.times.load(Ordering::SeqCst);
            if left > 0 {
                self.times.store(left - 1, Ordering::SeqCst);
                let gate = Rule { leaves: Some(7), ..Rule::says(0, "") };
                append(&self.node.get().unwrap().engine, self.topic, None, gate).await?;
            }
            Ok(())
        })
    }

    fn get(&self, _: &'static str, _: Vec<Value>) -> BoxFuture<'_, Result<Option<Cells>, Error>> {
        unimplemented()
    }

    fn list(&self, _: &'static str, _: Range) -> BoxFuture<'_, Result<Vec<Cells>, Error>> {
        unimplemented()
    }

    fn put(&self, _: &'static str, _: Vec<Cells>) -> BoxFuture<'_, Result<(), Error>> {
        unimplemented()
    }

    fn remove(&self, _: &'static str, _: Vec<Vec<Value>>) -> BoxFuture<'_, Result<(), Error>> {
        unimplemented()
    }

    fn load(&self, _: Partition) -> BoxFuture<'_, Result<Snapshot, Error>> {
        unimplemented()
    }

    fn commit(
        &self,
        _: Partition,
        _: Version,
        _: Batch,
    ) -> BoxFuture<'_, Result<Version, CommitError>> {
        unimplemented()
    }
}

fn unimplemented<T>() -> T {
    panic!("an append only raises")
}

/// A bus that never takes what one topic publishes: its node stands still there for ever.
struct Stuck {
    topic: Topic,
}

impl Bus for Stuck {
    fn publish_blocking(&self, _: Vec<Publication>) {}

    fn publish(&self, publications: Vec<Publication>) -> BoxFuture<'_, ()> {
        let stuck = publications.iter().any(|one| one.topic == self.topic);
        Box::pin(async move {
            if stuck {
                std::future::pending::<()>().await;
            }
        })
    }

    fn notify(&self, _: Notice) {}
    fn control(&self, _: Control) {}
    fn listen(&self, _: Channel) {}
    fn unlisten(&self, _: Channel) {}
    fn listening(&self, _: Channel) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// What is wrong with a topic, seen from outside: what was acknowledged has to be there, once.
async fn wrongs(engine: &Engine, topic: Topic, acknowledged: &[(u128, Seq)]) -> Vec<String> {
    let mut wrongs = Vec::new();
    let page = engine.log.read(topic, Span::After(0), 1_000, usize::MAX).await.unwrap();
    let mut numbers = Vec::new();
    for entry in &page.entries {
        match sanctuary::log::decode(topic, entry).unwrap().body {
            Event::MessageEdited(edited) => numbers.push(edited.message_id.0.as_u128()),
            other => panic!("not written by this suite: {other:?}"),
        }
    }
    for (number, seq) in acknowledged {
        if numbers.get(usize::try_from(*seq).unwrap() - 1) != Some(number) {
            wrongs.push(format!("{number} is not at {seq}"));
        }
    }
    let once: HashSet<&u128> = numbers.iter().collect();
    if once.len() < numbers.len() {
        wrongs.push("an event is there twice".to_owned());
    }
    if page.head != numbers.len() as Seq {
        wrongs.push("head and events differ".to_owned());
    }
    wrongs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_runs_over_its_buckets() {
    let Some(cluster) = Cluster::new(SMALL).await else { return };
    let (one, two) = (cluster.node().await, cluster.node().await);
    let gate = Rule { leaves: Some(3), ..Rule::says(0, "") };
    append(&one.engine, topic(1), key(0), gate).await.unwrap();
    join_all((1..27).map(|n| append(&one.engine, topic(1), key(n), open(n)))).await;
    for node in [&one, &two] {
        assert_eq!(numbers(&node.engine, topic(1)).await, (0..27).collect::<Vec<_>>());
        let head = &node.engine.log.heads(vec![topic(1)]).await.unwrap()[0];
        assert_eq!((head.seq, head.state.as_slice(), head.at), (27, &[3][..], START));
    }
    let log = &two.engine.log;
    let read = async |span, limit, bytes| -> Vec<Seq> {
        let page = log.read(topic(1), span, limit, bytes).await.unwrap();
        assert_eq!(page.head, 27);
        page.entries.iter().map(|entry| entry.seq).collect()
    };
    let all = usize::MAX;
    assert_eq!(read(Span::After(6), 12, all).await, (7..=18).collect::<Vec<_>>());
    assert_eq!(read(Span::After(8), 2, all).await, [9, 10]);
    assert_eq!(read(Span::After(26), 9, all).await, [27]);
    assert_eq!(read(Span::After(27), 9, all).await, [0; 0]);
    assert_eq!(read(Span::Before(18), 12, all).await, (6..=17).collect::<Vec<_>>());
    assert_eq!(read(Span::Before(9), 3, all).await, [6, 7, 8]);
    assert_eq!(read(Span::Newest, 5, all).await, [23, 24, 25, 26, 27]);
    let body = log.read(topic(1), Span::Newest, 1, all).await.unwrap().entries[0].body.len();
    assert_eq!(read(Span::After(6), 20, 4 * body).await.len(), 4);
    // Full to the last place, on both sides of the seam.
    join_all((27..32).map(|n| append(&two.engine, topic(1), key(n), open(n)))).await;
    let cold = cluster.node().await;
    assert_eq!(cold.engine.log.heads(vec![topic(1)]).await.unwrap()[0].seq, 32);
    assert_eq!(append(&cold.engine, topic(1), key(99), open(99)).await.unwrap().seq, 33);
    let head = &one.engine.log.heads(vec![topic(1)]).await.unwrap()[0];
    assert_eq!((head.seq, head.state.as_slice()), (33, &[3][..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_fill_buckets_together() {
    let Some(cluster) = Cluster::new(40).await else { return };
    let nodes = [cluster.node().await, cluster.node().await, cluster.node().await];
    // Each key goes to two of three nodes, at the same time; both find it in these two buckets.
    let appends = (0..60_usize).flat_map(|n| {
        let nodes = &nodes;
        [n, n + 1]
            .map(|at| append(&nodes[at % 3].engine, topic(1), key(n as u128), open(n as u128)))
    });
    let appended = join_all(appends).await;
    let mut acknowledged = Vec::new();
    for (n, pair) in appended.chunks(2).enumerate() {
        let [one, two] = pair else { panic!("two each") };
        let (one, two) = (one.as_ref().unwrap(), two.as_ref().unwrap());
        assert_eq!((one.seq, &one.body), (two.seq, &two.body));
        assert!(one.duplicate != two.duplicate, "{n}");
        acknowledged.push((n as u128, one.seq));
    }
    for node in &nodes {
        assert_eq!(numbers(&node.engine, topic(1)).await.len(), 60);
        assert_eq!(wrongs(&node.engine, topic(1), &acknowledged).await, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_known_in_two_buckets() {
    let Some(cluster) = Cluster::new(SMALL).await else { return };
    let node = cluster.node().await;
    let first = append(&node.engine, topic(1), key(1), open(1)).await.unwrap();
    node.fill(topic(1), 7).await;
    let again = async |node: &Node| -> Appended {
        append(&node.engine, topic(1), key(1), open(77)).await.unwrap()
    };
    let is_first =
        |again: &Appended| (again.seq, again.duplicate) == (1, true) && again.body == first.body;
    // The bucket is full, and the next is not begun.
    assert!(is_first(&again(&node).await));
    assert!(is_first(&again(&cluster.node().await).await));
    node.fill(topic(1), 7).await;
    assert!(is_first(&again(&cluster.node().await).await));
    assert!(is_first(&again(&node).await));
    // Once the second bucket is full as well, the first is two behind the next event.
    node.fill(topic(1), 1).await;
    let late = again(&node).await;
    assert_eq!((late.seq, late.duplicate), (17, false));
    assert_eq!(numbers(&node.engine, topic(1)).await.len(), 17);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_looked_up() {
    let Some(cluster) = Cluster::new(SMALL).await else { return };
    let node = cluster.node().await;
    // It happened.
    node.faults.lose_commit_results(1);
    let appended = append(&node.engine, topic(1), key(1), open(1)).await.unwrap();
    assert_eq!((appended.seq, appended.duplicate), (1, false));
    assert_eq!(node.engine.bus.take().len(), 1);
    node.faults.lose_commit_results(1);
    assert_eq!(append(&node.engine, topic(1), None, open(2)).await.unwrap().seq, 2);
    // It did not.
    node.faults.refuse_commits(1);
    let appended = append(&node.engine, topic(1), key(3), open(3)).await.unwrap();
    assert_eq!((appended.seq, appended.duplicate), (3, false));
    node.faults.refuse_commits(1);
    assert_eq!(append(&node.engine, topic(1), None, open(4)).await.unwrap().seq, 4);
    assert_eq!(node.engine.bus.take().len(), 3);
    // It can't be told.
    for (n, key) in [(5, key(5)), (6, None)] {
        node.faults.refuse_commits(100);
        let error = append(&node.engine, topic(1), key, open(n)).await.unwrap_err();
        assert_eq!((error.code, error.retryable), (ErrorCode::Unavailable, true));
        node.faults.refuse_commits(0);
    }
    assert!(node.engine.bus.take().is_empty());
    assert!(!append(&node.engine, topic(1), key(5), open(5)).await.unwrap().duplicate);
    assert_eq!(numbers(&node.engine, topic(1)).await, [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_may_be_lost_while_nodes_contend() {
    let Some(cluster) = Cluster::new(SMALL).await else { return };
    let nodes = [cluster.node().await, cluster.node().await];
    let mut acknowledged = Vec::new();
    for round in 0..6_u128 {
        nodes[0].faults.lose_commit_results(2);
        nodes[1].faults.refuse_commits(2);
        let appends = (0..12_u128).map(|n| {
            let (n, node) = (round * 12 + n, &nodes[usize::try_from(n % 2).unwrap()]);
            async move { (n, append(&node.engine, topic(1), key(n), open(n)).await) }
        });
        for (n, appended) in join_all(appends).await {
            match appended {
                Ok(appended) => acknowledged.push((n, appended.seq)),
                Err(error) => assert!(error.retryable, "{error}"),
            }
        }
    }
    for node in &nodes {
        node.faults.lose_commit_results(0);
        node.faults.refuse_commits(0);
    }
    assert_eq!(wrongs(&nodes[0].engine, topic(1), &acknowledged).await, [""; 0]);
    for n in 0..72 {
        // A slow store may not answer in time: then a client asks again.
        let again = eventually(async || {
            let again = append(&nodes[1].engine, topic(1), key(n), open(n)).await;
            again.inspect_err(|error| assert!(error.retryable, "{error}")).ok()
        })
        .await;
        if let Some((_, seq)) = acknowledged.iter().find(|(other, _)| *other == n)
            && again.duplicate
        {
            assert_eq!(again.seq, *seq);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_faster_node_makes_gates_be_asked_again() {
    let Some(cluster) = Cluster::new(SMALL).await else { return };
    let rival = Rival::new(topic(1), 0);
    assert!(rival.node.set(cluster.node().await).is_ok());
    let parts = Parts { rival: Some(Arc::clone(&rival)), ..Parts::default() };
    let node = cluster.node_with(parts).await;
    let first = Rule { leaves: Some(1), ..Rule::says(1, "") };
    append(&node.engine, topic(1), key(1), first).await.unwrap();
    // The other node changes the state behind what this one remembers.
    rival.times.store(1, Ordering::SeqCst);
    let open = |number, state| Rule { wants: Some(state), raises: true, ..Rule::says(number, "") };
    let (was, will_be) = tokio::join!(
        append(&node.engine, topic(1), key(2), open(2, 1)),
        append(&node.engine, topic(1), key(3), open(3, 7)),
    );
    assert_eq!(was.unwrap_err().code, ErrorCode::Conflict);
    assert_eq!(will_be.unwrap().seq, 3);
    // It is always faster.
    rival.times.store(1_000, Ordering::SeqCst);
    let error = append(&node.engine, topic(1), key(4), open(4, 7)).await.unwrap_err();
    assert_eq!((error.code, error.retryable), (ErrorCode::Busy, true));
    rival.times.store(0, Ordering::SeqCst);
    assert!(!append(&node.engine, topic(1), key(4), open(4, 7)).await.unwrap().duplicate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_refused_by_what_a_node_remembers() {
    let Some(cluster) = Cluster::new(SMALL).await else { return };
    let (one, two) = (cluster.node().await, cluster.node().await);
    let moves = |from, to| Rule { wants: Some(from), leaves: Some(to), ..Rule::default() };
    let sets = Rule { leaves: Some(1), ..Rule::default() };
    append(&one.engine, topic(1), key(1), sets).await.unwrap();
    append(&two.engine, topic(1), key(2), moves(1, 2)).await.unwrap();
    // The first node has not heard of it.
    append(&one.engine, topic(1), key(3), moves(2, 3)).await.unwrap();
    let late = append(&two.engine, topic(1), key(4), moves(2, 4)).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::Conflict);
    let again = append(&two.engine, topic(1), key(3), moves(2, 3)).await.unwrap();
    assert_eq!((again.seq, again.duplicate), (3, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_waits_for_the_bus_holds_no_other() {
    let Some(cluster) = Cluster::new(SMALL).await else { return };
    let parts = Parts { bus: Some(Arc::new(Stuck { topic: topic(1) })), ..Parts::default() };
    let node = cluster.node_with(parts).await;
    let stuck = append(&node.engine, topic(1), key(1), open(1));
    let free = async {
        for n in 0..5 {
            append(&node.engine, topic(2), key(n), open(n)).await.unwrap();
        }
    };
    tokio::select! {
        _ = stuck => panic!("its bus never takes it"),
        () = free => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redaction_reaches_an_older_bucket() {
    let Some(cluster) = Cluster::new(SMALL).await else { return };
    let node = cluster.node().await;
    append(&node.engine, topic(1), key(1), Rule::says(1, "a secret")).await.unwrap();
    let kept = append(&node.engine, topic(1), key(2), Rule::says(2, "kept")).await.unwrap();
    node.fill(topic(1), 10).await;
    assert!(node.holds(topic(1), "a secret").await);
    append(&node.engine, topic(1), key(3), Rule::redacts(3, 1, "gone")).await.unwrap();
    assert!(!node.holds(topic(1), "a secret").await);
    let page = node.engine.log.read(topic(1), Span::After(0), 2, usize::MAX).await.unwrap();
    assert_eq!(page.entries[0].body, sanctuary::log::encode(&event(0, Some("gone".to_owned()))));
    assert_eq!(page.entries[1].body, kept.body);
    let rows =
        node.cql.rows("SELECT seq FROM topic_log WHERE kind = 'redact' ALLOW FILTERING", vec![], 9);
    assert!(rows.await.unwrap().is_empty(), "what was left is cleared");
    assert!(node.timers().await.is_empty());
    // Again and again, the last one counts.
    for text in ["second", "third"] {
        append(&node.engine, topic(1), None, Rule::redacts(9, 1, text)).await.unwrap();
        assert!(!node.holds(topic(1), "gone").await);
        assert!(node.holds(topic(1), text).await);
    }
    assert!(!node.holds(topic(1), "second").await);
}

/// A node that stands still between a round and the redactions it left.
async fn crash(cluster: &Cluster, number: u128, seq: Seq, text: &str) {
    let other = cluster.node().await;
    let head = async || other.engine.log.heads(vec![topic(1)]).await.unwrap()[0].seq;
    let before = head().await;
    let parts = Parts { bus: Some(Arc::new(Stuck { topic: topic(1) })), ..Parts::default() };
    let node = cluster.node_with(parts).await;
    let append = append(&node.engine, topic(1), key(number), Rule::redacts(number, seq, text));
    let round = async {
        while head().await == before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        _ = append => panic!("it stands still"),
        () = round => {}
    }
}

/// What the first event says to those who read it.
async fn first(node: &Node) -> String {
    let page = node.engine.log.read(topic(1), Span::After(0), 1, usize::MAX).await.unwrap();
    match sanctuary::log::decode(topic(1), &page.entries[0]).unwrap().body {
        Event::MessageEdited(edit) => edit.text.unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redaction_that_a_crash_left_is_finished() {
    let Some(cluster) = Cluster::new(SMALL).await else { return };
    let node = cluster.node().await;
    append(&node.engine, topic(1), key(1), Rule::says(1, "a secret")).await.unwrap();
    node.fill(topic(1), 9).await;
    crash(&cluster, 5, 1, "gone").await;
    assert!(node.holds(topic(1), "a secret").await, "the crash came in between");
    assert_eq!(first(&node).await, "gone", "nobody reads what was taken away before the end");
    let timers = node.timers().await;
    assert_eq!(timers.len(), 1);
    assert_eq!(timers[0].kind, REDACT_TIMER);
    // Whoever fires it; twice does no harm.
    for _ in 0..2 {
        node.engine.log.finish_redactions(&timers[0].subject).await.unwrap();
        assert!(!node.holds(topic(1), "a secret").await);
        assert!(node.holds(topic(1), "gone").await);
    }
    assert!(append(&node.engine, topic(1), key(5), open(5)).await.unwrap().duplicate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_finishes_what_a_crash_left() {
    let Some(cluster) = Cluster::new(SMALL).await else { return };
    let node = cluster.node().await;
    append(&node.engine, topic(1), key(1), Rule::says(1, "a secret")).await.unwrap();
    node.fill(topic(1), 9).await;
    crash(&cluster, 5, 1, "gone").await;
    let again = append(&node.engine, topic(1), key(5), Rule::redacts(5, 1, "gone")).await.unwrap();
    assert!(again.duplicate);
    assert!(!node.holds(topic(1), "a secret").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_redaction_brings_nothing_back() {
    let Some(cluster) = Cluster::new(SMALL).await else { return };
    let node = cluster.node().await;
    append(&node.engine, topic(1), key(1), Rule::says(1, "a secret")).await.unwrap();
    node.fill(topic(1), 9).await;
    crash(&cluster, 5, 1, "an older edit").await;
    let timers = node.timers().await;
    node.fill(topic(1), 8).await;
    append(&node.engine, topic(1), key(6), Rule::redacts(6, 1, "the newer edit")).await.unwrap();
    assert!(node.holds(topic(1), "an older edit").await, "it was left, and is not carried out");
    assert_eq!(first(&node).await, "the newer edit");
    node.engine.log.finish_redactions(&timers[0].subject).await.unwrap();
    assert!(!node.holds(topic(1), "an older edit").await);
    assert!(!node.holds(topic(1), "a secret").await);
    assert_eq!(first(&node).await, "the newer edit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_that_never_was_redacts_nothing() {
    let Some(cluster) = Cluster::new(SMALL).await else { return };
    let node = cluster.node().await;
    append(&node.engine, topic(1), key(1), Rule::says(1, "kept")).await.unwrap();
    node.fill(topic(1), 9).await;
    node.faults.refuse_commits(100);
    let redacts = Rule::redacts(5, 1, "gone");
    let error = append(&node.engine, topic(1), key(5), redacts).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unavailable);
    node.faults.refuse_commits(0);
    for timer in node.timers().await {
        node.engine.log.finish_redactions(&timer.subject).await.unwrap();
    }
    assert!(node.holds(topic(1), "kept").await);
    assert_eq!(append(&node.engine, topic(1), key(6), open(6)).await.unwrap().seq, 11);
}

/// A round as the log writes it, reduced to its head and one event.
async fn raw_round(node: &Node, head: i64, number: u128) -> Outcome {
    let name = || [Some(CqlValue::Text(topic(1).to_string())), Some(CqlValue::Int(0))];
    let next = || Some(CqlValue::BigInt(head + 1));
    let advance = "UPDATE topic_log SET head = ?, head_at = 0 \
         WHERE topic = ? AND bucket = ? IF head = ?";
    let event = "INSERT INTO topic_log (topic, bucket, kind, seq, key, at, body) \
         VALUES (?, ?, 'event', ?, 0x, 0, ?)";
    let body = sanctuary::log::encode(&event_of(number)).to_vec();
    let parts = vec![
        (advance, [&[next()][..], &name(), &[Some(CqlValue::BigInt(head))]].concat()),
        (event, [&name()[..], &[next(), Some(CqlValue::Blob(body))]].concat()),
    ];
    node.cql.conditional(parts).await.unwrap()
}

fn event_of(number: u128) -> Event {
    event(number, None)
}

/// Law 3, broken: a writer that takes a lost answer for a refusal, reads the head and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blind_retry_doubles_and_is_seen() {
    let Some(cluster) = Cluster::new(4_096).await else { return };
    let node = cluster.node().await;
    append(&node.engine, topic(1), None, open(1)).await.unwrap();
    node.faults.lose_commit_results(1);
    let lost = raw_round(&node, 1, 2).await;
    assert!(matches!(lost, Outcome::Unknown(_)));
    // The same once more is refused, though it happened: "refused" is no answer to tell.
    assert!(matches!(raw_round(&node, 1, 2).await, Outcome::Refused(_)));
    let head = node.engine.log.heads(vec![topic(1)]).await.unwrap()[0].seq;
    assert_eq!(raw_round(&node, i64::try_from(head).unwrap(), 2).await, Outcome::Applied);
    assert_eq!(
        wrongs(&node.engine, topic(1), &[(1, 1), (2, 3)]).await,
        ["an event is there twice"]
    );
    // The log under the same fault.
    node.faults.lose_commit_results(1);
    append(&node.engine, topic(2), None, open(1)).await.unwrap();
    node.faults.lose_commit_results(1);
    append(&node.engine, topic(2), None, open(2)).await.unwrap();
    assert_eq!(wrongs(&node.engine, topic(2), &[(1, 1), (2, 2)]).await, [""; 0]);
}

/// Law 1, broken: somebody "repairs" a head without a condition, by a clock 30 s ahead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unconditional_write_hides_appends_and_is_seen() {
    let Some(cluster) = Cluster::new(4_096).await else { return };
    let node = cluster.node().await;
    for n in 1..=3 {
        append(&node.engine, topic(1), key(n), open(n)).await.unwrap();
    }
    assert_eq!(wrongs(&node.engine, topic(1), &[(1, 1), (2, 2), (3, 3)]).await, [""; 0]);
    let ahead = (Clock::system().now() + 30_000) * 1_000;
    let repair = "UPDATE topic_log USING TIMESTAMP ? SET head = 3 WHERE topic = ? AND bucket = 0";
    let values = vec![Some(CqlValue::BigInt(ahead)), Some(CqlValue::Text(topic(1).to_string()))];
    node.cql.write(repair, values).await.unwrap();
    // The append is applied, and nothing shows of it.
    let appended = append(&node.engine, topic(1), key(4), open(4)).await.unwrap();
    assert_eq!(appended.seq, 4);
    let wrongs = wrongs(&node.engine, topic(1), &[(3, 3), (4, 4)]).await;
    assert_eq!(wrongs, ["4 is not at 4"]);
}
