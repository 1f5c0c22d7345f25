//! One Redis server: a shared connection that comes back by itself, and whether it answers.

use super::{Fault, OpenError, Result};
use protocol::Millis;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, PubSub};
use redis::{Client, Cmd, FromRedisValue, Pipeline, RedisError, ScriptInvocation};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// An answer that takes longer is not waited for.
pub const QUERY_TIMEOUT_MS: u64 = 2_000;
/// A connection that takes longer is not waited for.
pub const CONNECT_TIMEOUT_MS: u64 = 1_000;
/// While a server is away, it is asked this often whether it is back; otherwise ten times less.
pub const PROBE_MS: u64 = 500;
/// The connection waits this long, at least and at most, before it tries again.
const BACKOFF_MS: (u64, u64) = (50, 500);
/// Tries of one reconnection; the next command begins another.
const CONNECT_TRIES_MAX: usize = 2;

/// Whether a server answers.
#[derive(Debug, Clone, Copy)]
pub struct Health {
    /// It does, as far as is known.
    pub up: bool,
    /// For how long that has been so.
    pub since: Instant,
    /// How often it was lost: if this rose, what was sent in between may not have arrived.
    pub losses: u64,
}

/// See the module.
pub struct Shard {
    name: String,
    client: Client,
    connection: ConnectionManager,
    health: watch::Sender<Health>,
}

impl Shard {
    pub(super) fn open(url: &str) -> std::result::Result<Arc<Self>, OpenError> {
        let shown = || without_login(url);
        let client = Client::open(url).map_err(|_| OpenError::Url(shown()))?;
        let name = client.get_connection_info().addr().to_string();
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(CONNECT_TRIES_MAX)
            .set_min_delay(Duration::from_millis(BACKOFF_MS.0))
            .set_max_delay(Duration::from_millis(BACKOFF_MS.1))
            .set_connection_timeout(Some(Duration::from_millis(CONNECT_TIMEOUT_MS)))
            .set_response_timeout(Some(Duration::from_millis(QUERY_TIMEOUT_MS)));
        let connection = ConnectionManager::new_lazy_with_config(client.clone(), config)
            .map_err(|_| OpenError::Url(shown()))?;
        let (health, _) = watch::channel(Health { up: true, since: Instant::now(), losses: 0 });
        let shard = Arc::new(Self { name, client, connection, health });
        tokio::spawn(probe(Arc::downgrade(&shard)));
        Ok(shard)
    }

    /// Host and port.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it answers, as far as is known.
    pub fn is_up(&self) -> bool {
        self.health.borrow().up
    }

    /// The same, with since when.
    pub fn health(&self) -> Health {
        *self.health.borrow()
    }

    /// The same, as it changes.
    pub fn watch(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Sends a command.
    pub async fn query<T: FromRedisValue>(&self, cmd: &Cmd) -> Result<T> {
        let mut connection = self.connection.clone();
        self.ask(cmd.query_async(&mut connection)).await
    }

    /// Sends commands in one go.
    pub async fn pipe<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T> {
        let mut connection = self.connection.clone();
        self.ask(pipeline.query_async(&mut connection)).await
    }

    /// Runs a script: by its hash, and with its text where the server does not know it.
    pub async fn script<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T> {
        let mut connection = self.connection.clone();
        self.ask(call.invoke_async(&mut connection)).await
    }

    /// The server's clock.
    pub async fn time(&self) -> Result<Millis> {
        Ok(time_of(self.query(&redis::cmd("TIME")).await?))
    }

    /// A connection that listens, of its own.
    pub async fn listen(&self) -> Result<PubSub> {
        let limit = Duration::from_millis(CONNECT_TIMEOUT_MS);
        Ok(timeout(limit, self.client.get_async_pubsub()).await.map_err(|_| Fault::Late)??)
    }

    async fn ask<T>(&self, answer: impl Future<Output = redis::RedisResult<T>>) -> Result<T> {
        if !self.is_up() {
            return Err(Fault::Away);
        }
        self.judge(answer).await
    }

    /// Waits for an answer, and keeps the books on whether there are any.
    async fn judge<T>(&self, answer: impl Future<Output = redis::RedisResult<T>>) -> Result<T> {
        let limit = Duration::from_millis(QUERY_TIMEOUT_MS);
        let answer = match timeout(limit, answer).await {
            Ok(answer) => answer.map_err(Fault::Failed),
            Err(_) => Err(Fault::Late),
        };
        match &answer {
            Err(Fault::Failed(error)) if !is_link(error) => {}
            Err(fault) => self.lost(fault),
            Ok(_) => {}
        }
        answer
    }

    fn lost(&self, fault: &Fault) {
        let was_up = self.health.send_if_modified(|health| {
            let was_up = health.up;
            if was_up {
                *health = Health { up: false, since: Instant::now(), losses: health.losses + 1 };
            }
            was_up
        });
        if was_up {
            tracing::warn!(server = %self.name, %fault, "Redis is away");
            metrics::counter!("sanctuary_redis_losses_total").increment(1);
        }
    }

    fn found(&self) {
        let was_away = self.health.send_if_modified(|health| {
            let was_away = !health.up;
            if was_away {
                *health = Health { up: true, since: Instant::now(), ..*health };
            }
            was_away
        });
        if was_away {
            tracing::info!(server = %self.name, "Redis is back");
        }
    }
}

/// Asks whether the server is there, as long as anybody else holds it.
async fn probe(shard: std::sync::Weak<Shard>) {
    let mut round: u64 = 0;
    loop {
        {
            let Some(shard) = shard.upgrade() else { return };
            if round.is_multiple_of(10) || !shard.is_up() {
                let mut connection = shard.connection.clone();
                let ping = redis::cmd("PING");
                match shard.judge(ping.query_async::<redis::Value>(&mut connection)).await {
                    Ok(_) => shard.found(),
                    Err(fault) => shard.lost(&fault),
                }
            }
        }
        round += 1;
        tokio::time::sleep(Duration::from_millis(PROBE_MS)).await;
    }
}

/// The link is of no more use, or never came to be.
fn is_link(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_connection_dropped()
        || error.is_timeout()
        || error.is_unrecoverable_error()
}

/// What `TIME` answers: seconds and microseconds.
pub(crate) const fn time_of((seconds, micros): (i64, i64)) -> Millis {
    seconds.saturating_mul(1_000).saturating_add(micros / 1_000)
}

/// A URL as it may be shown.
fn without_login(url: &str) -> String {
    match (url.split_once("://"), url.rfind('@')) {
        (Some((scheme, _)), Some(at)) => format!("{scheme}://…{}", url.split_at(at).1),
        _ => url.to_owned(),
    }
}
