//! People through the public door: what they are to one another, whom one finds, and what a
//! stranger's first words wait for. And two who act at random, on every engine.

use crate::engines::{Engine, Home, START, on_every_engine};
use crate::server::{Person, TestServer, client_id, eventually};
use futures_util::future::BoxFuture;
use protocol::conversations::{
    Accept, Conversation, Delete, Edit, Get, List, Mark, Open, React, Refuse, Send, Typing,
};
use protocol::limits::FRIEND_AGAIN_MS;
use protocol::people::{
    AcceptFriend, ApproveFollower, Audience, Block, CancelFriend, DeclineFriend, Follow,
    FollowList, Following, FriendList, Friendship, GetPrivacy, GetProfile, ListBlocks, ListFollows,
    ListFriends, ListMutes, MutePerson, People as Page, RejectFollower, Relation, RemoveFriend,
    RequestFriend, SearchPeople, SetPrivacy, Unblock, Unfollow, UnmutePerson,
};
use protocol::{ConversationId, ErrorCode, Event, Format, Signal, Topic, UserId};
use sanctuary::app::Core;
use sanctuary::cli::{self, Task};
use sanctuary::clock::Clock;
use sanctuary::config::Settings;
use sanctuary::error::Result;
use sanctuary::features::accounts::Origin;
use sanctuary::features::people::{
    Follow as Follows, Friends, PROJECT, Pair, Project, Relations, Side, Two, Wish,
};
use sanctuary::store::{Carry, OutKey, Partition, Store, Value};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};
use tempfile::tempdir;
use uuid::Uuid;

