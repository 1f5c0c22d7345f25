//! The stage for tests of the hub and the edge: a log in memory, commands that do just enough,
//! and a client over a real socket.

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};

use protocol::session::{Done, Limits, Opened, Pong, Refreshed, SessionUser};
use protocol::topics::Subscribed;
use protocol::wall::PostPublished;
use protocol::{
    Answer, ClientId, Command, Error, ErrorCode, Event, Format, GroupId, LoginId, Millis, PostId,
    Seq, Topic, UserId, limits,
};
use sanctuary::auth::{Caller, Roles};
use sanctuary::bus::{Channel, LocalBus, Message, Missed, Publication};
use sanctuary::clock::Clock;
use sanctuary::error::Result;
use sanctuary::hub::{Hub, Link, Refused, Replay, Session};
use sanctuary::log::{self, Append, Appended, Entry, Log, OwnedHead, Page, Span};
use sanctuary::rights::{Rights, Visible};
use sanctuary::ws::{Commands, Edge, EdgeConfig, Server};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, Semaphore, mpsc};
use uuid::Uuid;

/// A log without a disk.
#[derive(Default)]
pub(crate) struct MemoryLog {
    topics: Mutex<HashMap<Topic, Vec<Entry>>>,
    /// Pages that were read.
    pub(crate) reads: AtomicUsize,
    /// Reads fail.
    pub(crate) broken: AtomicBool,
    /// Pages wait for a permit each, once this is set.
    pub(crate) gate: Mutex<Option<Arc<Semaphore>>>,
}

impl MemoryLog {
    pub(crate) fn push(&self, topic: Topic, event: &Event) -> (Seq, Bytes) {
        self.push_body(topic, log::encode(event))
    }

    fn push_body(&self, topic: Topic, body: Bytes) -> (Seq, Bytes) {
        let mut topics = self.topics.lock().unwrap();
        let entries = topics.entry(topic).or_default();
        let seq = entries.len() as u64 + 1;
        entries.push(Entry { seq, at: 1_000, sender: None, body: body.clone() });
        (seq, body)
    }

    pub(crate) fn head(&self, topic: Topic) -> Seq {
        self.topics.lock().unwrap().get(&topic).map_or(0, |entries| entries.len() as u64)
    }
}

impl Log for MemoryLog {
    fn finish_redactions<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, Result<()>> {
        unreachable!("the stage redacts nothing")
    }

    fn append(&self, _: Append) -> BoxFuture<'_, Result<Appended>> {
        unreachable!("the stage pushes events on its own")
    }

    fn read(
        &self,
        topic: Topic,
        span: Span,
        limit: u32,
        bytes: usize,
    ) -> BoxFuture<'_, Result<Page>> {
        async move {
            let gate = self.gate.lock().unwrap().clone();
            if let Some(gate) = gate {
                gate.acquire().await.unwrap().forget();
            }
            if self.broken.load(Ordering::SeqCst) {
                return Err(sanctuary::error::unavailable());
            }
            self.reads.fetch_add(1, Ordering::SeqCst);
            let Span::After(after) = span else { unreachable!("replays read forward") };
            let topics = self.topics.lock().unwrap();
            let all = topics.get(&topic).map_or(&[][..], Vec::as_slice);
            let start = usize::try_from(after).unwrap().min(all.len());
            let mut sum = 0;
            let entries: Vec<Entry> = all[start..]
                .iter()
                .take(limit as usize)
                .take_while(|entry| {
                    let first = sum == 0;
                    sum += entry.body.len();
                    first || sum <= bytes
                })
                .cloned()
                .collect();
            Ok(Page { entries, head: all.len() as u64 })
        }
        .boxed()
    }

    fn heads(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Vec<OwnedHead>>> {
        let head = |topic| OwnedHead { seq: self.head(topic), ..OwnedHead::default() };
        let heads = topics.into_iter().map(head).collect();
        async move { Ok(heads) }.boxed()
    }
}

/// Everybody sees everything, but for what a test says.
#[derive(Default)]
pub(crate) struct Views(pub(crate) Mutex<HashMap<Topic, Option<Visible>>>);

impl Rights for Views {
    fn visible<'a>(
        &'a self,
        _: &'a Caller,
        topic: Topic,
    ) -> BoxFuture<'a, Result<Option<Visible>>> {
        let visible = self.0.lock().unwrap().get(&topic).copied();
        async move { Ok(visible.unwrap_or(Some(Visible::ALL))) }.boxed()
    }
}

/// Just enough of the commands. Tokens are the user's id, and after a colon the time they end.
pub(crate) struct Stub {
    hub: Arc<Hub>,
    log: Arc<MemoryLog>,
    bus: mpsc::Sender<Message>,
    /// `ping {payload: "wait"}` waits for a permit.
    pub(crate) waits: Arc<Semaphore>,
    /// Events that come while `session.open` runs, after the attach.
    pub(crate) during_open: Mutex<Vec<(Topic, Vec<Channel>)>>,
    /// In the order of the call: payloads of pings.
    pub(crate) seen: Mutex<Vec<String>>,
    /// Connections that ended, with goodbye or not.
    pub(crate) ended: Mutex<Vec<bool>>,
    pub(crate) ended_now: Notify,
}

