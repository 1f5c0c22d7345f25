//! Timers on CQL: a partition a minute. Which minutes a scan reads: see `scan`.

mod scan;

pub use scan::{LOOK_BACK_MS, MINUTES_A_SCAN_MAX, NEAR_MINUTES, RECENT_MS, ROUND_MINUTES};

use super::{BUCKET_MS, Timer, Timers};
use crate::engine::cql::{Cell, Cql};
use crate::error::Result;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use protocol::Millis;
use scan::{Scan, Span};
use scylla::value::CqlValue;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two scans that trail.
pub const TRAIL_INTERVAL_MS: u64 = 5_000;
/// Requests of one call that are under way at once.
const REQUESTS_AT_ONCE_MAX: usize = 16;
/// A minute that can't be read whole, since too much was deleted in it, is read in parts.
const PART_MS: Millis = 5_000;

const SET: &str = "INSERT INTO timers (bucket, due_at, kind, subject) VALUES (?, ?, ?, ?)";
const CLEAR: &str =
    "DELETE FROM timers WHERE bucket = ? AND due_at = ? AND kind = ? AND subject = ?";
const DUE: &str = "SELECT due_at, kind, subject FROM timers \
     WHERE bucket = ? AND due_at >= ? AND due_at <= ? LIMIT ?";
const MARK: &str = "SELECT empty_until FROM timer_marks WHERE name = 'all'";
const RAISE_MARK: &str =
    "UPDATE timer_marks USING TIMESTAMP ? SET empty_until = ? WHERE name = 'all'";

/// Timers of a cluster.
pub struct CqlTimers {
    engine: Arc<Cql>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    scan: Option<Scan>,
    trailed_at: Option<Instant>,
}

fn number(value: i64) -> Cell {
    Some(CqlValue::BigInt(value))
}

fn key(timer: &Timer) -> Vec<Cell> {
    vec![
        number(timer.bucket()),
        number(timer.due_at),
        Some(CqlValue::Text(timer.kind.clone())),
        Some(CqlValue::Blob(timer.subject.clone())),
    ]
}

/// Sets timers; durable when it returns.
pub(crate) async fn set(engine: &Cql, timers: &[Timer]) -> Result<()> {
    each(engine, SET, timers).await
}

async fn each(engine: &Cql, text: &str, timers: &[Timer]) -> Result<()> {
    stream::iter(timers.iter().map(Ok))
        .try_for_each_concurrent(REQUESTS_AT_ONCE_MAX, |timer| engine.write(text, key(timer)))
        .await
}

impl CqlTimers {
    /// The timers of an open cluster.
    pub fn new(engine: Arc<Cql>) -> Self {
        Self { engine, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn scan(&self, now: Millis, limit: u32) -> Result<Vec<Timer>> {
        if self.state().scan.is_none() {
            let found = self.engine.rows(MARK, vec![], 1).await?;
            let mark = found.first().and_then(|row| row.columns.first()?.as_ref()?.as_bigint());
            self.state().scan.get_or_insert_with(|| Scan::from(mark, now));
        }
        let (spans, mark, before) = {
            let mut state = self.state();
            let trails = state
                .trailed_at
                .is_none_or(|at| at.elapsed() >= Duration::from_millis(TRAIL_INTERVAL_MS));
            if trails {
                state.trailed_at = Some(Instant::now());
            }
            let scan = state.scan.get_or_insert_with(|| Scan::from(None, now));
            let before = scan.clone();
            let (spans, mark) = scan.plan(now, trails);
            (spans, mark, before)
        };
        let read = stream::iter(spans)
            .map(|span| async move { Ok((span, self.read(span, now, limit).await?)) })
            .buffered(REQUESTS_AT_ONCE_MAX)
            .try_collect::<Vec<_>>()
            .await;
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                // What was not read is read again.
                *self.state() = State { scan: Some(before), trailed_at: None };
                return Err(error);
            }
        };
        let mut due = Vec::new();
        if let Some(scan) = &mut self.state().scan {
            for (span, timers) in &read {
                scan.found(*span, timers.first().map(|timer| timer.due_at));
            }
        }
        for (_, timers) in read {
            due.extend(timers);
        }
        due.truncate(limit as usize);
        if let Some(mark) = mark.filter(|_| due.len() < limit as usize) {
            let first = due.first().map_or(mark, |timer| mark.min(timer.bucket()));
            self.engine.write(RAISE_MARK, vec![number(first), number(first)]).await?;
        }
        Ok(due)
    }

    async fn read(&self, span: Span, now: Millis, limit: u32) -> Result<Vec<Timer>> {
        let end = span.minute.saturating_add(1).saturating_mul(BUCKET_MS) - 1;
        let until = now.min(end);
        if let Ok(timers) = self.part(span.minute, span.from, until, limit).await {
            return Ok(timers);
        }
        let mut found = Vec::new();
        let mut from = span.from;
        while from <= until && found.len() < limit as usize {
            let to = until.min(from + PART_MS - 1);
            found.extend(self.part(span.minute, from, to, limit).await?);
            from = to + 1;
        }
        Ok(found)
    }

    async fn part(
        &self,
        minute: i64,
        from: Millis,
        until: Millis,
        limit: u32,
    ) -> Result<Vec<Timer>> {
        let rows = i32::try_from(limit.max(1)).unwrap_or(i32::MAX);
        let values = vec![number(minute), number(from), number(until), Some(CqlValue::Int(rows))];
        let found = self.engine.rows(DUE, values, limit as usize).await?;
        let timer = |row: scylla::value::Row| {
            let mut cells = row.columns.into_iter();
            match (cells.next()?, cells.next()?, cells.next()?) {
                (
                    Some(CqlValue::BigInt(due_at)),
                    Some(CqlValue::Text(kind)),
                    Some(CqlValue::Blob(subject)),
                ) => Some(Timer { due_at, kind, subject }),
                _ => None,
            }
        };
        Ok(found.into_iter().filter_map(timer).collect())
    }
}

impl Timers for CqlTimers {
    fn set(&self, timers: Vec<Timer>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            super::check(&timers)?;
            set(&self.engine, &timers).await
        })
    }

    fn clear(&self, timers: Vec<Timer>) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move { each(&self.engine, CLEAR, &timers).await })
    }

    fn due(&self, now: Millis, limit: u32) -> BoxFuture<'_, Result<Vec<Timer>>> {
        Box::pin(self.scan(now, limit))
    }
}