fn words(conversation_id: ConversationId, text: &str) -> Send {
    Send {
        conversation_id,
        client_id: client_id(),
        text: Some(text.to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    }
}

fn ids(page: &Page) -> Vec<UserId> {
    page.items.iter().map(|person| person.id).collect()
}

async fn befriend(server: &TestServer, one: &Person, other: &Person) {
    server.by(one, RequestFriend { user_id: other.id }).await.unwrap();
    server.by(other, AcceptFriend { user_id: one.id }).await.unwrap();
}

/// A server on which strangers ask.
async fn asking(folder: &std::path::Path) -> TestServer {
    let clock = Clock::manual(START);
    TestServer::open_with(folder, clock, |settings| settings.limits = true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_friend_request_is_told_answered_and_listed() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let request = RequestFriend { user_id: ben.id };
    let relation = server.by(&ada, request).await.unwrap().relation;
    assert_eq!(relation.friendship, Friendship::Outgoing);
    server.by(&ada, request).await.unwrap();
    let list = |list| ListFriends { list: Some(list), ..ListFriends::default() };
    assert_eq!(ids(&server.by(&ben, list(FriendList::Incoming)).await.unwrap()), [ada.id]);
    assert_eq!(ids(&server.by(&ada, list(FriendList::Outgoing)).await.unwrap()), [ben.id]);
    let early = server.by(&ada, AcceptFriend { user_id: ben.id }).await.unwrap_err();
    assert_eq!(early.code, ErrorCode::Conflict, "nobody accepts their own");
    server.by(&ben, AcceptFriend { user_id: ada.id }).await.unwrap();
    for (who, other) in [(&ada, &ben), (&ben, &ada)] {
        assert_eq!(ids(&server.by(who, list(FriendList::Friends)).await.unwrap()), [other.id]);
        assert_eq!(ids(&server.by(who, list(FriendList::Incoming)).await.unwrap()), []);
    }
    let requests = |feed: &[Event]| {
        feed.iter().filter(|event| matches!(event, Event::FriendRequested(_))).count()
    };
    let accepts = |feed: &[Event]| {
        feed.iter().filter(|event| matches!(event, Event::FriendAccepted(_))).count()
    };
    let (adas, bens) = (server.feed(&ada).await, server.feed(&ben).await);
    assert_eq!((requests(&adas), requests(&bens)), (0, 1), "asked twice, told once");
    assert_eq!((accepts(&adas), accepts(&bens)), (1, 1));

    server.by(&ada, RemoveFriend { user_id: ben.id }).await.unwrap();
    assert_eq!(ids(&server.by(&ben, list(FriendList::Friends)).await.unwrap()), []);
    // Taken back; declined, and not asked again for a week; crossing.
    server.by(&ada, request).await.unwrap();
    server.by(&ada, CancelFriend { user_id: ben.id }).await.unwrap();
    server.by(&ada, request).await.unwrap();
    server.by(&ben, DeclineFriend { user_id: ada.id }).await.unwrap();
    assert_eq!(server.by(&ada, request).await.unwrap_err().code, ErrorCode::Conflict);
    server.clock.advance(FRIEND_AGAIN_MS);
    server.by(&ada, request).await.unwrap();
    let crossed = server.by(&ben, RequestFriend { user_id: ada.id }).await.unwrap();
    assert_eq!(crossed.relation.friendship, Friendship::Friends);
    let me = server.by(&ada, RequestFriend { user_id: ada.id }).await.unwrap_err();
    let nobody = server.by(&ada, RequestFriend { user_id: UserId(Uuid::now_v7()) }).await;
    let codes = [me.code, nobody.unwrap_err().code];
    assert_eq!(codes, [ErrorCode::Invalid, ErrorCode::NotFound]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_one_follows_is_asked_where_the_profile_is_private() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben, eve) =
        (server.member("ada").await, server.member("ben").await, server.member("eve").await);
    let follow = Follow { user_id: ben.id };
    let open = server.by(&ada, follow).await.unwrap().relation;
    assert_eq!(open.follows, Following::Following);
    let connections = Some(Audience::Connections);
    server.by(&ben, SetPrivacy { profile: connections, ..SetPrivacy::default() }).await.unwrap();
    let asked = server.by(&eve, follow).await.unwrap().relation;
    assert_eq!(asked.follows, Following::Requested);
    let list = |list| ListFollows { list: Some(list), ..ListFollows::default() };
    assert_eq!(ids(&server.by(&ben, list(FollowList::Requests)).await.unwrap()), [eve.id]);
    assert_eq!(ids(&server.by(&ben, list(FollowList::Followers)).await.unwrap()), [ada.id]);

    // Not approved yet, so no more than who it is; nor is she who came before it was private.
    let profile = GetProfile { user_id: Some(ben.id), username: None };
    for who in [&ada, &eve] {
        assert!(server.by(who, profile.clone()).await.unwrap().profile.roles.is_empty());
    }
    server.by(&ben, ApproveFollower { user_id: eve.id }).await.unwrap();
    let seen = server.by(&eve, profile).await.unwrap();
    assert_eq!(seen.profile.roles, ["member"]);
    assert_eq!(seen.relation.unwrap().follows, Following::Following);
    assert!(server.feed(&eve).await.iter().any(|event| matches!(event, Event::FollowAdded(_))));
    server.by(&ben, RejectFollower { user_id: ada.id }).await.unwrap();
    assert_eq!(ids(&server.by(&ben, list(FollowList::Followers)).await.unwrap()), [eve.id]);
    server.by(&eve, Unfollow { user_id: ben.id }).await.unwrap();
    assert_eq!(ids(&server.by(&eve, list(FollowList::Following)).await.unwrap()), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_paged_and_a_block_takes_people_off_them() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let ada = server.member("ada").await;
    let others = server.people("other", 5, None).await;
    for other in &others {
        befriend(&server, &ada, other).await;
        server.by(&ada, MutePerson { user_id: other.id }).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let list = ListFriends { list: None, after, limit: Some(2) };
        let page = server.by(&ada, list).await.unwrap();
        seen.extend(ids(&page));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut all: Vec<_> = others.iter().map(|other| other.id).collect();
    all.sort();
    assert_eq!(seen, all);
    assert_eq!(server.by(&ada, ListMutes::default()).await.unwrap().items.len(), 5);
    let gone = &others[0];
    let relation = server.by(&ada, Block { user_id: gone.id }).await.unwrap().relation;
    let shut = Relation { blocked: true, muted: true, ..Relation::default() };
    assert_eq!(relation, shut);
    assert_eq!(ids(&server.by(&ada, ListBlocks::default()).await.unwrap()), [gone.id]);
    assert_eq!(server.by(&ada, ListFriends::default()).await.unwrap().items.len(), 4);
    assert_eq!(ids(&server.by(gone, ListFriends::default()).await.unwrap()), []);
    assert_eq!(ids(&server.by(gone, ListBlocks::default()).await.unwrap()), [], "not told");
    server.by(&ada, Unblock { user_id: gone.id }).await.unwrap();
    server.by(&ada, UnmutePerson { user_id: gone.id }).await.unwrap();
    assert_eq!(ids(&server.by(&ada, ListBlocks::default()).await.unwrap()), []);
    befriend(&server, gone, &ada).await;
}

pub(crate) async fn register(server: &TestServer, name: &str, username: Option<&str>) -> Person {
    let origin = Origin { address: IpAddr::V4(Ipv4Addr::LOCALHOST), device: "test".to_owned() };
    let wanted = protocol::accounts::Register {
        email: format!("{}@example.org", Uuid::now_v7().simple()),
        password: "a quiet place to be".to_owned(),
        name: name.to_owned(),
        username: username.map(str::to_owned),
    };
    let id = server.accounts.register(&origin, wanted).await.unwrap().user.id;
    let mut person = server.member("template").await;
    person.id = id;
    person.caller.user_id = id;
    person
}

async fn found(server: &TestServer, who: &Person, text: &str) -> Vec<UserId> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let search = SearchPeople { text: text.to_owned(), after, limit: Some(1) };
        let page = server.by(who, search).await.unwrap();
        all.extend(page.items.iter().map(|found| found.id));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_whom_the_command_line_makes_are_found() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let anna = server.member("anna").await;
    let mut settings = Settings::defaults().unwrap();
    folder.path().clone_into(&mut settings.data);
    let core = Core::open(&settings, server.clock.clone()).await.unwrap();
    let tokens = folder.path().join("tokens");
    let count = 400;
    let wanted = ["sanctuary", "user", "create", "--count", "400", "--prefix", "crowd", "--tokens"];
    for _ in 0..2 {
        let line = wanted.iter().map(Into::into).chain([tokens.clone().into_os_string()]);
        let Task::User(task) = cli::parse(line, []).unwrap().task else { panic!("not of people") };
        let index = async |users: &[UserId]| core.index_people(users).await;
        cli::user(task, core.accounts(), index).await.unwrap();
        let search = SearchPeople { text: "crowd 4".to_owned(), after: None, limit: None };
        let some = server.by(&anna, search).await.unwrap().items;
        assert_eq!(some.len(), 12, "4, 40 to 49 and 400");
        assert_eq!(found(&server, &anna, "load crowd 217").await.len(), 1);
        assert_eq!(found(&server, &anna, "load crowd").await.len(), count);
    }
    core.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_found_by_name_and_username_by_those_who_may() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let ada = server.member("ada").await;
    let anna = register(&server, "Anna Maria Berg", Some("anna.b")).await;
    let bert = register(&server, "Bergmann", None).await;
    eventually(async || (found(&server, &ada, "berg").await.len() == 2).then_some(())).await;
    assert_eq!(found(&server, &ada, "ANNA").await, [anna.id], "once, by name or username");
    assert_eq!(found(&server, &ada, "anna.").await, [anna.id]);
    assert_eq!(found(&server, &ada, "maria  be").await, [anna.id]);
    assert_eq!(found(&server, &ada, "bergmann").await, [bert.id]);
    assert_eq!(found(&server, &ada, "nna").await, []);
    let short = SearchPeople { text: " a ".to_owned(), after: None, limit: None };
    assert_eq!(server.by(&ada, short).await.unwrap_err().code, ErrorCode::Invalid);

    let connections = Some(Audience::Connections);
    server.by(&anna, SetPrivacy { profile: connections, ..SetPrivacy::default() }).await.unwrap();
    assert_eq!(found(&server, &ada, "berg").await, [bert.id]);
    befriend(&server, &ada, &anna).await;
    assert_eq!(found(&server, &ada, "berg").await, [anna.id, bert.id]);
    server.by(&bert, Block { user_id: ada.id }).await.unwrap();
    assert_eq!(found(&server, &ada, "berg").await, [anna.id]);
    assert_eq!(found(&server, &bert, "load").await, []);
    server.accounts.suspend(anna.id).await.unwrap();
    assert_eq!(found(&server, &ada, "berg").await, []);
    server.accounts.restore(anna.id).await.unwrap();
    assert_eq!(found(&server, &ada, "berg").await, [anna.id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn choices_are_kept_and_some_are_none() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let ada = server.member("ada").await;
    let first = server.by(&ada, GetPrivacy {}).await.unwrap().privacy;
    assert_eq!((first.profile, first.messages), (Audience::Members, Audience::Everyone));
    let set = SetPrivacy { read_receipts: Some(false), ..SetPrivacy::default() };
    server.by(&ada, set).await.unwrap();
    assert!(!server.by(&ada, GetPrivacy {}).await.unwrap().privacy.read_receipts);
    let wrong = SetPrivacy { messages: Some(Audience::Members), ..SetPrivacy::default() };
    assert_eq!(server.by(&ada, wrong).await.unwrap_err().code, ErrorCode::Invalid);
}

async fn list(server: &TestServer, who: &Person, requests: bool) -> Vec<Conversation> {
    let list = List { requests: Some(requests), ..List::default() };
    server.by(who, list).await.unwrap().items
}

fn is_request(event: &Event) -> bool {
    matches!(event, Event::ConversationRequested(_))
}

fn is_joined(event: &Event) -> bool {
    matches!(event, Event::ConversationJoined(_))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_words_of_a_stranger_wait_until_they_are_accepted() {
    let folder = tempdir().unwrap();
    let server = asking(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let opened = server.by(&ada, Open { user_id: ben.id }).await.unwrap().conversation;
    let id = opened.id;
    assert_eq!(opened.request.unwrap().by, ada.id);
    assert!(list(&server, &ben, true).await.is_empty(), "nothing was said yet");
    let first = words(id, "Hello");
    let seq = server.by(&ada, first.clone()).await.unwrap().seq;
    assert!(server.by(&ada, first).await.unwrap().duplicate, "a retry is no second message");
    let second = server.by(&ada, words(id, "Are you there?")).await.unwrap_err();
    assert_eq!(second.code, ErrorCode::Conflict);

    let feed = server.feed(&ben).await;
    assert_eq!(feed.iter().filter(|event| is_request(event)).count(), 1);
    assert!(!feed.iter().any(is_joined));
    assert!(list(&server, &ben, false).await.is_empty());
    assert_eq!(list(&server, &ben, true).await[0].unread, 1);
    assert_eq!(list(&server, &ada, false).await.len(), 1);
    // Read, but not touched, before it is answered; and she hears of neither.
    assert_eq!(server.read(&ben, Topic::Conversation(id)).await.unwrap().len(), 2);
    let mut adas = server.socket(&ada).await;
    let react = React { conversation_id: id, seq, emoji: "🌱".to_owned(), on: true };
    assert_eq!(server.by(&ben, react.clone()).await.unwrap_err().code, ErrorCode::Conflict);
    server.by(&ben, Typing { conversation_id: id }).await.unwrap();
    server.by(&ben, Mark { conversation_id: id, read: Some(seq), delivered: None }).await.unwrap();
    let mine = server.by(&ada, Accept { conversation_id: id }).await.unwrap_err();
    assert_eq!(mine.code, ErrorCode::Conflict, "nobody accepts their own");

    let accepted = server.by(&ben, Accept { conversation_id: id }).await.unwrap().conversation;
    assert!(accepted.request.is_none());
    server.by(&ben, Accept { conversation_id: id }).await.unwrap();
    let next = adas.until(|push| Some(format!("{push:?}"))).await;
    assert!(next.contains("ConversationAccepted"), "the first thing she hears: {next}");
    server.by(&ada, words(id, "How are you?")).await.unwrap();
    server.by(&ben, react).await.unwrap();
    assert!(server.feed(&ben).await.iter().any(is_joined));
    assert_eq!(list(&server, &ben, false).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_who_is_refused_is_not_told_and_writes_no_more() {
    let folder = tempdir().unwrap();
    let server = asking(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let id = server.by(&ada, Open { user_id: ben.id }).await.unwrap().conversation.id;
    let seq = server.by(&ada, words(id, "Hello")).await.unwrap().seq;
    let before = server.by(&ada, Get { conversation_id: id }).await.unwrap();
    server.clock.advance(60_000);
    server.by(&ben, Refuse { conversation_id: id }).await.unwrap();
    assert_eq!(server.by(&ada, Get { conversation_id: id }).await.unwrap(), before);
    assert_eq!(list(&server, &ada, false).await, [before.conversation]);
    server.by(&ben, Refuse { conversation_id: id }).await.unwrap();
    assert!(list(&server, &ben, true).await.is_empty());
    let again = server.by(&ada, words(id, "Hello?")).await.unwrap_err();
    assert_eq!(again.code, ErrorCode::Conflict);
    let hers = server.by(&ada, Get { conversation_id: id }).await.unwrap().conversation;
    let his = server.by(&ben, Get { conversation_id: id }).await.unwrap().conversation;
    assert_eq!((hers.head_seq, hers.request.unwrap().refused), (2, false));
    assert_eq!((his.head_seq, his.request.unwrap().refused), (3, true));
    let seen = server.read(&ada, Topic::Conversation(id)).await.unwrap();
    assert!(!seen.iter().any(|event| matches!(event, Event::ConversationRefused(_))));
    // Her own words are hers, as before.
    let edit = Edit { conversation_id: id, seq, text: "Hello Ben".to_owned() };
    server.by(&ada, edit).await.unwrap();
    let react = React { conversation_id: id, seq, emoji: "🌱".to_owned(), on: true };
    server.by(&ada, react).await.unwrap();
    for who in [&ada, &ben] {
        let seen = server.read(who, Topic::Conversation(id)).await.unwrap();
        assert!(format!("{seen:?}").contains("Hello Ben"));
    }
    server.by(&ada, Delete { conversation_id: id, seq }).await.unwrap();
    let seen = server.read(&ben, Topic::Conversation(id)).await.unwrap();
    assert!(!format!("{seen:?}").contains("Hello Ben"), "wherever it stood");
    // He may think again, and who answers accepts.
    server.by(&ben, words(id, "Sorry. Hello.")).await.unwrap();
    server.by(&ada, words(id, "Hello!")).await.unwrap();
    assert_eq!(list(&server, &ben, false).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_cut_off_ends_the_waiting_when_it_comes_again() {
    let folder = tempdir().unwrap();
    let server = asking(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let id = server.by(&ada, Open { user_id: ben.id }).await.unwrap().conversation.id;
    server.by(&ada, words(id, "Hello")).await.unwrap();
    let mut adas = server.socket(&ada).await;
    let answer = words(id, "Hello Ada");
    // It is in the log, and that was all.
    server.faults.refuse_write(2);
    server.by(&ben, answer.clone()).await.unwrap_err();
    assert!(server.by(&ben, answer).await.unwrap().duplicate);
    server.by(&ben, Typing { conversation_id: id }).await.unwrap();
    let typing = |signal: &Signal| match signal {
        Signal::Typing(typing) => Some(typing.user_id),
        _ => None,
    };
    assert_eq!(adas.signal(typing).await, ben.id);
    for who in [&ada, &ben] {
        assert!(server.feed(who).await.iter().any(is_joined));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_one_knows_need_not_ask() {
    let folder = tempdir().unwrap();
    let server = asking(folder.path()).await;
    let (ada, ben, cid) =
        (server.member("ada").await, server.member("ben").await, server.member("cid").await);
    befriend(&server, &ada, &ben).await;
    let friends = server.by(&ada, Open { user_id: ben.id }).await.unwrap().conversation;
    assert!(friends.request.is_none());
    // Who becomes a friend while asking asks no more.
    let id = server.by(&ada, Open { user_id: cid.id }).await.unwrap().conversation.id;
    server.by(&ada, words(id, "Hello")).await.unwrap();
    befriend(&server, &ada, &cid).await;
    server.by(&ada, words(id, "Friends now")).await.unwrap();
    assert_eq!(list(&server, &cid, false).await.len(), 1);
    assert!(server.feed(&cid).await.iter().any(is_joined));
}

/// Carries out what follows from relations.
struct Carrier(OnceLock<Arc<Relations>>);

impl Carry for Carrier {
    fn carry<'a>(
        &'a self,
        _: &'a OutKey,
        effect: &'a str,
        body: &'a [u8],
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if effect != PROJECT {
                return Ok(());
            }
            let project: Project = Format::MessagePack.decode(body).unwrap();
            self.0.get().unwrap().project(&project).await
        })
    }
}

struct Node {
    _engine: Engine,
    store: Arc<Store>,
    relations: Arc<Relations>,
}

async fn node(home: &dyn Home) -> Node {
    let engine = home.open().await;
    let store = engine.records();
    let relations = Arc::new(Relations::new(Arc::clone(&store), engine.clock.clone()));
    let carrier = Arc::new(Carrier(OnceLock::new()));
    let _ = carrier.0.set(Arc::clone(&relations));
    store.carry_with(carrier);
    Node { _engine: engine, store, relations }
}

const WISHES: [Wish; 14] = [
    Wish::Follow { asks: true },
    Wish::Follow { asks: false },
    Wish::Unfollow,
    Wish::Approve,
    Wish::Reject,
    Wish::Request,
    Wish::Request,
    Wish::Accept,
    Wish::Decline,
    Wish::Cancel,
    Wish::Remove,
    Wish::Block,
    Wish::Unblock,
    Wish::Unblock,
];

/// One who acts at random, by a number that says how.
async fn acts(node: &Node, me: UserId, them: UserId, mut lot: u64, times: u32) {
    for _ in 0..times {
        lot = lot.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let wish = WISHES[usize::try_from(lot >> 33).unwrap() % WISHES.len()];
        // Refused, or busy with the other: all the same here.
        let _ = node.relations.wish(me, them, wish).await;
    }
}

/// Whether somebody stands in another's list, against what the pair says.
async fn lists_agree(node: &Node, two: Two, pair: &Pair) -> bool {
    for side in [Side::Low, Side::High] {
        let (me, them) = (two.at(side), two.at(side.other()));
        let (mine, theirs) = (pair.of(side), pair.of(side.other()));
        let follows = |follow| matches!(follow, Follows::Yes | Follows::Approved);
        for (list, wanted) in [
            ("friends", pair.friends == Friends::Yes),
            ("incoming", pair.friends == Friends::Pending(side.other())),
            ("outgoing", pair.friends == Friends::Pending(side)),
            ("following", follows(mine.follow)),
            ("followers", follows(theirs.follow)),
            ("requests", theirs.follow == Follows::Asked),
            ("blocked", mine.blocks),
            ("blocked_by", theirs.blocks),
        ] {
            let listed = node.relations.listed(me, list, None, 10).await.unwrap();
            if listed.contains(&them) != wanted {
                return false;
            }
        }
    }
    true
}

async fn whatever_two_do_at_once_lists_and_pair_agree(home: &dyn Home) {
    let (a, b) = (node(home).await, node(home).await);
    for round in 0..4 {
        let (one, other) = (UserId(Uuid::now_v7()), UserId(Uuid::now_v7()));
        let (two, _) = Two::of(one, other).unwrap();
        let lot = u64::from_be_bytes(one.as_bytes()[8..].try_into().unwrap());
        tokio::join!(
            acts(&a, one, other, lot, 12),
            acts(&b, other, one, lot ^ 0x5555, 12),
            acts(&b, one, other, lot ^ 0xaaaa, 6),
        );
        a.store.settled().await;
        b.store.settled().await;
        let pair = a.relations.pair(two).await.unwrap();
        if pair.is_shut() {
            assert_eq!((pair.low.follow, pair.high.follow), (Follows::No, Follows::No));
            assert!(!matches!(pair.friends, Friends::Yes | Friends::Pending(_)));
        }
        // What was left to the relay is carried out by it.
        eventually(async || {
            if lists_agree(&b, two, &pair).await {
                return Some(());
            }
            let key = [Value::Uuid(two.low.0), Value::Uuid(two.high.0)];
            let _ = a.store.relay(Partition::new("relations", key)).await;
            None
        })
        .await;
        eprintln!("round {round}, lot {lot}: {pair:?}");
    }
}

async fn two_requests_that_cross_make_friends(home: &dyn Home) {
    let (a, b) = (node(home).await, node(home).await);
    for _ in 0..4 {
        let (one, other) = (UserId(Uuid::now_v7()), UserId(Uuid::now_v7()));
        let (mine, theirs) = tokio::join!(
            a.relations.wish(one, other, Wish::Request),
            b.relations.wish(other, one, Wish::Request),
        );
        mine.unwrap();
        theirs.unwrap();
        let (two, _) = Two::of(one, other).unwrap();
        assert_eq!(b.relations.pair(two).await.unwrap().friends, Friends::Yes);
        assert_eq!(a.relations.listed(one, "friends", None, 10).await.unwrap(), [other]);
    }
}

on_every_engine! {
    whatever_two_do_at_once_lists_and_pair_agree,
    two_requests_that_cross_make_friends,
}
