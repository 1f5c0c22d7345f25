//! A node that goes down while people talk: nobody is cut off without a word, nothing is lost or
//! doubled, and those who are sent away don't all come back at once.

use crate::client::PATIENCE;
use crate::engines::START;
use crate::server::{Person, TestServer, client_id, eventually};
use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use protocol::conversations::{Open as OpenConversation, Send};
use protocol::session::Open;
use protocol::{CommandFrame, ConversationId, Event, Format, Incoming, Push, Signal, Topic};
use sanctuary::clock::Clock;
use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::tempdir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// One answer to a request, whole, on a connection of its own.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

const UPGRADE: &str = "GET /v1/socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_goes_down_says_so_to_proxies_and_newcomers() {
    let folder = tempdir().unwrap();
    let window = |settings: &mut sanctuary::config::Settings| settings.drain_window_ms = 600_000;
    let server = TestServer::open_with(folder.path(), Clock::manual(START), window).await;
    let address = server.address;
    // Enough of them that it takes its time, until they leave by themselves.
    let mut people = Vec::new();
    for _ in 0..300 {
        people.push(connect_async(format!("ws://{address}/v1/socket")).await.unwrap().0);
    }
    // One request is on its way: half of it.
    let mut begun = TcpStream::connect(address).await.unwrap();
    let head = "POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    begun.write_all(format!("{head}Content-Length: 2\r\n\r\n{{").as_bytes()).await.unwrap();
    let draining = tokio::spawn(server.app.drain());
    // The first of them was told.
    let told = people.iter_mut().map(|person| Box::pin(person.next()));
    timeout(PATIENCE, futures_util::future::select_all(told)).await.unwrap();

    let ready = ask(address, &get("/readyz")).await;
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(ready.contains(r#"{"name":"drain","ok":false,"#), "{ready}");
    let refused = ask(address, UPGRADE).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.to_lowercase().contains("retry-after: 1\r\n"), "{refused}");
    assert!(ask(address, &get("/healthz")).await.starts_with("HTTP/1.1 200"), "others are served");
    assert!(!draining.is_finished(), "it is still going down");

    begun.write_all(b"}").await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, begun.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 422") || answer.starts_with("HTTP/1.1 400"), "{answer}");
    drop(people);
    timeout(PATIENCE, draining).await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody waits in vain");
}

/// Somebody who sends on and on, moves when told to, and sends again what was not acknowledged.
struct Talker {
    who: Person,
    to: ConversationId,
    homes: [SocketAddr; 2],
    acknowledged: Vec<protocol::ClientId>,
    unacknowledged: Option<Send>,
    waits: Vec<u64>,
}

type Ws = WebSocketStream<MaybeTlsStream<TcpStream>>;

impl Talker {
    async fn talk(mut self, enough: Arc<AtomicBool>) -> Self {
        let mut home = 0;
        while !enough.load(Ordering::SeqCst) || self.unacknowledged.is_some() {
            let Ok((ws, _)) = connect_async(format!("ws://{}/v1/socket", self.homes[home])).await
            else {
                home = 1 - home;
                continue;
            };
            if let Some(wait) = self.on(ws, &enough).await {
                self.waits.push(wait);
                home = 1 - home;
            }
        }
        self
    }

    /// Talks on one socket until it ends; how long to wait, if that was said.
    async fn on(&mut self, mut ws: Ws, enough: &AtomicBool) -> Option<u64> {
        let open = Open {
            token: Some(self.who.token.clone()),
            device_id: "a device".to_owned(),
            ..Open::default()
        };
        let frame = Format::Json.encode(&CommandFrame { id: 1, command: open.into() });
        ws.send(Message::text(String::from_utf8(frame).unwrap())).await.ok()?;
        let mut id = 1;
        let mut told = None;
        loop {
            let message = timeout(PATIENCE, ws.next()).await.expect("something to hear");
            let text = match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(close))) => {
                    assert_eq!(u16::from(close.unwrap().code), 4001);
                    assert!(told.is_some(), "a close without a bye");
                    return told;
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return told,
            };
            for frame in Format::Json.split(text.as_bytes()).unwrap() {
                match Incoming::decode(Format::Json, frame).unwrap() {
                    Incoming::Signal(Push { body: Signal::Bye(bye), .. }) => {
                        told = Some(bye.retry_after_ms);
                    }
                    Incoming::Reply { id: Some(theirs), error } if theirs == id => {
                        assert_eq!(error, None);
                        if id > 1 {
                            let sent = self.unacknowledged.take().unwrap();
                            self.acknowledged.push(sent.client_id);
                        }
                        if enough.load(Ordering::SeqCst) && self.unacknowledged.is_none() {
                            return None;
                        }
                        let next = self.unacknowledged.take().unwrap_or_else(|| Send {
                            conversation_id: self.to,
                            client_id: client_id(),
                            text: Some("on and on".to_owned()),
                            attachments: Vec::new(),
                            reply_to: None,
                        });
                        id += 1;
                        self.unacknowledged = Some(next.clone());
                        let frame = CommandFrame { id, command: next.into() };
                        let frame = String::from_utf8(Format::Json.encode(&frame)).unwrap();
                        if ws.send(Message::text(frame)).await.is_err() {
                            return told;
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_who_talk_move_to_another_node_and_nothing_is_lost_or_doubled() {
    const PAIRS: usize = 8;
    let folder = tempdir().unwrap();
    let clock = Clock::manual(START);
    let window = |settings: &mut sanctuary::config::Settings| settings.drain_window_ms = 1_000;
    let first = TestServer::open_with(folder.path(), clock.clone(), window).await;
    let second = TestServer::open_at(folder.path(), clock).await;
    let people = first.people("talker", u32::try_from(2 * PAIRS).unwrap(), None).await;
    let enough = Arc::new(AtomicBool::new(false));
    let mut talkers = Vec::new();
    for pair in people.chunks(2) {
        let open = OpenConversation { user_id: pair[1].id };
        let to = first.by(&pair[0], open).await.unwrap().conversation.id;
        for who in pair {
            let talker = Talker {
                who: who.clone(),
                to,
                homes: [first.address, second.address],
                acknowledged: Vec::new(),
                unacknowledged: None,
                waits: Vec::new(),
            };
            talkers.push(tokio::spawn(talker.talk(Arc::clone(&enough))));
        }
    }
    let length = async |server: &TestServer, pair: &[Person]| {
        let open = OpenConversation { user_id: pair[1].id };
        let id = server.by(&pair[0], open).await.unwrap().conversation.id;
        server.read(&pair[0], Topic::Conversation(id)).await.unwrap().len()
    };
    // All of them are at it; then the first node goes, and they are at it on the second.
    for pair in people.chunks(2) {
        eventually(async || (length(&first, pair).await > 5).then_some(())).await;
    }
    first.app.drain().await;
    for pair in people.chunks(2) {
        let now = length(&second, pair).await;
        eventually(async || (length(&second, pair).await > now + 5).then_some(())).await;
    }
    enough.store(true, Ordering::SeqCst);

    let talkers = timeout(PATIENCE, join_all(talkers)).await.unwrap();
    let mut heard: BTreeMap<ConversationId, Vec<protocol::ClientId>> = BTreeMap::new();
    let mut waits = HashSet::new();
    for talker in talkers {
        let talker = talker.unwrap();
        assert_eq!(talker.waits.len(), 1, "each was told once");
        waits.extend(talker.waits);
        let events = second.read(&talker.who, Topic::Conversation(talker.to)).await.unwrap();
        let sent = events.into_iter().filter_map(|event| match event {
            Event::MessageCreated(message) => Some(message.client_id),
            _ => None,
        });
        let heard = heard.entry(talker.to).or_insert_with(|| sent.collect());
        let own: HashSet<_> = talker.acknowledged.iter().collect();
        let kept: Vec<_> = heard.iter().filter(|id| own.contains(id)).collect();
        assert!(kept.into_iter().eq(&talker.acknowledged), "each once, and in order");
    }
    let sum: usize = heard.values().map(Vec::len).sum();
    let different: HashSet<_> = heard.values().flatten().collect();
    assert_eq!(sum, different.len());
    assert!(waits.len() > PAIRS, "each has a time of its own: {waits:?}");
}

/// Tells a process to end.
fn terminate(id: u32) {
    assert!(Command::new("kill").args(["-TERM", &id.to_string()]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_at_once() {
    let folder = tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_sanctuary"))
        .args(["--listen", "127.0.0.1:0", "--drain-window-ms", "600000", "--log", "warn"])
        .arg("--data")
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let address = first.strip_prefix("listening on http://").unwrap().to_owned();
    let mut people = Vec::new();
    for _ in 0..60 {
        people.push(connect_async(format!("ws://{address}/v1/socket")).await.unwrap().0);
    }
    terminate(child.id());
    let told = people.iter_mut().map(|person| Box::pin(person.next()));
    timeout(PATIENCE, futures_util::future::select_all(told)).await.unwrap();
    terminate(child.id());
    let ended = timeout(PATIENCE, tokio::task::spawn_blocking(move || child.wait().unwrap()));
    assert!(ended.await.unwrap().unwrap().success());
    let mut cut_off = 0;
    for mut person in people {
        loop {
            match timeout(Duration::from_secs(5), person.next()).await.unwrap() {
                Some(Ok(Message::Close(_))) | None => break,
                Some(Ok(_)) => {}
                Some(Err(WsError::Protocol(_) | WsError::Io(_))) => {
                    cut_off += 1;
                    break;
                }
                Some(Err(other)) => panic!("{other}"),
            }
        }
    }
    assert!(cut_off > 0, "it waited for everybody");
}
