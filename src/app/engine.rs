//! The engine that the settings name, as its parts: log, records and timers over one store.

use crate::bus::Bus;
use crate::clock::{Clock, Reference};
use crate::config::Settings;
use crate::engine::sqlite::Sqlite;
use crate::http::Check;
use crate::log::{Log, SqliteLog};
use crate::store::{SqliteStore, StoreEngine};
use crate::timers::{SqliteTimers, Timers};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::watch;

/// One node's way to the store.
pub struct Engine {
    /// The log; what is appended is published.
    pub log: Arc<dyn Log>,
    /// Records.
    pub rows: Arc<dyn StoreEngine>,
    /// Timers.
    pub timers: Arc<dyn Timers>,
    /// For `/readyz`.
    pub check: Check,
    /// The store's own clock.
    pub time: Reference,
    /// Rises when another process wrote to the store and told nobody; `None` where that is not
    /// possible.
    pub foreign: Option<watch::Receiver<u64>>,
    /// Writes what waits and lets go of the store.
    pub close: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send + Sync>,
}

impl Engine {
    /// Opens the store that the settings name.
    #[expect(clippy::unused_async, reason = "a store on other machines is opened over the network")]
    pub async fn open(
        settings: &Settings,
        clock: &Clock,
        bus: &Arc<dyn Bus>,
    ) -> Result<Self, super::StartError> {
        Ok(Self::embedded(Sqlite::open(&settings.data, clock.clone())?, bus))
    }

    /// Over an embedded store that is open.
    pub fn embedded(sqlite: Arc<Sqlite>, bus: &Arc<dyn Bus>) -> Self {
        let health = Arc::clone(&sqlite);
        Self {
            log: Arc::new(SqliteLog::new(Arc::clone(&sqlite), Arc::clone(bus))),
            rows: Arc::new(SqliteStore::new(Arc::clone(&sqlite))),
            timers: Arc::new(SqliteTimers::new(Arc::clone(&sqlite))),
            check: Check::new("store", move || std::future::ready(health.health())),
            time: Reference::machine(),
            foreign: Some(sqlite.foreign_changes()),
            close: Box::new(move || Box::pin(close(sqlite))),
        }
    }
}

async fn close(sqlite: Arc<Sqlite>) {
    if tokio::task::spawn_blocking(move || sqlite.close()).await.is_err() {
        tracing::error!("the store did not close well");
    }
}