fn caller(token: &str) -> Result<Arc<Caller>> {
    let (user, expires) = token.split_once(':').unwrap_or((token, "9000000000000"));
    let bad = |_| Error::new(ErrorCode::Unauthenticated, "no such token");
    Ok(Arc::new(Caller {
        user_id: user.parse().map_err(bad)?,
        login_id: LoginId(Uuid::from_u128(user.len() as u128)),
        name: Arc::from("Ann"),
        roles: Roles::default(),
        token_expires_at: expires.parse().unwrap(),
        lane: Arc::default(),
    }))
}

impl Stub {
    async fn open(
        self: Arc<Self>,
        link: Arc<Link>,
        bearer: Option<Arc<str>>,
        open: protocol::session::Open,
    ) -> Result<Answer> {
        let token = open.token.or(bearer.map(|bearer| bearer.to_string()));
        let Ok(caller) = caller(&token.unwrap_or_default()) else {
            link.close(protocol::close::CloseCode::BadToken);
            return Err(Error::new(ErrorCode::Unauthenticated, "no such token"));
        };
        let session = Session {
            caller: Arc::clone(&caller),
            device_id: open.device_id,
            attempt: open.attempt.unwrap_or(0),
            foreground: open.foreground.unwrap_or(true),
        };
        match self.hub.attach(&link, session) {
            Ok(()) => {}
            Err(Refused::TooMany) => return Err(Error::new(ErrorCode::Full, "too many")),
            Err(Refused::Older) => {
                link.close(protocol::close::CloseCode::Replaced);
                return Err(Error::new(ErrorCode::Conflict, "a newer connection is here"));
            }
        }
        let during = std::mem::take(&mut *self.during_open.lock().unwrap());
        for (topic, audience) in during {
            self.publish(topic, audience).await;
            tokio::task::yield_now().await;
        }
        let topics = open.cursors.iter().map(|cursor| cursor.topic).collect();
        let heads = self.log.heads(topics).await?;
        let mut behind = Vec::new();
        for (cursor, head) in open.cursors.iter().zip(&heads) {
            let until = head.seq.min(cursor.seq + limits::REPLAY_PER_TOPIC_MAX);
            if until < head.seq {
                let (topic, head) = (cursor.topic, head.seq);
                behind.push(protocol::session::Behind { topic, from: until + 1, head });
            }
            let replay = Replay { after: cursor.seq, until, then: head.seq };
            link.follow(cursor.topic, replay);
        }
        Ok(Answer::SessionOpen(Opened {
            session_id: link.id(),
            user: SessionUser {
                id: caller.user_id,
                name: caller.name.to_string(),
                roles: Vec::new(),
            },
            server_at: 0,
            ping_interval_ms: limits::PING_INTERVAL_MS,
            limits: Limits {
                message_bytes_max: 0,
                message_chars_max: 0,
                open_commands_max: 0,
                subscriptions_max: 0,
            },
            token_expires_at: caller.token_expires_at,
            heads: Vec::new(),
            behind,
        }))
    }

    async fn ping(self: Arc<Self>, payload: Option<String>) -> Result<Answer> {
        match payload.as_deref() {
            Some("wait") => self.waits.acquire().await.unwrap().forget(),
            Some("panic") => panic!("as the test wants it"),
            Some("panic later") => {
                tokio::task::yield_now().await;
                panic!("as the test wants it")
            }
            _ => {}
        }
        Ok(Answer::Ping(Pong { payload, server_at: 0 }))
    }

    /// One more event.
    pub(crate) async fn publish(&self, topic: Topic, audience: Vec<Channel>) -> Seq {
        self.publish_text(topic, audience, "a post".to_owned()).await
    }

    pub(crate) async fn missed(&self, missed: Missed) {
        self.bus.send(Message::Missed(missed)).await.unwrap();
    }

    pub(crate) async fn publish_text(
        &self,
        topic: Topic,
        audience: Vec<Channel>,
        text: String,
    ) -> Seq {
        let (seq, body) = self.log.push(topic, &post(text));
        let publication = Publication { topic, seq, at: 1_000, body, audience };
        self.bus.send(Message::Event(publication)).await.unwrap();
        seq
    }
}

pub(crate) fn post(text: String) -> Event {
    Event::PostCreated(PostPublished {
        post_id: PostId(Uuid::from_u128(1)),
        author_id: UserId(Uuid::from_u128(2)),
        client_id: ClientId(Uuid::from_u128(3)),
        text: Some(text),
        category_id: None,
        link: None,
        changed_by: None,
        deleted: false,
        pinned: false,
        locked: false,
    })
}

