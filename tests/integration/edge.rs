//! The socket edge, over real sockets: each limit and one past it, each close code.

use crate::client::{Client, HANDSHAKE, Heard, PATIENCE, Raw, masked};
use crate::stage::{START, Stage, group, user};
use futures_util::StreamExt;
use protocol::limits::{MALFORMED_PER_MIN_MAX, MESSAGE_BYTES_MAX, OPEN_COMMANDS_MAX};
use protocol::session::{Background, Close, Open, Ping, Refresh};
use protocol::topics::Subscribe;
use protocol::wall::CreatePost;
use protocol::{ClientId, Format, Signal, Topic};
use sanctuary::hub::Tempo;
use sanctuary::ws::{EdgeConfig, TlsFiles};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::protocol::Message;

fn ping(payload: &str) -> Ping {
    Ping { payload: Some(payload.to_owned()) }
}

/// Short time-outs, in ticks of 10 ms.
fn quick() -> EdgeConfig {
    let ms = Duration::from_millis;
    EdgeConfig {
        head_timeout: ms(150),
        tempo: Tempo {
            tick: ms(10),
            session_open: ms(150),
            ping_interval: ms(50),
            pong: ms(150),
            close: ms(150),
            ..Tempo::default()
        },
        ..EdgeConfig::default()
    }
}

