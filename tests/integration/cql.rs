//! The CQL engine itself: its migrations, and what it says of batches.

use crate::cassandra::{Keyspace, node};
use futures_util::future::join_all;
use sanctuary::clock::Clock;
use sanctuary::engine::cql::{BATCH_BYTES_MAX, OpenError, Outcome};
use scylla::value::CqlValue;

const OLD: &str = "-- kind: plain\nCREATE TABLE t (a uuid, b int, PRIMARY KEY (a));";
const NEW: &str = "-- kind: plain\nCREATE TABLE t (a uuid, b int, c text, PRIMARY KEY (a));";
const BOX: &str = "-- kind: versioned
    CREATE TABLE boxes (id int, version bigint static, kind text, item uuid, effect text, body blob,
        PRIMARY KEY ((id), kind, item));";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_make_one_schema() {
    let Some(node) = node() else { return };
    let keyspace = Keyspace::new(node, "start");
    let opened = join_all((0..4).map(|_| keyspace.open(BOX))).await;
    for (n, engine) in opened.iter().enumerate() {
        let engine = engine.as_ref().unwrap();
        let insert = "INSERT INTO boxes (id, kind, item) VALUES (?, 'row', uuid())";
        let n = i32::try_from(n).unwrap();
        engine.write(insert, vec![Some(CqlValue::Int(n))]).await.unwrap();
    }
    let first = opened[0].as_ref().unwrap();
    assert_eq!(first.rows("SELECT id FROM boxes", vec![], 10).await.unwrap().len(), 4);
    assert_eq!(first.rows("SELECT holder FROM engine_locks", vec![], 10).await.unwrap().len(), 0);
    keyspace.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyspace_of_an_older_version_gets_new_columns_and_nothing_else() {
    let Some(node) = node() else { return };
    let keyspace = Keyspace::new(node, "older");
    for text in [OLD, NEW, OLD] {
        keyspace.open(text).await.unwrap();
    }
    for text in [
        "-- kind: plain\nCREATE TABLE t (a uuid, b text, PRIMARY KEY (a));",
        "-- kind: plain\nCREATE TABLE t (a uuid, b int, PRIMARY KEY (a, b));",
        "-- kind: plain\nCREATE TABLE t (a uuid, b int, PRIMARY KEY (b));",
    ] {
        let error = keyspace.open(text).await.err().unwrap();
        assert!(matches!(error, OpenError::Differs { .. }), "{error}");
    }
    keyspace.drop().await;
}

#[tokio::test]
async fn a_cluster_that_is_away_is_named() {
    if node().is_none() {
        return;
    }
    let keyspace = Keyspace { node: "127.0.0.1:1".to_owned(), name: "away".to_owned() };
    let error = keyspace.open(OLD).await.err().unwrap();
    assert!(matches!(error, OpenError::Connect { .. }), "{error}");
    assert!(error.to_string().contains("127.0.0.1:1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cluster_says_what_time_it_is() {
    let Some(node) = node() else { return };
    let keyspace = Keyspace::new(node, "time");
    let engine = keyspace.open(OLD).await.unwrap();
    let before = Clock::system().now();
    let theirs = engine.time().await.unwrap();
    // One machine, one clock; two roundings.
    assert!((before - 1..=Clock::system().now() + 1).contains(&theirs));
    keyspace.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_names_what_conflicted() {
    let Some(node) = node() else { return };
    let keyspace = Keyspace::new(node, "refusal");
    let engine = keyspace.open(BOX).await.unwrap();
    let update = "UPDATE boxes SET version = ? WHERE id = ? IF version = ?";
    let to = |new: i64, old: Option<i64>| {
        let values =
            vec![Some(CqlValue::BigInt(new)), Some(CqlValue::Int(1)), old.map(CqlValue::BigInt)];
        vec![(update, values)]
    };
    assert_eq!(engine.conditional(to(1, None)).await.unwrap(), Outcome::Applied);
    assert_eq!(engine.conditional(to(2, Some(1))).await.unwrap(), Outcome::Applied);
    let refused = engine.conditional(to(2, Some(1))).await.unwrap();
    let Outcome::Refused(rows) = refused else { panic!("{refused:?}") };
    let found = ("version".to_owned(), CqlValue::BigInt(2));
    assert!(rows.iter().any(|row| row.contains(&found)), "{rows:?}");
    assert!(engine.conditional(vec![("UPDATE nowhere SET a = 1", vec![])]).await.is_err());
    keyspace.drop().await;
}

/// What was sent may have happened, whatever the answer looks like.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_answer_cannot_be_read_is_unknown() {
    let Some(node) = node() else { return };
    let keyspace = Keyspace::new(node, "unread");
    let engine = keyspace.open(BOX).await.unwrap();
    // Without a condition the server does not say whether it was applied.
    let insert = "INSERT INTO boxes (id, kind, item) VALUES (1, 'row', uuid())";
    let answer = engine.conditional(vec![(insert, vec![])]).await.unwrap();
    assert!(matches!(answer, Outcome::Unknown(_)), "{answer:?}");
    let found = engine.rows("SELECT kind FROM boxes WHERE id = 1", vec![], 2).await.unwrap();
    assert_eq!(found.len(), 1, "and it did happen");
    keyspace.drop().await;
}

/// Cassandra's limit of 50 KiB is for batches of several partitions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_of_one_partition_may_be_as_large_as_we_allow() {
    let Some(node) = node() else { return };
    let keyspace = Keyspace::new(node, "sizes");
    let engine = keyspace.open(BOX).await.unwrap();
    let id = || Some(CqlValue::Int(1));
    let update = "UPDATE boxes SET version = 1 WHERE id = ? IF version = null";
    let insert = "INSERT INTO boxes (id, kind, item, body) VALUES (?, 'row', uuid(), ?)";
    let kib = || Some(CqlValue::Blob(vec![7; 1_024]));
    let rows = BATCH_BYTES_MAX / 1_024;
    let mut parts = vec![(update, vec![id()])];
    parts.extend((0..rows).map(|_| (insert, vec![id(), kib()])));
    assert_eq!(engine.conditional(parts).await.unwrap(), Outcome::Applied);
    let found = engine.rows("SELECT kind FROM boxes WHERE id = 1", vec![], 2 * rows).await.unwrap();
    assert_eq!(found.len(), rows);
    keyspace.drop().await;
}