impl Commands for Shared {
    fn run(
        &self,
        link: Arc<Link>,
        bearer: Option<Arc<str>>,
        command: Command,
    ) -> BoxFuture<'static, Result<Answer>> {
        let stub = Arc::clone(&self.0);
        if let Command::Ping(ping) = &command {
            let payload = ping.payload.clone().unwrap_or_default();
            assert_ne!(payload, "panic at once", "as the test wants it");
            stub.seen.lock().unwrap().push(payload);
        }
        async move {
            match command {
                Command::SessionOpen(open) => stub.open(link, bearer, open).await,
                Command::Ping(ping) => stub.ping(ping.payload).await,
                Command::SessionClose(_) => Ok(Answer::SessionClose(Done {})),
                Command::SessionBackground(background) => {
                    link.set_foreground(!background.on);
                    Ok(Answer::SessionBackground(Done {}))
                }
                Command::SessionRefresh(refresh) => {
                    let caller = caller(&refresh.token)?;
                    let token_expires_at = caller.token_expires_at;
                    link.renew(caller);
                    Ok(Answer::SessionRefresh(Refreshed { token_expires_at }))
                }
                Command::TopicSubscribe(subscribe) => {
                    let Topic::Group(group) = subscribe.topic else { unreachable!() };
                    stub.hub.subscribe(&link, Channel::Group(group));
                    tokio::task::yield_now().await;
                    let head = stub.log.head(subscribe.topic);
                    let after = subscribe.after.unwrap_or(head);
                    link.follow(subscribe.topic, Replay { after, until: head, then: head });
                    tokio::task::yield_now().await;
                    Ok(Answer::TopicSubscribe(Subscribed { head }))
                }
                Command::PostCreate(create) => {
                    let group = create.group_id;
                    let audience = vec![Channel::Group(group)];
                    let seq = stub.publish_text(Topic::Group(group), audience, create.text).await;
                    Ok(Answer::PostCreate(protocol::wall::PostCreated {
                        post_id: PostId(Uuid::from_u128(1)),
                        seq,
                        at: 1_000,
                        duplicate: false,
                    }))
                }
                _ => Err(sanctuary::error::not_found("such thing on this stage")),
            }
        }
        .boxed()
    }

    fn closed(&self, _: &Arc<Link>, goodbye: bool) {
        self.0.ended.lock().unwrap().push(goodbye);
        self.0.ended_now.notify_one();
    }
}

struct Shared(Arc<Stub>);

/// A server with all of it.
pub(crate) struct Stage {
    pub(crate) addr: SocketAddr,
    pub(crate) hub: Arc<Hub>,
    pub(crate) edge: Arc<Edge>,
    pub(crate) log: Arc<MemoryLog>,
    pub(crate) views: Arc<Views>,
    pub(crate) stub: Arc<Stub>,
    pub(crate) clock: Clock,
    pub(crate) bus: mpsc::Sender<Message>,
    pub(crate) server: Arc<Server>,
}

/// The time at which stages start.
pub(crate) const START: Millis = 1_700_000_000_000;

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(EdgeConfig::default(), None).await
    }

    pub(crate) async fn with(config: EdgeConfig, tls: Option<sanctuary::ws::TlsFiles>) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), config, tls).await
    }

    #[expect(clippy::unused_async, reason = "to be called where there is a runtime")]
    pub(crate) async fn at(
        addr: SocketAddr,
        config: EdgeConfig,
        tls: Option<sanctuary::ws::TlsFiles>,
    ) -> Self {
        let log = Arc::new(MemoryLog::default());
        let views = Arc::new(Views::default());
        let hub = Hub::new(Arc::clone(&log) as Arc<dyn Log>, Arc::new(LocalBus::new().0), 20);
        hub.rights_with(Arc::clone(&views) as Arc<dyn Rights>);
        let (bus, drain) = mpsc::channel(16 * 1024);
        tokio::spawn(Arc::clone(&hub).run(drain));
        let stub = Arc::new(Stub {
            hub: Arc::clone(&hub),
            log: Arc::clone(&log),
            bus: bus.clone(),
            waits: Arc::new(Semaphore::new(0)),
            during_open: Mutex::default(),
            seen: Mutex::default(),
            ended: Mutex::default(),
            ended_now: Notify::new(),
        });
        let clock = Clock::manual(START);
        let commands = Arc::new(Shared(Arc::clone(&stub)));
        let edge = Edge::new(Arc::clone(&hub), commands, clock.clone(), config);
        let server = Server::bind(addr, tls, Arc::clone(&edge)).unwrap();
        let addr = server.local_addr();
        let routes = edge.routes();
        let serving = Arc::clone(&server);
        tokio::spawn(async move { serving.serve(routes).await });
        Self { addr, hub, edge, log, views, stub, clock, bus, server }
    }

    /// A connected client with an open session of its own person.
    pub(crate) async fn person(&self, n: u128, format: Format) -> super::client::Client {
        let mut client = super::client::Client::connect(self.addr, format).await;
        client.open(user(n), "phone").await;
        client
    }
}

pub(crate) fn user(n: u128) -> UserId {
    UserId(Uuid::from_u128(0x1000 + n))
}

pub(crate) fn group(n: u128) -> GroupId {
    GroupId(Uuid::from_u128(0x2000 + n))
}
