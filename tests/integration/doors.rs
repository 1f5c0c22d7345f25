//! Every door asks: one test a door. Blocking, leaving, suspension and privacy hold at commands,
//! over HTTP, at subscribing, reading, resuming and each delivery, in searches, lists and profiles,
//! for presence, typing, receipts and notices; and on another node as well.

use crate::redis_server::{RedisServer, redis_server};
use crate::server::{Person, Socket, TestServer, client_id, eventually};
use protocol::close::CloseCode;
use protocol::conversations::{
    Delete, Edit, Get, List, Mark, Open as OpenConversation, React, Send, Typing,
};
use protocol::groups::{Create, Join, Leave};
use protocol::people::{
    AcceptFriend, Audience, Block, Follow, GetProfile, MutePerson, RequestFriend, SearchPeople,
    SetPrivacy, Unblock, UnmutePerson,
};
use protocol::presence::{Declared, Set, State, Status, Watch};
use protocol::session::{Cursor, Open, Ping};
use protocol::topics::Subscribe;
use protocol::wall::CreatePost;
use protocol::{
    Call, CommandFrame, ConversationId, Error, ErrorCode, Event, Format, GroupId, Incoming, Seq,
    Signal, Topic, UserId,
};
use sanctuary::features::people::Act;
use sanctuary::store::RELAY_AFTER_MS;
use std::time::Duration;
use tempfile::{TempDir, tempdir};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

