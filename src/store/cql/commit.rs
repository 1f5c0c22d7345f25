//! One commit: its batch, and what became of it.

use super::item::item;
use super::text::TableText;
use super::{NONCE, NONCES_KEPT_MIN, version_in};
use crate::engine::cql::{BATCH_BYTES_MAX, Cell, Cql, Outcome, Part};
use crate::error::{Result, internal, unavailable};
use crate::id;
use crate::store::shape::check_batch;
use crate::store::{Batch, CommitError, OUTBOX, OutboxRow, Partition, Value, Version};
use scylla::value::CqlValue;
use std::time::Duration;
use uuid::Uuid;

/// A batch of which the store was asked, and answered that it did not happen, is sent once more.
/// It is the same batch: both expect the same version and leave the same nonce, so whichever is
/// carried out first, and however late, the other is refused.
const SENT_MAX: u32 = 2;
/// Reads that are tried to find out about a commit.
const FIND_OUT_TRIES_MAX: u32 = 4;
/// Before the second of them; each pause is twice the one before.
const FIND_OUT_PAUSE_MS: u64 = 100;

/// What became of a commit whose outcome was not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finding {
    /// Its nonce is there.
    Happened,
    /// The partition moved on without it, so it never will.
    Overtaken,
    /// Not yet; and a server that still holds it may do it.
    NotYet,
}

/// What the version, and after it the nonce, say about a commit that expected a version.
const fn finding(expected: Version, version: Version, has_nonce: bool) -> Finding {
    match (has_nonce, version > expected) {
        (true, _) => Finding::Happened,
        (false, true) => Finding::Overtaken,
        (false, false) => Finding::NotYet,
    }
}

/// Commits, and finds out where it is not clear whether that happened.
pub(super) async fn run(
    engine: &Cql,
    table: &TableText,
    partition: &Partition,
    expected: Version,
    batch: Batch,
) -> std::result::Result<Version, CommitError> {
    let relay: Vec<_> = batch.relay.iter().cloned().collect();
    let commit = Commit::new(table, partition, expected, batch)?;
    // Written first: whatever becomes of this node, somebody looks after what follows.
    crate::timers::set_on_cql(engine, &relay).await?;
    for sent in 1..=SENT_MAX {
        match engine.conditional(commit.parts.clone()).await? {
            Outcome::Applied => return Ok(expected + 1),
            Outcome::Refused(_) if sent == 1 => return Err(CommitError::Conflict),
            // The one sent before may be what refuses this one.
            Outcome::Refused(_) | Outcome::Unknown(_) => {}
        }
        metrics::counter!("sanctuary_store_unknown_outcomes_total").increment(1);
        match find_out(engine, table, &commit.key, &commit.nonce, expected).await? {
            Finding::Happened => return Ok(expected + 1),
            Finding::Overtaken => return Err(CommitError::Conflict),
            Finding::NotYet => {}
        }
    }
    Err(CommitError::Failed(unavailable()))
}

/// Reads after all that was decided: the version, then the nonce. In this order: a commit that
/// was overtaken at the first read can't happen before the second.
async fn find_out(
    engine: &Cql,
    table: &TableText,
    partition: &[Cell],
    nonce: &[Cell],
    expected: Version,
) -> Result<Finding> {
    let mut tries = 0;
    loop {
        let read = async {
            let found = engine.rows_serial(&table.version, partition.to_vec(), 1).await?;
            let version = version_in(found.first().and_then(|row| row.columns.first()))?;
            let found = engine.rows_serial(&table.has_nonce, nonce.to_vec(), 1).await?;
            Ok(finding(expected, version, !found.is_empty()))
        };
        tries += 1;
        match read.await {
            Ok(finding) => return Ok(finding),
            Err(error) if tries == FIND_OUT_TRIES_MAX => return Err(error),
            Err(_) => {
                let pause = FIND_OUT_PAUSE_MS << (tries - 1);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
        }
    }
}

/// A commit as statements with values.
struct Commit<'a> {
    parts: Vec<Part<'a>>,
    /// The partition.
    key: Vec<Cell>,
    /// The key of the nonce.
    nonce: Vec<Cell>,
}

impl<'a> Commit<'a> {
    fn new(
        table: &'a TableText,
        partition: &Partition,
        expected: Version,
        batch: Batch,
    ) -> Result<Self> {
        check_batch(&batch)?;
        let Batch { writes, deletes, outbox, done, .. } = batch;
        let shape = &table.shape;
        let version = expected + 1;
        let key = TableText::bound(&shape.partition, &partition.key);
        let row_key = |kind: &str, item: Uuid| {
            let mut key = partition.key.clone();
            key.extend([Value::Text(kind.to_owned()), Value::Uuid(item)]);
            key
        };
        let bound_key = |kind, item| TableText::bound(&shape.key, &row_key(kind, item));

        let mut set = vec![number(version)];
        set.extend(key.iter().cloned());
        set.push(if expected == 0 { None } else { number(expected) });
        let mut parts: Vec<Part<'a>> = vec![(&table.set_version, set)];
        for row in &writes {
            let values = shape.values(&row_key(&row.kind, row.item), &row.cells)?;
            parts.push((&table.put, TableText::bound(&shape.row, &values)));
        }
        for (kind, item) in deletes {
            parts.push((&table.remove, bound_key(kind, item)));
        }
        for OutboxRow { version, index, effect, body } in outbox {
            let mut values = bound_key(OUTBOX, item(version, u64::from(index)));
            values.extend([Some(CqlValue::Text(effect)), Some(CqlValue::Blob(body))]);
            parts.push((&table.follow, values));
        }
        if done > 0 {
            parts.push((&table.clear, bound_key(OUTBOX, item(done.saturating_add(1), 0))));
        }
        let random = u64::from_be_bytes(id::random()?);
        let nonce = bound_key(NONCE, item(version, random));
        parts.push((&table.nonce, nonce.clone()));
        // Now and then those go of whose commits nobody asks any more. All before the oldest that
        // is kept: one mark in the partition, however many there were.
        if version % NONCES_KEPT_MIN == 0 {
            let kept_from = version.saturating_sub(NONCES_KEPT_MIN);
            parts.push((&table.clear, bound_key(NONCE, item(kept_from, 0))));
        }
        let bytes: usize = parts.iter().map(|(_, values)| size(values)).sum();
        if bytes > BATCH_BYTES_MAX {
            return Err(internal(&format!("a commit of {bytes} bytes is too large")));
        }
        Ok(Self { parts, key, nonce })
    }
}

fn number(version: Version) -> Cell {
    Some(CqlValue::BigInt(i64::try_from(version).unwrap_or(i64::MAX)))
}

/// What values take, roughly.
fn size(values: &[Cell]) -> usize {
    let one = |cell: &Cell| match cell {
        Some(CqlValue::Text(text)) => text.len(),
        Some(CqlValue::Blob(bytes)) => bytes.len(),
        Some(_) => 16,
        None => 0,
    };
    values.iter().map(|cell| 4 + one(cell)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_found_out_about() {
        let table = [
            (4, 4, false, Finding::NotYet),
            (4, 5, true, Finding::Happened),
            (4, 9, true, Finding::Happened),
            (4, 5, false, Finding::Overtaken),
            (0, 0, false, Finding::NotYet),
            // It came between the two reads.
            (4, 4, true, Finding::Happened),
        ];
        for (expected, version, has_nonce, outcome) in table {
            assert_eq!(finding(expected, version, has_nonce), outcome);
        }
    }
}
