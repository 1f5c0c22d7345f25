//! Two whole servers on one store, with a Redis between them: who is seen from the other node,
//! and whom a desk counts as gone.

use crate::engines::START;
use crate::redis_server::{RedisServer, redis_server};
use crate::registry::{self, LEASES, TEMPO};
use crate::server::{Person, Socket, TestServer, eventually};
use protocol::close::CloseCode;
use protocol::limits::COACH_GRACE_MS;
use protocol::presence::{Declared, Set, State, Status, Watch};
use protocol::session::{Close, Open, Ping};
use protocol::support::{Claim, GetStatus, Request, State as RequestState};
use protocol::{Signal, UserId};
use sanctuary::app::{Network, Nodes};
use sanctuary::clock::Clock;
use sanctuary::config::Settings;
use sanctuary::redis::{Peers, Redis};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::tempdir;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// A node with all that Redis carries.
async fn whole_node(folder: &Path, clock: &Clock, redis: &RedisServer, name: &str) -> TestServer {
    let mut settings = Settings::defaults().unwrap();
    settings.redis = vec![redis.url()];
    name.clone_into(&mut settings.node);
    let network = Network::node_with(&settings, clock, LEASES).await.unwrap();
    let nodes = network.cluster.as_ref().unwrap().nodes(TEMPO);
    TestServer::open_among(folder, clock.clone(), network, nodes, |_| {}).await
}

/// A server whose lease a test can take away. What it tells others, but for presence, it does
/// not hear.
struct Node {
    server: TestServer,
    keeps: JoinHandle<()>,
}

impl Node {
    async fn start(folder: &Path, clock: &Clock, redis: &RedisServer, name: &str) -> Self {
        let redis = Redis::open(&[redis.url()]).unwrap();
        let peers = Peers::join(Arc::clone(&redis), name, LEASES).await.unwrap();
        let keeps = tokio::spawn(Arc::clone(&peers).run());
        let nodes = Nodes { redis, peers, presence: TEMPO };
        let network = Network::local();
        let server =
            TestServer::open_among(folder, clock.clone(), network, Some(nodes), |_| {}).await;
        Self { server, keeps }
    }

    /// Until it is sure of who is not there.
    async fn settled(&self, by: &mut Socket) {
        until(by, UserId(uuid::Uuid::now_v7()), |state| !state.uncertain).await;
    }
}

async fn until(watcher: &mut Socket, who: UserId, so: impl Fn(&State) -> bool) -> State {
    eventually(async || {
        let state = watcher.call(Watch { users: vec![who] }).await.unwrap().states[0];
        if so(&state) {
            return Some(state);
        }
        sleep(Duration::from_millis(50)).await;
        None
    })
    .await
}

/// The next change that is pushed about somebody.
async fn change(watcher: &mut Socket, who: UserId) -> State {
    watcher
        .signal(|signal| match signal {
            Signal::PresenceChanged(changed) => {
                changed.changes.iter().find(|state| state.user_id == who).copied()
            }
            _ => None,
        })
        .await
}

async fn status(server: &TestServer, member: &Person) -> Request {
    server.by(member, GetStatus {}).await.unwrap().request.unwrap()
}

