//! One connection's outbound side: shared by the hub, which fills it, and the socket's task,
//! which empties it.
//!
//! One small lock guards all of it. It is held while the socket is written, which never blocks:
//! so when [`Hub::revoke`](super::Hub::revoke) returns, nothing more of a channel is sent.
//! Lock order: a channel of the hub, then a link; never the other way.

use super::cursors::{Cursors, OPENING, Owner, Wanted};
use super::frame::{self, OneSignal, Run};
use super::outbox::{Entry, Kind, Outbox};
use super::pace::Pace;
use super::pulse::{Due, Seen, Tempo};
use super::replay::Written;
use super::signal;
use super::state::{Begin, State};
use crate::auth::Caller;
use crate::bus::{Channel, Class, Missed};
use crate::rights::Apart;
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use protocol::close::CloseCode;
use protocol::session::Expiring;
use protocol::{Format, Millis, Push, Seq, SessionId, Signal, Topic};
use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::io::AsyncWrite;

/// Pushes that may wait when the next page of a replay is read.
const REPLAY_LOW_WATER_BYTES: usize = 32 * 1024;
/// The key of control frames of which only the newest matters.
const PONG: u64 = 1;
const PING: u64 = 2;

thread_local! {
    /// The link whose command this thread is polling, by address, and the command.
    static RUNNING: Cell<(usize, Owner)> = const { Cell::new((0, 0)) };
}

/// What `session.open` told of a connection.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who.
    pub caller: Arc<Caller>,
    /// The client's own name for the device.
    pub device_id: String,
    /// Counts up with each connect of the device.
    pub attempt: u64,
    /// The app is in the foreground.
    pub foreground: bool,
}

/// What a topic owes a connection before it is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// Known already.
    pub after: Seq,
    /// Replay `after + 1 ..= until` from the log, …
    pub until: Seq,
    /// … then take everything up to here as known (what lies between stands in `behind`), and
    /// go on with whatever came since, without a gap.
    pub then: Seq,
}

/// See the module.
pub struct Link {
    id: SessionId,
    format: Format,
    /// The hub pushed, and the task has not had its turn since.
    woken: AtomicBool,
    /// Tick of the wheel at which the client was last heard.
    heard: AtomicU32,
    task: AtomicWaker,
    pace: Arc<Pace>,
    inner: Mutex<State>,
}

/// What the socket's task has to know at each turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Status {
    /// The close frame is queued, or written.
    pub(crate) closed: bool,
    /// The close took too long: drop the socket.
    pub(crate) aborted: bool,
    /// A topic catches up.
    pub(crate) owes: bool,
}

/// What [`Link::offer`] did.
#[derive(Default)]
pub(super) struct Offered {
    /// The task is to be woken at the end of the wave.
    pub(super) wake: bool,
    /// Frames queued.
    pub(super) frames: u32,
}

/// A command as an owner.
fn owner_of(id: u32) -> Owner {
    u64::from(id) + 1
}

impl Link {
    pub(super) fn new(pace: Arc<Pace>, format: Format) -> Arc<Self> {
        Arc::new(Self {
            id: crate::id::fresh(),
            format,
            woken: AtomicBool::new(false),
            heard: AtomicU32::new(0),
            task: AtomicWaker::new(),
            pace,
            inner: Mutex::default(),
        })
    }

    /// This connection.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// How it speaks.
    pub fn format(&self) -> Format {
        self.format
    }

    /// A number of this connection's own, for spreading things out.
    pub fn lot(&self) -> u32 {
        let (_, _, _, tail) = self.id.0.as_fields();
        let [.., a, b, c, d] = *tail;
        u32::from_be_bytes([a, b, c, d])
    }

    /// What `session.open` told; `None` before it.
    pub fn session(&self) -> Option<Arc<Session>> {
        self.lock().session.clone()
    }

    /// A newer token of the same login: who is asking, from now on.
    pub fn renew(&self, caller: Arc<Caller>) {
        let mut inner = self.lock();
        if let Some(session) = &inner.session {
            inner.session = Some(Arc::new(Session { caller, ..Session::clone(session) }));
            inner.pulse.renewed();
        }
    }

    /// Channels it listens to, its person's own left out.
    pub fn subscriptions(&self) -> usize {
        let inner = self.lock();
        inner.places.iter().filter(|place| !matches!(place.channel, Channel::User(_))).count()
    }

    /// Whether it listens to a channel.
    pub fn listens_to(&self, channel: Channel) -> bool {
        self.lock().places.iter().any(|place| place.channel == channel)
    }