/// A session over a raw socket.
async fn raw_session(stage: &Stage) -> Raw {
    let mut raw = Raw::upgraded(stage.addr).await;
    let open = format!(
        r#"{{"id":1,"method":"session.open","params":{{"token":"{}","device_id":"d"}}}}"#,
        user(1)
    );
    raw.send(&masked(0x81, open.as_bytes())).await;
    let (first, reply) = raw.frame().await;
    assert_eq!((first, reply.starts_with(br#"{"id":1,"result""#)), (0x81, true));
    raw
}

#[tokio::test]
async fn a_session_opens_in_both_encodings_and_answers() {
    let stage = Stage::new().await;
    for format in [Format::Json, Format::MessagePack] {
        let mut client = stage.person(1, format).await;
        let pong = client.call(ping("hello")).await.unwrap();
        assert_eq!(pong.payload.as_deref(), Some("hello"));
    }
}

#[tokio::test]
async fn no_subprotocol_means_json_and_no_header() {
    let stage = Stage::new().await;
    let mut raw = Raw::connect(stage.addr).await;
    let head = raw.request(HANDSHAKE).await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101"));
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="));
    assert!(!head.contains("sec-websocket-protocol"));
}

#[tokio::test]
async fn handshakes_that_are_none_get_their_status() {
    let stage = Stage::new().await;
    for (from, to, status) in [
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 12", "426"),
        ("Upgrade: websocket", "X: y", "400"),
        ("Connection: Upgrade", "Connection: close", "400"),
        ("Host: localhost", "Host: localhost\r\nOrigin: https://evil.example", "403"),
        ("Host: localhost", "Host: localhost\r\nSec-WebSocket-Protocol: soap", "400"),
        ("GET", "POST", "405"),
        ("/v1/socket", "/v2/socket", "404"),
    ] {
        let head = Raw::connect(stage.addr).await.request(&HANDSHAKE.replace(from, to)).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{to}: {head}");
        let told = head.to_ascii_lowercase().contains("sec-websocket-version: 13");
        assert_eq!(told, status == "426", "{head}");
    }
    let same = HANDSHAKE.replace("Host: localhost", "Host: localhost\r\nOrigin: http://localhost");
    assert!(Raw::connect(stage.addr).await.request(&same).await.starts_with("HTTP/1.1 101"));
}

#[tokio::test]
async fn frames_that_come_with_the_request_are_not_lost() {
    let stage = Stage::new().await;
    let mut raw = Raw::connect(stage.addr).await;
    let mut bytes = HANDSHAKE.as_bytes().to_vec();
    bytes.extend(masked(0x89, b"early"));
    raw.send(&bytes).await;
    assert!(raw.request("").await.starts_with("HTTP/1.1 101"));
    assert_eq!(raw.frame().await, (0x8A, b"early".to_vec()));
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let stage = Stage::with(quick(), None).await;
    let mut raw = Raw::connect(stage.addr).await;
    raw.send(b"GET /v1/socket HTTP/1.1\r\nHost: localhost\r\n").await;
    let rest = raw.rest().await;
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{rest:?}");
}

#[tokio::test]
async fn without_session_open_in_time_it_closes_4501() {
    let stage = Stage::with(quick(), None).await;
    assert_eq!(Client::connect(stage.addr, Format::Json).await.closed().await, 4501);
}

#[tokio::test]
async fn the_bearer_token_of_the_upgrade_opens_a_session() {
    let stage = Stage::new().await;
    let stream = TcpStream::connect(stage.addr).await.unwrap();
    let bearer = format!("Bearer {}", user(1));
    let headers = [("authorization", bearer.as_str())];
    let mut client = Client::over(stream, Format::Json, &headers).await;
    let open = Open { device_id: "phone".to_owned(), ..Open::default() };
    client.call(open).await.unwrap();
}

#[tokio::test]
async fn a_bad_token_closes_4500_after_the_reply() {
    let stage = Stage::new().await;
    let mut client = Client::connect(stage.addr, Format::MessagePack).await;
    let open = Open { token: Some("nonsense".to_owned()), ..Open::default() };
    let id = client.ask(open).await;
    assert_eq!(client.error().await, (Some(id), "unauthenticated"));
    assert_eq!(client.closed().await, 4500);
}

#[tokio::test]
async fn before_the_session_only_session_open_is_answered() {
    let stage = Stage::new().await;
    let mut client = Client::connect(stage.addr, Format::Json).await;
    let id = client.ask(ping("early")).await;
    assert_eq!(client.error().await, (Some(id), "unauthenticated"));
    assert!(stage.stub.seen.lock().unwrap().is_empty());
    client.open(user(1), "phone").await;
    client.call(ping("now")).await.unwrap();
}

#[tokio::test]
async fn commands_sent_behind_session_open_wait_for_it() {
    let stage = Stage::new().await;
    let mut raw = Raw::upgraded(stage.addr).await;
    stage.stub.during_open.lock().unwrap().push((Topic::Group(group(1)), Vec::new()));
    let open = format!(
        r#"{{"id":1,"method":"session.open","params":{{"token":"{}","device_id":"d"}}}}"#,
        user(1)
    );
    let ping = |id| format!(r#"{{"id":{id},"method":"ping"}}"#);
    let mut bytes = masked(0x81, format!("[{},{},{}]", open, ping(2), ping(3)).as_bytes());
    bytes.extend(masked(0x81, ping(4).as_bytes()));
    raw.send(&bytes).await;
    for id in 1..=4 {
        let (_, reply) = raw.frame().await;
        let reply = String::from_utf8(reply).unwrap();
        assert!(reply.starts_with(&format!(r#"{{"id":{id},"result""#)), "{reply}");
    }
}

#[tokio::test]
async fn a_message_of_64_kib_is_read_and_one_byte_more_closes_1009() {
    let stage = Stage::new().await;
    let mut raw = raw_session(&stage).await;
    let frame = |len: usize| {
        let around = r#"{"id":2,"method":"ping","params":{"payload":""}}"#.len();
        format!(
            r#"{{"id":2,"method":"ping","params":{{"payload":"{}"}}}}"#,
            "x".repeat(len - around)
        )
    };
    raw.send(&masked(0x81, frame(MESSAGE_BYTES_MAX).as_bytes())).await;
    let (_, reply) = raw.frame().await;
    assert!(reply.starts_with(br#"{"id":2,"result""#));
    raw.send(&masked(0x81, frame(MESSAGE_BYTES_MAX + 1).as_bytes())).await;
    assert_eq!(raw.closed().await, 1009);
    assert!(raw.rest().await.is_empty());
}

#[tokio::test]
async fn frames_that_websocket_does_not_allow_close_with_its_codes() {
    let half = vec![b'x'; 40_000];
    let stage = Stage::new().await;
    for (bytes, code) in [
        (vec![0x81, 0x02, b'{', b'}'], 1002),
        (masked(0xC1, b"{}"), 1002),
        (masked(0x83, b"{}"), 1002),
        (masked(0x80, b"{}"), 1002),
        (masked(0x89, &[0; 126]), 1002),
        (masked(0x82, b"{}"), 1003),
        (masked(0x81, &[b'"', 0xFF, b'"']), 1007),
        ([masked(0x01, b"{"), masked(0x81, b"}")].concat(), 1002),
        ([masked(0x01, &half), masked(0x80, &half)].concat(), 1009),
    ] {
        let mut raw = raw_session(&stage).await;
        raw.send(&bytes).await;
        assert_eq!(raw.closed().await, code, "{:?}", bytes.get(..20));
        assert!(raw.rest().await.is_empty());
    }
}

#[tokio::test]
async fn a_message_may_come_in_parts_and_in_single_bytes() {
    let stage = Stage::new().await;
    let mut raw = raw_session(&stage).await;
    let bytes = [
        masked(0x01, br#"{"id":2,"met"#),
        masked(0x89, b"in between"),
        masked(0x00, br#"hod":"#),
        masked(0x80, br#""ping"}"#),
    ]
    .concat();
    for byte in bytes {
        raw.send(&[byte]).await;
    }
    assert_eq!(raw.frame().await, (0x8A, b"in between".to_vec()));
    let (_, reply) = raw.frame().await;
    assert!(reply.starts_with(br#"{"id":2,"result""#));
}

#[tokio::test]
async fn a_close_is_answered_with_its_own_code() {
    let stage = Stage::new().await;
    let mut raw = raw_session(&stage).await;
    raw.send(&masked(0x88, &3_001_u16.to_be_bytes())).await;
    assert_eq!(raw.closed().await, 3_001);
    assert!(raw.rest().await.is_empty());
    stage.stub.ended_now.notified().await;
    assert_eq!(*stage.stub.ended.lock().unwrap(), [false]);
    assert_eq!(stage.hub.links_of(user(1)).len(), 0);
}

#[tokio::test]
async fn session_close_is_a_goodbye() {
    let stage = Stage::new().await;
    let mut client = stage.person(1, Format::Json).await;
    client.call(Close {}).await.unwrap();
    assert_eq!(client.closed().await, 1000);
    assert!(client.ws.next().await.is_none());
    stage.stub.ended_now.notified().await;
    assert_eq!(*stage.stub.ended.lock().unwrap(), [true]);
}

#[tokio::test]
async fn a_connection_that_just_ends_is_forgotten() {
    let stage = Stage::new().await;
    let client = stage.person(1, Format::Json).await;
    drop(client);
    stage.stub.ended_now.notified().await;
    assert_eq!(stage.hub.links_of(user(1)).len(), 0);
}

#[tokio::test]
async fn the_33rd_open_command_is_busy_and_an_id_in_use_is_invalid() {
    let stage = Stage::new().await;
    let mut client = stage.person(1, Format::Json).await;
    let mut ids = Vec::new();
    for _ in 0..OPEN_COMMANDS_MAX {
        ids.push(client.ask(ping("wait")).await);
    }
    let id = client.ask(ping("one more")).await;
    assert_eq!(client.error().await, (Some(id), "busy"));
    let again = format!(r#"{{"id":{},"method":"ping"}}"#, ids[0]);
    client.send(Message::text(again)).await;
    assert_eq!(client.error().await, (Some(ids[0]), "invalid"));
    stage.stub.waits.add_permits(OPEN_COMMANDS_MAX);
    for _ in 0..OPEN_COMMANDS_MAX {
        let Heard::Reply(Some(id), Ok(())) = client.hear().await else { panic!("not a reply") };
        ids.retain(|other| *other != id);
    }
    assert!(ids.is_empty());
    client.call(ping("free again")).await.unwrap();
}

#[tokio::test]
async fn commands_start_in_the_order_they_came() {
    let stage = Stage::new().await;
    let mut client = stage.person(1, Format::MessagePack).await;
    for n in 0..20 {
        client.ask(ping(&n.to_string())).await;
    }
    for _ in 0..20 {
        assert!(matches!(client.hear().await, Heard::Reply(Some(_), Ok(()))));
    }
    let seen = stage.stub.seen.lock().unwrap().clone();
    assert_eq!(seen, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_array_holds_64_commands_and_not_65() {
    let stage = Stage::new().await;
    let mut client = stage.person(1, Format::Json).await;
    let array = |count: u32| {
        let frames = (100..100 + count).map(|id| format!(r#"{{"id":{id},"method":"ping"}}"#));
        Message::text(format!("[{}]", frames.collect::<Vec<_>>().join(",")))
    };
    client.send(array(64)).await;
    for id in 100..164 {
        assert_eq!(client.hear().await, Heard::Reply(Some(id), Ok(())));
    }
    client.send(array(65)).await;
    assert_eq!(client.error().await, (None, "malformed"));
}

#[tokio::test]
async fn nesting_of_32_is_read_and_33_is_malformed() {
    let stage = Stage::new().await;
    let mut client = stage.person(1, Format::Json).await;
    let nested = |depth: usize| {
        let (open, shut) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        Message::text(format!(r#"{{"id":9,"method":"ping","more":{open}{shut}}}"#))
    };
    client.send(nested(32)).await;
    assert_eq!(client.hear().await, Heard::Reply(Some(9), Ok(())));
    client.send(nested(33)).await;
    assert_eq!(client.error().await, (None, "malformed"));
}

#[tokio::test]
async fn the_tenth_malformed_frame_in_a_minute_closes_4501() {
    let stage = Stage::new().await;
    for format in [Format::Json, Format::MessagePack] {
        let mut client = stage.person(1, format).await;
        let id = client.ask(Subscribe { topic: Topic::Group(group(1)), after: None }).await;
        assert_eq!(client.hear().await, Heard::Reply(Some(id), Ok(())));
        for n in 1..=MALFORMED_PER_MIN_MAX {
            let bytes = if format == Format::Json { b"{".to_vec() } else { vec![0xC1] };
            let message = client.message(bytes);
            client.send(message).await;
            assert_eq!(client.error().await, (None, "malformed"), "{n}");
        }
        assert_eq!(client.closed().await, 4501);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_command_is_said_with_its_id() {
    let stage = Stage::new().await;
    let mut client = stage.person(1, Format::Json).await;
    for (frame, code) in [
        (r#"{"id":7,"method":"no.such"}"#, "unknown_method"),
        (r#"{"id":7,"method":"topic.subscribe","params":{"topic":"x"}}"#, "invalid"),
        (r#"{"id":7,"method":"topic.subscribe"}"#, "invalid"),
    ] {
        for _ in 0..MALFORMED_PER_MIN_MAX {
            client.send(Message::text(frame)).await;
            assert_eq!(client.error().await, (Some(7), code));
        }
    }
}

#[tokio::test]
async fn a_command_that_panics_ends_alone() {
    let stage = Stage::new().await;
    let mut client = stage.person(1, Format::Json).await;
    for payload in ["panic", "panic later", "panic at once"] {
        let id = client.ask(ping(payload)).await;
        assert_eq!(client.error().await, (Some(id), "internal"));
    }
    client.call(ping("still here")).await.unwrap();
}

#[tokio::test]
async fn pings_come_and_without_any_answer_it_closes_4004() {
    let stage = Stage::with(quick(), None).await;
    let mut raw = raw_session(&stage).await;
    for _ in 0..3 {
        assert_eq!(raw.frame().await, (0x89, Vec::new()));
        // Not a pong, but it shows that somebody is there.
        raw.send(&masked(0x81, br#"{"id":2,"method":"ping"}"#)).await;
        let (_, reply) = raw.frame().await;
        assert!(reply.starts_with(br#"{"id":2,"result""#));
    }
    assert_eq!(raw.frame().await, (0x89, Vec::new()));
    assert_eq!(raw.closed().await, 4004);
    // Nor is the close answered.
    assert!(raw.rest().await.is_empty());
}

#[tokio::test]
async fn a_token_is_warned_of_refreshed_and_ends() {
    let stage = Stage::with(quick(), None).await;
    let mut client = Client::connect(stage.addr, Format::Json).await;
    let token = |ends_in: i64| format!("{}:{}", user(1), START + ends_in);
    let open =
        Open { token: Some(token(61_000)), device_id: "phone".to_owned(), ..Open::default() };
    client.call(open).await.unwrap();
    stage.clock.advance(1_000);
    let Signal::Expiring(expiring) = client.signal().await else { panic!("not a warning") };
    assert_eq!(expiring.token_expires_at, START + 61_000);
    client.call(Refresh { token: token(200_000) }).await.unwrap();
    stage.clock.advance(139_000);
    let Signal::Expiring(expiring) = client.signal().await else { panic!("not a warning") };
    assert_eq!(expiring.token_expires_at, START + 200_000);
    // At the end of the grace, less a little.
    stage.clock.advance(84_999);
    client.call(ping("in grace")).await.unwrap();
    stage.clock.advance(1);
    assert_eq!(client.closed().await, 4005);
}

#[tokio::test]
async fn a_slow_reader_closes_4002_and_others_go_on() {
    let stage = Stage::new().await;
    let topic = Topic::Group(group(1));
    let subscribe = Subscribe { topic, after: None };
    let mut slow = raw_session(&stage).await;
    let frame = format!(r#"{{"id":2,"method":"topic.subscribe","params":{{"topic":"{topic}"}}}}"#);
    slow.send(&masked(0x81, frame.as_bytes())).await;
    assert!(slow.frame().await.1.starts_with(br#"{"id":2,"result""#));
    let mut quick = stage.person(2, Format::Json).await;
    quick.call(subscribe).await.unwrap();
    let link = stage.hub.links_of(user(1)).remove(0);
    let mut seq = 0;
    let text = "x".repeat(8_000);
    // Until the kernel's buffers and the queue are full.
    while !stage.hub.links_of(user(1)).is_empty() {
        let client_id = ClientId(uuid::Uuid::from_u128(seq));
        let create = CreatePost::new(group(1), client_id, text.clone());
        let id = quick.ask(create).await;
        let mut done = (false, false);
        while done != (true, true) {
            match quick.hear().await {
                Heard::Event(_, theirs) => {
                    seq += 1;
                    assert_eq!(u128::from(theirs), seq);
                    done.0 = true;
                }
                Heard::Reply(theirs, outcome) => {
                    assert_eq!((theirs, outcome), (Some(id), Ok(())));
                    done.1 = true;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(seq < 10_000, "the slow one is never closed");
    }
    drop(link);
    // What is left in the kernel's buffers are whole frames, and the close.
    loop {
        let (first, payload) = slow.frame().await;
        if first == 0x88 {
            assert_eq!(payload[..2], 4_002_u16.to_be_bytes());
            break;
        }
        assert!(payload.len() > 8_000 && payload.ends_with(b"}"));
    }
}

#[tokio::test]
async fn a_client_that_asks_and_does_not_read_is_not_read_any_more() {
    let stage = Stage::new().await;
    let mut raw = raw_session(&stage).await;
    let payload = "x".repeat(60_000);
    let frame =
        format!(r#"{{"id":2,"method":"ping","params":{{"payload":"{payload}"}}}}"#).into_bytes();
    let frame = masked(0x81, &frame);
    let sent = async {
        let mut sent = 0_usize;
        // Ends when nothing more is taken.
        while timeout(Duration::from_millis(500), raw.send(&frame)).await.is_ok() {
            sent += 1;
            assert!(sent < 2_000, "replies are queued without a bound");
        }
        sent
    }
    .await;
    assert!(sent > 4);
    assert!(stage.hub.outbox_bytes() < 512 * 1024, "{}", stage.hub.outbox_bytes());
    // Reading again, it gets all of them.
    let seen = async {
        for _ in 0..sent {
            assert!(raw.frame().await.1.starts_with(br#"{"id":2,"result""#));
        }
    };
    timeout(PATIENCE, seen).await.unwrap();
}

#[tokio::test]
async fn in_the_background_only_events_come() {
    let stage = Stage::new().await;
    let mut client = stage.person(1, Format::Json).await;
    client.call(Background { on: true }).await.unwrap();
    let link = stage.hub.links_of(user(1)).remove(0);
    let typing = protocol::conversations::TypingNow { user_id: user(2) };
    link.signal(&protocol::Push::signal(None, typing));
    let topic = Topic::User(user(1));
    stage.stub.publish(topic, vec![sanctuary::bus::Channel::User(user(1))]).await;
    assert_eq!(client.hear().await, Heard::Event(topic, 1));
    client.call(Background { on: false }).await.unwrap();
    link.signal(&protocol::Push::signal(None, typing));
    assert_eq!(client.signal().await, Signal::Typing(typing));
}

#[tokio::test]
async fn draining_says_bye_spreads_the_closes_and_ends() {
    let stage = Stage::new().await;
    let mut clients = Vec::new();
    for n in 0..20 {
        clients.push(stage.person(n, Format::Json).await);
    }
    let mut unopened = Client::connect(stage.addr, Format::Json).await;
    let mut idle = Raw::connect(stage.addr).await;
    let get = "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n";
    assert!(idle.request(get).await.starts_with("HTTP/1.1 404"));
    let clients = tokio::spawn(async move {
        let mut waits = Vec::new();
        let mut at = Vec::new();
        for client in &mut clients {
            let Signal::Bye(bye) = client.signal().await else { panic!("no bye") };
            assert_eq!(client.closed().await, 4001);
            assert!(client.ws.next().await.is_none());
            waits.push(bye.retry_after_ms);
            at.push(tokio::time::Instant::now());
        }
        assert_eq!(unopened.closed().await, 4001);
        assert!(unopened.ws.next().await.is_none());
        waits.sort_unstable();
        waits.dedup();
        assert!(waits.len() > 10, "each has a time of its own: {waits:?}");
        at.sort_unstable();
        assert!(at[19] - at[0] > Duration::from_millis(300), "all at once");
    });
    stage.server.drain(Duration::from_millis(600)).await;
    assert_eq!(stage.edge.connections(), 0);
    clients.await.unwrap();
    assert!(idle.rest().await.is_empty());
}

#[tokio::test]
async fn a_client_that_ignores_the_close_does_not_hold_up_the_drain() {
    let stage = Stage::with(quick(), None).await;
    let mut raw = raw_session(&stage).await;
    timeout(PATIENCE, stage.server.drain(Duration::ZERO)).await.unwrap();
    assert_eq!(stage.edge.connections(), 0);
    let rest = raw.rest().await;
    assert!(rest.windows(5).any(|bytes| bytes == br#""bye""#));
}

/// A ping through TLS, to a server with this certificate.
async fn tls_ping(stage: &Stage, cert: &[u8]) -> std::io::Result<()> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(cert).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(stage.addr).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    tls.write_all(HANDSHAKE.as_bytes()).await?;
    tls.write_all(&masked(0x89, b"ping")).await?;
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\x8A\x04ping") {
        bytes.push(tls.read_u8().await?);
    }
    assert!(bytes.starts_with(b"HTTP/1.1 101"));
    tls.write_all(&masked(0x88, &[])).await?;
    assert_eq!(tls.read_to_end(&mut bytes).await?, 2, "an empty close");
    Ok(())
}

#[tokio::test]
async fn tls_serves_and_reads_a_new_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let files = TlsFiles { cert: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
    let make = || {
        let done = std::process::Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .arg(&files.key)
            .arg("-out")
            .arg(&files.cert)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        std::fs::read(&files.cert).unwrap()
    };
    let first = make();
    let stage = Stage::with(EdgeConfig::default(), Some(files.clone())).await;
    tls_ping(&stage, &first).await.unwrap();
    let second = make();
    let renewed = async {
        while tls_ping(&stage, &second).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, renewed).await.unwrap();
    assert!(tls_ping(&stage, &first).await.is_err());
}
