//! The engine that the settings name, as its parts: log, records and timers over one store.

use crate::bus::Bus;
use crate::clock::{Clock, Reference};
use crate::config::{Settings, StoreKind};
use crate::engine::Faults;
use crate::engine::cql::{self, Cql, Tls};
use crate::engine::schema::Schema;
use crate::engine::sqlite::Sqlite;
use crate::http::Check;
use crate::log::{CqlLog, Log, SqliteLog};
use crate::store::{CqlStore, SqliteStore, StoreEngine};
use crate::timers::{CqlTimers, SqliteTimers, Timers};
use futures_util::future::BoxFuture;
use std::path::Path;
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
    pub async fn open(
        settings: &Settings,
        clock: &Clock,
        bus: &Arc<dyn Bus>,
    ) -> Result<Self, super::StartError> {
        match settings.store {
            StoreKind::Embedded => {
                Ok(Self::embedded(Sqlite::open(&settings.data, clock.clone())?, bus))
            }
            StoreKind::Cql => Ok(Self::cql(Cql::open(cql_options(settings, clock)?).await?, bus)),
        }
    }

    /// Over a cluster that can be reached.
    pub fn cql(cql: Arc<Cql>, bus: &Arc<dyn Bus>) -> Self {
        let rows: Arc<dyn StoreEngine> = Arc::new(CqlStore::new(Arc::clone(&cql)));
        let timers: Arc<dyn Timers> = Arc::new(CqlTimers::new(Arc::clone(&cql)));
        let clock = Arc::clone(&cql);
        let log =
            CqlLog::new(Arc::clone(&cql), Arc::clone(&rows), Arc::clone(&timers), Arc::clone(bus));
        Self {
            log: Arc::new(log),
            rows,
            timers,
            check: Check::new("store", move || std::future::ready(cql.health())),
            time: Reference::new("store", move || {
                let clock = Arc::clone(&clock);
                async move { clock.time().await }
            }),
            foreign: None,
            // Nothing waits here: what was acknowledged is with the cluster.
            close: Box::new(|| Box::pin(std::future::ready(()))),
        }
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

fn cql_options(settings: &Settings, clock: &Clock) -> Result<cql::Options, super::StartError> {
    let own = settings.cql_tls_cert.clone().zip(settings.cql_tls_key.clone());
    let password = settings.cql_password_file.as_deref().map(password).transpose()?;
    Ok(cql::Options {
        nodes: settings.cql_nodes.clone(),
        keyspace: settings.cql_keyspace.0.clone(),
        replication: settings.cql_replication.clone(),
        tablets: settings.cql_tablets,
        login: settings.cql_user.clone().zip(password),
        tls: settings.cql_tls_ca.clone().map(|ca| Tls { ca, own }),
        datacenter: settings.cql_datacenter.clone(),
        clock: clock.clone(),
        schema: Schema::embedded().clone().map_err(cql::OpenError::from)?,
        faults: Arc::new(Faults::default()),
    })
}

/// The first line of a file.
fn password(path: &Path) -> Result<String, super::StartError> {
    let text = std::fs::read_to_string(path)
        .map_err(|cause| super::StartError::Password { path: path.to_owned(), cause })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

async fn close(sqlite: Arc<Sqlite>) {
    if tokio::task::spawn_blocking(move || sqlite.close()).await.is_err() {
        tracing::error!("the store did not close well");
    }
}