    /// From now on, the words of these people on walls are not sent, those left out that are queued.
    pub(super) fn set_apart(&self, apart: Option<Arc<Apart>>) {
        self.lock().apart = apart;
    }

    /// Whose words are not sent.
    pub(super) fn apart(&self) -> Option<Arc<Apart>> {
        self.lock().apart.clone()
    }

    /// The connection is gone.
    pub fn has_ended(&self) -> bool {
        self.lock().ended
    }

    /// In the background only durable pushes are sent.
    pub fn set_foreground(&self, on: bool) {
        self.change(|inner| {
            if let Some(session) = &inner.session {
                inner.session =
                    Some(Arc::new(Session { foreground: on, ..Session::clone(session) }));
            }
            inner.background = !on;
            if !on {
                inner.outbox.drop_signals();
            }
        });
    }

    /// Has a topic replayed and then delivered live. It starts once the reply to the command
    /// that is being handled is queued, so the reply always comes first. To be called by the
    /// command's own future, not by a task that it spawned.
    pub fn follow(&self, topic: Topic, replay: Replay) {
        self.after_reply(Begin::Topic(topic, replay));
        self.task.wake();
    }

    /// True once the reply to the command that is being handled is queued: what is sent then
    /// comes after it. To be called as [`Link::follow`] is.
    pub fn answered(&self) -> Arc<AtomicBool> {
        let answered = Arc::default();
        self.after_reply(Begin::Told(Arc::clone(&answered)));
        answered
    }

    fn after_reply(&self, begin: Begin) {
        let owner = self.owner();
        self.change(|inner| match inner.holds(owner) {
            Some(owner) => inner.begins.push((owner, begin)),
            None => inner.begin(begin),
        });
    }

    /// Forgets a topic's place; its events are no longer delivered unless they come over the
    /// person's own channel.
    pub fn unfollow(&self, topic: Topic) {
        self.change(|inner| inner.forget(topic));
    }

    /// Queues a signal for this connection only.
    pub fn signal(&self, push: &Push<Signal>) {
        let entry = signal::entry(push, signal::class(&push.body), frame::of(self.format, push));
        self.change(|inner| inner.push_signal(entry));
        self.task.wake();
    }

    /// Closes after what is queued was written. The first close wins. A command that closes
    /// its own connection is answered first.
    pub fn close(&self, code: CloseCode) {
        let owner = self.owner();
        self.change(|inner| match owner {
            Some(owner) => inner.close_after(owner, code),
            None => inner.close(code),
        });
        self.task.wake();
    }

    /// When the token ends.
    pub fn token_expires_at(&self) -> Option<Millis> {
        self.lock().session.as_ref().map(|session| session.caller.token_expires_at)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what waits, and keeps the books.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut inner = self.lock();
        let before = inner.outbox.bytes();
        let result = change(&mut inner);
        let after = inner.outbox.bytes();
        let dropped = inner.outbox.take_dropped();
        drop(inner);
        if before != after {
            self.pace.outbox_changed(before, after);
        }
        if dropped > 0 {
            metrics::counter!("sanctuary_signals_dropped_total").increment(u64::from(dropped));
        }
        result
    }

