//! Leases of nodes, over a real Redis.

use crate::client::PATIENCE;
use crate::redis_server::{RedisServer, redis_server, redis_server_with};
use sanctuary::redis::{Epoch, Fault, JoinError, Peers, Redis, Tempo, View};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Short enough for a test, long enough for a busy machine.
const TEMPO: Tempo =
    Tempo { lease: Duration::from_millis(1_500), refresh: Duration::from_millis(200) };

fn open(servers: &[&RedisServer]) -> Arc<Redis> {
    let urls: Vec<String> = servers.iter().map(|server| server.url()).collect();
    Redis::open(&urls).unwrap()
}

async fn join(servers: &[&RedisServer], name: &str) -> (Arc<Peers>, JoinHandle<()>) {
    let peers = Peers::join(open(servers), name, TEMPO).await.unwrap();
    let keeps = tokio::spawn(Arc::clone(&peers).run());
    (peers, keeps)
}

async fn until(peers: &Peers, mut so: impl FnMut(&View) -> bool) -> View {
    let mut views = peers.view();
    timeout(PATIENCE, views.wait_for(|view| so(view))).await.unwrap().unwrap().clone()
}

fn names(view: &View) -> Vec<&str> {
    view.nodes.iter().map(|node| &*node.name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_see_one_another_come_and_go() {
    let (Some(one), Some(two)) = (redis_server(), redis_server()) else { return };
    let servers = [&one, &two];
    let (a, _) = join(&servers, "a").await;
    let (b, b_keeps) = join(&servers, "b").await;
    let (c, c_keeps) = join(&servers, "c").await;
    let view = until(&a, |view| view.nodes.len() == 3).await;
    assert_eq!((names(&view), view.lapses), (vec!["a", "b", "c"], 0));
    assert!(a.is_live(b.epoch()) && a.is_live(c.epoch()) && !a.is_live(Epoch::fresh()));

    c_keeps.abort();
    c.leave().await;
    until(&a, |view| names(view) == ["a", "b"]).await;
    b_keeps.abort();
    let view = until(&a, |view| names(view) == ["a"]).await;
    assert_eq!(view.lapses, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_has_one_process_at_a_time() {
    let Some(server) = redis_server() else { return };
    let (first, keeps) = join(&[&server], "a").await;
    let second = Peers::join(open(&[&server]), "a", TEMPO).await;
    let Err(JoinError::NameTaken { name }) = second else { panic!("two of one name") };
    assert_eq!(name, "a");
    // It crashed: its name is free when its lease is over.
    keeps.abort();
    let (third, _) = join(&[&server], "a").await;
    assert_ne!(third.epoch(), first.epoch());
    // And when it says goodbye, at once.
    third.leave().await;
    let long = Tempo { lease: Duration::from_secs(3_600), ..TEMPO };
    timeout(PATIENCE, Peers::join(open(&[&server]), "a", long)).await.unwrap().unwrap();
}

/// Lines of a log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_node_says_that_it_waits_for_an_earlier_one_of_its_name() {
    let Some(server) = redis_server() else { return };
    let (_, keeps) = join(&[&server], "a").await;
    keeps.abort();
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("warn")
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let logs = tracing::subscriber::set_default(subscriber);
    let (_, keeps) = join(&[&server], "a").await;
    drop(logs);
    keeps.abort();
    let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(said.contains("waiting until its lease in Redis has run out"), "{said}");
    assert!(said.contains("lease_s=1"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_cut_off_begins_anew() {
    let Some(server) = redis_server() else { return };
    let (a, _) = join(&[&server], "a").await;
    let (b, _) = join(&[&server], "b").await;
    until(&a, |view| view.nodes.len() == 2).await;
    let before = a.epoch();
    server.pause();
    until(&a, |view| !view.certain).await;
    tokio::time::sleep(TEMPO.lease * 2).await;
    assert_ne!(a.epoch(), before);
    assert!(!a.is_held());
    server.resume();
    until(&a, |view| view.certain && view.own_lapses == 1 && view.nodes.len() == 2).await;
    // An answer to what it asked before says nothing of the new epoch.
    until(&a, |view| view.is_live(a.epoch())).await;
    assert!(a.is_held());
    until(&b, |view| view.is_live(a.epoch()) && !view.is_live(before)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_forgot_everything_kills_nobody() {
    let Some(server) = redis_server() else { return };
    let (a, _) = join(&[&server], "a").await;
    let (_b, _) = join(&[&server], "b").await;
    until(&a, |view| view.nodes.len() == 2).await;
    redis::cmd("FLUSHALL").exec(&mut server.connection()).unwrap();
    let view = until(&a, |view| view.forgotten > 0).await;
    assert!(!view.certain && view.nodes.len() == 2);
    let view = until(&a, |view| view.certain).await;
    assert_eq!((view.nodes.len(), view.lapses), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_known_to_be_and_comes_back() {
    let Some(mut server) = redis_server() else { return };
    let redis = open(&[&server]);
    let shard = redis.shard(b"anything");
    let ping = redis::cmd("PING");
    assert_eq!(shard.query::<String>(&ping).await.unwrap(), "PONG");
    assert!(shard.time().await.unwrap() > 1_700_000_000_000);
    server.kill();
    let mut health = shard.watch();
    timeout(PATIENCE, health.wait_for(|health| !health.up)).await.unwrap().unwrap();
    assert!(matches!(shard.query::<String>(&ping).await, Err(Fault::Away)));
    assert!(redis.health().unwrap_err().contains(&server.port().to_string()));
    server.start();
    let back = *timeout(PATIENCE, health.wait_for(|health| health.up)).await.unwrap().unwrap();
    assert_eq!(back.losses, 1);
    assert_eq!(shard.query::<String>(&ping).await.unwrap(), "PONG");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_asks_who_comes() {
    let options = ["--user", "node on >secret ~* &* +@all", "--user", "default off"];
    let Some(server) = redis_server_with(&options) else { return };
    let url = |login: &str| vec![format!("redis://{login}@127.0.0.1:{}/", server.port())];
    let peers = Peers::join(Redis::open(&url("node:secret")).unwrap(), "a", TEMPO).await.unwrap();
    assert!(peers.is_held());
    let wrong = Redis::open(&url("node:wrong")).unwrap();
    let fault = wrong.shard(b"").query::<String>(&redis::cmd("PING")).await.unwrap_err();
    assert!(!fault.to_string().contains("wrong"), "{fault}");
}
