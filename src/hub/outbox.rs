//! What waits to be written on one connection: bounded, in order, in three classes.
//!
//! *Durable* frames are never dropped: a queue that can't take one is full, and the connection
//! ends. *Coalescing* ones replace the older of their key. *Signals* are dropped first.
//! Replies stand apart: the edge reads no further commands while too many of them wait, so they
//! are bounded by what a client asked for, and can't push a client over the limit of pushes.

use bytes::Bytes;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// Pushes that wait on one connection.
pub const OUTBOX_BYTES_MAX: usize = 256 * 1024;
/// See [`OUTBOX_BYTES_MAX`].
pub const OUTBOX_FRAMES_MAX: usize = 1_024;
/// Replies that wait on one connection before no more commands are read.
pub const REPLIES_BYTES_MAX: usize = 256 * 1024;
/// See [`REPLIES_BYTES_MAX`].
pub const REPLIES_MAX: usize = 256;
/// Frames that one system call writes.
const SLICES_MAX: usize = 64;

/// What may happen to a frame while it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An answer, or a control frame.
    Reply,
    /// Never dropped.
    Durable,
    /// Replaced by the next of its key.
    Coalescing,
    /// Dropped first.
    Signal,
}

/// One or more frames of one kind.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) bytes: Bytes,
    pub(super) kind: Kind,
    pub(super) frames: u32,
    /// The channel it came by, as a hash; 0 for none.
    pub(super) channel: u64,
    /// What the newest replaces; 0 for nothing.
    pub(super) key: u64,
}

impl Entry {
    pub(super) fn reply(bytes: Bytes) -> Self {
        Self { bytes, kind: Kind::Reply, frames: 1, channel: 0, key: 0 }
    }
}

/// No room for a durable frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<Entry>,
    /// Of the first entry, that many bytes are written.
    written: usize,
    push_bytes: usize,
    push_frames: u32,
    reply_bytes: usize,
    replies: u32,
    /// Entries that may be dropped.
    droppable: u32,
    /// Signals that were dropped since [`Outbox::take_dropped`].
    dropped: u32,
}

impl Outbox {
    /// Bytes of everything that waits.
    pub(super) fn bytes(&self) -> usize {
        self.push_bytes + self.reply_bytes
    }

    /// Bytes of the pushes that wait.
    pub(super) fn push_bytes(&self) -> usize {
        self.push_bytes
    }

    /// So many replies wait that no further command is read.
    pub(super) fn is_backlogged(&self) -> bool {
        self.reply_bytes >= REPLIES_BYTES_MAX || self.replies as usize >= REPLIES_MAX
    }

    /// Signals dropped since the last call.
    pub(super) fn take_dropped(&mut self) -> u32 {
        std::mem::take(&mut self.dropped)
    }

    /// Queues an entry, or drops it where its class allows that.
    pub(super) fn push(&mut self, entry: Entry) -> Result<(), Full> {
        match entry.kind {
            Kind::Reply => {}
            Kind::Durable => {
                if !self.make_room(&entry, &[Kind::Signal, Kind::Coalescing]) {
                    return Err(Full);
                }
            }
            Kind::Coalescing => {
                if self.droppable > 0 && entry.key != 0 {
                    self.retain(|other| other.kind != Kind::Coalescing || other.key != entry.key);
                }
                if !self.make_room(&entry, &[Kind::Signal]) {
                    self.dropped += 1;
                    return Ok(());
                }
            }
            Kind::Signal => {
                if !self.fits(&entry) {
                    self.dropped += 1;
                    return Ok(());
                }
            }
        }
        self.count(&entry);
        self.queue.push_back(entry);
        Ok(())
    }

    /// Queues a control frame; an older one of the same key is not needed any more.
    pub(super) fn push_control(&mut self, bytes: Bytes, key: u64) {
        if self.replies > 0 {
            self.retain(|other| other.kind != Kind::Reply || other.key != key);
        }
        let entry = Entry { key, ..Entry::reply(bytes) };
        self.count(&entry);
        self.queue.push_back(entry);
    }

    /// Takes back all pushes that came by a channel and of which nothing is written.
    pub(super) fn purge(&mut self, channel: u64) {
        self.retain(|entry| entry.channel != channel);
    }