fn words(conversation_id: ConversationId) -> Send {
    Send {
        conversation_id,
        client_id: client_id(),
        text: Some("hello".to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    }
}

async fn opened(server: &TestServer, one: &Person, other: &Person) -> ConversationId {
    server.by(one, OpenConversation { user_id: other.id }).await.unwrap().conversation.id
}

async fn block(server: &TestServer, one: &Person, other: &Person) {
    server.by(one, Block { user_id: other.id }).await.unwrap();
}

async fn choose(server: &TestServer, who: &Person, privacy: SetPrivacy) {
    server.by(who, privacy).await.unwrap();
}

async fn befriend(server: &TestServer, one: &Person, other: &Person) {
    server.by(one, RequestFriend { user_id: other.id }).await.unwrap();
    server.by(other, AcceptFriend { user_id: one.id }).await.unwrap();
}

async fn group_of(server: &TestServer, owner: &Person, member: &Person) -> GroupId {
    let create = Create {
        client_id: client_id(),
        name: "circle".to_owned(),
        description: None,
        kind: None,
        visibility: None,
        joining: None,
    };
    let group_id = server.by(owner, create).await.unwrap().group.id;
    server.by(member, Join { group_id }).await.unwrap();
    group_id
}

async fn post(server: &TestServer, who: &Person, group_id: GroupId) -> Result<Seq, Error> {
    let post = CreatePost::new(group_id, client_id(), "a thought");
    server.by(who, post).await.map(|created| created.seq)
}

fn code<T>(outcome: Result<T, Error>) -> Option<ErrorCode> {
    outcome.err().map(|error| error.code)
}

/// Whom it concerns, and a server.
async fn two() -> (TempDir, TestServer, Person, Person) {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    (folder, server, ada, ben)
}

/// Two nodes: she is at one, he at the other.
struct World {
    a: TestServer,
    b: TestServer,
    ada: Person,
    ben: Person,
    _redis: RedisServer,
    _folder: TempDir,
}

async fn world() -> Option<World> {
    let (redis, folder) = (redis_server()?, tempdir().unwrap());
    let a = TestServer::node(folder.path(), "a", &[&redis]).await;
    let b = TestServer::node(folder.path(), "b", &[&redis]).await;
    let (ada, ben) = (a.member("ada").await, a.member("ben").await);
    Some(World { a, b, ada, ben, _redis: redis, _folder: folder })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn command_neither_of_two_reaches_the_other_after_a_block() {
    let (_folder, server, ada, ben) = two().await;
    let id = opened(&server, &ada, &ben).await;
    let before = words(id);
    let seq = server.by(&ada, before.clone()).await.unwrap().seq;
    let own = server.by(&ben, words(id)).await.unwrap().seq;
    block(&server, &ben, &ada).await;
    for (who, other, seq) in [(&ada, &ben, seq), (&ben, &ada, own)] {
        let edit = Edit { conversation_id: id, seq, text: "other words".to_owned() };
        let react = React { conversation_id: id, seq, emoji: "🌱".to_owned(), on: true };
        let codes = [
            code(server.by(who, words(id)).await),
            code(server.by(who, edit).await),
            code(server.by(who, react).await),
            code(server.by(who, Typing { conversation_id: id }).await),
            code(server.by(who, OpenConversation { user_id: other.id }).await),
            code(server.by(who, RequestFriend { user_id: other.id }).await),
            code(server.by(who, Follow { user_id: other.id }).await),
        ];
        assert_eq!(codes, [Some(ErrorCode::Blocked); 7]);
        // One's own words are one's own.
        server.by(who, Delete { conversation_id: id, seq }).await.unwrap();
    }
    // What was acknowledged before stays so, and what was said can be read.
    assert!(server.by(&ada, before).await.unwrap().duplicate);
    assert!(server.by(&ben, Get { conversation_id: id }).await.unwrap().conversation.paused);
    server.by(&ben, Unblock { user_id: ada.id }).await.unwrap();
    server.by(&ada, words(id)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn command_messages_are_for_those_whom_one_lets_write() {
    let (_folder, server, ada, ben) = two().await;
    let set = |messages| SetPrivacy { messages: Some(messages), ..SetPrivacy::default() };
    choose(&server, &ben, set(Audience::Nobody)).await;
    let open = OpenConversation { user_id: ben.id };
    assert_eq!(code(server.by(&ada, open).await), Some(ErrorCode::Forbidden));
    choose(&server, &ben, set(Audience::Everyone)).await;
    let id = opened(&server, &ada, &ben).await;
    server.by(&ada, words(id)).await.unwrap();
    choose(&server, &ben, set(Audience::Connections)).await;
    assert_eq!(code(server.by(&ada, words(id)).await), Some(ErrorCode::Forbidden));
    server.by(&ben, words(id)).await.unwrap();
    befriend(&server, &ada, &ben).await;
    server.by(&ada, words(id)).await.unwrap();
    choose(&server, &ben, set(Audience::Nobody)).await;
    assert_eq!(code(server.by(&ada, words(id)).await), Some(ErrorCode::Forbidden));
}

/// `POST /v1/commands`: the status, and the body.
async fn over_http<C: Call>(server: &TestServer, who: &Person, params: C) -> (u16, String) {
    let frame = CommandFrame { id: 1, command: params.command() };
    let body = String::from_utf8(Format::Json.encode(&frame)).unwrap();
    let request = format!(
        "POST /v1/commands HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: \
         application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        server.address,
        who.token,
        body.len()
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rest_refuses_the_same() {
    let (_folder, server, ada, ben) = two().await;
    let id = opened(&server, &ada, &ben).await;
    assert_eq!(over_http(&server, &ada, words(id)).await.0, 200);
    block(&server, &ben, &ada).await;
    let (status, answer) = over_http(&server, &ada, words(id)).await;
    assert_eq!(status, 403);
    assert!(answer.contains("\"blocked\""), "{answer}");
    let profile = GetProfile { user_id: Some(ben.id), username: None };
    assert_eq!(over_http(&server, &ada, profile).await.0, 404);
    let group_id = group_of(&server, &ada, &ben).await;
    server.by(&ben, Leave { group_id }).await.unwrap();
    let post = CreatePost::new(group_id, client_id(), "a thought");
    assert_eq!(over_http(&server, &ben, post).await.0, 404);
    server.accounts.suspend(ada.id).await.unwrap();
    assert_eq!(over_http(&server, &ada, Ping::default()).await.0, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribe_is_for_those_who_are_in_it() {
    let (_folder, server, ada, ben) = two().await;
    let group_id = group_of(&server, &ada, &ben).await;
    let topic = Topic::Group(group_id);
    let mut bens = server.socket(&ben).await;
    bens.call(Subscribe { topic, after: None }).await.unwrap();
    server.by(&ben, Leave { group_id }).await.unwrap();
    let again = bens.call(Subscribe { topic, after: Some(0) }).await;
    assert_eq!(code(again), Some(ErrorCode::NotFound));
    let feed = Topic::User(ada.id);
    let other = bens.call(Subscribe { topic: feed, after: None }).await;
    assert_eq!(code(other), Some(ErrorCode::NotFound));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_is_for_those_who_are_in_it() {
    let (_folder, server, ada, ben) = two().await;
    let eve = server.member("eve").await;
    let group_id = group_of(&server, &ada, &ben).await;
    post(&server, &ada, group_id).await.unwrap();
    assert_eq!(server.read(&ben, Topic::Group(group_id)).await.unwrap().len(), 1);
    server.by(&ben, Leave { group_id }).await.unwrap();
    let id = opened(&server, &ada, &ben).await;
    let codes = [
        code(server.read(&ben, Topic::Group(group_id)).await),
        code(server.read(&eve, Topic::Conversation(id)).await),
        code(server.read(&eve, Topic::User(ben.id)).await),
    ];
    assert_eq!(codes, [Some(ErrorCode::NotFound); 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resume_leaves_out_what_one_may_not_see() {
    let (_folder, server, ada, ben) = two().await;
    let group_id = group_of(&server, &ada, &ben).await;
    post(&server, &ada, group_id).await.unwrap();
    server.by(&ben, Leave { group_id }).await.unwrap();
    let topic = Topic::Group(group_id);
    let cursors = vec![Cursor { topic, seq: 0 }];
    let open = Open { device_id: "phone".to_owned(), cursors, ..Open::default() };
    let (mut bens, opened) = server.resume(&ben, open).await;
    assert!(!opened.heads.iter().any(|head| head.topic == topic));
    post(&server, &ada, group_id).await.unwrap();
    bens.call(Ping::default()).await.unwrap();
    assert!(!bens.rest().iter().any(|push| is_of(push, topic)));
}

fn is_of(push: &Incoming, topic: Topic) -> bool {
    match push {
        Incoming::Event(push) => push.topic == Some(topic),
        Incoming::Signal(push) => push.topic == Some(topic),
        _ => false,
    }
}

/// The last thing of a conversation that comes, and nothing after it.
async fn paused(socket: &mut Socket, topic: Topic) {
    while !matches!(socket.event(topic).await.body, Event::ConversationPaused(_)) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivery_after_a_block_not_one_further_event_arrives_also_on_another_node() {
    let Some(world) = world().await else { return };
    let World { a, b, ada, ben, .. } = &world;
    let id = opened(a, ada, ben).await;
    let topic = Topic::Conversation(id);
    let (mut adas, mut bens) = (a.socket(ada).await, b.socket(ben).await);
    let first = adas.call(words(id)).await.unwrap().seq;
    bens.events_to(topic, first).await;
    // She writes on and on, at her node, while he blocks her at his.
    let mut accepted = 0;
    let blocking = block(b, ben, ada);
    tokio::pin!(blocking);
    loop {
        tokio::select! {
            () = &mut blocking => break,
            outcome = a.by(ada, words(id)) => accepted = outcome.map_or(accepted, |sent| sent.seq),
        }
    }
    paused(&mut bens, topic).await;
    // From when the block was answered, nothing is taken at any node, in the same moment.
    for who in [ada, ben] {
        for node in [a, b] {
            assert_eq!(code(node.by(who, words(id)).await), Some(ErrorCode::Blocked));
            let typing = node.by(who, Typing { conversation_id: id }).await;
            assert_eq!(code(typing), Some(ErrorCode::Blocked));
            let mark = Mark { conversation_id: id, read: Some(first), delivered: None };
            node.by(who, mark).await.unwrap();
        }
    }
    paused(&mut adas, topic).await;
    for socket in [&mut adas, &mut bens] {
        socket.call(Ping::default()).await.unwrap();
        assert!(!socket.rest().iter().any(|push| is_of(push, topic)));
    }
    let head = b.by(ben, Get { conversation_id: id }).await.unwrap().conversation.head_seq;
    assert!(accepted < head, "the block came last");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivery_after_leaving_not_one_further_event_arrives_also_on_another_node() {
    let Some(world) = world().await else { return };
    let World { a, b, ada, ben, .. } = &world;
    let group_id = group_of(a, ada, ben).await;
    let topic = Topic::Group(group_id);
    let (mut adas, mut bens) = (a.socket(ada).await, b.socket(ben).await);
    for socket in [&mut adas, &mut bens] {
        socket.call(Subscribe { topic, after: None }).await.unwrap();
    }
    let first = post(a, ada, group_id).await.unwrap();
    bens.events_to(topic, first).await;
    // He leaves at her node, from another device, and is told at his.
    a.by(ben, Leave { group_id }).await.unwrap();
    bens.until(|push| match push {
        Incoming::Event(push) => matches!(push.body, Event::MembershipEnded(_)).then_some(()),
        _ => None,
    })
    .await;
    let last = post(a, ada, group_id).await.unwrap();
    adas.events_to(topic, last).await;
    let talk = opened(a, ada, ben).await;
    let after = a.by(ada, words(talk)).await.unwrap().seq;
    bens.events_to(Topic::Conversation(talk), after).await;
    assert!(!bens.rest().iter().any(|push| is_of(push, topic)));
    assert_eq!(code(post(b, ben, group_id).await), Some(ErrorCode::NotFound));
}

/// The close follows from the commit: it comes though the answer of the store was lost, and though
/// whoever asked is gone before it holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivery_ends_with_a_suspension_of_which_nobody_waited_for_the_end() {
    let (_folder, server, ada, ben) = two().await;
    let (adas, bens) = (server.socket(&ada).await, server.socket(&ben).await);
    server.faults.lose_commit_results(1);
    let _ = server.accounts.suspend(ada.id).await;
    server.later(RELAY_AFTER_MS).await;
    assert_eq!(adas.closed().await, CloseCode::Suspended.number());

    server.faults.slow(Duration::from_millis(200));
    let hung_up = timeout(Duration::from_millis(50), server.accounts.suspend(ben.id)).await;
    server.faults.slow(Duration::ZERO);
    assert!(hung_up.is_err(), "it was done before anybody could hang up");
    assert_eq!(bens.closed().await, CloseCode::Suspended.number());
    let again = server.accounts.suspend(ben.id).await.unwrap_err();
    assert_eq!(again.code, ErrorCode::Conflict);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivery_after_a_suspension_nothing_arrives_also_on_another_node() {
    let Some(world) = world().await else { return };
    let World { a, b, ada, ben, .. } = &world;
    let id = opened(a, ada, ben).await;
    let bens = b.socket(ben).await;
    a.accounts.suspend(ben.id).await.unwrap();
    a.by(ada, words(id)).await.unwrap();
    assert_eq!(bens.closed().await, CloseCode::Suspended.number());
    let mut again = Socket::connect(b.address).await;
    let open =
        Open { device_id: "phone".to_owned(), token: Some(ben.token.clone()), ..Open::default() };
    again.send(open).await;
    assert_eq!(again.closed().await, CloseCode::Suspended.number());
    assert_eq!(over_http(b, ben, Ping::default()).await.0, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_privacy_holds_at_once_on_another_node() {
    let Some(world) = world().await else { return };
    let World { a, b, ada, ben, .. } = &world;
    let id = opened(a, ada, ben).await;
    a.by(ada, words(id)).await.unwrap();
    let nobody = SetPrivacy { messages: Some(Audience::Nobody), ..SetPrivacy::default() };
    choose(b, ben, nobody).await;
    // As fast as the bus is.
    eventually(async || a.by(ada, words(id)).await.err()).await;
    assert_eq!(code(a.by(ada, words(id)).await), Some(ErrorCode::Forbidden));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search_finds_nobody_of_whom_one_blocked_the_other() {
    let (_folder, server, ada, ben) = two().await;
    let registered = crate::people::register(&server, "Cornelia", None).await;
    let search = SearchPeople { text: "corne".to_owned(), after: None, limit: None };
    let found = async |who: &Person| server.by(who, search.clone()).await.unwrap().items.len();
    eventually(async || (found(&ada).await == 1).then_some(())).await;
    block(&server, &registered, &ada).await;
    assert_eq!((found(&ada).await, found(&ben).await), (0, 1));
    let nobody = SetPrivacy { profile: Some(Audience::Nobody), ..SetPrivacy::default() };
    choose(&server, &registered, nobody).await;
    assert_eq!(found(&ben).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profiles_are_for_those_who_may_see_them() {
    let (_folder, server, ada, ben) = two().await;
    let eve = server.member("eve").await;
    let get = GetProfile { user_id: Some(ben.id), username: None };
    let roles = async |who: &Person| {
        server.by(who, get.clone()).await.map(|result| result.profile.roles.len())
    };
    assert_eq!(roles(&ada).await, Ok(1));
    block(&server, &ada, &ben).await;
    assert_eq!(code(roles(&ada).await), Some(ErrorCode::NotFound), "both ways");
    let set = |profile| SetPrivacy { profile: Some(profile), ..SetPrivacy::default() };
    choose(&server, &ben, set(Audience::Connections)).await;
    assert_eq!(roles(&eve).await, Ok(0), "no more than who it is");
    choose(&server, &ben, set(Audience::Nobody)).await;
    assert_eq!(code(roles(&eve).await), Some(ErrorCode::NotFound));
    assert_eq!(code(server.by(&eve, Follow { user_id: ben.id }).await), Some(ErrorCode::NotFound));
    assert_eq!(roles(&ben).await, Ok(1), "one's own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_conversations_hide_those_who_are_blocked() {
    let (_folder, server, ada, ben) = two().await;
    opened(&server, &ada, &ben).await;
    let count = async |who: &Person| server.by(who, List::default()).await.unwrap().items.len();
    assert_eq!((count(&ada).await, count(&ben).await), (1, 1));
    block(&server, &ben, &ada).await;
    assert_eq!((count(&ada).await, count(&ben).await), (0, 0));
    server.by(&ben, Unblock { user_id: ada.id }).await.unwrap();
    assert_eq!((count(&ada).await, count(&ben).await), (1, 1));
}

/// The next change that is pushed about somebody.
async fn change(watcher: &mut Socket, who: UserId) -> State {
    let of = |signal: &Signal| match signal {
        Signal::PresenceChanged(changed) => {
            changed.changes.iter().find(|state| state.user_id == who).copied()
        }
        _ => None,
    };
    watcher.signal(of).await
}

async fn watch(watcher: &mut Socket, who: &Person) -> State {
    watcher.call(Watch { users: vec![who.id] }).await.unwrap().states[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presence_is_asked_at_the_watch() {
    let (_folder, server, ada, ben) = two().await;
    let mut adas = server.socket(&ada).await;
    let bens = server.socket(&ben).await;
    assert_eq!(watch(&mut adas, &ben).await.status, Status::Online);
    let set = |presence, last_seen| SetPrivacy { presence, last_seen, ..SetPrivacy::default() };
    choose(&server, &ben, set(Some(Audience::Connections), None)).await;
    let hidden = watch(&mut adas, &ben).await;
    assert_eq!((hidden.status, hidden.last_seen_at), (Status::Offline, None));
    befriend(&server, &ada, &ben).await;
    assert_eq!(watch(&mut adas, &ben).await.status, Status::Online);
    choose(&server, &ben, set(None, Some(Audience::Nobody))).await;
    drop(bens);
    let gone = eventually(async || {
        server.clock.advance(30_000);
        server.app.presence().round().await.unwrap();
        let state = watch(&mut adas, &ben).await;
        (state.status == Status::Offline).then_some(state)
    })
    .await;
    assert_eq!(gone.last_seen_at, None);
    choose(&server, &ben, set(None, Some(Audience::Connections))).await;
    eventually(async || {
        server.app.presence().round().await.unwrap();
        watch(&mut adas, &ben).await.last_seen_at
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presence_ends_with_a_block_and_a_choice_also_on_another_node() {
    let Some(world) = world().await else { return };
    let World { a, b, ada, ben, .. } = &world;
    let cid = a.member("cid").await;
    let mut adas = a.socket(ada).await;
    let (mut bens, mut cids) = (b.socket(ben).await, b.socket(&cid).await);
    for who in [ben, &cid] {
        eventually(async || (watch(&mut adas, who).await.status == Status::Online).then_some(()))
            .await;
    }
    adas.rest();
    let nobody = SetPrivacy { presence: Some(Audience::Nobody), ..SetPrivacy::default() };
    let everyone = SetPrivacy { presence: Some(Audience::Everyone), ..SetPrivacy::default() };
    for by_block in [true, false] {
        if by_block {
            block(b, ben, ada).await;
        } else {
            choose(b, ben, nobody).await;
        }
        let ended = change(&mut adas, ben.id).await;
        assert_eq!((ended.status, ended.last_seen_at), (Status::Offline, None));
        // What he shows from now on is not for her; that of another comes as before.
        bens.call(Set { status: Declared::Busy }).await.unwrap();
        for (declared, shown) in [(Declared::Busy, Status::Busy), (Declared::Away, Status::Away)] {
            cids.call(Set { status: declared }).await.unwrap();
            assert_eq!(change(&mut adas, cid.id).await.status, shown);
        }
        let rest = format!("{:?}", adas.rest());
        assert!(!rest.contains("Busy"), "{rest}");
        assert_eq!(watch(&mut adas, ben).await.status, Status::Offline);
        if by_block {
            b.by(ben, Unblock { user_id: ada.id }).await.unwrap();
        } else {
            choose(b, ben, everyone).await;
        }
        assert_eq!(change(&mut adas, ben.id).await.status, Status::Busy);
        for (socket, who) in [(&mut bens, ben.id), (&mut cids, cid.id)] {
            socket.call(Set { status: Declared::Online }).await.unwrap();
            assert_eq!(change(&mut adas, who).await.status, Status::Online);
        }
        adas.rest();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typing_and_receipts_honour_blocks_and_choices() {
    let (_folder, server, ada, ben) = two().await;
    let id = opened(&server, &ada, &ben).await;
    let first = server.by(&ada, words(id)).await.unwrap().seq;
    let second = server.by(&ada, words(id)).await.unwrap().seq;
    let third = server.by(&ada, words(id)).await.unwrap().seq;
    let fourth = server.by(&ada, words(id)).await.unwrap().seq;
    let mut adas = server.socket(&ada).await;
    let mark = |read| Mark { conversation_id: id, read: Some(read), delivered: None };
    let receipts = |read_receipts| {
        let read_receipts = Some(read_receipts);
        SetPrivacy { read_receipts, ..SetPrivacy::default() }
    };
    let is_receipt = |signal: &Signal| match signal {
        Signal::Receipt(receipt) => Some(receipt.read),
        _ => None,
    };
    server.by(&ben, mark(first)).await.unwrap();
    assert_eq!(adas.signal(is_receipt).await, first);
    // His own choice, and hers: who shows none sees none.
    for (who, seq) in [(&ben, second), (&ada, third)] {
        choose(&server, who, receipts(false)).await;
        server.by(&ben, mark(seq)).await.unwrap();
        choose(&server, who, receipts(true)).await;
    }
    server.by(&ben, mark(fourth)).await.unwrap();
    assert_eq!(adas.signal(is_receipt).await, fourth);
    adas.call(Ping::default()).await.unwrap();
    assert_eq!(adas.rest().iter().filter(|push| is_of(push, Topic::Conversation(id))).count(), 0);
    server.by(&ben, Typing { conversation_id: id }).await.unwrap();
    let is_typing = |signal: &Signal| matches!(signal, Signal::Typing(_)).then_some(());
    adas.signal(is_typing).await;
    block(&server, &ada, &ben).await;
    assert!(server.by(&ben, Typing { conversation_id: id }).await.is_err());
    adas.call(Ping::default()).await.unwrap();
    let signals = adas.rest().into_iter().filter(|push| matches!(push, Incoming::Signal(_)));
    assert_eq!(signals.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_who_waits_sees_no_presence() {
    let folder = tempdir().unwrap();
    let clock = sanctuary::clock::Clock::manual(crate::engines::START);
    let server = TestServer::open_with(folder.path(), clock, |settings| settings.limits = true);
    let server = server.await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let (mut adas, _bens) = (server.socket(&ada).await, server.socket(&ben).await);
    assert_eq!(watch(&mut adas, &ben).await.status, Status::Online);
    let id = opened(&server, &ada, &ben).await;
    server.by(&ada, words(id)).await.unwrap();
    assert_eq!(watch(&mut adas, &ben).await.status, Status::Offline);
    let people = server.app.features().people();
    assert!(people.may(ada.id, Act::Notify, ben.id).await.unwrap(), "he is told that she asks");
    let accept = protocol::conversations::Accept { conversation_id: id };
    server.by(&ben, accept).await.unwrap();
    assert_eq!(watch(&mut adas, &ben).await.status, Status::Online);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notices_are_not_sent_of_those_who_are_muted_or_blocked() {
    let (_folder, server, ada, ben) = two().await;
    let may = async || {
        let people = server.app.features().people();
        people.may(ada.id, Act::Notify, ben.id).await.unwrap()
    };
    assert!(may().await);
    server.by(&ben, MutePerson { user_id: ada.id }).await.unwrap();
    assert!(!may().await);
    server.by(&ben, UnmutePerson { user_id: ada.id }).await.unwrap();
    assert!(may().await);
    block(&server, &ada, &ben).await;
    assert!(!may().await);
}
