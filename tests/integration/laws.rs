//! The laws of the CQL engine (schema/README.md), each broken on purpose on a real node: what goes wrong
//! then is seen, and what the engine does instead is seen to hold.

use crate::cassandra::{Keyspace, node};
use sanctuary::engine::cql::{Cell, Cql, Outcome};
use sanctuary::engine::schema::Schema;
use sanctuary::store::{
    Batch, Cells, CommitError, CqlStore, Maximum, OutboxRow, Partition, Row, StoreEngine as _,
    Value, Version,
};
use scylla::value::CqlValue;
use std::sync::Arc;
use uuid::Uuid;

const TABLES: &str = include_str!("engines.cql");
const SET: &str = "UPDATE test_boxes SET version = ? WHERE box_id = ? IF version = ?";
const INSERT: &str = "INSERT INTO test_boxes (box_id, kind, item, number) VALUES (?, ?, ?, ?)";

struct Node {
    keyspace: Keyspace,
    cql: Arc<Cql>,
    store: CqlStore,
}

impl Node {
    async fn start(test: &str) -> Option<Self> {
        let keyspace = Keyspace::new(node()?, test);
        let cql = keyspace.open(TABLES).await.unwrap();
        let store = CqlStore::new(Arc::clone(&cql));
        Some(Self { keyspace, cql, store })
    }

    async fn commit(&self, expected: Version, batch: Batch) -> Result<Version, CommitError> {
        self.store.commit(in_box(), expected, batch).await
    }

    /// The version, and the items of the rows.
    async fn load(&self) -> (Version, Vec<u128>) {
        let snapshot = self.store.load(in_box()).await.unwrap();
        (snapshot.version, snapshot.rows.iter().map(|row| row.item.as_u128()).collect())
    }

    async fn rows(&self, text: &str) -> Vec<scylla::value::Row> {
        self.cql.rows(text, vec![], 100).await.unwrap()
    }

    async fn end(self) {
        drop(self.store);
        self.keyspace.drop().await;
    }
}

fn in_box() -> Partition {
    Partition::new("test_boxes", [Value::Uuid(Uuid::from_u128(1))])
}

#[expect(clippy::unnecessary_wraps, reason = "a cell may be null")]
fn uuid(n: u128) -> Cell {
    Some(CqlValue::Uuid(Uuid::from_u128(n)))
}

#[expect(clippy::unnecessary_wraps, reason = "a cell may be null")]
fn number(n: i64) -> Cell {
    Some(CqlValue::BigInt(n))
}

fn nothing() -> Batch {
    Batch { writes: vec![], deletes: vec![], outbox: vec![], done: 0, relay: None }
}

fn write(item: u128, n: i64) -> Batch {
    let cells = Cells(vec![("number", Value::Int(n))]);
    let row = Row { kind: "label".to_owned(), item: Uuid::from_u128(item), cells };
    Batch { writes: vec![row], ..nothing() }
}

/// Law 1: a plain write is stamped by a clock, and one that is ahead hides what is decided after
/// it, though it "applies".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn law_1_a_plain_delete_by_a_clock_ahead_hides_later_commits() {
    let Some(node) = Node::start("law1").await else { return };
    node.commit(0, write(1, 1)).await.unwrap();
    let ahead = sanctuary::clock::Clock::system().now() * 1_000 + 30_000_000;
    let delete = format!(
        "DELETE FROM test_boxes USING TIMESTAMP {ahead} WHERE box_id = ? AND kind = 'label' \
         AND item = ?"
    );
    node.cql.write(&delete, vec![uuid(1), uuid(1)]).await.unwrap();
    assert_eq!(node.commit(1, write(1, 2)).await.unwrap(), 2, "it applies");
    assert_eq!(node.load().await, (2, vec![]), "and shows nothing");
    // As the engine deletes: within the order of the commits.
    node.commit(2, write(2, 1)).await.unwrap();
    let deletes = vec![("label", Uuid::from_u128(2))];
    node.commit(3, Batch { deletes, ..nothing() }).await.unwrap();
    assert_eq!(node.load().await, (4, vec![]));
    node.commit(4, write(2, 2)).await.unwrap();
    assert_eq!(node.load().await, (5, vec![2]));
    // And the doors do not mix.
    let row = Cells(vec![("box_id", Value::Uuid(Uuid::nil()))]);
    assert!(node.store.put("test_boxes", vec![row]).await.is_err());
    node.end().await;
}