    /// Takes back what may be dropped.
    pub(super) fn drop_signals(&mut self) {
        self.retain(|entry| !matches!(entry.kind, Kind::Signal | Kind::Coalescing));
    }

    /// Takes back everything of which nothing is written.
    pub(super) fn discard(&mut self) {
        self.retain(|_| false);
    }

    fn fits(&self, entry: &Entry) -> bool {
        // One entry alone always fits, whatever its size.
        self.push_bytes == 0
            || (self.push_bytes + entry.bytes.len() <= OUTBOX_BYTES_MAX
                && (self.push_frames + entry.frames) as usize <= OUTBOX_FRAMES_MAX)
    }

    fn make_room(&mut self, entry: &Entry, victims: &[Kind]) -> bool {
        for victim in victims {
            if self.fits(entry) || self.droppable == 0 {
                break;
            }
            let before = self.queue.len();
            self.retain(|other| other.kind != *victim);
            let gone = u32::try_from(before - self.queue.len()).unwrap_or(u32::MAX);
            self.dropped = self.dropped.saturating_add(gone);
        }
        self.fits(entry)
    }

    /// Keeps what `keep` says, and an entry that is partly written.
    fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        let mut queue = std::mem::take(&mut self.queue);
        let mut begun = self.written > 0;
        queue.retain(|entry| {
            let stays = std::mem::take(&mut begun) || keep(entry);
            if !stays {
                self.uncount(entry);
            }
            stays
        });
        self.queue = queue;
    }

    fn count(&mut self, entry: &Entry) {
        match entry.kind {
            Kind::Reply => {
                self.reply_bytes += entry.bytes.len();
                self.replies += 1;
            }
            Kind::Durable | Kind::Coalescing | Kind::Signal => {
                self.push_bytes += entry.bytes.len();
                self.push_frames += entry.frames;
                self.droppable += u32::from(entry.kind != Kind::Durable);
            }
        }
    }

    fn uncount(&mut self, entry: &Entry) {
        match entry.kind {
            Kind::Reply => {
                self.reply_bytes -= entry.bytes.len();
                self.replies -= 1;
            }
            Kind::Durable | Kind::Coalescing | Kind::Signal => {
                self.push_bytes -= entry.bytes.len();
                self.push_frames -= entry.frames;
                self.droppable -= u32::from(entry.kind != Kind::Durable);
            }
        }
    }

    /// Writes all that waits, as far as the socket takes it. A queue that is empty holds no
    /// memory.
    pub(super) fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut W,
    ) -> Poll<io::Result<()>> {
        while !self.queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut count = 0;
            let mut skip = self.written;
            for (slice, entry) in slices.iter_mut().zip(&self.queue) {
                *slice = IoSlice::new(entry.bytes.get(skip..).unwrap_or_default());
                skip = 0;
                count += 1;
            }
            let slices = slices.get(..count).unwrap_or_default();
            let wrote = ready!(Pin::new(&mut *socket).poll_write_vectored(cx, slices))?;
            if wrote == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(wrote);
        }
        if self.queue.capacity() > 0 {
            self.queue = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, wrote: usize) {
        self.written += wrote;
        while let Some(first) = self.queue.front() {
            if self.written < first.bytes.len() {
                return;
            }
            self.written -= first.bytes.len();
            if let Some(done) = self.queue.pop_front() {
                self.uncount(&done);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: Kind, len: usize) -> Entry {
        Entry { bytes: vec![0; len].into(), kind, frames: 1, channel: 0, key: 0 }
    }

    /// Takes `room` bytes and then blocks.
    struct Socket {
        room: usize,
        got: Vec<u8>,
    }

    impl AsyncWrite for Socket {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let take = bytes.len().min(self.room);
            if take == 0 {
                return Poll::Pending;
            }
            self.room -= take;
            self.got.extend(bytes.iter().take(take));
            Poll::Ready(Ok(take))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn write(outbox: &mut Outbox, room: usize) -> (bool, Vec<u8>) {
        let mut socket = Socket { room, got: Vec::new() };
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let done = outbox.poll_write(&mut cx, &mut socket).is_ready();
        (done, socket.got)
    }

    #[test]
    fn takes_1024_frames_and_not_one_more() {
        let mut outbox = Outbox::default();
        for _ in 0..OUTBOX_FRAMES_MAX {
            outbox.push(entry(Kind::Durable, 1)).unwrap();
        }
        assert_eq!(outbox.push(entry(Kind::Durable, 1)), Err(Full));
    }

    #[test]
    fn takes_256_kib_and_not_one_byte_more() {
        let mut outbox = Outbox::default();
        outbox.push(entry(Kind::Durable, OUTBOX_BYTES_MAX - 1)).unwrap();
        outbox.push(entry(Kind::Durable, 1)).unwrap();
        assert_eq!(outbox.push(entry(Kind::Durable, 1)), Err(Full));
        let mut alone = Outbox::default();
        alone.push(entry(Kind::Durable, 2 * OUTBOX_BYTES_MAX)).unwrap();
        assert_eq!(alone.push(entry(Kind::Durable, 1)), Err(Full));
    }

    #[test]
    fn drops_signals_first_then_coalescing_ones_then_gives_up() {
        let mut outbox = Outbox::default();
        outbox.push(entry(Kind::Signal, 100)).unwrap();
        outbox.push(entry(Kind::Coalescing, 100)).unwrap();
        outbox.push(entry(Kind::Durable, OUTBOX_BYTES_MAX - 200)).unwrap();
        outbox.push(entry(Kind::Signal, 1)).unwrap();
        assert_eq!(outbox.take_dropped(), 1, "the new signal");
        outbox.push(entry(Kind::Durable, 100)).unwrap();
        assert_eq!((outbox.take_dropped(), outbox.queue.len()), (1, 3), "the old signal");
        outbox.push(entry(Kind::Durable, 100)).unwrap();
        assert_eq!((outbox.take_dropped(), outbox.queue.len()), (1, 3), "the coalescing one");
        assert_eq!(outbox.push(entry(Kind::Durable, 1)), Err(Full));
    }

    #[test]
    fn the_newest_of_a_key_replaces_the_older() {
        let mut outbox = Outbox::default();
        for len in [10, 20, 30] {
            outbox.push(Entry { key: 1, ..entry(Kind::Coalescing, len) }).unwrap();
            outbox.push(Entry { key: 2, ..entry(Kind::Coalescing, len) }).unwrap();
        }
        assert_eq!((outbox.queue.len(), outbox.push_bytes()), (2, 60));
    }

    #[test]
    fn a_frame_that_is_partly_written_stays() {
        let mut outbox = Outbox::default();
        for channel in [1, 1, 2] {
            outbox.push(Entry { channel, ..entry(Kind::Durable, 10) }).unwrap();
        }
        assert_eq!(write(&mut outbox, 4), (false, vec![0; 4]));
        outbox.purge(1);
        assert_eq!(outbox.queue.len(), 2);
        outbox.discard();
        assert_eq!(write(&mut outbox, 100), (true, vec![0; 6]));
        assert_eq!((outbox.bytes(), outbox.queue.capacity()), (0, 0));
    }

    #[test]
    fn copes_with_a_socket_that_takes_a_byte_at_a_time() {
        let mut outbox = Outbox::default();
        let mut sent = Vec::new();
        for byte in 0..200_u8 {
            let bytes = Bytes::from(vec![byte; usize::from(byte % 5) + 1]);
            sent.extend_from_slice(&bytes);
            outbox.push(Entry { bytes, ..entry(Kind::Durable, 0) }).unwrap();
        }
        let mut got = Vec::new();
        for room in (1..8).cycle() {
            let (done, bytes) = write(&mut outbox, room);
            got.extend(bytes);
            if done {
                break;
            }
        }
        assert_eq!(got, sent);
    }

    #[test]
    fn replies_stand_apart_and_are_bounded_by_not_reading_on() {
        let mut outbox = Outbox::default();
        outbox.push(entry(Kind::Durable, OUTBOX_BYTES_MAX)).unwrap();
        for _ in 0..REPLIES_MAX {
            assert!(!outbox.is_backlogged());
            outbox.push(entry(Kind::Reply, 1)).unwrap();
        }
        assert!(outbox.is_backlogged());
        let mut large = Outbox::default();
        large.push(entry(Kind::Reply, REPLIES_BYTES_MAX)).unwrap();
        assert!(large.is_backlogged());
        large.push(entry(Kind::Durable, OUTBOX_BYTES_MAX)).unwrap();
    }
}
