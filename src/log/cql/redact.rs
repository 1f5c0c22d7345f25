//! Redactions of events that lie in older buckets than the event that replaces them.
//!
//! One batch holds one partition, so the round leaves the new bodies in its own bucket, and a
//! timer that was set before it sees to the rest if this node does not. Carrying out is
//! conditional on the old bucket's head, which never moves again (law 1), and on who replaced the
//! event last: however late a redaction comes, it never brings back what a newer one took away.

use super::bucket::Bucket;
use super::round::Plan;
use super::rows::{Left, Nonce, Rows, left_by};
use crate::engine::cql::Outcome;
use crate::error::{Result, internal, unavailable};
use crate::timers::Timer;
use futures_util::future::try_join_all;
use protocol::{Format, Millis, Seq, Topic};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// The kind of the timer that finishes redactions which a crash left; its subject is for
/// [`crate::log::Log::finish_redactions`].
pub const REDACT_TIMER: &str = "redact";
/// It looks after a round this much later.
pub const REDACT_AFTER_MS: Millis = 5_000;
/// Tries to replace one event while others replace it too, or answers are lost.
pub const REPLACE_TRIES_MAX: u32 = 8;

/// What a timer says: which round, in which bucket, with which seqs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject {
    topic: Topic,
    bucket: Bucket,
    nonce: Nonce,
    first: Seq,
    last: Seq,
}

/// The timer of a round that leaves redactions.
pub(super) fn timer(topic: Topic, plan: &Plan, nonce: Nonce, now: Millis) -> Timer {
    let (first, last) = (plan.before + 1, plan.end.seq);
    let subject = Subject { topic, bucket: plan.bucket, nonce, first, last };
    Timer {
        due_at: now.saturating_add(REDACT_AFTER_MS),
        kind: REDACT_TIMER.to_owned(),
        subject: Format::MessagePack.encode(&subject),
    }
}

/// Carries out what a round left.
pub(super) async fn carry_out(rows: &Rows, topic: Topic, plan: &Plan) -> Result<()> {
    replace_all(rows, topic, plan.bucket, left_by(plan)).await
}

/// Carries out what is still left of the rounds with these seqs.
pub(super) async fn finish(
    rows: &Rows,
    topic: Topic,
    bucket: Bucket,
    causes: RangeInclusive<Seq>,
) -> Result<()> {
    let left = rows.left(topic, bucket, causes).await?;
    replace_all(rows, topic, bucket, left).await
}

/// What a timer does. The round may still be under way: it is made to have happened, or never to
/// happen, before one looks for what it left.
pub(super) async fn fire(rows: &Rows, subject: &[u8]) -> Result<()> {
    let subject: Subject = Format::MessagePack.decode(subject).map_err(|error| internal(&error))?;
    let Subject { topic, bucket, nonce, first, last } = subject;
    match rows.bar(topic, bucket, nonce).await? {
        Outcome::Applied | Outcome::Refused(_) => {}
        Outcome::Unknown(_) => return Err(unavailable()),
    }
    finish(rows, topic, bucket, first..=last).await
}

async fn replace_all(rows: &Rows, topic: Topic, bucket: Bucket, left: Vec<Left>) -> Result<()> {
    if left.is_empty() {
        return Ok(());
    }
    // Of several for one event the newest is enough; a round has few.
    let newest = |one: &&Left| {
        let newer =
            |other: &Left| other.seq == one.seq && other.redaction.cause > one.redaction.cause;
        !left.iter().any(newer)
    };
    try_join_all(left.iter().filter(newest).map(|left| replace(rows, topic, left))).await?;
    match rows.replaced(topic, bucket, &left).await? {
        Outcome::Applied => Ok(()),
        // The timer comes again, or a retry of the append.
        Outcome::Refused(_) | Outcome::Unknown(_) => Err(unavailable()),
    }
}

/// After a lost answer the condition tells whether it happened: so it may be tried again.
async fn replace(rows: &Rows, topic: Topic, left: &Left) -> Result<()> {
    for _ in 0..REPLACE_TRIES_MAX {
        let before = rows.redacted_by(topic, left.seq).await?;
        if before >= left.redaction.cause {
            return Ok(());
        }
        if rows.replace(topic, left, before).await? == Outcome::Applied {
            return Ok(());
        }
    }
    Err(unavailable())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timers::SUBJECT_BYTES_MAX;
    use protocol::ConversationId;
    use uuid::Uuid;

    #[test]
    fn the_subject_of_a_timer_is_small_and_is_read_again() {
        let subject = Subject {
            topic: Topic::Conversation(ConversationId(Uuid::max())),
            bucket: Bucket::MAX,
            nonce: [255; 16],
            first: Seq::MAX - 1,
            last: Seq::MAX,
        };
        let bytes = Format::MessagePack.encode(&subject);
        assert!(bytes.len() <= SUBJECT_BYTES_MAX);
        assert_eq!(Format::MessagePack.decode::<Subject>(&bytes).unwrap(), subject);
    }
}
