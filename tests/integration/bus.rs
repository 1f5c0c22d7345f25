//! The bus: one suite for all that carry events to a hub, and what only several nodes can show.

use crate::client::PATIENCE;
use crate::engines::{Embedded, Home as _};
use crate::redis_server::{RedisServer, redis_server};
use crate::server::{NODE_TEMPO, eventually};
use bytes::Bytes;
use protocol::close::CloseCode;
use protocol::topics::Gap;
use protocol::{ConversationId, GroupId, Push, Seq, Topic, UserId};
use sanctuary::bus::{
    Bus, Channel, Class, Control, LocalBus, Message, Notice, Publication, QUEUE_OUT_MAX, RedisBus,
    SUBSCRIBE_BATCH,
};
use sanctuary::clock::Clock;
use sanctuary::redis::{Peers, Redis};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::timeout;
use uuid::Uuid;

/// From one hub to another, or the same.
struct Pair {
    from: Arc<dyn Bus>,
    to: Arc<dyn Bus>,
    heard: mpsc::Receiver<Message>,
}

fn user(n: u128) -> Channel {
    Channel::User(UserId(Uuid::from_u128(n)))
}

fn group(n: u128) -> Channel {
    Channel::Group(GroupId(Uuid::from_u128(n)))
}

fn event(topic: Topic, seq: Seq, audience: &[Channel]) -> Publication {
    Publication { topic, seq, at: 1, body: Bytes::from_static(b"body"), audience: audience.into() }
}

fn post(n: u128, seq: Seq) -> Publication {
    event(Topic::Group(GroupId(Uuid::from_u128(n))), seq, &[group(n)])
}

async fn next(heard: &mut mpsc::Receiver<Message>) -> Message {
    timeout(PATIENCE, heard.recv()).await.expect("something to hear").expect("a bus")
}

/// The next event.
async fn next_event(heard: &mut mpsc::Receiver<Message>) -> (Topic, Seq) {
    loop {
        if let Message::Event(publication) = next(heard).await {
            return (publication.topic, publication.seq);
        }
    }
}

async fn begin(bus: &Arc<dyn Bus>, channel: Channel) {
    bus.listen(channel);
    timeout(PATIENCE, bus.listening(channel)).await.unwrap();
}

async fn keeps_the_order(mut pair: Pair) {
    begin(&pair.to, group(1)).await;
    let (blocking, from) = (Arc::clone(&pair.from), Arc::clone(&pair.from));
    let all = 2_000;
    tokio::task::spawn_blocking(move || {
        for seq in 1..=all / 2 {
            blocking.publish_blocking(vec![post(1, seq)]);
        }
    })
    .await
    .unwrap();
    from.publish((all / 2 + 1..=all).map(|seq| post(1, seq)).collect()).await;
    for seq in 1..=all {
        assert_eq!(next_event(&mut pair.heard).await.1, seq);
    }
}

async fn carries_signals(mut pair: Pair) {
    begin(&pair.to, user(1)).await;
    let topic = Topic::User(UserId(Uuid::from_u128(1)));
    pair.from.notify(Notice {
        audience: vec![user(1)],
        except: None,
        class: Class::Signal,
        push: Push::signal(Some(topic), Gap { topic, from: 1, to: 2 }),
    });
    loop {
        if let Message::Notice(notice) = next(&mut pair.heard).await {
            assert_eq!((notice.push.topic, notice.class), (Some(topic), Class::Signal));
            return;
        }
    }
}

async fn listens_again(mut pair: Pair) {
    for round in 1..=3 {
        begin(&pair.to, group(1)).await;
        pair.from.publish(vec![post(1, round)]).await;
        assert_eq!(next_event(&mut pair.heard).await.1, round);
        pair.to.unlisten(group(1));
    }
}

fn local() -> Pair {
    let (bus, heard) = LocalBus::new();
    let bus: Arc<dyn Bus> = Arc::new(bus);
    Pair { from: Arc::clone(&bus), to: bus, heard }
}

/// A node that is only a bus.
struct Node {
    bus: Arc<RedisBus>,
    peers: Arc<Peers>,
    heard: mpsc::Receiver<Message>,
}