    /// The command of this connection that is being polled by this thread.
    fn owner(&self) -> Option<Owner> {
        let (link, owner) = RUNNING.get();
        (link == self.address()).then_some(owner)
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Queues events of a channel. The caller wakes the task, once for all.
    pub(super) fn offer(&self, run: &Run<'_>, channel: Channel) -> Offered {
        let tag = signal::tag(channel);
        self.change(|inner| {
            let (frames, work) = inner.offer(run, self.format, tag);
            self.offered(frames, work)
        })
    }

    /// Events of a channel did not come live. The caller wakes the task.
    pub(super) fn offer_missed(&self, missed: &Missed, channel: Channel) -> Offered {
        self.change(|inner| {
            let (frames, work) = inner.missed(missed, self.format, signal::tag(channel));
            self.offered(frames, work)
        })
    }

    /// The same for this connection alone.
    pub fn missed(&self, missed: &Missed) {
        self.change(|inner| inner.missed(missed, self.format, signal::tag_of_topic(missed.topic)));
        self.task.wake();
    }

    /// The topics that have a place here, with the last seq that was sent or is owed of each.
    pub fn places(&self) -> Vec<(Topic, Seq)> {
        self.lock().cursors.places().collect()
    }

    /// The channels it listens to.
    pub fn channels(&self) -> Vec<Channel> {
        self.lock().places.iter().map(|place| place.channel).collect()
    }

    /// Queues a signal of a channel. The caller wakes the task.
    pub(super) fn offer_signal(
        &self,
        signal: &OneSignal<'_>,
        class: Class,
        channel: Channel,
    ) -> Offered {
        let mut entry = signal::entry(signal.push, class, signal.frame(self.format));
        entry.channel = signal::tag(channel);
        self.change(|inner| {
            let queued = inner.push_signal(entry);
            self.offered(u32::from(queued), queued)
        })
    }

    /// Under the lock: a link that ends must not be waited for.
    fn offered(&self, frames: u32, work: bool) -> Offered {
        Offered { wake: work && !self.woken.swap(true, Ordering::SeqCst), frames }
    }

    /// Ends the wave for this link.
    pub(super) fn wake(&self) {
        self.task.wake();
    }

    /// A channel ends for this link: nothing more of it is sent, and its topic is forgotten.
    pub(super) fn purge(&self, channel: Channel) {
        self.change(|inner| {
            inner.outbox.purge(signal::tag(channel));
            inner.early.retain(|entry| entry.channel != signal::tag(channel));
            inner.forget(channel.topic());
        });
    }

    /// A channel begins for this link. Its topic waits for the reply of the command that asked.
    pub(super) fn begin(&self, inner: &mut State, channel: Channel) {
        if !matches!(channel, Channel::User(_))
            && let Some(owner) = inner.holds(self.owner())
        {
            inner.cursors.hold(channel.topic(), owner);
        }
    }
}

/// What the socket's task asks of its link.
impl Link {
    /// The task has its turn.
    pub(crate) fn begin_turn(&self, waker: &Waker) {
        self.task.register(waker);
        if self.woken.swap(false, Ordering::SeqCst) {
            self.pace.turn();
        }
    }

    /// Polls a command: what it follows or closes waits for its reply.
    pub(crate) fn running<R>(&self, id: u32, poll: impl FnOnce() -> R) -> R {
        let before = RUNNING.replace((self.address(), owner_of(id)));
        let result = poll();
        RUNNING.set(before);
        result
    }

    /// Queues the reply of a command, and lets begin what waited for it.
    pub(crate) fn reply(&self, id: Option<u32>, reply: Bytes) {
        self.change(|inner| {
            if inner.closed.is_some() {
                return;
            }
            // Replies are never refused: the edge stops reading instead.
            let _ = inner.outbox.push(Entry::reply(reply));
            if let Some(id) = id {
                inner.release(owner_of(id));
            }
        });
    }

    /// `session.open` came and is being answered, or was.
    pub(crate) fn opens(&self, now: bool) {
        self.change(|inner| inner.opening = now);
    }

    /// Queues the reply of the command that opened the session. Pushes may follow now.
    pub(crate) fn opened(&self, id: u32, reply: Bytes) {
        self.change(|inner| {
            if inner.closed.is_some() {
                return;
            }
            let _ = inner.outbox.push(Entry::reply(reply));
            inner.open = true;
            inner.background = inner.session.as_ref().is_some_and(|s| !s.foreground);
            inner.release(owner_of(id));
            inner.release(OPENING);
            for entry in std::mem::take(&mut inner.early) {
                inner.push_signal(entry);
            }
        });
    }

    pub(crate) fn pong(&self, payload: &[u8]) {
        self.control(frame::pong(payload), PONG);
    }

    pub(crate) fn ping(&self) {
        self.control(frame::ping(), PING);
        self.task.wake();
    }

    fn control(&self, frame: Bytes, key: u64) {
        self.change(|inner| {
            if inner.closed.is_none() {
                inner.outbox.push_control(frame, key);
            }
        });
    }

    /// The client closes: what waits is of no use any more.
    pub(crate) fn close_echo(&self, code: Option<u16>) {
        self.change(|inner| {
            if inner.closed.is_none() {
                inner.shut(CloseCode::Normal, frame::close_echo(code), true);
            }
        });
    }

    /// Signals that the connection itself needs, in the background, too.
    pub(crate) fn notify(&self, push: &Push<Signal>) {
        let entry = Entry::reply(frame::of(self.format, push));
        self.change(|inner| {
            if inner.open && inner.closed.is_none() {
                let _ = inner.outbox.push(entry);
            }
        });
        self.task.wake();
    }

