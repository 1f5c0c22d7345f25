//! One socket to the server: dialled from a source address of its own, upgraded, and driven
//! without a task or a buffer more than needed.

use crate::run::{Run, held};
use protocol::Format;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Bytes, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use futures_util::{Sink, Stream};

/// Sockets from one source address. All ports of one address (28 000 by default) would do, but
/// the kernel finds a free one faster where few are taken.
const SOCKETS_PER_ADDRESS: usize = 250;
/// Read buffer of a socket.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// Messages that are taken from a socket before it is written to again.
const MESSAGES_PER_WRITE_MAX: u32 = 64;

/// How a connection ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The server's close code.
    Closed(u16),
    /// The socket broke, or the server could not be reached.
    Broken(&'static str),
    /// The server answered the upgrade with this status.
    Refused(u16),
}

/// What a turn of the connection brings.
pub(crate) enum Turn {
    /// A message of the server.
    Message(Bytes),
    /// The end.
    Ended(Ended),
    /// The person wants to go.
    Stopped,
}

/// Where a connection gets what it sends. Asked whenever the socket has room.
pub(crate) trait Source {
    /// Has to be woken when there is something new.
    fn register(&self, context: &Context<'_>);
    /// The next frame to send.
    fn next_frame(&self) -> Option<Vec<u8>>;
    /// Whether to leave.
    fn stopping(&self) -> bool;
}

/// A WebSocket of one person.
pub(crate) struct Connection {
    socket: WebSocketStream<TcpStream>,
    format: Format,
    unflushed: bool,
    unwritten: u32,
    /// Messages of the server, pings too.
    heard: u64,
}

impl Connection {
    /// Dials, and upgrades to the format's subprotocol.
    pub(crate) async fn dial(
        target: SocketAddr,
        index: usize,
        format: Format,
    ) -> Result<Self, Ended> {
        let stream = connect(target, index).await.map_err(|error| broken(&error))?;
        let _ = stream.set_nodelay(true);
        let mut request = format!("ws://{target}/v1/socket")
            .into_client_request()
            .map_err(|_| Ended::Broken("bad address"))?;
        request.headers_mut().insert(
            HeaderName::from_static("sec-websocket-protocol"),
            HeaderValue::from_static(format.subprotocol()),
        );
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(READ_BUFFER_BYTES);
        let (socket, _) = client_async_with_config(request, stream, Some(config))
            .await
            .map_err(|error| ended(&error))?;
        Ok(Self { socket, format, unflushed: false, unwritten: 0, heard: 0 })
    }

    /// How many messages came, of whatever kind.
    pub(crate) const fn heard(&self) -> u64 {
        self.heard
    }

    /// Sends what the source has, and waits for the next message.
    pub(crate) async fn turn(&mut self, source: &impl Source) -> Turn {
        poll_fn(|cx| self.poll_turn(source, cx)).await
    }

    fn poll_turn(&mut self, source: &impl Source, cx: &mut Context<'_>) -> Poll<Turn> {
        if self.unwritten >= MESSAGES_PER_WRITE_MAX
            && let Err(error) = self.poll_write(source, cx)
        {
            return Poll::Ready(Turn::Ended(ended(&error)));
        }
        loop {
            match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    self.heard += 1;
                    self.unwritten += 1;
                    match message {
                        Message::Text(text) => return Poll::Ready(Turn::Message(text.into())),
                        Message::Binary(bytes) => return Poll::Ready(Turn::Message(bytes)),
                        Message::Close(frame) => {
                            let code = frame.map_or(1005, |frame| frame.code.into());
                            return Poll::Ready(Turn::Ended(Ended::Closed(code)));
                        }
                        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Turn::Ended(ended(&error)));
                }
                Poll::Ready(None) => return Poll::Ready(Turn::Ended(Ended::Broken("closed"))),
                Poll::Pending => break,
            }
        }
        source.register(cx);
        if source.stopping() {
            return Poll::Ready(Turn::Stopped);
        }
        match self.poll_write(source, cx) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Turn::Ended(ended(&error))),
        }
    }

    /// Writes as much as the socket takes.
    fn poll_write(
        &mut self,
        source: &impl Source,
        cx: &mut Context<'_>,
    ) -> Result<(), tungstenite::Error> {
        self.unwritten = 0;
        loop {
            match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => return Ok(()),
            }
            let Some(frame) = source.next_frame() else { break };
            let message = message(self.format, frame);
            Pin::new(&mut self.socket).start_send(message)?;
            self.unflushed = true;
        }
        if self.unflushed {
            match Pin::new(&mut self.socket).poll_flush(cx) {
                Poll::Ready(flushed) => {
                    flushed?;
                    self.unflushed = false;
                }
                Poll::Pending => {}
            }
        }
        Ok(())
    }

    /// Sends the last words and closes.
    pub(crate) async fn goodbye(mut self, frame: Vec<u8>) {
        use futures_util::SinkExt as _;
        let _ = self.socket.send(message(self.format, frame)).await;
        let _ = self.socket.close(None).await;
    }
}

fn message(format: Format, frame: Vec<u8>) -> Message {
    match format {
        // Encoded by serde_json, so it is UTF-8; checked again at a cost that does not matter.
        Format::Json => match Utf8Bytes::try_from(frame) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Text(Utf8Bytes::from_static("")),
        },
        Format::MessagePack => Message::Binary(frame.into()),
    }
}

async fn connect(target: SocketAddr, index: usize) -> io::Result<TcpStream> {
    if !target.is_ipv4() {
        return TcpStream::connect(target).await;
    }
    let address = index / SOCKETS_PER_ADDRESS;
    let high = u8::try_from(address / 250 % 250).unwrap_or_default();
    let low = u8::try_from(1 + address % 250).unwrap_or(1);
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 1, high, low)), 0))?;
    socket.connect(target).await
}

fn broken(error: &io::Error) -> Ended {
    Ended::Broken(match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused",
        io::ErrorKind::ConnectionReset => "reset",
        io::ErrorKind::BrokenPipe => "broken pipe",
        io::ErrorKind::TimedOut => "timed out",
        io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable => "no free port",
        _ => "socket error",
    })
}

fn ended(error: &tungstenite::Error) -> Ended {
    match error {
        tungstenite::Error::Io(error) => broken(error),
        tungstenite::Error::Http(response) => Ended::Refused(response.status().as_u16()),
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
            Ended::Broken("closed")
        }
        tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake
            | tungstenite::error::ProtocolError::HandshakeIncomplete,
        ) => Ended::Broken("reset"),
        _ => Ended::Broken("not WebSocket"),
    }
}

impl Ended {
    /// A word for counting.
    pub(crate) fn word(&self) -> String {
        match self {
            Self::Closed(code) => code.to_string(),
            Self::Broken(word) => (*word).to_owned(),
            Self::Refused(status) => format!("http {status}"),
        }
    }

    /// Whether to come back: close codes from 4500 on say no, and so does HTTP's 4xx.
    pub(crate) const fn is_final(&self) -> bool {
        match self {
            Self::Closed(code) => *code >= 4_500 || *code == 1_009,
            Self::Broken(_) => false,
            Self::Refused(status) => *status / 100 == 4 && *status != 429,
        }
    }

    /// Counts it.
    pub(crate) fn count(&self, run: &Run) {
        *held(&run.metrics).closes.entry(self.word()).or_default() += 1;
    }
}