/// Law 2: a partition that is erased starts again at version 0, so an old decision fits again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn law_2_an_erased_partition_lets_an_old_commit_happen_again() {
    let Some(node) = Node::start("law2").await else { return };
    node.commit(0, write(1, 1)).await.unwrap();
    node.commit(1, nothing()).await.unwrap();
    assert!(matches!(node.commit(0, write(9, 9)).await, Err(CommitError::Conflict)));
    // Emptied by commits, as the engine does it, it keeps its version.
    let deletes = vec![("label", Uuid::from_u128(1))];
    node.commit(2, Batch { deletes, ..nothing() }).await.unwrap();
    assert_eq!(node.load().await, (3, vec![]));
    assert!(matches!(node.commit(0, write(9, 9)).await, Err(CommitError::Conflict)));
    node.cql.write("DELETE FROM test_boxes WHERE box_id = ?", vec![uuid(1)]).await.unwrap();
    assert_eq!(node.load().await.0, 0);
    assert_eq!(node.commit(0, write(9, 9)).await.unwrap(), 1, "a decision of long ago");
    node.end().await;
}

/// Law 3: whoever takes a lost answer for a failure, and decides again, does it twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn law_3_a_lost_answer_that_is_taken_for_a_failure_counts_twice() {
    let Some(node) = Node::start("law3").await else { return };
    let add = |version: i64, before: Option<i64>, item| {
        vec![
            (SET, vec![number(version), uuid(1), before.map(CqlValue::BigInt)]),
            (INSERT, vec![uuid(1), Some(CqlValue::Text("label".into())), uuid(item), number(1)]),
        ]
    };
    assert_eq!(node.cql.conditional(add(1, None, 1)).await.unwrap(), Outcome::Applied);
    // Its answer was lost, say; blindly decided again at the version there is now.
    assert_eq!(node.cql.conditional(add(2, Some(1), 2)).await.unwrap(), Outcome::Applied);
    assert_eq!(node.load().await, (2, vec![1, 2]), "one claim became two");
    node.end().await;

    let Some(node) = Node::start("law3b").await else { return };
    let keyspace = Keyspace { node: node.keyspace.node.clone(), name: node.keyspace.name.clone() };
    let faults = Arc::new(sanctuary::engine::Faults::default());
    let schema = Schema::read(&[("engines.cql", TABLES)]).unwrap();
    let mut options = crate::cassandra::options(&keyspace.node, &keyspace.name, schema);
    options.faults = Arc::clone(&faults);
    let store = CqlStore::new(Cql::open(options).await.unwrap());
    for expected in 0..10 {
        faults.lose_commit_results(1);
        let item = u128::from(expected) + 1;
        let version = store.commit(in_box(), expected, write(item, 1)).await.unwrap();
        assert_eq!(version, expected + 1, "the nonce says that it happened");
    }
    assert_eq!(node.load().await, (10, (1..=10).collect()));
    // Another node was faster, and then the answer is lost: that is told apart.
    node.commit(10, nothing()).await.unwrap();
    faults.lose_commit_results(1);
    let late = store.commit(in_box(), 10, write(99, 1)).await;
    assert!(matches!(late, Err(CommitError::Conflict)));
    // Nothing arrives: it is said, and nothing happened.
    faults.refuse_commits(100);
    let failed = store.commit(in_box(), 11, write(99, 1)).await;
    assert!(matches!(failed, Err(CommitError::Failed(_))));
    assert_eq!(node.load().await, (11, (1..=10).collect()));
    node.end().await;
}

