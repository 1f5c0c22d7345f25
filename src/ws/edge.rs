//! All connections of this node, and how they end together.

use super::connection::Connection;
use super::stream::Stream;
use super::wheel::Wheel;
use super::{Commands, upgrade};
use crate::clock::Clock;
use crate::hub::{Hub, Link, Tempo};
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use protocol::close::CloseCode;
use protocol::session::Bye;
use protocol::{Format, Push};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{self, MissedTickBehavior};

/// While draining, connections are told in batches this far apart.
const DRAIN_STEP: Duration = Duration::from_millis(100);
/// Nobody comes back sooner than this.
const RETRY_AFTER_MS_MIN: u64 = 250;
/// The window over which clients of a quick drain are spread.
const RETRY_AFTER_MS_SPREAD_MIN: u64 = 1_000;

/// Settings of the edge.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// Origins that browsers may connect from, besides the server's own host:
    /// `https://app.example.com`, or `*` for all.
    pub origins: Vec<String>,
    /// From the accept to the end of a request's head, and of a TLS handshake.
    pub head_timeout: Duration,
    /// Time-outs of a connection.
    pub tempo: Tempo,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self { origins: Vec::new(), head_timeout: Duration::from_secs(10), tempo: Tempo::default() }
    }
}

/// See the module.
pub struct Edge {
    pub(super) hub: Arc<Hub>,
    pub(super) commands: Arc<dyn Commands>,
    pub(super) config: EdgeConfig,
    pub(super) wheel: Wheel,
    clock: Clock,
    connections: AtomicUsize,
    /// The last connection ended.
    empty: Notify,
    draining: AtomicBool,
}

impl Edge {
    /// An edge without connections. Its wheel turns as a task of the current runtime.
    pub fn new(
        hub: Arc<Hub>,
        commands: Arc<dyn Commands>,
        clock: Clock,
        config: EdgeConfig,
    ) -> Arc<Self> {
        let edge = Arc::new(Self {
            hub,
            commands,
            wheel: Wheel::new(config.tempo.clone()),
            config,
            clock,
            connections: AtomicUsize::new(0),
            empty: Notify::new(),
            draining: AtomicBool::new(false),
        });
        let weak = Arc::downgrade(&edge);
        let mut ticks = time::interval(edge.config.tempo.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        tokio::spawn(async move {
            loop {
                ticks.tick().await;
                let Some(edge) = weak.upgrade() else { return };
                edge.wheel.turn(&edge.clock);
                edge.measure();
            }
        });
        edge
    }

    /// `GET /v1/socket`.
    pub fn routes(self: &Arc<Self>) -> Router {
        Router::new().route("/v1/socket", get(upgrade::upgrade)).with_state(Arc::clone(self))
    }

    /// Open sockets, with or without session.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// From now on, no new sockets.
    pub fn begin_drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    /// The node goes down: no new sockets.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    fn measure(&self) {
        metrics::gauge!("sanctuary_connections").set(self.connections() as f64);
        metrics::gauge!("sanctuary_outbox_bytes").set(self.hub.outbox_bytes() as f64);
    }

    /// Takes over a socket after the 101. `early`: bytes that came with the head.
    pub(super) fn accept(
        self: &Arc<Self>,
        socket: Stream,
        format: Format,
        bearer: Option<Arc<str>>,
        early: &Bytes,
    ) {
        let link = self.hub.link(format);
        self.connections.fetch_add(1, Ordering::SeqCst);
        self.wheel.soon(&link);
        if self.is_draining() {
            link.close(CloseCode::Draining);
        }
        tokio::spawn(Connection::new(Arc::clone(self), link, socket, bearer, early));
    }

    /// A connection ended.
    pub(super) fn left(&self, link: &Arc<Link>, goodbye: bool) {
        self.hub.detach(link);
        self.commands.closed(link, goodbye);
        if self.connections.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.empty.notify_waiters();
        }
    }

    /// Tells all connections goodbye, spread over `window`, and closes them with 4001. Returns
    /// when all are gone, or too slow to go.
    pub async fn drain(&self, window: Duration) {
        self.begin_drain();
        let spread = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        let spread = spread.max(RETRY_AFTER_MS_SPREAD_MIN);
        let links = self.wheel.links();
        let steps = usize::try_from(window.as_millis() / DRAIN_STEP.as_millis()).unwrap_or(0) + 1;
        let mut first = true;
        for batch in links.chunks(links.len().div_ceil(steps).max(1)) {
            if !std::mem::take(&mut first) {
                time::sleep(DRAIN_STEP).await;
            }
            if self.connections() == 0 {
                return;
            }
            for link in batch {
                let retry_after_ms = RETRY_AFTER_MS_MIN + u64::from(link.lot()) % spread;
                link.notify(&Push::signal(None, Bye { retry_after_ms }));
                link.close(CloseCode::Draining);
            }
        }
        let tempo = &self.config.tempo;
        let _ = time::timeout(tempo.close + 3 * tempo.tick, self.gone()).await;
    }

    async fn gone(&self) {
        loop {
            let empty = self.empty.notified();
            tokio::pin!(empty);
            empty.as_mut().enable();
            if self.connections() == 0 {
                return;
            }
            empty.await;
        }
    }
}
