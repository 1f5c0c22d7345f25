//! Engines under test. A suite is functions over [`Home`], so another engine is put under all
//! of them by one more home.

use futures_util::future::BoxFuture;
use sanctuary::bus::{Bus, Channel, Control, Notice, Publication};
use sanctuary::clock::Clock;
use sanctuary::engine::Faults;
use sanctuary::engine::schema::Schema;
use sanctuary::engine::sqlite::{Options, Sqlite};
use sanctuary::log::{Log, SqliteLog};
use sanctuary::store::{SqliteStore, Store, StoreEngine};
use sanctuary::timers::{SqliteTimers, Timers};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the clock of every engine under test shows at first.
pub(crate) const START: i64 = 1_800_000_000_000;

/// Where an engine keeps its things: it can be opened again, and by several at once.
pub(crate) trait Home: Send + Sync {
    /// Another node on the same data.
    fn open(&self) -> BoxFuture<'_, Engine>;
}

/// One node's engine.
pub(crate) struct Engine {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) store: Arc<dyn StoreEngine>,
    pub(crate) timers: Arc<dyn Timers>,
    /// What was published.
    pub(crate) bus: Arc<Probe>,
    /// Stands still until it is moved; of this node only.
    pub(crate) clock: Clock,
    pub(crate) faults: Arc<dyn Breaks>,
    /// `Err` while writes fail.
    pub(crate) health: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// Ends it cleanly.
    pub(crate) close: Box<dyn Fn() + Send + Sync>,
    /// Whether it finds out what became of a commit whose result was lost, and sends one that did
    /// not happen again.
    pub(crate) finds_out: bool,
    /// Lets time pass by which rows end: this node's, or the server's.
    pub(crate) pass: Box<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>,
    /// Ends rows whose time is over; how many.
    pub(crate) sweep: Box<dyn Fn() -> BoxFuture<'static, u64> + Send + Sync>,
}

impl Engine {
    /// Records as features use them.
    pub(crate) fn records(&self) -> Arc<Store> {
        Store::new(
            Arc::clone(&self.store),
            Arc::clone(&self.log),
            Arc::clone(&self.timers),
            self.clock.clone(),
        )
    }
}

/// Breaking an engine while it runs.
pub(crate) trait Breaks: Send + Sync {
    /// The next `n` commits fail, and nothing of them happens. An engine that sends a commit again
    /// gives up sooner or later.
    fn refuse_commits(&self, n: u32);
    /// The next `n` commits happen and are reported as failed.
    fn lose_commit_results(&self, n: u32);
    /// Each round takes longer.
    fn slow(&self, by: Duration);
}

impl Breaks for Faults {
    fn refuse_commits(&self, n: u32) {
        Self::refuse_commits(self, n);
    }

    fn lose_commit_results(&self, n: u32) {
        Self::lose_commit_results(self, n);
    }

    fn slow(&self, by: Duration) {
        Self::slow(self, by);
    }
}

/// A bus that remembers.
#[derive(Default)]
pub(crate) struct Probe(Mutex<Vec<Publication>>);

impl Probe {
    /// What was published since the last call.
    pub(crate) fn take(&self) -> Vec<Publication> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Bus for Probe {
    fn publish_blocking(&self, publications: Vec<Publication>) {
        self.0.lock().unwrap().extend(publications);
    }

    fn publish(&self, publications: Vec<Publication>) -> BoxFuture<'_, ()> {
        self.publish_blocking(publications);
        Box::pin(async {})
    }

    fn notify(&self, _: Notice) {}
    fn control(&self, _: Control) {}
    fn listen(&self, _: Channel) {}
    fn unlisten(&self, _: Channel) {}
    fn listening(&self, _: Channel) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// A data folder with an embedded store.
pub(crate) struct Embedded {
    folder: tempfile::TempDir,
}

impl Embedded {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The engine itself, with its faults.
    pub(crate) fn sqlite(&self, clock: &Clock) -> (Arc<Sqlite>, Arc<Faults>) {
        let faults = Arc::new(Faults::default());
        let engine = Sqlite::open_with(Options {
            folder: self.folder.path().to_owned(),
            clock: clock.clone(),
            schema: schema(),
            faults: Arc::clone(&faults),
        });
        (engine.unwrap(), faults)
    }

    /// The same node, and the faults that only this engine knows.
    pub(crate) fn open_with_faults(&self) -> (Engine, Arc<Faults>) {
        let clock = Clock::manual(START);
        let (sqlite, faults) = self.sqlite(&clock);
        let bus = Arc::new(Probe::default());
        let (one, two, three) = (Arc::clone(&sqlite), Arc::clone(&sqlite), Arc::clone(&sqlite));
        let moved = clock.clone();
        let engine = Engine {
            log: Arc::new(SqliteLog::new(Arc::clone(&sqlite), Arc::clone(&bus) as _)),
            store: Arc::new(SqliteStore::new(Arc::clone(&sqlite))),
            timers: Arc::new(SqliteTimers::new(sqlite)),
            bus,
            clock,
            faults: Arc::clone(&faults) as _,
            health: Box::new(move || one.health()),
            close: Box::new(move || two.close()),
            finds_out: false,
            pass: Box::new(move |time| {
                moved.advance(i64::try_from(time.as_millis()).unwrap());
                Box::pin(std::future::ready(()))
            }),
            sweep: Box::new(move || {
                let sqlite = Arc::clone(&three);
                Box::pin(async move { sqlite.sweep().await.unwrap() })
            }),
        };
        (engine, faults)
    }
}

impl Home for Embedded {
    fn open(&self) -> BoxFuture<'_, Engine> {
        Box::pin(std::future::ready(self.open_with_faults().0))
    }
}

/// The server's schema, and the tables of the suites.
pub(crate) fn schema() -> Schema {
    let tables = include_str!("engines.cql");
    Schema::embedded().clone().unwrap().with(&[("engines.cql", tables)]).unwrap()
}

/// Runs a suite on every engine there is.
macro_rules! on_every_engine {
    ($($scenario:ident,)*) => {
        mod embedded {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() {
                    super::$scenario(&crate::engines::Embedded::new()).await;
                }
            )*
        }

        mod cassandra {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() {
                    let Some(home) = crate::cassandra::Cassandra::new().await else { return };
                    super::$scenario(&home).await;
                }
            )*
        }
    };
}
pub(crate) use on_every_engine;
