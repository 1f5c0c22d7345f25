//! Two whole nodes over one store, with a real Redis between them.

use crate::client::PATIENCE;
use crate::redis_server::{RedisServer, redis_server};
use crate::server::{NODE_TEMPO, Person, Socket, TestServer, client_id, eventually};
use protocol::close::CloseCode;
use protocol::conversations::{Open as OpenConversation, Send};
use protocol::groups::{Ban, Create, CreatePost, Delete, Join};
use protocol::session::{Open, Ping};
use protocol::topics::Subscribe;
use protocol::{ConversationId, GroupId, Incoming, Seq, Topic};
use sanctuary::app::{Core, Untold};
use sanctuary::clock::Clock;
use sanctuary::config::Settings;
use sanctuary::redis::{Peers, Redis};
use tempfile::{TempDir, tempdir};
use tokio::time::timeout;

/// Two nodes, and a person at each.
struct World {
    redis: RedisServer,
    a: TestServer,
    b: TestServer,
    ada: Person,
    ben: Person,
    folder: TempDir,
}

async fn world() -> Option<World> {
    let (redis, folder) = (redis_server()?, tempdir().unwrap());
    let a = TestServer::node(folder.path(), "a", &[&redis]).await;
    let b = TestServer::node(folder.path(), "b", &[&redis]).await;
    let (ada, ben) = (a.member("ada").await, a.member("ben").await);
    Some(World { redis, a, b, ada, ben, folder })
}

impl World {
    async fn group(&self) -> GroupId {
        let create = Create {
            client_id: client_id(),
            name: "circle".to_owned(),
            description: None,
            kind: None,
            visibility: None,
            joining: None,
        };
        let group_id = self.a.by(&self.ada, create).await.unwrap().group.id;
        self.b.by(&self.ben, Join { group_id }).await.unwrap();
        group_id
    }

    async fn conversation(&self) -> ConversationId {
        let open = OpenConversation { user_id: self.ben.id };
        self.a.by(&self.ada, open).await.unwrap().conversation.id
    }

    async fn redis_is_away(&self) {
        eventually(async || (!self.a.bus().is_whole() && !self.b.bus().is_whole()).then_some(()))
            .await;
    }
}

async fn follow(socket: &mut Socket, topic: Topic) -> Seq {
    socket.call(Subscribe { topic, after: None }).await.unwrap().head
}

async fn post(node: &TestServer, who: &Person, group_id: GroupId) -> Seq {
    let post = CreatePost { group_id, client_id: client_id(), text: "a thought".to_owned() };
    node.by(who, post).await.unwrap().seq
}

