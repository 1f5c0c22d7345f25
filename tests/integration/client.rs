//! Clients of the socket: one of tokio-tungstenite, and a raw one for what it would not send.

use futures_util::{SinkExt, StreamExt};
use protocol::session::Open;
use protocol::{
    Call, CommandFrame, DecodeError, Error, Event, Format, Incoming, Push, Seq, Signal, Topic,
    UserId,
};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// Nothing here takes that long; a test that waits longer fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What a client hears.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// Topic and seq of an event.
    Event(Topic, Seq),
    Signal(Signal),
    Reply(Option<u32>, Result<(), Error>),
    Close(Option<u16>),
}

/// A client with a session or without.
pub(crate) struct Client {
    pub(crate) ws: WebSocketStream<TcpStream>,
    pub(crate) format: Format,
    id: u32,
    last: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr, format: Format) -> Self {
        let stream = TcpStream::connect(addr).await.unwrap();
        Self::over(stream, format, &[]).await
    }

    pub(crate) async fn over(
        stream: TcpStream,
        format: Format,
        headers: &[(&'static str, &str)],
    ) -> Self {
        let mut request = format!("ws://{}/v1/socket", stream.peer_addr().unwrap())
            .into_client_request()
            .unwrap();
        let subprotocol = format.subprotocol().parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", subprotocol);
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (ws, response) = client_async(request, stream).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], format.subprotocol());
        Self { ws, format, id: 0, last: Vec::new() }
    }

    pub(crate) fn message(&self, bytes: Vec<u8>) -> Message {
        match self.format {
            Format::Json => Message::text(String::from_utf8(bytes).unwrap()),
            Format::MessagePack => Message::binary(bytes),
        }
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.ws.send(message).await.unwrap();
    }

    /// Sends a command and does not wait.
    pub(crate) async fn ask(&mut self, params: impl Call) -> u32 {
        self.id += 1;
        let frame = CommandFrame { id: self.id, command: params.command() };
        let message = self.message(self.format.encode(&frame));
        self.send(message).await;
        self.id
    }

    pub(crate) async fn open(&mut self, user: UserId, device: &str) {
        let open =
            Open { token: Some(user.to_string()), device_id: device.to_owned(), ..Open::default() };
        self.call(open).await.unwrap();
    }

    /// Sends a command and takes its reply, which has to be the next that comes.
    pub(crate) async fn call<C: Call>(&mut self, params: C) -> Result<C::Result, Error> {
        let id = self.ask(params).await;
        match self.hear().await {
            Heard::Reply(Some(theirs), outcome) if theirs == id => {
                outcome.map(|()| Incoming::result(self.format, &self.last).unwrap())
            }
            other => panic!("not the reply to {id}: {other:?}"),
        }
    }

    /// The next frame; pings are answered on the way.
    pub(crate) async fn hear(&mut self) -> Heard {
        loop {
            let message = timeout(PATIENCE, self.ws.next()).await.expect("something to hear");
            let bytes = match message {
                Some(Ok(Message::Text(text))) => text.as_bytes().to_vec(),
                Some(Ok(Message::Binary(bytes))) => bytes.to_vec(),
                Some(Ok(Message::Close(close))) => {
                    return Heard::Close(close.map(|close| close.code.into()));
                }
                Some(Ok(_)) => continue,
                None => panic!("the end, without a close"),
                Some(Err(error)) => panic!("the end, without a close: {error}"),
            };
            self.last = bytes;
            return read(self.format, &self.last).unwrap();
        }
    }

    pub(crate) async fn event(&mut self) -> Seq {
        match self.hear().await {
            Heard::Event(_, seq) => seq,
            other => panic!("not an event: {other:?}"),
        }
    }

    pub(crate) async fn signal(&mut self) -> Signal {
        match self.hear().await {
            Heard::Signal(signal) => signal,
            other => panic!("not a signal: {other:?}"),
        }
    }

    pub(crate) async fn error(&mut self) -> (Option<u32>, &'static str) {
        match self.hear().await {
            Heard::Reply(id, Err(error)) => (id, error.code.word()),
            other => panic!("not an error: {other:?}"),
        }
    }

    /// The code of the close; events and signals before it are passed over.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match self.hear().await {
                Heard::Close(code) => return code.expect("a code"),
                Heard::Reply(id, outcome) => panic!("a reply to {id:?}: {outcome:?}"),
                Heard::Event(..) | Heard::Signal(_) => {}
            }
        }
    }
}

fn read(format: Format, bytes: &[u8]) -> Result<Heard, DecodeError> {
    Ok(match Incoming::decode(format, bytes)? {
        Incoming::Event(push) => event(&push),
        Incoming::Signal(push) => Heard::Signal(push.body),
        Incoming::Reply { id, error } => Heard::Reply(id, error.map_or(Ok(()), Err)),
        Incoming::Unknown { event, .. } => panic!("unknown event {event}"),
    })
}

fn event(push: &Push<Event>) -> Heard {
    Heard::Event(push.topic.unwrap(), push.seq.unwrap())
}

/// A client that sends any bytes it likes.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
}

impl Raw {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(addr).await.unwrap() }
    }

    /// With the handshake done.
    pub(crate) async fn upgraded(addr: SocketAddr) -> Self {
        let mut raw = Self::connect(addr).await;
        let head = raw.request(HANDSHAKE).await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        raw
    }

    /// Sends a request, and reads the answer's head.
    pub(crate) async fn request(&mut self, request: &str) -> String {
        self.send(request.as_bytes()).await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(PATIENCE, self.stream.read_u8()).await.unwrap().unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Everything until the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await.unwrap().unwrap();
        rest
    }

    /// The next frame: its first byte and its payload.
    pub(crate) async fn frame(&mut self) -> (u8, Vec<u8>) {
        timeout(PATIENCE, async {
            let first = self.stream.read_u8().await.unwrap();
            let len = match self.stream.read_u8().await.unwrap() {
                126 => u64::from(self.stream.read_u16().await.unwrap()),
                127 => self.stream.read_u64().await.unwrap(),
                len => u64::from(len),
            };
            let mut payload = vec![0; usize::try_from(len).unwrap()];
            self.stream.read_exact(&mut payload).await.unwrap();
            (first, payload)
        })
        .await
        .unwrap()
    }

    /// The code of the close frame that has to come next, before the end.
    pub(crate) async fn closed(&mut self) -> u16 {
        let (first, payload) = self.frame().await;
        assert_eq!(first, 0x88, "not a close: {payload:?}");
        u16::from_be_bytes([payload[0], payload[1]])
    }
}

/// The request of a WebSocket client without subprotocol.
pub(crate) const HANDSHAKE: &str = "GET /v1/socket HTTP/1.1\r\nHost: localhost\r\n\
    Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A masked frame, as a client sends it.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0xA1, 0xB2, 0xC3, 0xD4];
    let mut out = vec![first];
    match payload.len() {
        len if len < 126 => out.push(0x80 | u8::try_from(len).unwrap()),
        len if len < 65_536 => {
            out.push(0x80 | 0x7E);
            out.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            out.push(0x80 | 0x7F);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}
