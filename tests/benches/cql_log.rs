//! How many appends the log on CQL acknowledges, with rounds and with one conditional write at a
//! time, in the same run. Needs a cluster; no test runs it.
//!
//! `CQL_UNDER_TEST=127.0.0.1:9042 cargo bench --bench cql_log` (with `--profile dev` it is
//! built sooner). It makes the keyspace `bench_log` and drops it.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a tool for developers")]

use futures_util::future::join_all;
use protocol::conversations::MessageEdited;
use protocol::{ClientId, ConversationId, Error, MessageId, Millis, Seq, Topic, UserId};
use sanctuary::bus::{Bus, Channel, LocalBus};
use sanctuary::clock::Clock;
use sanctuary::engine::cql::{Cql, Options};
use sanctuary::engine::schema::Schema;
use sanctuary::log::{Append, CqlLog, Gate, Head, Key, Log, Stamped};
use sanctuary::store::{CqlStore, StoreEngine};
use sanctuary::timers::{CqlTimers, Timers};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long each scenario runs.
const RUN: Duration = Duration::from_secs(10);
/// What a person writes.
const TEXT_BYTES: usize = 80;

struct Open;

impl Gate for Open {
    fn stamp(&self, _: Head<'_>, _: Millis) -> Result<Stamped, Error> {
        let text = Some("x".repeat(TEXT_BYTES));
        let edited = MessageEdited { message_id: MessageId(Uuid::nil()), message_seq: 1, text };
        Ok(Stamped {
            event: edited.into(),
            state: None,
            redact: Vec::new(),
            maxima: Vec::new(),
            audience: Vec::new(),
        })
    }

    fn audience(&self, _: Head<'_>, _: Seq) -> Vec<Channel> {
        Vec::new()
    }
}

/// So many writers to each of so many topics, each waiting for its acknowledgement before the
/// next append; acknowledged appends in a second.
async fn run(log: &Arc<CqlLog>, name: &str, topics: u128, writers: u128) -> f64 {
    let first = Uuid::now_v7().as_u128();
    let (acknowledged, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let started = Instant::now();
    let tasks = (0..topics * writers).map(|n| {
        let (log, acknowledged) = (Arc::clone(log), Arc::clone(&acknowledged));
        let over = Arc::clone(&over);
        let topic = Topic::Conversation(ConversationId(Uuid::from_u128(first + n % topics)));
        tokio::spawn(async move {
            let mut waits = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let sender = UserId(Uuid::now_v7());
                let key = Some(Key::of_client(sender, ClientId(Uuid::now_v7())));
                let asked = Instant::now();
                let append = Append { topic, key, sender: Some(sender), gate: Box::new(Open) };
                log.append(append).await.unwrap();
                waits.push(asked.elapsed());
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            waits
        })
    });
    let tasks: Vec<_> = tasks.collect();
    tokio::time::sleep(RUN).await;
    over.store(true, Ordering::Relaxed);
    let waits = join_all(tasks).await;
    let mut waits: Vec<Duration> = waits.into_iter().flat_map(Result::unwrap).collect();
    waits.sort_unstable();
    let at = |share: usize| waits.get(waits.len() * share / 100).copied().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rate = acknowledged.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    println!("{name:<40} {rate:>8.0}/s   p50 {:>7.1?}   p99 {:>7.1?}", at(50), at(99));
    rate
}

#[tokio::main]
async fn main() {
    let Ok(node) = std::env::var("CQL_UNDER_TEST") else {
        println!("CQL_UNDER_TEST does not say where Cassandra is");
        return;
    };
    let options = Options {
        nodes: vec![node.clone()],
        keyspace: "bench_log".to_owned(),
        replication: "SimpleStrategy:1".parse().unwrap(),
        tablets: false,
        login: None,
        tls: None,
        datacenter: None,
        clock: Clock::system(),
        schema: Schema::embedded().clone().unwrap(),
        faults: Arc::default(),
    };
    let cql = Cql::open(options).await.unwrap();
    let (bus, mut heard) = LocalBus::new();
    tokio::spawn(async move { while heard.recv().await.is_some() {} });
    let store: Arc<dyn StoreEngine> = Arc::new(CqlStore::new(Arc::clone(&cql)));
    let timers: Arc<dyn Timers> = Arc::new(CqlTimers::new(Arc::clone(&cql)));
    let bus: Arc<dyn Bus> = Arc::new(bus);
    let log = Arc::new(CqlLog::new(cql, store, timers, bus));
    run(&log, "warming up", 4, 16).await;
    let alone = run(&log, "one topic, one write at a time", 1, 1).await;
    let shared = run(&log, "one topic, 256 writers", 1, 256).await;
    println!("sharing rounds: {:.1} times as many", shared / alone);
    run(&log, "64 topics, 4 writers each", 64, 4).await;
    run(&log, "64 topics, 16 writers each", 64, 16).await;
    let session = scylla::client::session_builder::SessionBuilder::new().known_node(&node);
    let session = session.build().await.unwrap();
    session.query_unpaged("DROP KEYSPACE bench_log", &[]).await.unwrap();
}