async fn say(node: &TestServer, who: &Person, conversation_id: ConversationId) -> Seq {
    let send = Send {
        conversation_id,
        client_id: client_id(),
        text: Some("hello".to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    };
    node.by(who, send).await.unwrap().seq
}

/// All that comes up to `last`, without a gap and nothing twice.
#[track_caller]
fn assert_whole(seqs: &[Seq], after: Seq, last: Seq) {
    assert_eq!(seqs, (after + 1..=last).collect::<Vec<_>>());
}

/// Nothing came that was not asked for: an event that is still on its way would come before the
/// answer, unless it comes again later.
async fn nothing_more(socket: &mut Socket, topic: Topic) {
    socket.call(Ping::default()).await.unwrap();
    let more = |push: &Incoming| matches!(push, Incoming::Event(push) if push.topic == Some(topic));
    assert!(!socket.rest().iter().any(more));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_on_two_nodes_hear_everything_once_and_in_order() {
    let Some(world) = world().await else { return };
    let World { a, b, ada, ben, .. } = &world;
    let (group, talk) = (world.group().await, world.conversation().await);
    let (mut adas, mut bens) = (a.socket(ada).await, b.socket(ben).await);
    let topic = Topic::Group(group);
    let start = follow(&mut adas, topic).await;
    assert_eq!(follow(&mut bens, topic).await, start);
    // Many writers on both nodes at once.
    let writers = (0..8).map(|n| async move {
        let (node, who) = if n % 2 == 0 { (a, ada) } else { (b, ben) };
        for _ in 0..10 {
            post(node, who, group).await;
            say(node, who, talk).await;
        }
    });
    futures_util::future::join_all(writers).await;
    for socket in [&mut adas, &mut bens] {
        let seqs = socket.events_to(topic, start + 80).await;
        assert_whole(&seqs, start, start + 80);
        // How it was opened may come again: it was a moment before they had a place in it.
        let mut seqs = socket.events_to(Topic::Conversation(talk), 81).await;
        seqs.retain(|&seq| seq > 1);
        assert_whole(&seqs, 1, 81);
        nothing_more(socket, topic).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_while_redis_was_away_is_there_when_it_is_back() {
    let Some(mut world) = world().await else { return };
    let (group, talk) = (world.group().await, world.conversation().await);
    let topic = Topic::Group(group);
    let (mut adas, mut bens) = (world.a.socket(&world.ada).await, world.b.socket(&world.ben).await);
    let start = follow(&mut bens, topic).await;
    follow(&mut adas, topic).await;
    let first = say(&world.a, &world.ada, talk).await;
    bens.events_to(Topic::Conversation(talk), first).await;
    world.redis.kill();
    world.redis_is_away().await;
    let eve = world.a.member("eve").await;
    let open = OpenConversation { user_id: world.ben.id };
    let other = world.a.by(&eve, open).await.unwrap().conversation.id;
    say(&world.a, &eve, other).await;
    let (mut posted, mut said) = (start, first);
    for n in 0..10 {
        posted = post(&world.a, &world.ada, group).await;
        said = say(&world.a, &world.ada, talk).await;
        if n == 4 {
            // At home it goes on.
            assert_eq!(adas.events_to(topic, posted).await.last(), Some(&posted));
        }
    }
    world.redis.start();
    let back = tokio::time::Instant::now();
    assert_whole(&bens.events_to(topic, posted).await, start, posted);
    assert_whole(&bens.events_to(Topic::Conversation(talk), said).await, first, said);
    // A conversation that began meanwhile.
    assert_whole(&bens.events_to(Topic::Conversation(other), 2).await, 0, 2);
    println!("all was there {:?} after Redis was back", back.elapsed());
    // And it is live again.
    timeout(PATIENCE, world.b.bus().whole()).await.unwrap();
    timeout(PATIENCE, world.a.bus().whole()).await.unwrap();
    let live = post(&world.a, &world.ada, group).await;
    assert_whole(&bens.events_to(topic, live).await, posted, live);
    nothing_more(&mut bens, topic).await;
}

/// A post and a message that node B never hears of.
async fn lose(world: &World, group: GroupId, talk: ConversationId) -> (Seq, Seq) {
    // The message has two people who hear of it.
    world.a.bus().lose(3);
    let lost = (post(&world.a, &world.ada, group).await, say(&world.a, &world.ada, talk).await);
    assert_eq!(world.a.bus().to_lose(), 0);
    lost
}

/// Loses something, lets `notice` happen, and sees it arrive.
async fn is_repaired(notice: impl AsyncFnOnce(&World)) {
    let Some(world) = world().await else { return };
    let (group, talk) = (world.group().await, world.conversation().await);
    let topics = [Topic::Group(group), Topic::Conversation(talk)];
    let mut bens = world.b.socket(&world.ben).await;
    follow(&mut bens, topics[0]).await;
    let (posted, said) =
        (post(&world.a, &world.ada, group).await, say(&world.a, &world.ada, talk).await);
    bens.events_to(topics[0], posted).await;
    bens.events_to(topics[1], said).await;
    let lost = lose(&world, group, talk).await;
    notice(&world).await;
    assert_eq!(bens.events_to(topics[0], lost.0).await, [posted + 1]);
    assert_eq!(bens.events_to(topics[1], lost.1).await, [said + 1]);
    for topic in topics {
        nothing_more(&mut bens, topic).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_is_repaired_when_the_publisher_says_so() {
    is_repaired(async |world| world.a.bus().resync().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_is_repaired_when_a_node_dies() {
    is_repaired(async |world| {
        // A node that never refreshes its lease.
        let redis = Redis::open(&[world.redis.url()]).unwrap();
        Peers::join(redis, "c", NODE_TEMPO).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_is_repaired_by_the_net_of_each_minute() {
    is_repaired(async |world| world.b.bus().compare_heads().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loss_is_repaired_by_the_next_event() {
    let Some(world) = world().await else { return };
    let talk = world.conversation().await;
    let topic = Topic::Conversation(talk);
    let mut bens = world.b.socket(&world.ben).await;
    let first = say(&world.a, &world.ada, talk).await;
    bens.events_to(topic, first).await;
    world.a.bus().lose(2);
    say(&world.a, &world.ada, talk).await;
    let last = say(&world.a, &world.ada, talk).await;
    assert_whole(&bens.events_to(topic, last).await, first, last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_added_hears_what_was_lost_on_the_way() {
    let Some(world) = world().await else { return };
    let mut bens = world.b.socket(&world.ben).await;
    // The first event of the conversation has two people who would have heard of it.
    world.a.bus().lose(2);
    let talk = world.conversation().await;
    assert_eq!(bens.event(Topic::Conversation(talk)).await.seq, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_holds_while_redis_is_away() {
    let Some(mut world) = world().await else { return };
    let bens = world.b.socket(&world.ben).await;
    world.redis.kill();
    world.redis_is_away().await;
    world.a.accounts.suspend(world.ben.id).await.unwrap();
    assert_eq!(bens.closed().await, CloseCode::Suspended.number());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logging_out_everywhere_closes_sockets_on_every_node() {
    let Some(world) = world().await else { return };
    let World { a, b, ben, .. } = &world;
    let (here, there) = (a.socket(ben).await, b.resume(ben, device("phone", 1)).await.0);
    a.accounts.logout_all(&ben.caller).await.unwrap();
    assert_eq!(here.closed().await, CloseCode::Revoked.number());
    assert_eq!(there.closed().await, CloseCode::Revoked.number());
}

fn device(device_id: &str, attempt: u64) -> Open {
    Open { device_id: device_id.to_owned(), attempt: Some(attempt), ..Open::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_comes_back_elsewhere_replaces_its_socket() {
    let Some(world) = world().await else { return };
    let World { a, b, ben, .. } = &world;
    let first = a.resume(ben, device("phone", 2)).await.0;
    let mut second = b.resume(ben, device("phone", 3)).await.0;
    assert_eq!(first.closed().await, CloseCode::Replaced.number());
    // An older attempt that comes late; it may be closed before it is answered.
    let mut late = Socket::connect(a.address).await;
    late.send(Open { token: Some(ben.token.clone()), ..device("phone", 1) }).await;
    assert_eq!(late.closed().await, CloseCode::Replaced.number());
    second.call(Ping::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ban_at_one_node_ends_what_is_delivered_at_another() {
    let Some(world) = world().await else { return };
    let World { a, b, ada, ben, .. } = &world;
    let group_id = world.group().await;
    let topic = Topic::Group(group_id);
    let (mut adas, mut bens) = (b.socket(ada).await, b.socket(ben).await);
    follow(&mut adas, topic).await;
    follow(&mut bens, topic).await;
    let first = post(a, ada, group_id).await;
    bens.events_to(topic, first).await;
    adas.events_to(topic, first).await;
    a.by(ada, Ban { group_id, user_id: ben.id }).await.unwrap();
    let second = post(a, ada, group_id).await;
    adas.events_to(topic, second).await;
    nothing_more(&mut bens, topic).await;
    // The end of the group does the same for who is left.
    a.by(ada, Delete { group_id }).await.unwrap();
    eventually(async || {
        adas.call(Ping::default()).await.unwrap();
        let ended = |push: &Incoming| match push {
            Incoming::Event(push) => push.body.name() == "membership.ended",
            _ => false,
        };
        adas.rest().iter().any(ended).then_some(())
    })
    .await;
    assert!(adas.call(Subscribe { topic, after: None }).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_was_taken_away_while_redis_is_away_is_gone() {
    let Some(mut world) = world().await else { return };
    let group = world.group().await;
    let topic = Topic::Group(group);
    let mut bens = world.b.socket(&world.ben).await;
    let start = follow(&mut bens, topic).await;
    world.redis.kill();
    world.redis_is_away().await;
    // He leaves at the other node; then things go on without him.
    let leave = protocol::groups::Leave { group_id: group };
    world.a.by(&world.ben, leave).await.unwrap();
    post(&world.a, &world.ada, group).await;
    world.redis.start();
    let left = |push: &Incoming| match push {
        Incoming::Event(push) if push.topic == Some(Topic::User(world.ben.id)) => Some(()),
        _ => None,
    };
    bens.until(left).await;
    let post = post(&world.a, &world.ada, group).await;
    assert!(post > start + 1);
    nothing_more(&mut bens, topic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readiness_says_that_redis_is_away_and_stays() {
    let Some(mut world) = world().await else { return };
    let url = format!("http://{}/readyz", world.a.address);
    let ask = async |url: &str| {
        let answer = reqwest::get(url).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = ask(&url).await;
    assert_eq!(status, 200);
    assert!(!text.contains("degraded"), "{text}");
    world.redis.kill();
    world.redis_is_away().await;
    let (status, text) = ask(&url).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("\"ready\":true") && text.contains("\"degraded\":true"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_beside_the_nodes_tells_them_or_says_that_it_could_not() {
    let Some(mut world) = world().await else { return };
    let mut settings = Settings::defaults().unwrap();
    world.folder.path().clone_into(&mut settings.data);
    settings.redis = vec![world.redis.url()];
    let (adas, bens) = (world.a.socket(&world.ada).await, world.b.socket(&world.ben).await);

    let core = Core::open(&settings, Clock::system()).await.unwrap();
    core.accounts().suspend(world.ada.id).await.unwrap();
    assert_eq!(core.close().await, Ok(()));
    assert_eq!(adas.closed().await, CloseCode::Suspended.number());

    world.redis.kill();
    let core = Core::open(&settings, Clock::system()).await.unwrap();
    core.accounts().suspend(world.ben.id).await.unwrap();
    assert_eq!(core.close().await, Err(Untold));
    // It is kept all the same, and nodes look by themselves.
    world.redis.start();
    assert_eq!(bens.closed().await, CloseCode::Suspended.number());
}
