//! The rows of `topic_log` on CQL. It is only ever written by conditional batches (law 1).

use super::bucket::{Bucket, Buckets, Found, Next, Search};
use super::round::{Plan, Redaction};
use crate::engine::cql::{Cell, Cql, Outcome, Part};
use crate::error::{Result, internal, unavailable};
use crate::log::{Entry, Key, OwnedHead};
use futures_util::future::try_join_all;
use protocol::{Seq, Topic, UserId};
use scylla::value::{CqlValue, Row};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Keys or seqs of one read: `ScyllaDB` takes at most 100.
pub const LOOKUP_KEYS_MAX: usize = 64;
/// Events of one read of a bucket; a page may take several.
pub const READ_ROWS_MAX: u32 = 256;
/// How long the trace of a round is kept, in seconds; its outcome is settled much sooner.
pub const NONCE_TTL_S: u32 = 3_600;

const END: &str = "SELECT DISTINCT topic, bucket, head, head_at, state FROM topic_log \
     WHERE topic = ? AND bucket = ?";
const KEYS: &str = "SELECT key, event_seq FROM topic_log \
     WHERE topic = ? AND bucket = ? AND kind = 'key' AND seq = 0 AND key IN ?";
const NONCE: &str = "SELECT event_seq FROM topic_log \
     WHERE topic = ? AND bucket = ? AND kind = 'nonce' AND seq = 0 AND key = ?";
const EVENTS_AT: &str = "SELECT seq, at, sender, body FROM topic_log \
     WHERE topic = ? AND bucket = ? AND kind = 'event' AND seq IN ?";
const EVENTS_UP: &str = "SELECT seq, at, sender, body FROM topic_log \
     WHERE topic = ? AND bucket = ? AND kind = 'event' AND seq >= ? AND seq <= ? \
     ORDER BY kind ASC, seq ASC, key ASC LIMIT ?";
const EVENTS_DOWN: &str = "SELECT seq, at, sender, body FROM topic_log \
     WHERE topic = ? AND bucket = ? AND kind = 'event' AND seq >= ? AND seq <= ? \
     ORDER BY kind DESC, seq DESC, key DESC LIMIT ?";
const REDACTED_BY: &str = "SELECT event_seq FROM topic_log \
     WHERE topic = ? AND bucket = ? AND kind = 'event' AND seq = ? AND key = 0x";
const LEFT: &str = "SELECT seq, event_seq, body FROM topic_log \
     WHERE topic = ? AND bucket = ? AND kind = 'redact' AND seq >= ? AND seq <= ?";

const ADVANCE: &str = "UPDATE topic_log SET head = ?, head_at = ? \
     WHERE topic = ? AND bucket = ? IF head = ?";
const ADVANCE_STATE: &str = "UPDATE topic_log SET head = ?, head_at = ?, state = ? \
     WHERE topic = ? AND bucket = ? IF head = ?";
const BEGIN: &str = "UPDATE topic_log SET head = ?, head_at = ?, state = ? \
     WHERE topic = ? AND bucket = ? IF head = null";
const ADD_EVENT: &str = "INSERT INTO topic_log (topic, bucket, kind, seq, key, at, body, sender) \
     VALUES (?, ?, 'event', ?, 0x, ?, ?, ?)";
const ADD_SYSTEM_EVENT: &str = "INSERT INTO topic_log (topic, bucket, kind, seq, key, at, body) \
     VALUES (?, ?, 'event', ?, 0x, ?, ?)";
const ADD_KEY: &str = "INSERT INTO topic_log (topic, bucket, kind, seq, key, event_seq) \
     VALUES (?, ?, 'key', 0, ?, ?) IF NOT EXISTS";
const REPLACE_HERE: &str = "UPDATE topic_log SET body = ? \
     WHERE topic = ? AND bucket = ? AND kind = 'event' AND seq = ? AND key = 0x";
const REPLACE_LATER: &str = "INSERT INTO topic_log \
     (topic, bucket, kind, seq, key, event_seq, body) VALUES (?, ?, 'redact', ?, ?, ?, ?)";
const REPLACE_FIRST: &str = "UPDATE topic_log SET body = ?, event_seq = ? \
     WHERE topic = ? AND bucket = ? AND kind = 'event' AND seq = ? AND key = 0x \
     IF head = ? AND event_seq = null";
const REPLACE_AGAIN: &str = "UPDATE topic_log SET body = ?, event_seq = ? \
     WHERE topic = ? AND bucket = ? AND kind = 'event' AND seq = ? AND key = 0x \
     IF head = ? AND event_seq = ?";
