//! Redis: live events between nodes, leases of nodes, presence. Never the source of truth.
//!
//! One server, or several that share keys and channels by a stable hash. Promises: opening needs
//! no server; nothing waits for one that is away longer than [`QUERY_TIMEOUT_MS`], and once it is
//! known to be away, not at all; a password is never logged.
//!
//! Does not know what it keeps: commands and scripts come from those who use it.

mod lease;
mod peers;
mod shard;

pub use lease::{LEASE_MS, REFRESH_MS, Tempo};
pub use peers::{Epoch, JoinError, Node, Peers, View};
pub(crate) use shard::time_of;
pub use shard::{CONNECT_TIMEOUT_MS, Health, PROBE_MS, QUERY_TIMEOUT_MS, Shard};

use std::sync::Arc;
use tokio_rustls::rustls::crypto::aws_lc_rs;

/// Servers that share the keys.
pub const SHARDS_MAX: usize = 64;

/// Why a Redis can't be used at all. Never holds a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A URL of the setting.
    #[error("redis: {0} is not redis://… or rediss://…")]
    Url(String),
    /// The number of servers.
    #[error("redis: 1 to {SHARDS_MAX} servers, please")]
    Count,
}

/// Why a command was not answered.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The server is known to be away; nothing was sent.
    #[error("Redis is away")]
    Away,
    /// No answer in time; it may have been carried out.
    #[error("Redis gave no answer in time")]
    Late,
    /// The link broke, or the server refused.
    #[error("Redis: {0}")]
    Failed(#[from] redis::RedisError),
}

/// What a command is answered with.
pub type Result<T> = std::result::Result<T, Fault>;

/// See the module.
pub struct Redis {
    shards: Vec<Arc<Shard>>,
}

impl Redis {
    /// The servers of these URLs: `redis://` or, with TLS, `rediss://`, both with
    /// `user:password@` for an ACL login. Connects when first used. Call it inside a runtime.
    pub fn open(urls: &[String]) -> std::result::Result<Arc<Self>, OpenError> {
        if urls.is_empty() || urls.len() > SHARDS_MAX {
            return Err(OpenError::Count);
        }
        describe_metrics();
        // Another part may have installed one already: then that is taken.
        let _ = aws_lc_rs::default_provider().install_default();
        let shards = urls.iter().map(|url| Shard::open(url)).collect::<std::result::Result<_, _>>();
        Ok(Arc::new(Self { shards: shards? }))
    }

    /// All servers, in the order of the setting.
    pub fn shards(&self) -> &[Arc<Shard>] {
        &self.shards
    }

    /// Where a key or a channel lives. All nodes name the servers in the same order.
    pub fn index(&self, key: &[u8]) -> usize {
        place(key, self.shards.len())
    }

    /// The server where a key or a channel lives.
    pub fn shard(&self, key: &[u8]) -> &Arc<Shard> {
        // `open` takes one server at least, and `place` stays below their number.
        #[expect(clippy::indexing_slicing, reason = "see above")]
        &self.shards[self.index(key)]
    }

    /// Every server answers.
    pub fn is_up(&self) -> bool {
        self.shards.iter().all(|shard| shard.is_up())
    }

    /// `Err` names the servers that are away; for `/readyz`.
    pub fn health(&self) -> std::result::Result<(), String> {
        let away = self.shards.iter().filter(|shard| !shard.is_up());
        let away: Vec<String> = away
            .map(|shard| {
                let since_s = shard.health().since.elapsed().as_secs();
                format!("{} is away since {since_s} s", shard.name())
            })
            .collect();
        if away.is_empty() { Ok(()) } else { Err(away.join(", ")) }
    }
}

fn describe_metrics() {
    use metrics::{describe_counter, describe_gauge};
    describe_counter!("sanctuary_redis_losses_total", "Times a Redis server was lost");
    describe_counter!("sanctuary_node_own_lapses_total", "Times this node's own lease ran out");
    describe_counter!("sanctuary_peer_lapses_total", "Leases of other nodes that ran out");
    describe_gauge!("sanctuary_nodes", "Nodes that live, this one included");
}

/// FNV-1a (64 bits), with the high half folded in: the same on every node and in every version.
fn place(key: &[u8], of: usize) -> usize {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let folded = (hash >> 32) ^ hash;
    usize::try_from(folded % (of.max(1) as u64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lives_where_it_always_lived() {
        // Changing these moves channels between servers while versions run side by side.
        let found: Vec<usize> =
            ["user:1", "user:2", "group:1", "nodes", ""].map(|key| place(key.as_bytes(), 4)).into();
        assert_eq!(found, [1, 0, 2, 0, 1]);
        assert_eq!(place(b"anything", 1), 0);
    }

    #[test]
    fn keys_are_shared_evenly() {
        let mut counts = [0; 3];
        for n in 0..30_000 {
            let key = format!("user:{}", uuid::Uuid::from_u128(n));
            counts[place(key.as_bytes(), 3)] += 1;
        }
        assert!(counts.iter().all(|count| (9_000..11_000).contains(count)), "{counts:?}");
    }

    #[tokio::test]
    async fn a_password_is_never_told() {
        let wrong = Redis::open(&["redis://me:secret@[".to_owned()]).err().unwrap().to_string();
        assert!(!wrong.contains("secret"), "{wrong}");
        let redis = Redis::open(&["redis://me:secret@one:6379/".to_owned()]).unwrap();
        assert_eq!(redis.shards()[0].name(), "one:6379");
    }

    #[tokio::test]
    async fn the_number_of_servers_is_bounded() {
        let url = "redis://127.0.0.1:1".to_owned();
        assert!(Redis::open(&[]).is_err());
        assert!(Redis::open(&vec![url.clone(); SHARDS_MAX]).is_ok());
        assert!(Redis::open(&vec![url; SHARDS_MAX + 1]).is_err());
    }
}
