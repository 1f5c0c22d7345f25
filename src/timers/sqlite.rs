//! Timers on SQLite. The primary key runs by minute, then by time: one range over all minutes.

use super::{Timer, Timers};
use crate::engine::sqlite::{Lane, Sqlite};
use crate::error::Result;
use futures_util::future::BoxFuture;
use protocol::Millis;
use rusqlite::Connection;
use std::sync::Arc;

/// Timers of the embedded store.
pub struct SqliteTimers {
    engine: Arc<Sqlite>,
}

impl SqliteTimers {
    /// The timers of an open store.
    pub fn new(engine: Arc<Sqlite>) -> Self {
        Self { engine }
    }
}

/// Sets timers in a transaction of somebody else's.
pub(crate) fn set(connection: &Connection, timers: &[Timer]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO timers (bucket, due_at, kind, subject) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for timer in timers {
        insert.execute((timer.bucket(), timer.due_at, &timer.kind, &timer.subject))?;
    }
    Ok(())
}

fn clear(connection: &Connection, timers: &[Timer]) -> rusqlite::Result<()> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM timers WHERE bucket = ?1 AND due_at = ?2 AND kind = ?3 AND subject = ?4",
    )?;
    for timer in timers {
        delete.execute((timer.bucket(), timer.due_at, &timer.kind, &timer.subject))?;
    }
    Ok(())
}

fn due(connection: &Connection, now: Millis, limit: u32) -> rusqlite::Result<Vec<Timer>> {
    connection
        .prepare_cached(
            "SELECT due_at, kind, subject FROM timers WHERE (bucket, due_at) <= (?1, ?2)
             ORDER BY bucket, due_at, kind, subject LIMIT ?3",
        )?
        .query_map((now.div_euclid(super::BUCKET_MS), now, limit), |row| {
            Ok(Timer { due_at: row.get(0)?, kind: row.get(1)?, subject: row.get(2)? })
        })?
        .collect()
}

impl Timers for SqliteTimers {
    fn set(&self, timers: Vec<Timer>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            super::check(&timers)?;
            self.engine.write(Lane::People, move |connection| set(connection, &timers)).await
        })
    }

    fn clear(&self, timers: Vec<Timer>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.engine.write(Lane::Bulk, move |connection| clear(connection, &timers)).await
        })
    }

    fn due(&self, now: Millis, limit: u32) -> BoxFuture<'_, Result<Vec<Timer>>> {
        Box::pin(
            async move { self.engine.read(move |connection| due(connection, now, limit)).await },
        )
    }
}
