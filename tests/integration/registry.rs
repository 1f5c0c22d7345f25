//! The presence registry: what holds for one node and for many alike, and what only many can
//! show: nodes that die, a Redis that forgets, hangs or is killed.

use crate::engines::START;
use crate::redis_server::{RedisServer, redis_server, redis_server_with};
use crate::server::eventually;
use crate::stage::{MemoryLog, user};
use protocol::presence::Declared;
use protocol::{Format, LoginId, SessionId, UserId};
use sanctuary::auth::{Caller, Roles};
use sanctuary::bus::LocalBus;
use sanctuary::clock::Clock;
use sanctuary::hub::{Hub, Link, Session};
use sanctuary::presence::{self, GRACE_MS, Known, Local, Registry, Sessions};
use sanctuary::redis::{self, Peers};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// Short enough for a test, long enough for a busy machine.
pub(crate) const LEASES: redis::Tempo =
    redis::Tempo { lease: Duration::from_millis(1_500), refresh: Duration::from_millis(200) };
pub(crate) const TEMPO: presence::Tempo = presence::Tempo {
    grace: Duration::from_secs(2),
    settle: LEASES.lease,
    gone_for: Duration::from_millis(500),
    check: Duration::from_millis(100),
    refresh: Duration::from_secs(60),
};

/// A node: its connections, and its way to the registry.
pub(crate) struct Node {
    hub: Arc<Hub>,
    registry: Arc<dyn Registry>,
    clock: Clock,
    peers: Option<(Arc<Peers>, JoinHandle<()>)>,
}

fn hub() -> Arc<Hub> {
    Hub::new(Arc::new(MemoryLog::default()), Arc::new(LocalBus::new().0), 20)
}

impl Node {
    pub(crate) fn local() -> Self {
        let (hub, clock) = (hub(), Clock::manual(START));
        let registry = Local::new(Arc::clone(&hub), clock.clone());
        Self { hub, registry, clock, peers: None }
    }

    pub(crate) async fn join(servers: &[&RedisServer], name: &str, tempo: presence::Tempo) -> Self {
        let urls: Vec<String> = servers.iter().map(|server| server.url()).collect();
        let (hub, clock) = (hub(), Clock::manual(START));
        let redis = redis::Redis::open(&urls).unwrap();
        let peers = Peers::join(Arc::clone(&redis), name, LEASES).await.unwrap();
        let keeps = tokio::spawn(Arc::clone(&peers).run());
        let registry = presence::Redis::start(
            redis,
            Arc::clone(&peers),
            Arc::clone(&hub),
            clock.clone(),
            tempo,
        );
        let node = Self { hub, registry, clock, peers: Some((peers, keeps)) };
        node.settled().await;
        node
    }

    /// Until it is sure of who is not there.
    async fn settled(&self) {
        let nobody = UserId(Uuid::now_v7());
        self.until(nobody, |known| known.sessions == Sessions::None).await;
    }

    pub(crate) fn open(&self, who: UserId, device: &str) -> Arc<Link> {
        let link = self.hub.link(Format::Json);
        let caller = Arc::new(Caller {
            user_id: who,
            login_id: LoginId(Uuid::nil()),
            name: "Ann".into(),
            roles: Roles::default(),
            token_expires_at: i64::MAX,
            lane: Arc::default(),
        });
        let device_id = device.to_owned();
        let session = Session { caller, device_id, attempt: 0, foreground: true };
        self.hub.attach(&link, session).unwrap();
        self.registry.opened(who, &link);
        link
    }

    async fn close(&self, who: UserId, link: &Arc<Link>, goodbye: bool) {
        self.hub.detach(link);
        self.registry.closed(who, link.id(), goodbye).await;
    }

    async fn look(&self, who: UserId) -> Known {
        self.registry.look(&[who]).await[0]
    }

    async fn until(&self, who: UserId, so: impl Fn(&Known) -> bool) -> Known {
        eventually(async || {
            let known = self.look(who).await;
            if so(&known) {
                return Some(known);
            }
            sleep(Duration::from_millis(10)).await;
            None
        })
        .await
    }