const REPLACED: &str = "DELETE FROM topic_log \
     WHERE topic = ? AND bucket = ? AND kind = 'redact' AND seq = ? AND key = ? IF head > 0";

/// The name of one round.
pub(super) type Nonce = [u8; 16];

/// A redaction that a round left for later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Left {
    /// The event that is replaced.
    pub(super) seq: Seq,
    pub(super) redaction: Redaction,
}

/// The table.
pub(super) struct Rows {
    cql: Arc<Cql>,
    buckets: Buckets,
    add_nonce: String,
}

fn text(topic: Topic) -> Cell {
    Some(CqlValue::Text(topic.to_string()))
}

fn int(bucket: Bucket) -> Cell {
    Some(CqlValue::Int(bucket))
}

fn big(number: u64) -> Cell {
    // CQL's integers are signed; no topic gets that long.
    Some(CqlValue::BigInt(i64::try_from(number).unwrap_or(i64::MAX)))
}

fn blob(bytes: &[u8]) -> Cell {
    Some(CqlValue::Blob(bytes.to_vec()))
}

fn corrupt() -> protocol::Error {
    internal(&"a row of the log does not hold what its schema promises")
}

fn seq_of(cell: Cell) -> Result<Seq> {
    let seq = cell.and_then(|value| value.as_bigint()).ok_or_else(corrupt)?;
    Seq::try_from(seq).map_err(|_| corrupt())
}

fn bytes_of(cell: Cell) -> Result<Vec<u8>> {
    cell.and_then(CqlValue::into_blob).ok_or_else(corrupt)
}

/// The columns of a row of which one knows how many there are.
fn columns<const N: usize>(row: Row) -> Result<[Cell; N]> {
    row.columns.try_into().map_err(|_| corrupt())
}

fn entry(row: Row) -> Result<Entry> {
    let [seq, at, sender, body] = columns(row)?;
    Ok(Entry {
        seq: seq_of(seq)?,
        at: at.and_then(|at| at.as_bigint()).ok_or_else(corrupt)?,
        sender: sender.map(|id| id.as_uuid().map(UserId).ok_or_else(corrupt)).transpose()?,
        body: bytes_of(body)?.into(),
    })
}

/// The key of the row that keeps a redaction for later.
fn place(seq: Seq) -> Cell {
    blob(&seq.to_be_bytes())
}

impl Rows {
    pub(super) fn new(cql: Arc<Cql>, buckets: Buckets) -> Self {
        let add_nonce = format!(
            "INSERT INTO topic_log (topic, bucket, kind, seq, key, event_seq) \
             VALUES (?, ?, 'nonce', 0, ?, ?) IF NOT EXISTS USING TTL {NONCE_TTL_S}"
        );
        Self { cql, buckets, add_nonce }
    }

    pub(super) const fn cql(&self) -> &Arc<Cql> {
        &self.cql
    }

    pub(super) const fn buckets(&self) -> Buckets {
        self.buckets
    }

    /// The end of what a bucket holds; `None` for one that was not begun.
    async fn end_in(
        &self,
        topic: Topic,
        bucket: Bucket,
        serial: bool,
    ) -> Result<Option<OwnedHead>> {
        let values = vec![text(topic), int(bucket)];
        let rows = if serial {
            self.cql.rows_serial(END, values, 1).await?
        } else {
            self.cql.rows(END, values, 1).await?
        };
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let [_, _, head, at, state] = columns(row)?;
        // A nonce may be in a bucket that was not begun.
        if head.is_none() {
            return Ok(None);
        }
        Ok(Some(OwnedHead {
            seq: seq_of(head)?,
            at: at.and_then(|at| at.as_bigint()).ok_or_else(corrupt)?,
            state: state.map(|state| bytes_of(Some(state))).transpose()?.unwrap_or_default(),
        }))
    }

    /// The end of a topic, by a search that looks into `guess` first. Whatever was acknowledged
    /// is in it.
    pub(super) async fn end(&self, topic: Topic, guess: Bucket) -> Result<OwnedHead> {
        let mut search = Search::from(guess);
        let mut last = None;
        loop {
            let bucket = match search.next() {
                Next::Look(bucket) => bucket,
                Next::End(_) => return Ok(last.unwrap_or_default()),
            };
            let end = self.end_in(topic, bucket, false).await?;
            let found = match &end {
                None => Found::Absent,
                Some(head) if head.seq < self.buckets.last(bucket) => Found::Open,
                Some(_) => Found::Full,
            };
            if end.is_some() {
                last = end;
            }
            if search.found(bucket, found).is_some() {
                return Ok(last.unwrap_or_default());
            }
        }
    }

