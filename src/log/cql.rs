//! The log on CQL.
//!
//! A topic's events lie in buckets of 4 096; a bucket is a partition, with the topic's head and
//! state beside them. Appends to a topic that wait on this node share a *round*: one conditional
//! batch of one partition, which also holds their keys and the round's name. It is applied as a
//! whole, or refused as a whole because another node was faster. If the answer is lost, the name
//! tells what happened.
//!
//! Does not know: other nodes. Any of them may append to any topic at any time.

mod bucket;
mod commit;
mod known;
mod queue;
mod read;
mod redact;
mod round;
mod rows;

pub use commit::{
    ROUND_BACKOFF_MS, ROUND_BACKOFF_MS_MAX, ROUND_LOST_MAX, ROUND_TRIES_MAX, SETTLE_BACKOFF_MS,
    SETTLE_TRIES_MAX,
};
pub use known::KNOWN_TOPICS_MAX;
pub use redact::{REDACT_AFTER_MS, REDACT_TIMER, REPLACE_TRIES_MAX};
pub use round::{ROUND_BODY_BYTES_MAX, ROUND_REDACTIONS_MAX};
pub use rows::{LOOKUP_KEYS_MAX, NONCE_TTL_S, READ_ROWS_MAX};

use super::{Append, Appended, KEY_BYTES_MAX, Log, OwnedHead, Page, Span};
use crate::bus::Bus;
use crate::engine::cql::Cql;
use crate::error::{Result, internal};
use crate::store::StoreEngine;
use crate::timers::Timers;
use bucket::Buckets;
use commit::Writer;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt, stream};
use known::Ends;
use protocol::Topic;
use queue::Queues;
use rows::Rows;
use std::sync::Arc;

/// Events of a bucket. The same for all nodes and for ever: a place is found by it.
pub const BUCKET_EVENTS: u32 = 4_096;
/// Ends of topics that one call reads at once.
pub const HEADS_AT_ONCE_MAX: usize = 32;

/// The log of a cluster.
pub struct CqlLog {
    writer: Arc<Writer>,
    queues: Queues,
}

impl CqlLog {
    /// The log of an open cluster, with the records whose maxima it raises, and the timers of its
    /// redactions. What is appended is published on `bus`.
    pub fn new(
        cql: Arc<Cql>,
        store: Arc<dyn StoreEngine>,
        timers: Arc<dyn Timers>,
        bus: Arc<dyn Bus>,
    ) -> Self {
        Self::with_buckets_of(BUCKET_EVENTS, cql, store, timers, bus)
    }

    /// The same with buckets of another size; for tests, on a keyspace of their own.
    pub fn with_buckets_of(
        events: u32,
        cql: Arc<Cql>,
        store: Arc<dyn StoreEngine>,
        timers: Arc<dyn Timers>,
        bus: Arc<dyn Bus>,
    ) -> Self {
        let rows = Rows::new(cql, Buckets::of_events(events));
        let writer = Arc::new(Writer { rows, ends: Ends::default(), store, timers, bus });
        Self { queues: Queues::new(Arc::clone(&writer)), writer }
    }

    /// The end of a topic, read from the store. What is remembered only says where to look.
    async fn end(&self, topic: Topic) -> Result<OwnedHead> {
        let Writer { rows, ends, .. } = &*self.writer;
        let guess = ends.get(topic).map_or(0, |known| rows.buckets().of(known.head.seq));
        let end = rows.end(topic, guess).await?;
        if rows.buckets().of(end.seq) > guess {
            ends.seen(topic, &end);
        }
        Ok(end)
    }
}

impl Log for CqlLog {
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended>> {
        Box::pin(async move {
            if append.key.as_ref().is_some_and(|key| key.0.len() > KEY_BYTES_MAX) {
                return Err(internal(&"an idempotency key is too large"));
            }
            self.queues.append(append).await
        })
    }

    fn read(
        &self,
        topic: Topic,
        span: Span,
        limit: u32,
        bytes: usize,
    ) -> BoxFuture<'_, Result<Page>> {
        Box::pin(async move {
            let head = self.end(topic).await?;
            let entries =
                read::entries(&self.writer.rows, topic, span, &head, limit, bytes).await?;
            Ok(Page { entries, head: head.seq })
        })
    }

    fn heads(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Vec<OwnedHead>>> {
        Box::pin(async move {
            let ends = stream::iter(topics).map(|topic| self.end(topic));
            ends.buffered(HEADS_AT_ONCE_MAX).try_collect().await
        })
    }

    fn finish_redactions<'a>(&'a self, subject: &'a [u8]) -> BoxFuture<'a, Result<()>> {
        Box::pin(redact::fire(&self.writer.rows, subject))
    }
}
