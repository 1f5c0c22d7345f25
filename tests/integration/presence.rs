//! Who is here, through the public door.

use crate::server::{Socket, TestServer, eventually};
use protocol::presence::{Declared, Set, State, Status, Watch};
use protocol::session::Close;
use protocol::{ErrorCode, Signal, UserId};
use tempfile::tempdir;
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