/// A member whom a coach answers.
async fn answered(server: &TestServer, member: &Person, coach: &Person) {
    let asked = server.question().await;
    let request_id = server.by(member, asked).await.unwrap().request.id;
    server.by(coach, Claim { request_id }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_on_another_node_is_seen_and_pushed() {
    let Some(redis) = redis_server() else { return };
    let (folder, clock) = (tempdir().unwrap(), Clock::manual(START));
    let a = Node::start(folder.path(), &clock, &redis, "a").await;
    let b = Node::start(folder.path(), &clock, &redis, "b").await;
    let (ada, ben) = (a.server.member("ada").await, a.server.member("ben").await);
    let mut adas = a.server.socket(&ada).await;
    a.settled(&mut adas).await;
    until(&mut adas, ben.id, |state| state.status == Status::Offline).await;
    adas.rest();

    let mut bens = b.server.socket(&ben).await;
    assert_eq!(change(&mut adas, ben.id).await.status, Status::Online);
    bens.call(Set { status: Declared::Busy }).await.unwrap();
    assert_eq!(change(&mut adas, ben.id).await.status, Status::Busy);
    // A drop is not seen until its grace is over, and then without a question.
    drop(bens);
    assert_eq!(change(&mut adas, ben.id).await.status, Status::Offline);
    let mut bens = b.server.socket(&ben).await;
    assert_eq!(change(&mut adas, ben.id).await.status, Status::Online);
    bens.call(Close {}).await.unwrap();
    assert_eq!(change(&mut adas, ben.id).await.status, Status::Offline);
    let seen = until(&mut adas, ben.id, |state| state.last_seen_at.is_some()).await;
    assert_eq!(seen.last_seen_at, Some(START));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_on_a_node_that_died_was_last_seen_then() {
    let Some(redis) = redis_server() else { return };
    let (folder, clock) = (tempdir().unwrap(), Clock::manual(START));
    let a = Node::start(folder.path(), &clock, &redis, "a").await;
    let (ada, ben) = (a.server.member("ada").await, a.server.member("ben").await);
    let (cid, dan) = (a.server.member("cid").await, a.server.member("dan").await);
    let mut adas = a.server.socket(&ada).await;
    a.settled(&mut adas).await;
    let b = registry::Node::join(&[&redis], "b", TEMPO).await;
    let _links = [b.open(ben.id, "b"), b.open(cid.id, "c")];
    until(&mut adas, ben.id, |state| state.status == Status::Online).await;
    let mut dans = a.server.socket(&dan).await;
    until(&mut dans, cid.id, |state| state.status == Status::Online).await;
    // Nobody watches her from now on.
    drop(dans);
    adas.rest();
    b.die();

    let lease_ms = i64::try_from(LEASES.lease.as_millis()).unwrap();
    let seen = Some(START - lease_ms);
    let bens = change(&mut adas, ben.id).await;
    assert_eq!((bens.status, bens.last_seen_at), (Status::Offline, seen));
    let cids = until(&mut adas, cid.id, |state| state.status == Status::Offline).await;
    assert_eq!(cids.last_seen_at, seen);
    // A node that began later knows it from the store.
    let c = Node::start(folder.path(), &clock, &redis, "c").await;
    let mut dans = c.server.socket(&dan).await;
    for who in [ben.id, cid.id] {
        until(&mut dans, who, |state| state.last_seen_at == seen).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_registry_and_a_lost_redis_push_nothing() {
    let Some(mut redis) = redis_server() else { return };
    let (folder, clock) = (tempdir().unwrap(), Clock::manual(START));
    let a = Node::start(folder.path(), &clock, &redis, "a").await;
    let b = Node::start(folder.path(), &clock, &redis, "b").await;
    let (ada, ben) = (a.server.member("ada").await, a.server.member("ben").await);
    let (mut adas, _bens) = (a.server.socket(&ada).await, b.server.socket(&ben).await);
    a.settled(&mut adas).await;
    until(&mut adas, ben.id, |state| state.status == Status::Online).await;
    adas.rest();
    let _: () = ::redis::cmd("FLUSHALL").query(&mut redis.connection()).unwrap();
    sleep(LEASES.lease * 2).await;
    a.settled(&mut adas).await;
    redis.kill();
    // It is uncertain, says so, and shows what it knew.
    let state = until(&mut adas, ben.id, |state| state.uncertain).await;
    assert_eq!(state.status, Status::Online);
    sleep(LEASES.lease * 2).await;
    redis.start();
    a.settled(&mut adas).await;
    let state = until(&mut adas, ben.id, |state| !state.uncertain).await;
    assert_eq!(state.status, Status::Online);
    for push in adas.rest() {
        let text = format!("{push:?}");
        assert!(!text.contains("Offline"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_coach_of_a_dead_node_has_a_grace_and_then_the_place_is_given_back() {
    let Some(redis) = redis_server() else { return };
    let (folder, clock) = (tempdir().unwrap(), Clock::manual(START));
    let a = Node::start(folder.path(), &clock, &redis, "a").await;
    let b = Node::start(folder.path(), &clock, &redis, "b").await;
    let (ada, lin) = (b.server.member("ada").await, b.server.coach("lin").await);
    let (mut adas, _lins) = (b.server.socket(&ada).await, a.server.socket(&lin).await);
    answered(&b.server, &ada, &lin).await;
    b.settled(&mut adas).await;
    until(&mut adas, lin.id, |state| state.status == Status::Online).await;
    a.keeps.abort();
    let grace_until = eventually(async || status(&b.server, &ada).await.grace_until).await;
    assert_eq!(grace_until, START + COACH_GRACE_MS);
    clock.advance(COACH_GRACE_MS - 1);
    b.server.later(0).await;
    assert_eq!(status(&b.server, &ada).await.state, RequestState::Active);
    // The driver of the node may fire it as well, once the clock has moved.
    clock.advance(1);
    eventually(async || {
        b.server.later(0).await;
        (status(&b.server, &ada).await.state == RequestState::Queued).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coach_on_another_node_is_here_when_the_grace_ends() {
    let Some(redis) = redis_server() else { return };
    let (folder, clock) = (tempdir().unwrap(), Clock::manual(START));
    let a = Node::start(folder.path(), &clock, &redis, "a").await;
    let b = Node::start(folder.path(), &clock, &redis, "b").await;
    let (ada, lin) = (b.server.member("ada").await, b.server.coach("lin").await);
    let mut adas = b.server.socket(&ada).await;
    let lins = b.server.socket(&lin).await;
    answered(&b.server, &ada, &lin).await;
    b.settled(&mut adas).await;
    drop(lins);
    eventually(async || status(&b.server, &ada).await.grace_until).await;
    // Back on the other node. Its word may come late or never: the deadline asks again, on b.
    let _lins = a.server.socket(&lin).await;
    until(&mut adas, lin.id, |state| state.status == Status::Online).await;
    b.server.later(COACH_GRACE_MS).await;
    let held = eventually(async || {
        let request = status(&b.server, &ada).await;
        request.grace_until.is_none().then_some(request)
    })
    .await;
    assert_eq!(held.state, RequestState::Active);
    // And a second device that drops is no drop at all.
    let second = b.server.socket(&lin).await;
    drop(second);
    sleep(TEMPO.check * 3).await;
    assert_eq!(status(&b.server, &ada).await.grace_until, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_during_a_grace_takes_nobody_from_a_coach() {
    let Some(redis) = redis_server() else { return };
    let (folder, clock) = (tempdir().unwrap(), Clock::manual(START));
    let a = Node::start(folder.path(), &clock, &redis, "a").await;
    let b = Node::start(folder.path(), &clock, &redis, "b").await;
    let (ada, lin) = (b.server.member("ada").await, b.server.coach("lin").await);
    let mut adas = b.server.socket(&ada).await;
    let lins = b.server.socket(&lin).await;
    answered(&b.server, &ada, &lin).await;
    b.settled(&mut adas).await;
    drop(lins);
    eventually(async || status(&b.server, &ada).await.grace_until).await;
    let _lins = a.server.socket(&lin).await;
    until(&mut adas, lin.id, |state| state.status == Status::Online).await;
    let _: () = ::redis::cmd("FLUSHALL").query(&mut redis.connection()).unwrap();
    b.server.later(COACH_GRACE_MS).await;
    let held = eventually(async || {
        // Where it is not known yet, the deadline comes again a little later.
        b.server.later(1_000).await;
        let request = status(&b.server, &ada).await;
        assert_eq!(request.state, RequestState::Active);
        sleep(Duration::from_millis(50)).await;
        request.grace_until.is_none().then_some(request)
    })
    .await;
    assert_eq!(held.state, RequestState::Active);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_no_request_is_taken_from_a_coach() {
    let Some(mut redis) = redis_server() else { return };
    let (folder, clock) = (tempdir().unwrap(), Clock::manual(START));
    let a = Node::start(folder.path(), &clock, &redis, "a").await;
    let b = Node::start(folder.path(), &clock, &redis, "b").await;
    let (ada, lin) = (b.server.member("ada").await, b.server.coach("lin").await);
    let (mut adas, _lins) = (b.server.socket(&ada).await, a.server.socket(&lin).await);
    answered(&b.server, &ada, &lin).await;
    b.settled(&mut adas).await;
    until(&mut adas, lin.id, |state| state.status == Status::Online).await;
    redis.kill();
    until(&mut adas, lin.id, |state| state.uncertain).await;
    sleep(LEASES.lease * 2).await;
    b.server.later(COACH_GRACE_MS * 2).await;
    assert_eq!(status(&b.server, &ada).await.state, RequestState::Active);
    redis.start();
    b.settled(&mut adas).await;
    b.server.later(COACH_GRACE_MS * 2).await;
    let held = status(&b.server, &ada).await;
    assert_eq!(held.state, RequestState::Active, "the coach was there all the time");
}

fn device(name: &str, attempt: u64) -> Open {
    Open { device_id: name.to_owned(), attempt: Some(attempt), ..Open::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_comes_back_elsewhere_replaces_itself() {
    let Some(redis) = redis_server() else { return };
    let (folder, clock) = (tempdir().unwrap(), Clock::manual(START));
    let a = whole_node(folder.path(), &clock, &redis, "a").await;
    let b = whole_node(folder.path(), &clock, &redis, "b").await;
    let (ada, ben) = (a.member("ada").await, a.member("ben").await);
    let mut adas = a.socket(&ada).await;
    until(&mut adas, UserId(uuid::Uuid::now_v7()), |state| !state.uncertain).await;
    until(&mut adas, ben.id, |state| state.status == Status::Offline).await;
    adas.rest();

    let (first, _) = a.resume(&ben, device("phone", 1)).await;
    let (tablet, _) = a.resume(&ben, device("tablet", 1)).await;
    assert_eq!(change(&mut adas, ben.id).await.status, Status::Online);
    let (mut second, _) = b.resume(&ben, device("phone", 2)).await;
    assert_eq!(first.closed().await, CloseCode::Replaced.number());
    // An older attempt that arrives late is the one that ends, wherever it arrives; it may be
    // closed before it is answered.
    let mut late = Socket::connect(a.address).await;
    late.send(Open { token: Some(ben.token.clone()), ..device("phone", 1) }).await;
    assert_eq!(late.closed().await, CloseCode::Replaced.number());
    second.call(Ping { payload: None }).await.unwrap();
    drop(tablet);
    // All those ends were not the end of the newest.
    sleep(TEMPO.grace + TEMPO.check).await;
    second.call(Ping { payload: None }).await.unwrap();
    let state = until(&mut adas, ben.id, |state| !state.uncertain).await;
    assert_eq!(state.status, Status::Online);
    for push in adas.rest() {
        let text = format!("{push:?}");
        assert!(!text.contains("Offline"), "{text}");
    }
}