/// Law 4: a range of rows without rows says no version; and a row that is written and deleted in
/// one batch is deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn law_4_a_range_without_rows_says_no_version() {
    let Some(node) = Node::start("law4").await else { return };
    node.commit(0, nothing()).await.unwrap();
    let range =
        format!("SELECT version, kind FROM test_boxes WHERE box_id = {} AND kind = 'label'", id());
    assert!(node.rows(&range).await.is_empty(), "taken for an answer, that is version 0");
    assert_eq!(node.load().await, (1, vec![]));
    assert!(matches!(node.commit(0, nothing()).await, Err(CommitError::Conflict)));

    let label = || Some(CqlValue::Text("label".into()));
    let both = vec![
        (SET, vec![number(2), uuid(1), number(1)]),
        (
            "DELETE FROM test_boxes WHERE box_id = ? AND kind = ? AND item = ?",
            vec![uuid(1), label(), uuid(5)],
        ),
        (INSERT, vec![uuid(1), label(), uuid(5), number(1)]),
    ];
    assert_eq!(node.cql.conditional(both).await.unwrap(), Outcome::Applied);
    assert_eq!(node.load().await, (2, vec![]), "the row that was written last is not there");
    let deletes = vec![("label", Uuid::from_u128(5))];
    assert!(node.commit(2, Batch { deletes, ..write(5, 1) }).await.is_err());
    node.end().await;
}

/// Law 5: a maximum that is inserted as it comes goes down again; one stamped by its value does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn law_5_maxima_that_are_inserted_go_down() {
    let Some(node) = Node::start("law5").await else { return };
    let insert = "INSERT INTO test_marks (reader, page, seen) VALUES (?, ?, ?)";
    for seen in [9, 5] {
        node.cql.write(insert, vec![uuid(1), uuid(1), number(seen)]).await.unwrap();
    }
    let seen = async |page| {
        let key = vec![Value::Uuid(Uuid::from_u128(1)), Value::Uuid(Uuid::from_u128(page))];
        let cells = node.store.get("test_marks", key).await.unwrap().unwrap();
        cells.field::<i64>("seen").unwrap()
    };
    assert_eq!(seen(1).await, 5, "what was read is unread again");
    let key = |page| vec![Value::Uuid(Uuid::from_u128(1)), Value::Uuid(Uuid::from_u128(page))];
    let raise = |page, to| {
        let columns = vec![("seen", to)];
        node.store.raise(vec![Maximum { table: "test_marks", key: key(page), columns }])
    };
    // A time stamp of today's clock is above all values: the column never rises again.
    raise(1, 20).await.unwrap();
    assert_eq!(seen(1).await, 5, "and it is stuck");
    for to in [9, 5, 7] {
        raise(2, to).await.unwrap();
    }
    assert_eq!(seen(2).await, 9);
    let row = Cells(vec![("reader", Value::Uuid(Uuid::nil()))]);
    assert!(node.store.put("test_marks", vec![row]).await.is_err());
    node.end().await;
}

/// Outbox rows go by ranges: commits whose numbers have more bytes than one go in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outbox_rows_and_nonces_run_by_number_on_the_server() {
    let Some(node) = Node::start("outbox").await else { return };
    let follows = |version: Version| {
        let row = |index| OutboxRow { version, index, effect: "a".to_owned(), body: vec![] };
        vec![row(0), row(1), row(300)]
    };
    // Versions on both sides of where bytes of the item roll over.
    for version in [255, 256, 4_095, 4_096, 65_535, 65_536, 65_537] {
        let before = node.load().await.0;
        node.commit(before, Batch { outbox: follows(version), ..nothing() }).await.unwrap();
    }
    let left = async || {
        let snapshot = node.store.load(in_box()).await.unwrap();
        let rows = snapshot.outbox.iter().map(|row| (row.version, row.index));
        rows.collect::<Vec<_>>()
    };
    assert_eq!(left().await.len(), 21);
    assert!(left().await.is_sorted());
    for (done, kept) in [(254, 21), (255, 18), (4_095, 12), (65_536, 3), (65_537, 0)] {
        let before = node.load().await.0;
        node.commit(before, Batch { done, ..nothing() }).await.unwrap();
        assert_eq!(left().await.len(), kept, "up to {done}");
    }
    let nonces = node.rows("SELECT item FROM test_boxes").await;
    assert!(nonces.len() >= 12, "each commit leaves one");
    assert!(node.load().await.1.is_empty(), "and nobody sees them");
    node.end().await;
}

fn id() -> Uuid {
    Uuid::from_u128(1)
}
