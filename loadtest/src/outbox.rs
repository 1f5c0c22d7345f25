//! Commands of one person that have no reply yet. They outlive the connection: what was not
//! answered is sent again on the next one, in the same order and with the same `client_id`.

use protocol::limits::OPEN_COMMANDS_MAX;
use protocol::{ClientId, Command, CommandFrame, Error, ErrorCode, Format, Seq, Topic};
use std::collections::VecDeque;
use std::time::Instant;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Bytes;

/// The bytes of a reply without error, or the error.
pub(crate) type Reply = Result<(Format, Bytes), Error>;

/// Why a command is sent, which is what its reply is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// `session.open`: of this connection only.
    Open,
    /// `topic.subscribe`: of this connection only, the next one subscribes anew.
    Subscribe(Topic),
    /// `topic.read` of what pushes left out, up to `to` or to the head: of this connection
    /// only, the next one resumes below it.
    Read { topic: Topic, to: Seq },
    /// A message or a post.
    Send(Sending),
    /// Somebody waits for the reply.
    Call(oneshot::Sender<Reply>),
}

/// A message or a post on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sending {
    pub(crate) topic: Topic,
    pub(crate) client_id: ClientId,
    /// When it was meant to be sent.
    pub(crate) intended: Instant,
}

/// A command and why it is sent.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) command: Command,
    pub(crate) purpose: Purpose,
    /// How many times it was sent.
    pub(crate) attempts: u32,
    /// What it was told, the last time that it was to be tried again.
    pub(crate) refused: Option<ErrorCode>,
}

impl Entry {
    pub(crate) fn new(command: impl Into<Command>, purpose: Purpose) -> Self {
        Self { command: command.into(), purpose, attempts: 0, refused: None }
    }

    const fn outlives_connection(&self) -> bool {
        matches!(self.purpose, Purpose::Send(_) | Purpose::Call(_))
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<Entry>,
    /// In the order of sending; at most [`OPEN_COMMANDS_MAX`].
    under_way: VecDeque<(u32, Entry)>,
    /// To be tried again, not before.
    later: Vec<(Instant, Entry)>,
    next_id: u32,
}

impl Outbox {
    /// Behind everything else.
    pub(crate) fn push(&mut self, entry: Entry) {
        self.waiting.push_back(entry);
    }

    /// Before everything that waits.
    pub(crate) fn push_first(&mut self, entry: Entry) {
        self.waiting.push_front(entry);
    }

    /// To be tried again at `at`.
    pub(crate) fn push_later(&mut self, at: Instant, entry: Entry) {
        self.later.push((at, entry));
    }

    /// The next frame to send, unless too many are open.
    pub(crate) fn next(&mut self, format: Format, now: Instant) -> Option<Vec<u8>> {
        if !self.later.is_empty() {
            for (_, entry) in self.later.extract_if(.., |(at, _)| *at <= now) {
                self.waiting.push_front(entry);
            }
        }
        if self.under_way.len() >= OPEN_COMMANDS_MAX {
            return None;
        }
        self.next_waiting(format)
    }

    fn next_waiting(&mut self, format: Format) -> Option<Vec<u8>> {
        let Entry { command, purpose, attempts, refused } = self.waiting.pop_front()?;
        self.next_id = self.next_id.wrapping_add(1);
        let frame = CommandFrame { id: self.next_id, command };
        let bytes = format.encode(&frame);
        let entry = Entry { command: frame.command, purpose, attempts: attempts + 1, refused };
        self.under_way.push_back((frame.id, entry));
        Some(bytes)
    }

    /// `session.open`, which waits before everything else on a new connection.
    pub(crate) fn next_open(&mut self, format: Format) -> Option<Vec<u8>> {
        let first = self.waiting.front()?;
        if matches!(first.purpose, Purpose::Open) { self.next_waiting(format) } else { None }
    }

    /// The command that a reply answers.
    pub(crate) fn answered(&mut self, id: u32) -> Option<Entry> {
        let at = self.under_way.iter().position(|(open, _)| *open == id)?;
        self.under_way.remove(at).map(|(_, entry)| entry)
    }

    /// The connection ended: what has no reply waits again, before what was never sent.
    pub(crate) fn disconnected(&mut self) {
        self.waiting.retain(Entry::outlives_connection);
        while let Some((_, entry)) = self.under_way.pop_back() {
            if entry.outlives_connection() {
                self.waiting.push_front(entry);
            }
        }
        for (_, entry) in self.later.drain(..).filter(|(_, e)| e.outlives_connection()) {
            self.waiting.push_back(entry);
        }
    }

    /// One of the commands without a reply, in words.
    pub(crate) fn first(&self) -> Option<String> {
        let under_way = self.under_way.iter().map(|(_, entry)| entry);
        let later = self.later.iter().map(|(_, entry)| entry);
        let entry = under_way.chain(later).chain(&self.waiting).next()?;
        let refused = entry.refused.map_or("no answer", |code| code.word());
        Some(format!("{}, sent {} times: {refused}", entry.command.name(), entry.attempts))
    }

    /// Commands without a reply.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + self.under_way.len() + self.later.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::session::Ping;

    fn ping(n: u32) -> Command {
        Command::Ping(Ping { payload: Some(n.to_string()) })
    }

    fn call(n: u32) -> Entry {
        Entry::new(ping(n), Purpose::Call(oneshot::channel().0))
    }

    fn sent(outbox: &mut Outbox) -> Vec<(u32, Command)> {
        std::iter::from_fn(|| outbox.next(Format::Json, Instant::now()))
            .filter_map(|bytes| CommandFrame::decode(Format::Json, &bytes).ok())
            .map(|frame| (frame.id, frame.command))
            .collect()
    }

    #[test]
    fn what_was_not_answered_is_sent_again_in_the_same_order() {
        let mut outbox = Outbox::default();
        outbox.push(Entry::new(ping(0), Purpose::Open));
        (1..=3).for_each(|n| outbox.push(call(n)));
        assert_eq!(sent(&mut outbox).len(), 4);
        assert_eq!(outbox.answered(3).map(|entry| entry.command), Some(ping(2)));
        assert!(outbox.answered(3).is_none());
        outbox.push(call(4));
        outbox.disconnected();
        let again: Vec<Command> = sent(&mut outbox).into_iter().map(|(_, c)| c).collect();
        assert_eq!(again, vec![ping(1), ping(3), ping(4)]);
        assert_eq!(outbox.answered(5).map(|entry| entry.attempts), Some(2));
    }

    #[test]
    fn no_more_are_open_than_the_protocol_allows() {
        let mut outbox = Outbox::default();
        (0..40).for_each(|n| outbox.push(call(n)));
        assert_eq!(sent(&mut outbox).len(), OPEN_COMMANDS_MAX);
        assert!(outbox.answered(1).is_some());
        assert_eq!(sent(&mut outbox).len(), 1);
        assert_eq!(outbox.len(), 39);
    }

    #[test]
    fn what_is_for_later_waits() {
        let mut outbox = Outbox::default();
        let now = Instant::now();
        outbox.push_later(now + std::time::Duration::from_secs(60), call(1));
        assert_eq!(sent(&mut outbox), vec![]);
        outbox.push_later(now, call(2));
        assert_eq!(sent(&mut outbox).len(), 1);
        assert_eq!(outbox.len(), 2);
    }
}
