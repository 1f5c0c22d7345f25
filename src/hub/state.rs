//! What a link's lock guards: the queue, the cursors, and how they move together.

use super::cursors::{Cursors, OPENING, Owner, Verdict};
use super::frame::{self, Run};
use super::link::{Replay, Session};
use super::outbox::{Entry, Kind, Outbox};
use super::pulse::Pulse;
use crate::bus::{Channel, Missed, Publication};
use crate::rights::Apart;
use bytes::Bytes;
use protocol::close::CloseCode;
use protocol::{Format, Topic};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Signals that wait for a session to be open.
const EARLY_SIGNALS_MAX: usize = 64;

/// Where a link stands in a channel of the hub.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) channel: Channel,
    pub(super) at: u32,
}

/// What begins once a reply is queued.
pub(super) enum Begin {
    /// A topic is replayed, and then live.
    Topic(Topic, Replay),
    /// Somebody outside wants to know.
    Told(Arc<AtomicBool>),
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, a byte each")]
pub(super) struct State {
    pub(super) session: Option<Arc<Session>>,
    pub(super) places: Vec<Place>,
    /// Whose words on walls are not sent; `None`, as nearly always: nobody's.
    pub(super) apart: Option<Arc<Apart>>,
    pub(super) pulse: Pulse,
    pub(super) outbox: Outbox,
    pub(super) cursors: Cursors,
    /// Asked for by commands that have not been answered yet.
    pub(super) begins: Vec<(Owner, Begin)>,
    /// Signals that came before the session was open.
    pub(super) early: Vec<Entry>,
    /// The reply to `session.open` is queued: pushes may follow.
    pub(super) open: bool,
    /// `session.open` came, and is being answered.
    pub(super) opening: bool,
    pub(super) background: bool,
    /// A command closes its connection, and is to be answered first.
    pub(super) closes: Option<(Owner, CloseCode)>,
    /// The close frame is queued: nothing comes after it.
    pub(super) closed: Option<CloseCode>,
    /// The connection is gone.
    pub(super) ended: bool,
    /// The close took too long: drop the socket.
    pub(super) aborted: bool,
}

impl State {
    /// Whose reply must be queued before a topic may begin.
    pub(super) fn holds(&self, running: Option<Owner>) -> Option<Owner> {
        if self.open { running } else { Some(running.unwrap_or(OPENING)) }
    }

    /// The reply of a command is queued.
    pub(super) fn release(&mut self, owner: Owner) {
        if let Some((_, code)) = self.closes.filter(|(theirs, _)| *theirs == owner) {
            return self.close(code);
        }
        if !self.open {
            return;
        }
        if !self.begins.is_empty() {
            for (theirs, begin) in std::mem::take(&mut self.begins) {
                if owner == OPENING || theirs == owner {
                    self.begin(begin);
                } else {
                    self.begins.push((theirs, begin));
                }
            }
        }
        self.cursors.release(owner);
    }

    pub(super) fn begin(&mut self, begin: Begin) {
        match begin {
            Begin::Topic(topic, replay) => {
                if !self.cursors.follow(topic, replay) {
                    self.close(CloseCode::Resync);
                }
            }
            Begin::Told(told) => told.store(true, Ordering::Release),
        }
    }

    pub(super) fn forget(&mut self, topic: Topic) {
        self.cursors.remove(topic);
        let is_other = |begin: &Begin| !matches!(begin, Begin::Topic(other, _) if *other == topic);
        self.begins.retain(|(_, begin)| is_other(begin));
    }

    /// How many frames were queued, and whether there is work for the task.
    pub(super) fn offer(&mut self, run: &Run<'_>, format: Format, channel: u64) -> (u32, bool) {
        if self.closed.is_some() {
            return (0, false);
        }
        let held = if self.open { None } else { Some(OPENING) };
        let (mut from, mut queued, mut owed) = (0, 0, false);
        for (at, event) in run.events.iter().enumerate() {
            match self.cursors.offer(event.topic, event.seq, held) {
                Verdict::Send => {
                    if let Some(entry) = self.withheld(event, format, channel) {
                        queued += self.push_slice(run, format, channel, from, at) + 1;
                        self.push_durable(entry);
                        from = at + 1;
                    } else {
                        continue;
                    }
                }
                Verdict::Skip => {
                    owed = true;
                    queued += self.push_slice(run, format, channel, from, at);
                    from = at + 1;
                }
                Verdict::Jump { from: first, to } => {
                    queued += self.push_slice(run, format, channel, from, at);
                    from = at;
                    let bytes = frame::gap(format, event.topic, first, to);
                    self.push_durable(Entry {
                        kind: Kind::Durable,
                        channel,
                        ..Entry::reply(bytes)
                    });
                    metrics::counter!("sanctuary_gaps_announced_total").increment(1);
                    if let Some(entry) = self.withheld(event, format, channel) {
                        self.push_durable(entry);
                        (from, queued) = (at + 1, queued + 1);
                    }
                }
                Verdict::TooMany => self.close(CloseCode::Resync),
            }
            if self.closed.is_some() {
                return (queued, true);
            }
        }
        queued += self.push_slice(run, format, channel, from, run.events.len());
        (queued, queued > 0 || (owed && self.open))
    }