    /// The end of a topic, not before `from`, by serial reads: a round that was under way is
    /// finished or is over, and all up to that end is at a quorum.
    pub(super) async fn settled_end(&self, topic: Topic, from: &OwnedHead) -> Result<OwnedHead> {
        let mut bucket = self.buckets.of(from.seq);
        let mut last = OwnedHead::default();
        while let Some(head) = self.end_in(topic, bucket, true).await? {
            last = head;
            if last.seq < self.buckets.last(bucket) {
                break;
            }
            bucket = self.buckets.of_next(last.seq);
        }
        // Buckets never vanish; what is not there now was seen on a replica that is away.
        if last.seq < from.seq { Err(unavailable()) } else { Ok(last) }
    }

    /// Where keys were used in a bucket.
    pub(super) async fn keys(
        &self,
        topic: Topic,
        bucket: Bucket,
        keys: &[&Key],
    ) -> Result<Vec<(Key, Seq)>> {
        let looks = keys.chunks(LOOKUP_KEYS_MAX).map(|keys| async move {
            let wanted = keys.iter().map(|key| CqlValue::Blob(key.0.clone())).collect();
            let values = vec![text(topic), int(bucket), Some(CqlValue::List(wanted))];
            self.cql.rows(KEYS, values, keys.len()).await
        });
        let found = try_join_all(looks).await?;
        let rows = found.into_iter().flatten().map(|row| {
            let [key, seq] = columns(row)?;
            Ok((Key(bytes_of(key)?), seq_of(seq)?))
        });
        rows.collect()
    }

    /// Events at their places, in a bucket, in any order.
    pub(super) async fn events_at(
        &self,
        topic: Topic,
        bucket: Bucket,
        seqs: &[Seq],
    ) -> Result<Vec<Entry>> {
        let looks = seqs.chunks(LOOKUP_KEYS_MAX).map(|seqs| async move {
            let wanted = seqs.iter().filter_map(|seq| big(*seq)).collect();
            let values = vec![text(topic), int(bucket), Some(CqlValue::List(wanted))];
            self.cql.rows(EVENTS_AT, values, seqs.len()).await
        });
        try_join_all(looks).await?.into_iter().flatten().map(entry).collect()
    }

    /// Events of a bucket, at most `limit` of a range, from its lower or its upper end.
    pub(super) async fn events(
        &self,
        topic: Topic,
        bucket: Bucket,
        range: RangeInclusive<Seq>,
        upward: bool,
        limit: u32,
    ) -> Result<Vec<Entry>> {
        let limit = limit.min(READ_ROWS_MAX);
        let values = vec![
            text(topic),
            int(bucket),
            big(*range.start()),
            big(*range.end()),
            Some(CqlValue::Int(i32::try_from(limit).unwrap_or(i32::MAX))),
        ];
        let text = if upward { EVENTS_UP } else { EVENTS_DOWN };
        let rows = self.cql.rows(text, values, limit as usize).await?;
        rows.into_iter().map(entry).collect()
    }

    /// Writes a round, all or nothing.
    pub(super) async fn write(&self, topic: Topic, plan: &Plan, nonce: Nonce) -> Result<Outcome> {
        let (name, bucket) = (text(topic), int(plan.bucket));
        let (head, at) = (big(plan.end.seq), Some(CqlValue::BigInt(plan.end.at)));
        let here = || [name.clone(), bucket.clone()];
        let mut parts: Vec<Part<'_>> = Vec::with_capacity(2 + 2 * plan.events.len());
        // A bucket's first round carries the state on.
        let begins = plan.before + 1 == self.buckets.first(plan.bucket);
        parts.push(if begins {
            (BEGIN, [&[head, at, blob(&plan.end.state)][..], &here()].concat())
        } else if plan.state_changed {
            let set = [head, at, blob(&plan.end.state)];
            (ADVANCE_STATE, [&set[..], &here(), &[big(plan.before)]].concat())
        } else {
            (ADVANCE, [&[head, at][..], &here(), &[big(plan.before)]].concat())
        });
        for event in &plan.events {
            let Entry { seq, at, sender, body } = &event.entry;
            let written = [big(*seq), Some(CqlValue::BigInt(*at)), blob(body)];
            parts.push(match sender {
                Some(UserId(id)) => {
                    let sender = [Some(CqlValue::Uuid(*id))];
                    (ADD_EVENT, [&here()[..], &written, &sender].concat())
                }
                None => (ADD_SYSTEM_EVENT, [&here()[..], &written].concat()),
            });
            if let Some(key) = &event.key {
                parts.push((ADD_KEY, [&here()[..], &[blob(&key.0), big(*seq)]].concat()));
            }
        }
        for (seq, redaction) in &plan.here {
            let values = [&[blob(&redaction.body)][..], &here(), &[big(*seq)]].concat();
            parts.push((REPLACE_HERE, values));
        }
        for (seq, redaction) in &plan.older {
            let row = [big(redaction.cause), place(*seq), big(*seq), blob(&redaction.body)];
            parts.push((REPLACE_LATER, [&here()[..], &row].concat()));
        }
        let trace = [blob(&nonce), big(plan.end.seq)];
        parts.push((&self.add_nonce, [&here()[..], &trace].concat()));
        self.cql.conditional(parts).await
    }

