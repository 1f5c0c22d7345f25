//! Rates that nodes share by a real Redis.

use crate::redis_server::{RedisServer, redis_server};
use crate::registry::LEASES;
use crate::server::eventually;
use crate::stage::user;
use protocol::session::Ping;
use protocol::{Command, UserId};
use sanctuary::limits::{Allowed, Rates};
use sanctuary::rates::{Counter, Quota, exchange};
use sanctuary::redis::{Peers, Redis};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use uuid::Uuid;

fn counter(server: &RedisServer) -> Arc<Counter> {
    Counter::new(Redis::open(&[server.url()]).unwrap())
}

fn quota(count: u32) -> Quota {
    Quota { count: NonZeroU32::new(count).unwrap(), period: Duration::from_secs(3_600) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_counts_for_all_nodes() {
    let Some(server) = redis_server() else { return };
    let (one, other) = (counter(&server), counter(&server));
    let (ann, ben) = (Uuid::from_u128(1), Uuid::from_u128(2));
    for counter in [&one, &other, &one, &other] {
        assert_eq!(counter.take("login", ann, quota(4)).await, None);
    }
    for counter in [&one, &other] {
        let wait = counter.take("login", ann, quota(4)).await.unwrap();
        // A quarter of an hour, when one of four in an hour is free again.
        assert!(wait <= Duration::from_secs(900) && wait > Duration::from_secs(600), "{wait:?}");
    }
    assert_eq!(one.take("login", ben, quota(4)).await, None, "somebody else");
    assert_eq!(one.take("other", ann, quota(4)).await, None, "another rate");
    // It forgets who is at rest.
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("rates:*").query(&mut server.connection()).unwrap();
    assert_eq!(keys.len(), 3);
    for key in keys {
        let left: i64 = redis::cmd("PTTL").arg(&key).query(&mut server.connection()).unwrap();
        assert!((0..=3_600_000).contains(&left), "{key}: {left}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_nobody_is_refused_for_it() {
    let Some(mut server) = redis_server() else { return };
    let counter = counter(&server);
    let ann = Uuid::from_u128(1);
    assert_eq!(counter.take("login", ann, quota(1)).await, None);
    assert!(counter.take("login", ann, quota(1)).await.is_some());
    server.pause();
    assert_eq!(counter.take("login", ann, quota(1)).await, None);
    server.resume();
    eventually(async || counter.take("login", ann, quota(1)).await).await;
    server.kill();
    assert_eq!(counter.take("login", ann, quota(1)).await, None);
}

/// A node's rates, told to the others.
async fn node(server: &RedisServer, name: &str, allowed: Allowed) -> Arc<Rates> {
    let redis = Redis::open(&[server.url()]).unwrap();
    let peers = Peers::join(Arc::clone(&redis), name, LEASES).await.unwrap();
    let rates = Arc::new(Rates::new(Some(allowed), None).tallied());
    tokio::spawn(exchange(redis, peers, Arc::clone(&rates)));
    rates
}

fn goes_through(rates: &Rates, who: UserId) -> bool {
    rates.check(who, &Command::Ping(Ping { payload: None })).is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_busy_on_one_node_has_less_left_on_another() {
    let Some(server) = redis_server() else { return };
    // So slow that nothing is filled up again while the test runs, so much at once that it shows.
    let one_a_second = NonZeroU32::MIN;
    let allowed = Allowed { per_second: one_a_second, burst: NonZeroU32::new(10_000).unwrap() };
    let (a, b) = (node(&server, "a", allowed).await, node(&server, "b", allowed).await);
    let (ann, ben) = (user(1), user(2));
    eventually(async || {
        // Ann asks much of a, and nothing of b.
        for _ in 0..200 {
            goes_through(&a, ann);
        }
        sleep(Duration::from_millis(20)).await;
        // What she has left on b is little once a has told.
        (!goes_through(&a, ann) && !goes_through(&b, ann)).then_some(())
    })
    .await;
    assert!(goes_through(&b, ben), "it is nobody else's business");
}
