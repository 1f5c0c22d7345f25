//! One connection: one task, polled by hand. It writes what waits, reads what came, runs
//! commands, and pulls the pages of a replay.
//!
//! It holds no buffer while nothing arrives: bytes are read into a buffer of the thread, and
//! only an incomplete frame is kept. It has no timer: the wheel looks after it.

use super::Edge;
use super::open_commands::{Finished, Meaning, OpenCommands, Running, meaning};
use super::reader::{Inbound, Reader};
use super::stream::Stream;
use crate::hub::{Link, frame};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use protocol::close::CloseCode;
use protocol::limits::MALFORMED_PER_MIN_MAX;
use protocol::{CommandFrame, Error, ErrorCode, ReplyFrame};
use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The buffer of a thread.
const SCRATCH_BYTES: usize = 64 * 1024;
/// Rounds of a turn; then others have theirs.
const ROUNDS_MAX: usize = 8;

thread_local! {
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// See the module.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, a byte each")]
pub(super) struct Connection {
    edge: Arc<Edge>,
    link: Arc<Link>,
    socket: Stream,
    /// Until the session is open.
    bearer: Option<Arc<str>>,
    reader: Reader,
    /// An incomplete frame, or bytes that wait until commands may be read again.
    tail: Vec<u8>,
    /// Frames of an array that wait for the session to be open.
    held: VecDeque<Vec<u8>>,
    commands: OpenCommands,
    page: Option<BoxFuture<'static, ()>>,
    malformed: u32,
    /// Tick of the first of them.
    malformed_since: u32,
    /// `session.open` is under way: what comes after it waits.
    opening: bool,
    opened: bool,
    goodbye: bool,
    /// `tail` may hold whole frames.
    unread: bool,
    /// Our close is known to the wheel.
    closing: bool,
    /// The client sent its close.
    answered: bool,
    /// The client broke the framing: nothing that comes can be read.
    deaf: bool,
    /// Our side of the socket is shut.
    shut: bool,
}

/// The connection is over.
struct Over;

impl From<io::Error> for Over {
    fn from(error: io::Error) -> Self {
        tracing::debug!(%error, "a connection broke");
        Self
    }
}

impl Connection {
    pub(super) fn new(
        edge: Arc<Edge>,
        link: Arc<Link>,
        socket: Stream,
        bearer: Option<Arc<str>>,
        early: &Bytes,
    ) -> Self {
        Self {
            edge,
            link,
            socket,
            bearer,
            reader: Reader::default(),
            tail: early.to_vec(),
            held: VecDeque::new(),
            commands: OpenCommands::default(),
            page: None,
            malformed: 0,
            malformed_since: 0,
            opening: false,
            opened: false,
            goodbye: false,
            unread: !early.is_empty(),
            closing: false,
            answered: false,
            deaf: false,
            shut: false,
        }
    }

    /// One round: true if there may be more to do.
    fn round(&mut self, cx: &mut Context<'_>) -> Result<bool, Over> {
        let (written, status) = self.link.poll_write(cx, &mut self.socket);
        let mut all_written = match written {
            Poll::Ready(done) => {
                done?;
                true
            }
            Poll::Pending => false,
        };
        if let Poll::Ready(flushed) = Pin::new(&mut self.socket).poll_flush(cx) {
            flushed?;
        } else {
            all_written = false;
        }
        if status.aborted {
            return Err(Over);
        }
        if status.closed {
            return self.close(cx, all_written);
        }
        let mut more = self.poll_commands(cx);
        more |= self.poll_page(cx, status.owes);
        if !self.pauses() {
            more |= self.resume(cx);
            more |= self.poll_read(cx)?;
        }
        Ok(more)
    }

    /// The close frame is queued or written: waits for the client's.
    fn close(&mut self, cx: &mut Context<'_>, all_written: bool) -> Result<bool, Over> {
        if !self.closing {
            self.closing = true;
            self.commands.clear();
            self.opening = false;
            self.page = None;
            self.held = VecDeque::new();
            self.edge.wheel.soon(&self.link);
        }
        if all_written && (self.answered || self.deaf) && !self.shut {
            match Pin::new(&mut self.socket).poll_shutdown(cx) {
                Poll::Ready(done) => done?,
                Poll::Pending => return Ok(false),
            }
            self.shut = true;
        }
        if self.shut && self.answered {
            return Err(Over);
        }
        self.resume(cx);
        self.poll_read(cx)
    }

    fn poll_commands(&mut self, cx: &mut Context<'_>) -> bool {
        let mut more = false;
        while !self.link.is_backlogged()
            && let Poll::Ready(finished) = self.commands.poll_next(cx)
        {
            self.finish(finished);
            more = true;
        }
        more
    }

    fn poll_page(&mut self, cx: &mut Context<'_>, owes: bool) -> bool {
        if self.page.is_none() && owes {
            self.page = self.edge.hub.catch_up(&self.link);
        }
        let Some(page) = &mut self.page else { return false };
        let done = page.as_mut().poll(cx).is_ready();
        if done {
            self.page = None;
        }
        done
    }

    /// Nothing more is read just now.
    fn pauses(&self) -> bool {
        self.opening || self.link.is_backlogged()
    }

    /// Goes on with what came before a pause.
    fn resume(&mut self, cx: &mut Context<'_>) -> bool {
        let mut more = false;
        while !self.opening
            && let Some(frame) = self.held.pop_front()
        {
            self.command(cx, &frame);
            more = true;
        }
        if self.opening {
            return more;
        }
        self.held = VecDeque::new();
        if std::mem::take(&mut self.unread) {
            let tail = std::mem::take(&mut self.tail);
            self.read_tail(cx, tail);
            more = true;
        }
        more
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<bool, Over> {
        if self.unread {
            return Ok(false);
        }
        let mut scratch =
            SCRATCH.take().unwrap_or_else(|| vec![0; SCRATCH_BYTES].into_boxed_slice());
        let mut buf = ReadBuf::new(&mut scratch);
        let read = Pin::new(&mut self.socket).poll_read(cx, &mut buf);
        let len = buf.filled().len();
        let result = match read {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(error)) => Err(error.into()),
            Poll::Ready(Ok(())) if len == 0 => Err(Over),
            Poll::Ready(Ok(())) => {
                self.link.hear(self.edge.wheel.now());
                if !self.deaf {
                    let new = scratch.get_mut(..len).unwrap_or_default();
                    if self.tail.is_empty() {
                        let used = self.frames(cx, new);
                        self.tail = new.get(used..).unwrap_or_default().to_vec();
                    } else {
                        let mut tail = std::mem::take(&mut self.tail);
                        tail.extend_from_slice(new);
                        self.read_tail(cx, tail);
                    }
                }
                Ok(true)
            }
        };
        SCRATCH.set(Some(scratch));
        result
    }

    fn read_tail(&mut self, cx: &mut Context<'_>, mut tail: Vec<u8>) {
        match self.frames(cx, &mut tail) {
            0 => self.tail = tail,
            used => self.tail = tail.get(used..).unwrap_or_default().to_vec(),
        }
    }

    /// Handles the whole frames in `bytes`. Returns how many bytes need not be kept.
    fn frames(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while !self.deaf && at < bytes.len() {
            if !self.closing && self.pauses() {
                self.unread = true;
                return at;
            }
            let rest = bytes.get_mut(at..).unwrap_or_default();
            match self.reader.next(self.link.format(), rest) {
                Ok(None) => return at,
                Ok(Some((inbound, len))) => {
                    at += len;
                    self.inbound(cx, inbound);
                }
                Err(code) => {
                    self.link.close(code);
                    self.deaf = true;
                }
            }
        }
        bytes.len()
    }

    fn inbound(&mut self, cx: &mut Context<'_>, inbound: Inbound<'_>) {
        match inbound {
            Inbound::Nothing => {}
            Inbound::Ping(payload) => self.link.pong(payload),
            Inbound::Close(code) => {
                self.link.close_echo(code);
                self.answered = true;
                // RFC 6455 §5.5.1: nothing follows it.
                self.deaf = true;
            }
            Inbound::Message(_) if self.closing || self.link.closing().is_some() => {}
            Inbound::Message(message) => match self.link.format().split(&message) {
                Err(error) => self.malformed(error.message),
                Ok(frames) => {
                    for frame in frames {
                        if self.opening {
                            self.held.push_back(frame.to_vec());
                        } else {
                            self.command(cx, frame);
                        }
                    }
                }
            },
        }
    }

    fn command(&mut self, cx: &mut Context<'_>, frame: &[u8]) {
        let CommandFrame { id, command } = match CommandFrame::decode(self.link.format(), frame) {
            Ok(command) => command,
            Err(rejected) if rejected.error.code == ErrorCode::Malformed => {
                return self.malformed(rejected.error.message);
            }
            Err(rejected) => return self.refuse(rejected.id, rejected.error),
        };
        let meaning = meaning(&command, self.opened);
        if !self.opened && meaning != Meaning::Opens {
            let message = "session.open comes first";
            return self.refuse(Some(id), Error::new(ErrorCode::Unauthenticated, message));
        }
        if let Err(error) = self.commands.admit(id) {
            return self.refuse(Some(id), error);
        }
        if meaning == Meaning::Opens {
            self.opening = true;
            self.link.opens(true);
        }
        let mut running = Running::start(id, meaning, &self.link, || {
            self.edge.commands.run(Arc::clone(&self.link), self.bearer.clone(), command)
        });
        match Pin::new(&mut running).poll(cx) {
            Poll::Ready(finished) => self.finish(finished),
            Poll::Pending => self.commands.push(running),
        }
    }

    fn finish(&mut self, Finished { id, meaning, outcome }: Finished) {
        let reply = frame::of(self.link.format(), &ReplyFrame::new(Some(id), &outcome));
        if meaning == Meaning::Opens {
            self.opening = false;
            self.link.opens(false);
            if outcome.is_ok() {
                self.opened = true;
                self.bearer = None;
                self.link.opened(id, reply);
                self.edge.wheel.soon(&self.link);
                return;
            }
        }
        self.link.reply(Some(id), reply);
        if meaning == Meaning::Closes && outcome.is_ok() {
            self.goodbye = true;
            self.link.close(CloseCode::Normal);
        }
    }

    fn refuse(&mut self, id: Option<u32>, error: Error) {
        let reply = frame::of(self.link.format(), &ReplyFrame::new(id, &Err(error)));
        // Not by its id: a command that is open may have the same.
        self.link.reply(None, reply);
    }

    fn malformed(&mut self, message: String) {
        let tempo = &self.edge.config.tempo;
        let now = self.edge.wheel.now();
        let minute = tempo.ticks(Duration::from_secs(60));
        if self.malformed == 0 || now.saturating_sub(self.malformed_since) >= minute {
            self.malformed = 0;
            self.malformed_since = now;
        }
        self.malformed += 1;
        self.refuse(None, Error::new(ErrorCode::Malformed, message));
        if self.malformed >= MALFORMED_PER_MIN_MAX {
            self.link.close(CloseCode::Violated);
        }
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.link.begin_turn(cx.waker());
        for _ in 0..ROUNDS_MAX {
            match this.round(cx) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(Over) => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Connection {
    /// Also when the runtime ends or a panic unwinds.
    fn drop(&mut self) {
        self.commands.clear();
        self.page = None;
        // RFC 6455 §7.4.1: 1006 is a close without close frame.
        let code = self.link.closing().map_or(1006, CloseCode::number);
        metrics::counter!("sanctuary_closes_total", "code" => code.to_string()).increment(1);
        self.edge.left(&self.link, self.goodbye);
    }
}
