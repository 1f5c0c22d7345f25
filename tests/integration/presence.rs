//! Who is here, through the public door.

use crate::engines::{Embedded, Home as _, START};
use crate::registry::Node;
use crate::server::{Socket, TestServer, eventually};
use crate::stage::user;
use futures_util::future::{BoxFuture, ready};
use protocol::presence::{Declared, Set, State, Status, Watch};
use protocol::session::Close;
use protocol::{ErrorCode, SessionId, Signal, UserId};
use sanctuary::clock::Clock;
use sanctuary::error::Result;
use sanctuary::hub::Link;
use sanctuary::presence::{Ended, Known, Presence, Registry, Sessions};
use sanctuary::rights::{Sees, Sight};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tempfile::tempdir;
use tokio::sync::{Notify, oneshot, watch};
use uuid::Uuid;

async fn status(watcher: &mut Socket, user: UserId) -> Status {
    watcher.call(Watch { users: vec![user] }).await.unwrap().states[0].status
}

async fn changes(watcher: &mut Socket) -> Vec<State> {
    watcher
        .signal(|signal| match signal {
            Signal::PresenceChanged(changed) => Some(changed.changes.clone()),
            _ => None,
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_see_what_people_show_of_themselves() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let (mut adas, mut bens) = (server.socket(&ada).await, server.socket(&ben).await);
    assert_eq!(status(&mut adas, ben.id).await, Status::Online);
    for (declared, shown) in [
        (Declared::Busy, Status::Busy),
        (Declared::Invisible, Status::Offline),
        (Declared::Online, Status::Online),
    ] {
        bens.call(Set { status: declared }).await.unwrap();
        server.app.presence().round().await.unwrap();
        let changes = changes(&mut adas).await;
        assert_eq!((changes.len(), changes[0].status), (1, shown));
    }
    bens.call(Close {}).await.unwrap();
    eventually(async || {
        server.app.presence().round().await.unwrap();
        (status(&mut adas, ben.id).await == Status::Offline).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_drops_is_here_for_a_grace() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.coach("ben").await);
    let (mut adas, bens) = (server.socket(&ada).await, server.socket(&ben).await);
    assert_eq!(status(&mut adas, ben.id).await, Status::Online);
    drop(bens);
    server.clock.advance(29_999);
    assert_eq!(status(&mut adas, ben.id).await, Status::Online);
    // The server may notice the drop only now; its grace is over then in any case.
    eventually(async || {
        server.clock.advance(30_000);
        server.app.presence().round().await.unwrap();
        (status(&mut adas, ben.id).await == Status::Offline).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_watches_so_many_people_and_no_more() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let ada = server.member("ada").await;
    let mut adas = server.socket(&ada).await;
    let users: Vec<_> = (0..200).map(|n| UserId(Uuid::from_u128(n))).collect();
    adas.call(Watch { users: users.clone() }).await.unwrap();
    adas.call(Watch { users }).await.unwrap();
    let more = adas.call(Watch { users: vec![UserId(Uuid::from_u128(200))] }).await;
    assert_eq!(more.unwrap_err().code, ErrorCode::Full);
}

/// Answers each look with the next word, once it is let go.
#[derive(Default)]
struct Slow {
    words: Mutex<VecDeque<(Sessions, Option<oneshot::Receiver<()>>)>>,
    asked: Notify,
}

/// Everybody may see everybody.
struct Open;

impl Sight for Open {
    fn sees(&self, _: UserId, _: UserId) -> BoxFuture<'_, Result<Sees>> {
        Box::pin(ready(Ok(Sees::ALL)))
    }
}

impl Registry for Slow {
    fn opened(&self, _: UserId, _: &Link) {}
    fn turned(&self, _: UserId) {}
    fn closed(&self, _: UserId, _: SessionId, _: bool) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }
    fn declare(&self, _: UserId, _: Declared) {}
    fn look<'a>(&'a self, users: &'a [UserId]) -> BoxFuture<'a, Vec<Known>> {
        let (sessions, held) = self.words.lock().unwrap().pop_front().unwrap();
        Box::pin(async move {
            self.asked.notify_one();
            if let Some(held) = held {
                held.await.unwrap();
            }
            users.iter().map(|_| Known { sessions, ..Known::UNKNOWN }).collect()
        })
    }
    fn follow(&self, _: UserId) {}
    fn unfollow(&self, _: UserId) {}
    fn touched(&self) -> Vec<UserId> {
        vec![user(2)]
    }
    fn ended(&self) -> BoxFuture<'_, Vec<Ended>> {
        Box::pin(ready(Vec::new()))
    }
    fn losses(&self) -> watch::Receiver<u64> {
        watch::Sender::new(0).subscribe()
    }
    fn is_shared(&self) -> bool {
        true
    }
}

/// Somebody comes while a round looks: who asks meanwhile sees them, and the round, which does
/// not know it yet, takes nothing back.
#[tokio::test]
async fn a_look_that_was_overtaken_changes_nothing() {
    let (let_go, held) = oneshot::channel();
    let registry = Arc::new(Slow::default());
    registry.words.lock().unwrap().extend([
        (Sessions::Open, None),
        (Sessions::None, Some(held)),
        (Sessions::Open, None),
        (Sessions::Unknown, None),
    ]);
    let home = Embedded::new();
    let store = home.open().await.records();
    let presence = Presence::new(registry.clone(), store, Arc::new(Open), Clock::manual(START));
    let node = Node::local();
    let (ann, cat) = (node.open(user(1), "phone"), node.open(user(3), "phone"));
    let watched = vec![user(2)];
    let states = presence.watch(&ann, watched.clone()).await.unwrap().states;
    assert_eq!(states[0].status, Status::Online);
    registry.asked.notified().await;
    let round = tokio::spawn({
        let presence = Arc::clone(&presence);
        async move { presence.round().await }
    });
    registry.asked.notified().await;
    let states = presence.watch(&cat, watched.clone()).await.unwrap().states;
    assert_eq!(states[0].status, Status::Online);
    let_go.send(()).unwrap();
    round.await.unwrap().unwrap();
    // Where nothing is known, what was seen last is shown.
    let states = presence.watch(&ann, watched).await.unwrap().states;
    assert_eq!((states[0].status, states[0].uncertain), (Status::Online, true));
}
