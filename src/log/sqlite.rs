//! The log on SQLite.
//!
//! All of a topic lies in bucket 0: a B-tree has no partition that grows too large, one row then
//! holds a topic's head for ever, and a key is found however old it is.

mod append;
mod rows;

use super::{Append, Appended, Log, OwnedHead, Page, READ_EVENTS_MAX, Span};
use crate::bus::{Bus, Publication};
use crate::engine::sqlite::{Lane, Sqlite};
use crate::error::{Result, unavailable};
use crate::store::Raises;
use append::AppendJob;
use futures_util::future::BoxFuture;
use protocol::Topic;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// The log of the embedded store.
pub struct SqliteLog {
    engine: Arc<Sqlite>,
    raises: Arc<Raises>,
    /// Of the commit that just happened; filled and emptied on the writer's thread.
    outgoing: Arc<Mutex<Vec<Publication>>>,
}

impl SqliteLog {
    /// The log of an open store. What is appended is published on `bus`. One log an engine.
    pub fn new(engine: Arc<Sqlite>, bus: Arc<dyn Bus>) -> Self {
        let outgoing = Arc::new(Mutex::new(Vec::new()));
        let waiting = Arc::clone(&outgoing);
        engine.after_commit(move || {
            let publications =
                std::mem::take(&mut *waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if !publications.is_empty() {
                bus.publish_blocking(publications);
            }
        });
        let raises = Arc::new(Raises::new(engine.schema()));
        Self { engine, raises, outgoing }
    }
}

impl Log for SqliteLog {
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended>> {
        Box::pin(async move {
            let (reply, result) = oneshot::channel();
            let job = AppendJob::new(
                append,
                self.engine.clock().clone(),
                Arc::clone(&self.raises),
                Arc::clone(&self.outgoing),
                reply,
            )?;
            self.engine.enqueue(Lane::People, Box::new(job)).await?;
            result.await.unwrap_or_else(|_| Err(unavailable()))
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
            let (topic, limit) = (topic.to_string(), limit.min(READ_EVENTS_MAX));
            self.engine
                .read(move |connection| {
                    let head = rows::head(connection, &topic)?.seq;
                    let entries = rows::entries(connection, &topic, span, limit, bytes)?;
                    Ok(Page { entries, head })
                })
                .await
        })
    }

    fn heads(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Vec<OwnedHead>>> {
        Box::pin(async move {
            self.engine
                .read(move |connection| {
                    topics.iter().map(|topic| rows::head(connection, &topic.to_string())).collect()
                })
                .await
        })
    }
}