    /// Why the connection closes, if it does.
    pub(crate) fn closing(&self) -> Option<CloseCode> {
        self.lock().closed
    }

    /// So many replies wait that no further command is read.
    pub(crate) fn is_backlogged(&self) -> bool {
        self.lock().outbox.is_backlogged()
    }

    /// Writes all that waits, as far as the socket takes it.
    pub(crate) fn poll_write<W: AsyncWrite + Unpin>(
        &self,
        cx: &mut Context<'_>,
        socket: &mut W,
    ) -> (Poll<io::Result<()>>, Status) {
        let mut inner = self.lock();
        let before = inner.outbox.bytes();
        let written = inner.outbox.poll_write(cx, socket);
        let after = inner.outbox.bytes();
        let status = Status {
            closed: inner.closed.is_some(),
            aborted: inner.aborted,
            owes: inner.open && inner.cursors.owes(),
        };
        drop(inner);
        if before != after {
            self.pace.outbox_changed(before, after);
        }
        (written, status)
    }

    /// What to read from the log next, if something is owed and the queue has room for it.
    pub(super) fn next_wanted(&self) -> Option<(Wanted, Arc<Caller>)> {
        let mut inner = self.lock();
        if !inner.open
            || inner.closed.is_some()
            || inner.outbox.push_bytes() > REPLAY_LOW_WATER_BYTES
        {
            return None;
        }
        let wanted = inner.cursors.next_wanted()?;
        Some((wanted, Arc::clone(&inner.session.as_ref()?.caller)))
    }

    /// A page came: frames of the topic's events up to `covered`.
    pub(super) fn caught(&self, wanted: Wanted, page: Written) {
        let Written { bytes, frames, covered, silent } = page;
        let bytes = Bytes::from(bytes);
        self.change(|inner| {
            let current = inner.closed.is_none() && inner.cursors.caught(wanted, covered, silent);
            if current && frames > 0 {
                let channel = signal::tag_of_topic(wanted.topic);
                let entry = Entry { bytes, kind: Kind::Durable, frames, channel, key: 0 };
                inner.push_durable(entry);
            }
        });
    }

    /// The client was heard.
    pub(crate) fn hear(&self, tick: u32) {
        self.heard.store(tick, Ordering::Relaxed);
    }

    /// The wheel will come at that tick, and not at the one that was arranged before. `after`:
    /// only if what was arranged last is that visit.
    pub(crate) fn arrange(&self, tick: u32, after: Option<u32>) -> bool {
        let mut inner = self.lock();
        let agreed = after.is_none_or(|visit| inner.pulse.expects(visit));
        if agreed {
            inner.pulse.arrange(tick);
        }
        agreed
    }

    /// Whether a visit of the wheel is the one that was last arranged.
    pub(crate) fn expects(&self, tick: u32) -> bool {
        self.lock().pulse.expects(tick)
    }

    /// The wheel comes: does what is due, and says when to come again. `None`: never again.
    pub(crate) fn visit(&self, tick: u32, now: Millis, tempo: &Tempo) -> Option<u32> {
        let mut inner = self.lock();
        if inner.ended {
            return None;
        }
        let seen = Seen {
            open: inner.open,
            opening: inner.opening,
            closed: inner.closed.is_some(),
            heard: self.heard.load(Ordering::Relaxed),
            lot: self.lot(),
            token_expires_at: inner.session.as_ref().map(|s| s.caller.token_expires_at),
        };
        if let Some((_, code)) = inner.closes {
            // The command that wanted it has not ended since.
            inner.close(code);
        }
        let (due, next) = inner.pulse.visit(tick, now, tempo, seen);
        drop(inner);
        for due in due {
            match due {
                Due::Ping => self.ping(),
                Due::Expiring(token_expires_at) => {
                    self.notify(&Push::signal(None, Expiring { token_expires_at }));
                }
                Due::Close(code) => self.close(code),
                Due::Abort => {
                    self.lock().aborted = true;
                    self.task.wake();
                }
            }
        }
        Some(next)
    }

    /// The connection is gone: nothing is queued any more, and nobody waits for it.
    pub(super) fn end(&self) {
        self.change(|inner| {
            inner.ended = true;
            inner.closed.get_or_insert(CloseCode::Normal);
            inner.outbox = Outbox::default();
            inner.cursors = Cursors::default();
            inner.begins = Vec::new();
            inner.early = Vec::new();
        });
        if self.woken.swap(false, Ordering::SeqCst) {
            self.pace.turn();
        }
    }
}
