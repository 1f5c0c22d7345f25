//! Groups and their walls through the public door.

use crate::engines::START;
use crate::server::{Person, TestServer, client_id};
use protocol::groups::{Create, Join, Leave, List};
use protocol::session::Ping;
use protocol::topics::Subscribe;
use protocol::wall::{CreatePost, ListPosts};
use protocol::{ErrorCode, GroupId, Incoming, Topic};
use sanctuary::clock::Clock;
use tempfile::tempdir;

fn create(name: &str) -> Create {
    Create {
        client_id: client_id(),
        name: name.to_owned(),
        description: None,
        kind: None,
        visibility: None,
        joining: None,
    }
}

fn post(group_id: GroupId) -> CreatePost {
    CreatePost::new(group_id, client_id(), "a frost like feathers")
}

async fn made(server: &TestServer, owner: &Person) -> GroupId {
    server.by(owner, create("circle")).await.unwrap().group.id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_a_group_gets_not_one_further_event() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let wanted = create("circle");
    let group_id = server.by(&ada, wanted.clone()).await.unwrap().group.id;
    assert_eq!(server.by(&ada, wanted).await.unwrap().group.id, group_id, "made once");
    assert_eq!(server.by(&ben, post(group_id)).await.unwrap_err().code, ErrorCode::NotFound);
    server.by(&ben, Join { group_id }).await.unwrap();
    let topic = Topic::Group(group_id);
    let (mut adas, mut bens) = (server.socket(&ada).await, server.socket(&ben).await);
    for socket in [&mut adas, &mut bens] {
        socket.call(Subscribe { topic, after: None }).await.unwrap();
    }
    let seq = server.by(&ada, post(group_id)).await.unwrap().seq;
    assert_eq!(bens.event(topic).await.seq, Some(seq));
    let mine = List { mine: Some(true), ..List::default() };
    assert_eq!(server.by(&ben, mine).await.unwrap().items.len(), 1);
    let list = ListPosts::of(group_id);
    assert_eq!(server.by(&ben, list.clone()).await.unwrap().items.len(), 1);

    bens.call(Leave { group_id }).await.unwrap();
    let last = server.by(&ada, post(group_id)).await.unwrap().seq;
    adas.events_to(topic, last).await;
    bens.call(Ping::default()).await.unwrap();
    let of_the_group =
        |push: &Incoming| matches!(push, Incoming::Event(push) if push.topic == Some(topic));
    assert!(!bens.rest().iter().any(of_the_group));
    assert_eq!(bens.call(post(group_id)).await.unwrap_err().code, ErrorCode::NotFound);
    assert_eq!(server.by(&ben, list).await.unwrap_err().code, ErrorCode::NotFound);
    let owner = server.by(&ada, Leave { group_id }).await.unwrap_err();
    assert_eq!(owner.code, ErrorCode::Conflict);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_again_ends_what_a_first_try_left() {
    let folder = tempdir().unwrap();
    let clock = Clock::manual(START);
    let server = TestServer::open_at(folder.path(), clock.clone()).await;
    let other = TestServer::open_at(folder.path(), clock).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let group_id = made(&server, &ada).await;
    server.by(&ben, Join { group_id }).await.unwrap();
    let topic = Topic::Group(group_id);
    let mut bens = server.socket(&ben).await;
    bens.call(Subscribe { topic, after: None }).await.unwrap();
    // The node that took it died before it told the others.
    other.by(&ben, Leave { group_id }).await.unwrap();
    bens.call(Leave { group_id }).await.unwrap();
    bens.rest();
    server.by(&ada, post(group_id)).await.unwrap();
    bens.call(Ping::default()).await.unwrap();
    let of_the_group =
        |push: &Incoming| matches!(push, Incoming::Event(push) if push.topic == Some(topic));
    assert!(!bens.rest().iter().any(of_the_group));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_follows_so_many_groups_and_no_more() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let ada = server.member("ada").await;
    let mut adas = server.socket(&ada).await;
    for n in 0..129 {
        let topic = Topic::Group(made(&server, &ada).await);
        let outcome = adas.call(Subscribe { topic, after: None }).await;
        assert_eq!(outcome.err().map(|error| error.code), (n == 128).then_some(ErrorCode::Full));
    }
}
