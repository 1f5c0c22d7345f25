//! What the records promise, on every engine. What follows from commits: `outbox.rs`.

use crate::engines::{Embedded, Engine, Home, on_every_engine};
use futures_util::future::join_all;
use protocol::{Error, ErrorCode};
use sanctuary::clock::Clock;
use sanctuary::engine::schema::Schema;
use sanctuary::engine::sqlite::{OpenError, Options, Sqlite};
use sanctuary::store::{
    Batch, COMMIT_BYTES_MAX, COMMIT_ROWS_MAX, Cells, Change, CommitError, Corrupt, LIST_ROWS_MAX,
    Maximum, Partition, PlainRecord, Range, Row, Snapshot, TURN_WAITERS_MAX, Value, Version,
    VersionedRecord,
};
use std::time::Duration;
use uuid::Uuid;

on_every_engine! {
    a_partition_without_commits_is_at_version_0,
    rows_come_back_as_they_were_committed,
    a_row_is_written_whole,
    a_commit_of_an_older_version_conflicts_and_writes_nothing,
    of_racing_commits_exactly_one_wins_each_version,
    decisions_that_race_on_two_nodes_all_count_once,
    a_partition_keeps_its_version_when_its_rows_are_gone,
    partitions_do_not_mix,
    an_empty_change_commits_nothing,
    a_decision_that_refuses_writes_nothing,
    too_many_decisions_on_one_partition_are_busy,
    commits_are_limited,
    commits_are_limited_in_bytes,
    a_row_changes_once_in_a_commit,
    a_failed_commit_changes_nothing,
    a_commit_of_unknown_outcome_is_seen_by_the_next_load,
    plain_rows_are_replaced_whole_and_removed,
    typed_records_come_back,
    lists_run_in_clustering_order_both_ways,
    lists_end_at_their_limit,
    rows_end_when_their_time_is_over,
    maxima_only_rise,
    each_kind_of_table_is_written_its_own_way,
    values_must_fit_their_columns,
}

/// A label in a box.
#[derive(Debug, Clone, PartialEq)]
struct Label {
    item: Uuid,
    words: Option<String>,
    number: i64,
}

impl VersionedRecord for Label {
    const TABLE: &'static str = "test_boxes";
    const KIND: &'static str = "label";
    const COLUMNS: &'static [&'static str] = &["words", "number"];

    fn into_cells(self) -> (Uuid, Cells) {
        let words = self.words.map_or(Value::Null, Value::Text);
        (self.item, Cells(vec![("words", words), ("number", Value::Int(self.number))]))
    }

    fn from_cells(item: Uuid, cells: &Cells) -> Result<Self, Corrupt> {
        Ok(Self { item, words: cells.field("words")?, number: cells.field("number")? })
    }
}

/// A thing on a shelf.
#[derive(Debug, Clone, PartialEq)]
struct Thing {
    room: String,
    shelf: u32,
    placed_at: i64,
    id: Uuid,
    open: Option<bool>,
}

impl PlainRecord for Thing {
    const TABLE: &'static str = "test_shelves";
    const COLUMNS: &'static [&'static str] = &["room", "shelf", "placed_at", "thing", "open"];

    fn into_cells(self) -> Cells {
        let mut cells = on_shelf(self.placed_at, self.id.as_u128());
        cells.0.retain(|(name, _)| *name != "room" && *name != "shelf");
        cells.0.extend([
            ("room", Value::Text(self.room)),
            ("shelf", Value::Int(i64::from(self.shelf))),
            ("open", self.open.map_or(Value::Null, Value::Bool)),
        ]);
        cells
    }

    fn from_cells(cells: &Cells) -> Result<Self, Corrupt> {
        Ok(Self {
            room: cells.field("room")?,
            shelf: cells.field("shelf")?,
            placed_at: cells.field("placed_at")?,
            id: cells.field("thing")?,
            open: cells.field("open")?,
        })
    }
}

fn label(item: u128, number: i64) -> Label {
    Label { item: Uuid::from_u128(item), words: Some(format!("label {item}")), number }
}

fn in_box(id: u128) -> Partition {
    Partition::new("test_boxes", [Value::Uuid(Uuid::from_u128(id))])
}