    /// What is sent in place of an event; asked only of those who blocked, or were.
    fn withheld(&self, event: &Publication, format: Format, channel: u64) -> Option<Entry> {
        let body = self.apart.as_ref()?.in_place_of(event.topic, &event.body)?;
        let mut bytes = Vec::new();
        frame::write_event(&mut bytes, format, event.topic, event.seq, event.at, &body);
        Some(Entry { kind: Kind::Durable, channel, ..Entry::reply(bytes.into()) })
    }

    /// Events of a topic did not come live. How many frames were queued, and whether there is
    /// work for the task.
    pub(super) fn missed(&mut self, missed: &Missed, format: Format, channel: u64) -> (u32, bool) {
        if self.closed.is_some() {
            return (0, false);
        }
        let held = if self.open { None } else { Some(OPENING) };
        match self.cursors.missed(missed, held) {
            Verdict::Send | Verdict::Skip => (0, self.open),
            Verdict::Jump { from, to } => {
                let bytes = frame::gap(format, missed.topic, from, to);
                self.push_durable(Entry { kind: Kind::Durable, channel, ..Entry::reply(bytes) });
                metrics::counter!("sanctuary_gaps_announced_total").increment(1);
                (1, true)
            }
            Verdict::TooMany => {
                self.close(CloseCode::Resync);
                (0, true)
            }
        }
    }

    fn push_slice(
        &mut self,
        run: &Run<'_>,
        format: Format,
        channel: u64,
        from: usize,
        to: usize,
    ) -> u32 {
        let frames = u32::try_from(to - from).unwrap_or(u32::MAX);
        if frames > 0 {
            let bytes = run.frames(format).slice(from, to);
            self.push_durable(Entry { bytes, kind: Kind::Durable, frames, channel, key: 0 });
        }
        frames
    }

    /// Queues what is never dropped; without room for it the connection ends.
    pub(super) fn push_durable(&mut self, entry: Entry) {
        if self.closed.is_none() && self.outbox.push(entry).is_err() {
            // The client resumes, so what waits is not written: nothing is lost.
            self.shut(CloseCode::TooSlow, frame::close(CloseCode::TooSlow), true);
        }
    }

    /// Whether it was queued.
    pub(super) fn push_signal(&mut self, entry: Entry) -> bool {
        if self.closed.is_some() || self.background {
            return false;
        }
        if self.open {
            return self.outbox.push(entry).is_ok();
        }
        if self.early.len() < EARLY_SIGNALS_MAX {
            self.early.push(entry);
        }
        false
    }

    pub(super) fn close_after(&mut self, owner: Owner, code: CloseCode) {
        if self.closed.is_none() {
            self.closes.get_or_insert((owner, code));
        }
    }

    pub(super) fn close(&mut self, code: CloseCode) {
        self.shut(code, frame::close(code), false);
    }

    pub(super) fn shut(&mut self, code: CloseCode, close: Bytes, discard: bool) {
        if self.closed.is_some() {
            return;
        }
        if discard {
            self.outbox.discard();
        }
        self.closed = Some(code);
        self.begins = Vec::new();
        self.early = Vec::new();
        let _ = self.outbox.push(Entry::reply(close));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_reply_begins_with_that_reply() {
        let mut state = State { open: true, ..State::default() };
        let told: Arc<AtomicBool> = Arc::default();
        state.begins.push((7, Begin::Told(Arc::clone(&told))));
        state.release(8);
        assert!(!told.load(Ordering::Acquire));
        state.release(7);
        assert!(told.load(Ordering::Acquire));
        assert!(state.begins.is_empty());
    }
}