impl Node {
    async fn start(servers: &[&RedisServer], name: &str) -> Self {
        let urls: Vec<String> = servers.iter().map(|server| server.url()).collect();
        let redis = Redis::open(&urls).unwrap();
        let peers = Peers::join(Arc::clone(&redis), name, NODE_TEMPO).await.unwrap();
        tokio::spawn(Arc::clone(&peers).run());
        let (bus, drain, heard) = RedisBus::new(redis, Clock::system());
        bus.start(drain, Embedded::new().open().await.log, &peers, |_| None);
        timeout(PATIENCE, bus.whole()).await.unwrap();
        Self { bus, peers, heard }
    }

    fn dynamic(&self) -> Arc<dyn Bus> {
        Arc::clone(&self.bus) as _
    }

    async fn suspicion(&self) -> i64 {
        timeout(PATIENCE, self.bus.suspects().next()).await.unwrap()
    }
}

async fn over_redis(servers: &[&RedisServer]) -> Pair {
    let (from, to) = (Node::start(servers, "a").await, Node::start(servers, "b").await);
    Pair { from: from.dynamic(), to: to.dynamic(), heard: to.heard }
}

macro_rules! on_every_bus {
    ($($scenario:ident,)*) => { $(
        mod $scenario {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_one_node() {
                super::$scenario(local()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_redis() {
                let Some(server) = redis_server() else { return };
                super::$scenario(super::over_redis(&[&server]).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_two_servers() {
                let (Some(one), Some(two)) = (redis_server(), redis_server()) else { return };
                super::$scenario(super::over_redis(&[&one, &two]).await).await;
            }
        }
    )* };
}

on_every_bus! {
    keeps_the_order,
    carries_signals,
    listens_again,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_for_several_people_arrives_once() {
    let (Some(one), Some(two)) = (redis_server(), redis_server()) else { return };
    let servers = [&one, &two];
    let (a, mut b) = (Node::start(&servers, "a").await, Node::start(&servers, "b").await);
    let audience: Vec<Channel> = (1..=8).map(user).collect();
    for channel in &audience {
        begin(&b.dynamic(), *channel).await;
    }
    let topic = Topic::Conversation(ConversationId(Uuid::from_u128(1)));
    for seq in 1..=20 {
        a.bus.publish(vec![event(topic, seq, &audience)]).await;
    }
    for seq in 1..=20 {
        assert_eq!(next_event(&mut b.heard).await, (topic, seq));
    }
    a.bus.control(Control::Close {
        user: UserId(Uuid::from_u128(3)),
        login: None,
        code: CloseCode::Revoked,
    });
    // Comes after all copies of the events that share its way, and is the next that is heard.
    assert!(matches!(next(&mut b.heard).await, Message::Control(Control::Close { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_words_are_not_heard_and_nobody_hears_what_he_does_not_want() {
    let Some(server) = redis_server() else { return };
    let (mut a, mut b) = (Node::start(&[&server], "a").await, Node::start(&[&server], "b").await);
    begin(&a.dynamic(), group(1)).await;
    begin(&b.dynamic(), group(2)).await;
    a.bus.publish(vec![post(1, 1), post(1, 2), post(2, 1)]).await;
    b.bus.publish(vec![post(1, 3)]).await;
    assert_eq!(next_event(&mut b.heard).await.0, post(2, 1).topic);
    for topic in [(1, 1), (1, 2), (2, 1), (1, 3)].map(|(n, seq)| (post(n, 1).topic, seq)) {
        assert_eq!(next_event(&mut a.heard).await, topic);
    }
    assert_eq!(next_event(&mut b.heard).await.0, post(1, 3).topic, "its own, at home");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_is_left_a_while_after_the_last_one_went() {
    let Some(server) = redis_server() else { return };
    let node = Node::start(&[&server], "a").await;
    let mut redis = server.connection();
    let mut listeners = move |channel: Channel| {
        let (_, count): (String, u32) =
            redis::cmd("PUBSUB").arg("NUMSUB").arg(channel.to_string()).query(&mut redis).unwrap();
        count
    };
    begin(&node.dynamic(), user(1)).await;
    begin(&node.dynamic(), user(2)).await;
    node.bus.unlisten(user(1));
    node.bus.unlisten(user(2));
    assert_eq!(listeners(user(1)), 1);
    node.bus.listen(user(2));
    eventually(async || (listeners(user(1)) == 0).then_some(())).await;
    assert_eq!(listeners(user(2)), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_is_subscribed_again_before_anything_is_said_to_be_missing() {
    let Some(mut server) = redis_server() else { return };
    let (a, mut b) = (Node::start(&[&server], "a").await, Node::start(&[&server], "b").await);
    b.suspicion().await;
    let many = u128::try_from(SUBSCRIBE_BATCH * 2 + 1).unwrap();
    (1..=many).for_each(|n| b.bus.listen(group(n)));
    b.bus.listening(group(many)).await;
    server.kill();
    // Nothing waits for a server that is away: neither who listens nor who publishes.
    eventually(async || (!b.bus.is_whole()).then_some(())).await;
    timeout(PATIENCE, b.bus.listening(group(1))).await.unwrap();
    b.bus.listen(group(many + 1));
    let before = Clock::system().now();
    for seq in 1..=2 * QUEUE_OUT_MAX as Seq {
        a.bus.control(Control::Revoke { user: UserId(Uuid::nil()), channel: group(1) });
        b.bus.publish(vec![post(1, seq)]).await;
        assert_eq!(next_event(&mut b.heard).await.1, seq, "at home it goes on");
    }
    server.start();
    assert!(b.suspicion().await <= before + 1_000);
    timeout(PATIENCE, a.bus.whole()).await.unwrap();
    for n in [2, many, many + 1] {
        a.bus.publish(vec![post(n, 1)]).await;
        assert_eq!(next_event(&mut b.heard).await.0, post(n, 1).topic);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_could_not_publish_tells_the_others_to_look() {
    let Some(server) = redis_server() else { return };
    let (a, b) = (Node::start(&[&server], "a").await, Node::start(&[&server], "b").await);
    b.suspicion().await;
    // Only the connections that publish break: those that listen hear on.
    let kill = "CLIENT KILL TYPE normal SKIPME yes";
    let mut words = kill.split(' ');
    let mut kill = redis::cmd(words.next().unwrap());
    words.for_each(|word| {
        kill.arg(word);
    });
    kill.exec(&mut server.connection()).unwrap();
    a.bus.publish(vec![post(1, 1)]).await;
    a.bus.flush().await;
    b.suspicion().await;
    assert!(b.bus.is_listening(), "it was told, and did not lose its own link");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_dies_is_suspect_and_one_that_says_goodbye_is_not() {
    let Some(server) = redis_server() else { return };
    let a = Node::start(&[&server], "a").await;
    a.suspicion().await;
    let b = Node::start(&[&server], "b").await;
    eventually(async || a.peers.is_live(b.peers.epoch()).then_some(())).await;
    b.bus.close(Some(&b.peers)).await;
    eventually(async || (!a.peers.is_live(b.peers.epoch())).then_some(())).await;
    assert_eq!(a.peers.view().borrow().lapses, 0);

    // The lease of a node that nobody refreshes.
    let redis = Redis::open(&[server.url()]).unwrap();
    let c = Peers::join(redis, "c", NODE_TEMPO).await.unwrap();
    eventually(async || a.peers.is_live(c.epoch()).then_some(())).await;
    a.suspicion().await;
    assert!(!a.peers.is_live(c.epoch()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_beside_the_nodes_publishes_before_it_ends() {
    let Some(server) = redis_server() else { return };
    let mut node = Node::start(&[&server], "a").await;
    begin(&node.dynamic(), group(1)).await;
    let bus = RedisBus::publisher(Redis::open(&[server.url()]).unwrap(), Clock::system());
    bus.publish((1..=1_000).map(|seq| post(1, seq)).collect()).await;
    bus.close(None).await;
    for seq in 1..=1_000 {
        assert_eq!(next_event(&mut node.heard).await.1, seq);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_beside_the_nodes_waits_for_a_redis_that_is_away() {
    let Some(server) = redis_server() else { return };
    let node = Node::start(&[&server], "a").await;
    let bus = RedisBus::publisher(Redis::open(&[server.url()]).unwrap(), Clock::system());
    // For this process alone: the link of the node holds, so it has no reason to look by itself.
    server.pause();
    bus.publish(vec![post(1, 1)]).await;
    bus.flush().await;
    server.resume();
    assert!(bus.settle().await, "it is back");
    node.suspicion().await;
    bus.close(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_beside_the_nodes_does_not_wait_for_ever() {
    let Some(server) = redis_server() else { return };
    let bus = RedisBus::publisher(Redis::open(&[server.url()]).unwrap(), Clock::system());
    assert!(bus.settle().await, "nothing is owed");
    drop(server);
    bus.publish(vec![post(1, 1)]).await;
    assert!(!bus.settle().await);
}