fn on_shelf(placed_at: i64, thing: u128) -> Cells {
    Cells(vec![
        ("room", Value::Text("hall".to_owned())),
        ("shelf", Value::Int(1)),
        ("placed_at", Value::Int(placed_at)),
        ("thing", Value::Uuid(Uuid::from_u128(thing))),
    ])
}

fn shelf() -> Vec<Value> {
    vec![Value::Text("hall".to_owned()), Value::Int(1)]
}

fn no_change() -> Batch {
    Batch { writes: vec![], deletes: vec![], outbox: vec![], done: 0, relay: None }
}

fn writes(rows: Vec<Row>) -> Batch {
    Batch { writes: rows, ..no_change() }
}

fn row(item: u128, cells: Vec<(&'static str, Value)>) -> Row {
    Row { kind: "label".to_owned(), item: Uuid::from_u128(item), cells: Cells(cells) }
}

async fn commit(
    engine: &Engine,
    id: u128,
    expected: Version,
    batch: Batch,
) -> Result<Version, CommitError> {
    engine.store.commit(in_box(id), expected, batch).await
}

async fn load(engine: &Engine, id: u128) -> Snapshot {
    engine.store.load(in_box(id)).await.unwrap()
}

fn code(error: CommitError) -> ErrorCode {
    match error {
        CommitError::Failed(error) => error.code,
        CommitError::Conflict | CommitError::TooLarge => panic!("{error} is no failure"),
    }
}

async fn a_partition_without_commits_is_at_version_0(home: &dyn Home) {
    let snapshot = load(&home.open().await, 1).await;
    assert_eq!((snapshot.version, snapshot.rows.len(), snapshot.outbox.len()), (0, 0, 0));
}

async fn rows_come_back_as_they_were_committed(home: &dyn Home) {
    let engine = home.open().await;
    let cells = vec![
        ("words", Value::Text("ünï".to_owned())),
        ("number", Value::Int(i64::MIN)),
        ("small", Value::Int(-5)),
        ("open", Value::Bool(false)),
        ("raw", Value::Bytes(vec![0, 255])),
        ("owner", Value::Uuid(Uuid::max())),
    ];
    let written = row(1, cells);
    let empty = row(2, vec![]);
    let batch = writes(vec![written.clone(), empty.clone()]);
    assert_eq!(commit(&engine, 1, 0, batch).await.unwrap(), 1);
    drop(engine);
    let snapshot = load(&home.open().await, 1).await;
    assert_eq!((snapshot.version, snapshot.rows), (1, vec![written, empty]));
}

async fn a_row_is_written_whole(home: &dyn Home) {
    let engine = home.open().await;
    let first = row(1, vec![("number", Value::Int(1)), ("open", Value::Bool(true))]);
    let second = row(1, vec![("open", Value::Bool(false))]);
    commit(&engine, 1, 0, writes(vec![first])).await.unwrap();
    commit(&engine, 1, 1, writes(vec![second.clone()])).await.unwrap();
    assert_eq!(load(&engine, 1).await.rows, [second]);
}

async fn a_commit_of_an_older_version_conflicts_and_writes_nothing(home: &dyn Home) {
    let engine = home.open().await;
    commit(&engine, 1, 0, writes(vec![row(1, vec![])])).await.unwrap();
    for expected in [0, 2] {
        let conflict = commit(&engine, 1, expected, writes(vec![row(2, vec![])])).await;
        assert!(matches!(conflict, Err(CommitError::Conflict)));
    }
    let snapshot = load(&engine, 1).await;
    assert_eq!((snapshot.version, snapshot.rows.len()), (1, 1));
}

async fn of_racing_commits_exactly_one_wins_each_version(home: &dyn Home) {
    let (one, two) = (home.open().await, home.open().await);
    for version in 0..15 {
        let race = (0..8_u128).map(|n| {
            let engine = if n % 2 == 0 { &one } else { &two };
            let cells = vec![("number", Value::Int(i64::try_from(n).unwrap()))];
            commit(engine, 1, version, writes(vec![row(u128::from(version), cells)]))
        });
        let outcomes = join_all(race).await;
        let won: Vec<usize> = (0..8).filter(|n| outcomes[*n].is_ok()).collect();
        assert_eq!(won.len(), 1, "{outcomes:?}");
        for outcome in &outcomes {
            assert!(matches!(outcome, Ok(_) | Err(CommitError::Conflict)));
        }
        let snapshot = load(&two, 1).await;
        let number = snapshot.rows.last().unwrap().cells.field::<u64>("number").unwrap();
        assert_eq!(number, won[0] as u64);
    }
}

async fn decisions_that_race_on_two_nodes_all_count_once(home: &dyn Home) {
    let (one, two) = (home.open().await, home.open().await);
    let (first, second) = (one.records(), two.records());
    let decisions = (0..60).map(|n| {
        let records = if n % 2 == 0 { &first } else { &second };
        async move {
            loop {
                let decided = records
                    .decide(in_box(1), |snapshot| {
                        let count = snapshot.one::<Label>()?.map_or(0, |label| label.number);
                        let mut change = Change::new();
                        change.write(label(1, count + 1));
                        Ok((change, count + 1))
                    })
                    .await;
                match decided {
                    Ok(count) => return count,
                    Err(error) => assert_eq!(error.code, ErrorCode::Busy),
                }
            }
        }
    });
    let mut counts = join_all(decisions).await;
    counts.sort_unstable();
    assert_eq!(counts, (1..=60).collect::<Vec<_>>());
    assert_eq!(load(&one, 1).await.version, 60);
}

async fn a_partition_keeps_its_version_when_its_rows_are_gone(home: &dyn Home) {
    let engine = home.open().await;
    commit(&engine, 1, 0, writes(vec![row(1, vec![]), row(2, vec![])])).await.unwrap();
    let deletes = vec![("label", Uuid::from_u128(1)), ("label", Uuid::from_u128(2))];
    commit(&engine, 1, 1, Batch { deletes, ..no_change() }).await.unwrap();
    let snapshot = load(&engine, 1).await;
    assert_eq!((snapshot.version, snapshot.rows.len()), (2, 0));
    assert!(matches!(commit(&engine, 1, 0, no_change()).await, Err(CommitError::Conflict)));
}

async fn partitions_do_not_mix(home: &dyn Home) {
    let engine = home.open().await;
    commit(&engine, 1, 0, writes(vec![row(1, vec![])])).await.unwrap();
    commit(&engine, 2, 0, writes(vec![row(2, vec![])])).await.unwrap();
    commit(&engine, 2, 1, no_change()).await.unwrap();
    let (one, two) = (load(&engine, 1).await, load(&engine, 2).await);
    assert_eq!((one.version, two.version), (1, 2));
    assert_eq!(one.rows, [row(1, vec![])]);
    assert_eq!(two.rows, [row(2, vec![])]);
}

async fn an_empty_change_commits_nothing(home: &dyn Home) {
    let engine = home.open().await;
    let answer = engine.records().decide(in_box(1), |_| Ok((Change::new(), 5))).await;
    assert_eq!(answer.unwrap(), 5);
    assert_eq!(load(&engine, 1).await.version, 0);
}

async fn a_decision_that_refuses_writes_nothing(home: &dyn Home) {
    let engine = home.open().await;
    let refused = engine
        .records()
        .decide(in_box(1), |_| Err::<(Change, ()), Error>(sanctuary::error::conflict("no")))
        .await;
    assert_eq!(refused.unwrap_err().code, ErrorCode::Conflict);
    assert_eq!(load(&engine, 1).await.version, 0);
}

async fn too_many_decisions_on_one_partition_are_busy(home: &dyn Home) {
    let engine = home.open().await;
    let records = engine.records();
    engine.faults.slow(Duration::from_millis(30));
    let decide = async |item: usize| {
        records
            .decide(in_box(1), |snapshot| {
                let mut change = Change::new();
                // One commit, so that the rest is quick.
                if snapshot.version == 0 {
                    change.write(label(item as u128, 0));
                }
                Ok((change, ()))
            })
            .await
    };
    let outcomes = join_all((0..=TURN_WAITERS_MAX).map(decide)).await;
    let busy: Vec<usize> = (0..outcomes.len()).filter(|n| outcomes[*n].is_err()).collect();
    assert_eq!(busy, [TURN_WAITERS_MAX], "one past the limit");
    assert_eq!(outcomes[TURN_WAITERS_MAX].as_ref().unwrap_err().code, ErrorCode::Busy);
    decide(0).await.unwrap();
}

async fn commits_are_limited(home: &dyn Home) {
    let engine = home.open().await;
    let rows = |count: usize| (0..count).map(|n| row(n as u128, vec![])).collect();
    let over = commit(&engine, 1, 0, writes(rows(COMMIT_ROWS_MAX + 1))).await.unwrap_err();
    assert_eq!(code(over), ErrorCode::Internal);
    assert_eq!(load(&engine, 1).await.version, 0);
    commit(&engine, 1, 0, writes(rows(COMMIT_ROWS_MAX))).await.unwrap();
    assert_eq!(load(&engine, 1).await.rows.len(), COMMIT_ROWS_MAX);
}

async fn commits_are_limited_in_bytes(home: &dyn Home) {
    let engine = home.open().await;
    let records = engine.records();
    let large = |bytes: usize| {
        let mut change = Change::new();
        let words = Some("x".repeat(bytes - change.bytes()));
        change.write(Label { words, ..label(1, 1) });
        let over = change.bytes() - bytes;
        let mut change = Change::new();
        change.write(Label { words: Some("x".repeat(bytes - over)), ..label(1, 1) });
        assert_eq!(change.bytes(), bytes);
        change
    };
    let mut snapshot = load(&engine, 1).await;
    let over = records.commit(&mut snapshot, large(COMMIT_BYTES_MAX + 1)).await;
    assert!(matches!(over, Err(CommitError::TooLarge)));
    assert_eq!(load(&engine, 1).await.version, 0);
    let following = records.commit(&mut snapshot, large(COMMIT_BYTES_MAX)).await.unwrap();
    following.done().await;
    assert_eq!(load(&engine, 1).await.version, 1);
}

async fn a_row_changes_once_in_a_commit(home: &dyn Home) {
    let engine = home.open().await;
    let twice = writes(vec![row(1, vec![]), row(1, vec![])]);
    assert_eq!(code(commit(&engine, 1, 0, twice).await.unwrap_err()), ErrorCode::Internal);
    let deletes = vec![("label", Uuid::from_u128(1))];
    let both = Batch { deletes, ..writes(vec![row(1, vec![])]) };
    assert_eq!(code(commit(&engine, 1, 0, both).await.unwrap_err()), ErrorCode::Internal);
    let outbox = writes(vec![Row { kind: "outbox".to_owned(), ..row(1, vec![]) }]);
    assert_eq!(code(commit(&engine, 1, 0, outbox).await.unwrap_err()), ErrorCode::Internal);
    assert_eq!(load(&engine, 1).await.version, 0);
}

async fn a_failed_commit_changes_nothing(home: &dyn Home) {
    let engine = home.open().await;
    engine.faults.refuse_commits(100);
    let failed = commit(&engine, 1, 0, writes(vec![row(1, vec![])])).await.unwrap_err();
    assert_eq!(code(failed), ErrorCode::Unavailable);
    engine.faults.refuse_commits(0);
    assert!((engine.health)().is_err());
    let snapshot = load(&engine, 1).await;
    assert_eq!((snapshot.version, snapshot.rows.len()), (0, 0));
    commit(&engine, 1, 0, writes(vec![row(1, vec![])])).await.unwrap();
    assert!((engine.health)().is_ok());
}

async fn a_commit_of_unknown_outcome_is_seen_by_the_next_load(home: &dyn Home) {
    let engine = home.open().await;
    engine.faults.lose_commit_results(1);
    let lost = commit(&engine, 1, 0, writes(vec![row(1, vec![])])).await;
    if engine.finds_out {
        assert_eq!(lost.unwrap(), 1);
    } else {
        assert_eq!(code(lost.unwrap_err()), ErrorCode::Unavailable);
    }
    assert_eq!(load(&engine, 1).await.version, 1);
    let again = commit(&engine, 1, 0, writes(vec![row(1, vec![])])).await;
    assert!(matches!(again, Err(CommitError::Conflict)));
}

async fn plain_rows_are_replaced_whole_and_removed(home: &dyn Home) {
    let engine = home.open().await;
    let mut first = on_shelf(1, 1);
    first.0.push(("words", Value::Text("old".to_owned())));
    let key = [shelf(), vec![Value::Int(1), Value::Uuid(Uuid::from_u128(1))]].concat();
    let get = async || engine.store.get("test_shelves", key.clone()).await.unwrap();
    assert_eq!(get().await, None);
    engine.store.put("test_shelves", vec![first.clone()]).await.unwrap();
    assert_eq!(*get().await.unwrap().get("words"), Value::Text("old".to_owned()));
    engine.store.put("test_shelves", vec![on_shelf(1, 1)]).await.unwrap();
    assert_eq!(get().await, Some(on_shelf(1, 1)));
    for _ in 0..2 {
        engine.store.remove("test_shelves", vec![key.clone()]).await.unwrap();
        assert_eq!(get().await, None);
    }
}

async fn typed_records_come_back(home: &dyn Home) {
    let engine = home.open().await;
    let records = engine.records();
    let thing = |placed_at, open| Thing {
        room: "hall".to_owned(),
        shelf: 1,
        placed_at,
        id: Uuid::from_u128(9),
        open,
    };
    let things = vec![thing(1, None), thing(2, Some(true))];
    records.put(things.clone()).await.unwrap();
    let range = Range { partition: shelf(), after: None, descending: true, limit: 10 };
    assert_eq!(records.list::<Thing>(range).await.unwrap(), things);
    let key = [shelf(), vec![Value::Int(2), Value::Uuid(Uuid::from_u128(9))]].concat();
    assert_eq!(records.get::<Thing>(key.clone()).await.unwrap(), Some(thing(2, Some(true))));
    records.remove::<Thing>(vec![key.clone()]).await.unwrap();
    assert_eq!(records.get::<Thing>(key).await.unwrap(), None);
}

async fn lists_run_in_clustering_order_both_ways(home: &dyn Home) {
    let engine = home.open().await;
    let rows = [(1, 1), (2, 1), (2, 2), (2, 3), (3, 1)];
    let cells = rows.iter().map(|(at, thing)| on_shelf(*at, *thing)).collect();
    engine.store.put("test_shelves", cells).await.unwrap();
    let list = async |after: Option<Vec<Value>>, descending, limit| {
        let range = Range { partition: shelf(), after, descending, limit };
        let rows = engine.store.list("test_shelves", range).await.unwrap();
        rows.iter()
            .map(|cells| {
                let thing: Uuid = cells.field("thing").unwrap();
                (cells.field::<i64>("placed_at").unwrap(), thing.as_u128())
            })
            .collect::<Vec<_>>()
    };
    let whole = |at, thing| Some(vec![Value::Int(at), Value::Uuid(Uuid::from_u128(thing))]);
    let newest_first: Vec<_> = rows.iter().rev().copied().collect();
    assert_eq!(list(None, false, 10).await, newest_first);
    assert_eq!(list(None, true, 10).await, rows);
    assert_eq!(list(whole(2, 2), false, 10).await, [(2, 1), (1, 1)]);
    assert_eq!(list(whole(2, 2), true, 10).await, [(2, 3), (3, 1)]);
    assert_eq!(list(whole(2, 2), true, 1).await, [(2, 3)]);
    assert_eq!(list(Some(vec![Value::Int(2)]), false, 10).await, [(1, 1)]);
    assert_eq!(list(Some(vec![Value::Int(2)]), true, 10).await, [(3, 1)]);
    assert_eq!(list(Some(vec![]), true, 10).await, rows);
    let elsewhere = vec![Value::Text("hall".to_owned()), Value::Int(2)];
    let range = Range { partition: elsewhere, after: None, descending: false, limit: 10 };
    assert!(engine.store.list("test_shelves", range).await.unwrap().is_empty());
}

async fn lists_end_at_their_limit(home: &dyn Home) {
    let engine = home.open().await;
    let cells = (0..=i64::from(LIST_ROWS_MAX)).map(|at| on_shelf(at, 1)).collect();
    engine.store.put("test_shelves", cells).await.unwrap();
    for (limit, expected) in [(0, 0), (LIST_ROWS_MAX, 1_000), (LIST_ROWS_MAX + 1, 1_000)] {
        let range = Range { partition: shelf(), after: None, descending: false, limit };
        assert_eq!(engine.store.list("test_shelves", range).await.unwrap().len(), expected);
    }
}

fn good_code(code: &str) -> Cells {
    Cells(vec![("code", Value::Text(code.to_owned())), ("owner", Value::Uuid(Uuid::nil()))])
}

async fn rows_end_when_their_time_is_over(home: &dyn Home) {
    let engine = home.open().await;
    let key = || vec![Value::Text("a".to_owned())];
    let cells =
        || Cells(vec![("spark", Value::Text("a".to_owned())), ("owner", Value::Uuid(Uuid::nil()))]);
    engine.store.put("test_codes", vec![good_code("a")]).await.unwrap();
    engine.store.put("test_sparks", vec![cells()]).await.unwrap();
    (engine.pass)(Duration::from_secs(1)).await;
    let gone = async {
        while engine.store.get("test_sparks", key()).await.unwrap().is_some() {
            (engine.pass)(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap();
    let range = Range { partition: key(), after: None, descending: false, limit: 5 };
    assert!(engine.store.list("test_sparks", range).await.unwrap().is_empty());
    assert_eq!(engine.store.get("test_codes", key()).await.unwrap(), Some(good_code("a")));
}

/// Where the clock is ours, to the millisecond.
#[tokio::test]
async fn an_embedded_row_ends_on_time_and_begins_anew_when_it_is_written_again() {
    let engine = Embedded::new().open().await;
    let get = async |code: &str| {
        engine.store.get("test_codes", vec![Value::Text(code.to_owned())]).await.unwrap()
    };
    engine.store.put("test_codes", vec![good_code("a"), good_code("b")]).await.unwrap();
    engine.clock.advance(59_999);
    engine.store.put("test_codes", vec![good_code("b")]).await.unwrap();
    assert_eq!(get("a").await, Some(good_code("a")));
    assert_eq!((engine.sweep)().await, 0);
    engine.clock.advance(1);
    assert_eq!(get("a").await, None);
    assert_eq!(get("b").await, Some(good_code("b")), "written again, it begins anew");
    assert_eq!((engine.sweep)().await, 1);
    engine.clock.advance(60_000);
    let range = Range {
        partition: vec![Value::Text("b".to_owned())],
        after: None,
        descending: false,
        limit: 5,
    };
    assert!(engine.store.list("test_codes", range).await.unwrap().is_empty());
    assert_eq!((engine.sweep)().await, 1);
}

fn mark(page: u128, columns: &[(&'static str, i64)]) -> Maximum {
    let key = vec![Value::Uuid(Uuid::from_u128(1)), Value::Uuid(Uuid::from_u128(page))];
    Maximum { table: "test_marks", key, columns: columns.to_vec() }
}

async fn maxima_only_rise(home: &dyn Home) {
    let engine = home.open().await;
    let records = engine.records();
    let get = async || {
        let key = mark(2, &[]).key;
        let cells = engine.store.get("test_marks", key).await.unwrap().unwrap();
        (cells.get("seen").clone(), cells.get("sent").clone())
    };
    records.raise(vec![mark(2, &[("seen", 5)])]).await.unwrap();
    assert_eq!(get().await, (Value::Int(5), Value::Null));
    records.raise(vec![mark(2, &[("sent", -3)]), mark(2, &[("seen", 4)])]).await.unwrap();
    assert_eq!(get().await, (Value::Int(5), Value::Int(-3)));
    join_all((0..50).map(|n| records.raise(vec![mark(2, &[("sent", n % 37), ("seen", n)])])))
        .await
        .into_iter()
        .for_each(Result::unwrap);
    assert_eq!(get().await, (Value::Int(49), Value::Int(36)));
}

async fn each_kind_of_table_is_written_its_own_way(home: &dyn Home) {
    let store = &home.open().await.store;
    let id = || vec![Value::Uuid(Uuid::nil())];
    let range = || Range { partition: id(), after: None, descending: false, limit: 1 };
    let change = async |table| {
        let partition = Partition::new(table, id());
        store.commit(partition, 0, no_change()).await.map(|_| ()).map_err(code)
    };
    let internal = |outcome: Result<(), Error>| {
        assert_eq!(outcome.unwrap_err().code, ErrorCode::Internal);
    };
    for table in ["test_boxes", "test_marks", "topic_log", "no_such_table"] {
        internal(store.put(table, vec![Cells::default()]).await);
        internal(store.remove(table, vec![id()]).await);
    }
    for table in ["test_shelves", "test_marks", "topic_log", "no_such_table"] {
        assert_eq!(change(table).await.unwrap_err(), ErrorCode::Internal);
        internal(store.load(Partition::new(table, id())).await.map(|_| ()));
    }
    for table in ["test_boxes", "topic_log", "no_such_table"] {
        internal(store.get(table, id()).await.map(|_| ()));
        internal(store.list(table, range()).await.map(|_| ()));
    }
    for table in ["test_boxes", "test_shelves", "no_such_table"] {
        let maximum = Maximum { table, ..mark(1, &[("seen", 1)]) };
        internal(store.raise(vec![maximum]).await);
    }
}

async fn values_must_fit_their_columns(home: &dyn Home) {
    let engine = home.open().await;
    let wrong: [(&'static str, Value); 8] = [
        ("words", Value::Int(1)),
        ("number", Value::Text(String::new())),
        ("small", Value::Int(i64::from(i32::MAX) + 1)),
        ("open", Value::Int(1)),
        ("raw", Value::Text(String::new())),
        ("owner", Value::Bytes(vec![0; 16])),
        ("version", Value::Int(1)),
        ("no_such_column", Value::Int(1)),
    ];
    for (column, value) in wrong {
        let failed = commit(&engine, 1, 0, writes(vec![row(1, vec![(column, value)])])).await;
        assert_eq!(code(failed.unwrap_err()), ErrorCode::Internal, "{column}");
    }
    let mut half = on_shelf(1, 1);
    half.0.pop();
    for cells in [half, Cells::default()] {
        let error = engine.store.put("test_shelves", vec![cells]).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Internal);
    }
    for key in [vec![], shelf(), vec![Value::Null; 4]] {
        let error = engine.store.get("test_shelves", key).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Internal);
    }
    assert_eq!(load(&engine, 1).await.version, 0);
}

fn open(home: &Embedded, text: &'static str) -> Result<(), OpenError> {
    let schema = Schema::read(&[("test.cql", text)]).unwrap();
    Sqlite::open_with(Options {
        folder: home.folder().to_owned(),
        clock: Clock::system(),
        schema,
        faults: std::sync::Arc::default(),
    })
    .map(|engine| engine.close())
}

#[test]
fn a_file_of_an_older_version_gets_new_columns_and_nothing_else() {
    let home = Embedded::new();
    open(&home, "-- kind: plain\nCREATE TABLE t (a uuid, b int, PRIMARY KEY (a));").unwrap();
    open(&home, "-- kind: plain\nCREATE TABLE t (a uuid, b int, c text, PRIMARY KEY (a));")
        .unwrap();
    open(&home, "-- kind: plain\nCREATE TABLE t (a uuid, b int, PRIMARY KEY (a));").unwrap();
    for text in [
        "-- kind: plain\nCREATE TABLE t (a uuid, b text, PRIMARY KEY (a));",
        "-- kind: plain\nCREATE TABLE t (a uuid, b int, PRIMARY KEY (a, b));",
        "-- kind: plain\nCREATE TABLE t (a uuid, b int, PRIMARY KEY (b));",
    ] {
        let error = open(&home, text).unwrap_err();
        assert!(matches!(error, OpenError::Tables(_)), "{error}");
    }
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let home = Embedded::new();
    std::fs::write(home.folder().join(sanctuary::engine::sqlite::FILE_NAME), "not a database, no")
        .unwrap();
    assert!(matches!(
        open(&home, "-- kind: plain\nCREATE TABLE t (a uuid, PRIMARY KEY (a));"),
        Err(OpenError::Sqlite(_))
    ));
}