    /// The head that the round of this name left behind, if it happened; 0 if it was barred.
    /// Serial: a round that is under way is finished first.
    pub(super) async fn trace(
        &self,
        topic: Topic,
        bucket: Bucket,
        nonce: Nonce,
    ) -> Result<Option<Seq>> {
        let values = vec![text(topic), int(bucket), blob(&nonce)];
        let rows = self.cql.rows_serial(NONCE, values, 1).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let [seq] = columns(row)?;
        Ok(Some(seq_of(seq)?))
    }

    /// Takes the name of a round that did not happen, so that it never does. Refused: it happened,
    /// or its name was taken before.
    pub(super) async fn bar(&self, topic: Topic, bucket: Bucket, nonce: Nonce) -> Result<Outcome> {
        let values = vec![text(topic), int(bucket), blob(&nonce), big(0)];
        self.cql.conditional(vec![(&self.add_nonce, values)]).await
    }

    /// Redactions of older buckets that rounds with these seqs left in theirs.
    pub(super) async fn left(
        &self,
        topic: Topic,
        bucket: Bucket,
        causes: RangeInclusive<Seq>,
    ) -> Result<Vec<Left>> {
        let values = vec![text(topic), int(bucket), big(*causes.start()), big(*causes.end())];
        let rows = self.cql.rows(LEFT, values, usize::MAX).await?;
        let rows = rows.into_iter().map(|row| {
            let [cause, seq, body] = columns(row)?;
            let redaction = Redaction { cause: seq_of(cause)?, body: bytes_of(body)?.into() };
            Ok(Left { seq: seq_of(seq)?, redaction })
        });
        rows.collect()
    }

    /// The event that last replaced the one at `seq` from a later bucket; 0 for none.
    pub(super) async fn redacted_by(&self, topic: Topic, seq: Seq) -> Result<Seq> {
        let values = vec![text(topic), int(self.buckets.of(seq)), big(seq)];
        let rows = self.cql.rows_serial(REDACTED_BY, values, 1).await?;
        let [cause] = columns(rows.into_iter().next().ok_or_else(corrupt)?)?;
        cause.map_or(Ok(0), |cause| seq_of(Some(cause)))
    }

    /// Replaces an event of a full bucket, if `before` was the last to do so.
    pub(super) async fn replace(&self, topic: Topic, left: &Left, before: Seq) -> Result<Outcome> {
        let bucket = self.buckets.of(left.seq);
        let Redaction { cause, body } = &left.redaction;
        let mut values = vec![
            blob(body),
            big(*cause),
            text(topic),
            int(bucket),
            big(left.seq),
            big(self.buckets.last(bucket)),
        ];
        let text = if before == 0 { REPLACE_FIRST } else { REPLACE_AGAIN };
        values.extend((before > 0).then(|| big(before)));
        self.cql.conditional(vec![(text, values)]).await
    }

    /// Clears redactions that were carried out. May be repeated.
    pub(super) async fn replaced(
        &self,
        topic: Topic,
        bucket: Bucket,
        done: &[Left],
    ) -> Result<Outcome> {
        let parts = done.iter().map(|left| {
            let values = vec![text(topic), int(bucket), big(left.redaction.cause), place(left.seq)];
            (REPLACED, values)
        });
        self.cql.conditional(parts.collect()).await
    }
}

/// What a round tells of its redactions, in the form that [`Rows::left`] finds.
pub(super) fn left_by(plan: &Plan) -> Vec<Left> {
    let of =
        |(seq, redaction): (&Seq, &Redaction)| Left { seq: *seq, redaction: redaction.clone() };
    plan.older.iter().map(of).collect()
}