    async fn until_open(&self, who: UserId) {
        self.until(who, |known| known.sessions == Sessions::Open).await;
    }

    async fn until_gone(&self, who: UserId) {
        self.until(who, |known| known.sessions == Sessions::None && known.grace_left.is_none())
            .await;
    }

    /// Until it has been told that somebody may look different.
    async fn until_touched(&self, who: UserId) {
        eventually(async || {
            if self.registry.touched().contains(&who) {
                return Some(());
            }
            sleep(Duration::from_millis(10)).await;
            None
        })
        .await;
    }

    /// A grace goes by, where the clock is ours to move.
    fn grace_passes(&self) {
        self.clock.advance(GRACE_MS);
    }

    /// Dies without a word: its lease is not refreshed any more.
    pub(crate) fn die(self) {
        let (_, keeps) = self.peers.unwrap();
        keeps.abort();
    }
}

fn nobody() -> SessionId {
    SessionId(Uuid::now_v7())
}

/// What holds for one node and for several: `one` and `other` may be the same.
async fn suite(one: &Node, other: &Node) {
    let [ann, ben, cem, dan] = [1, 2, 3, 4].map(user);

    // Nobody is here at first; order is kept.
    assert_eq!(other.look(ann).await.sessions, Sessions::None);
    let anns = one.open(ann, "phone");
    other.until_open(ann).await;
    let both = other.registry.look(&[ben, ann]).await;
    assert_eq!([both[0].sessions, both[1].sessions], [Sessions::None, Sessions::Open]);

    // What is said holds for all sessions, and is seen from everywhere.
    one.registry.declare(ann, Declared::Busy);
    other.until(ann, |known| known.declared == Some(Declared::Busy)).await;
    other.registry.declare(ann, Declared::Away);
    one.until(ann, |known| known.declared == Some(Declared::Away)).await;

    // A second device: the end of one is not the end.
    let second = other.open(ann, "laptop");
    one.close(ann, &anns, true).await;
    sleep(TEMPO.check).await;
    assert_eq!(one.look(ann).await.sessions, Sessions::Open);
    assert!(one.registry.ended().await.is_empty());

    // A goodbye ends it at once, with what was said.
    other.close(ann, &second, true).await;
    one.until_gone(ann).await;
    assert_eq!(one.look(ann).await.declared, None);
    let ended = eventually(async || other.registry.ended().await.first().copied()).await;
    assert_eq!((ended.user, ended.at), (ann, START));

    // A drop counts for a grace.
    let bens = one.open(ben, "phone");
    other.until_open(ben).await;
    one.close(ben, &bens, false).await;
    let dropped = other.until(ben, |known| known.sessions != Sessions::Open).await;
    assert_eq!(dropped.sessions, Sessions::None);
    assert!(dropped.grace_left.is_some());
    assert!(one.registry.ended().await.is_empty());
    one.grace_passes();
    other.until_gone(ben).await;
    one.registry.touched();
    let ended = eventually(async || one.registry.ended().await.first().copied()).await;
    assert_eq!((ended.user, ended.at), (ben, START));

    // Who is back in time was never gone.
    let cems = one.open(cem, "phone");
    other.until_open(cem).await;
    one.close(cem, &cems, false).await;
    let _back = other.open(cem, "phone");
    one.until_open(cem).await;
    assert_eq!(one.look(cem).await.grace_left, None);

    // Who does not want to be seen leaves no trace.
    let dans = one.open(dan, "phone");
    one.registry.declare(dan, Declared::Invisible);
    other.until(dan, |known| known.declared == Some(Declared::Invisible)).await;
    one.close(dan, &dans, true).await;
    other.until_gone(dan).await;
    assert!(one.registry.ended().await.is_empty());

    // An end that was never a beginning.
    one.registry.closed(dan, nobody(), true).await;
    assert_eq!(other.look(dan).await.sessions, Sessions::None);

    // Those who are followed are told of.
    let eve = user(5);
    other.registry.follow(eve);
    other.registry.look(&[eve]).await;
    sleep(TEMPO.check).await;
    other.registry.touched();
    let eves = one.open(eve, "phone");
    other.until_touched(eve).await;
    other.until_open(eve).await;
    one.close(eve, &eves, false).await;
    other.until(eve, |known| known.grace_left.is_some()).await;
    other.registry.touched();
    // The end of the grace comes without anybody saying so.
    one.grace_passes();
    other.until_touched(eve).await;
    other.until_gone(eve).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_node_has_a_registry() {
    let node = Node::local();
    suite(&node, &node).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_node_may_have_its_registry_in_redis() {
    let Some(server) = redis_server() else { return };
    let node = Node::join(&[&server], "a", TEMPO).await;
    suite(&node, &node).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_share_a_registry_on_several_servers() {
    let (Some(one), Some(two)) = (redis_server(), redis_server()) else { return };
    let a = Node::join(&[&one, &two], "a", TEMPO).await;
    let b = Node::join(&[&one, &two], "b", TEMPO).await;
    a.settled().await;
    suite(&a, &b).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_people_of_a_dead_node_are_gone_after_a_grace() {
    let Some(server) = redis_server() else { return };
    let a = Node::join(&[&server], "a", TEMPO).await;
    let b = Node::join(&[&server], "b", TEMPO).await;
    let (ann, ben) = (user(1), user(2));
    let _anns = a.open(ann, "phone");
    let (_bens, _more) = (a.open(ben, "phone"), b.open(ben, "laptop"));
    b.until_open(ann).await;
    b.settled().await;
    let losses = b.registry.losses();
    b.registry.follow(ann);
    a.die();
    let dropped = b.until(ann, |known| known.sessions != Sessions::Open).await;
    assert_eq!(dropped.sessions, Sessions::None);
    assert!(dropped.grace_left.is_some_and(|left| left <= TEMPO.grace));
    assert!(losses.has_changed().unwrap(), "whoever asks for coaches hears of it");
    b.until_gone(ann).await;
    assert_eq!(b.look(ben).await.sessions, Sessions::Open, "the other device is here");
    // Nobody took anything over, and who begins later comes to the same.
    let c = Node::join(&[&server], "c", TEMPO).await;
    c.until_gone(ann).await;
    c.until_open(ben).await;
}

/// Looks at people until they all were seen on a whole registry again; never gone in between.
async fn never_gone_until_written(node: &Node, people: &[UserId], since: Instant) {
    eventually(async || {
        let known = node.registry.look(people).await;
        assert!(known.iter().all(|known| known.sessions != Sessions::None), "{known:?}");
        let open = known.iter().all(|known| known.sessions == Sessions::Open);
        let sure = node.look(UserId(Uuid::now_v7())).await.sessions == Sessions::None;
        if open && sure && since.elapsed() > TEMPO.settle {
            return Some(());
        }
        sleep(Duration::from_millis(5)).await;
        None
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_was_flushed_is_unknown_until_it_is_written_again() {
    let Some(server) = redis_server() else { return };
    let a = Node::join(&[&server], "a", TEMPO).await;
    let b = Node::join(&[&server], "b", TEMPO).await;
    // More than fit in a batch.
    let people: Vec<UserId> = (0..200).map(user).collect();
    let _links: Vec<_> = people.iter().map(|&who| a.open(who, "phone")).collect();
    a.registry.declare(people[7], Declared::Busy);
    for &who in &people {
        b.until_open(who).await;
    }
    b.until(people[7], |known| known.declared == Some(Declared::Busy)).await;
    let mut connection = server.connection();
    let _: () = ::redis::cmd("FLUSHALL").query(&mut connection).unwrap();
    never_gone_until_written(&b, &people, Instant::now()).await;
    assert_eq!(b.look(people[7]).await.declared, Some(Declared::Busy));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drop_while_the_registry_is_lost_takes_nobody_elses_session() {
    let Some(server) = redis_server() else { return };
    let a = Node::join(&[&server], "a", TEMPO).await;
    let b = Node::join(&[&server], "b", TEMPO).await;
    let ann = user(1);
    let (_phone, laptop) = (a.open(ann, "phone"), b.open(ann, "laptop"));
    b.settled().await;
    a.until_open(ann).await;
    let mut connection = server.connection();
    let _: () = ::redis::cmd("FLUSHALL").query(&mut connection).unwrap();
    b.close(ann, &laptop, false).await;
    never_gone_until_written(&b, &[ann], Instant::now()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_was_killed_and_is_back_hides_nobody() {
    // It comes back with what it had on its disk long ago.
    let Some(mut server) = redis_server_with(&["--save 3600 1"]) else { return };
    let a = Node::join(&[&server], "a", TEMPO).await;
    let b = Node::join(&[&server], "b", TEMPO).await;
    let (ann, ben, cem) = (user(1), user(2), user(3));
    let cems = a.open(cem, "phone");
    b.until_open(cem).await;
    let _: () = ::redis::cmd("SAVE").query(&mut server.connection()).unwrap();
    let _anns = a.open(ann, "phone");
    b.until_open(ann).await;
    b.settled().await;
    server.kill();
    let away = b.until(ann, |known| known.sessions == Sessions::Unknown).await;
    assert!(away.is_uncertain());
    assert_eq!(a.look(ann).await.sessions, Sessions::Open, "its own people it knows");
    // Somebody comes and somebody goes meanwhile.
    let _bens = a.open(ben, "phone");
    a.close(cem, &cems, true).await;
    sleep(LEASES.lease * 2).await;
    server.start();
    never_gone_until_written(&b, &[ann, ben], Instant::now()).await;
    b.until_gone(cem).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_hides_nobody() {
    let Some(server) = redis_server() else { return };
    let a = Node::join(&[&server], "a", TEMPO).await;
    let b = Node::join(&[&server], "b", TEMPO).await;
    let ann = user(1);
    let _anns = a.open(ann, "phone");
    b.until_open(ann).await;
    b.settled().await;
    server.pause();
    b.until(ann, |known| known.sessions == Sessions::Unknown).await;
    sleep(LEASES.lease * 2).await;
    server.resume();
    // All leases ran out, and whoever comes back first must not take the others for dead.
    never_gone_until_written(&b, &[ann], Instant::now()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_registration_leaves_newer_sessions_alone() {
    let Some(server) = redis_server() else { return };
    let a = Node::join(&[&server], "a", TEMPO).await;
    let b = Node::join(&[&server], "b", TEMPO).await;
    let ann = user(1);
    // The newer session of the device is on b; then a registers the older one, and it ends.
    let newer = b.open(ann, "phone");
    a.until_open(ann).await;
    let older = a.open(ann, "phone");
    a.close(ann, &older, false).await;
    b.settled().await;
    assert_eq!(a.look(ann).await.sessions, Sessions::Open);
    // Registered after its end was told: it leaves no trace.
    a.registry.opened(ann, &older);
    b.close(ann, &newer, true).await;
    b.until_gone(ann).await;
    a.until_gone(ann).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_outlive_their_keys_and_dead_keys_do_not() {
    let Some(server) = redis_server() else { return };
    let tempo = presence::Tempo { refresh: Duration::from_secs(1), ..TEMPO };
    let a = Node::join(&[&server], "a", tempo).await;
    let b = Node::join(&[&server], "b", tempo).await;
    let (ann, ben) = (user(1), user(2));
    let (_anns, _bens) = (a.open(ann, "phone"), b.open(ben, "phone"));
    a.until_open(ben).await;
    a.settled().await;
    b.die();
    let mut connection = server.connection();
    let mut exists = |who: UserId| -> bool {
        ::redis::cmd("EXISTS").arg(format!("presence:{who}")).query(&mut connection).unwrap()
    };
    let started = Instant::now();
    eventually(async || {
        assert!(exists(ann), "it was written again in time");
        sleep(Duration::from_millis(50)).await;
        (!exists(ben) && started.elapsed() > 4 * tempo.refresh).then_some(())
    })
    .await;
    assert_eq!(a.look(ann).await.sessions, Sessions::Open);
}
