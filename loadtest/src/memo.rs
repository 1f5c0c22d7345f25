//! Decode once: an event that goes to a thousand people arrives as the same bytes a thousand
//! times. The generator shares its machine with the server, so it reads them once.

use crate::oracle::record::Entry;
use crate::run::held;
use protocol::{DecodeError, Event, Format, Incoming, Push, Signal};
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex};
use tokio_tungstenite::tungstenite::Bytes;

/// Messages that are remembered at a time.
const MEMO_SLOTS: usize = 256;

/// A push as it was decoded.
pub(crate) enum Pushed {
    /// An event, and how the oracle compares it.
    Event(Box<Push<Event>>, Entry),
    /// A signal.
    Signal(Push<Signal>),
    /// Something newer than this program; it may take a place in a topic.
    Unknown(Option<(protocol::Topic, protocol::Seq)>),
}

impl Pushed {
    /// `None` for a reply.
    pub(crate) fn of(incoming: Incoming) -> Option<Self> {
        match incoming {
            Incoming::Reply { .. } => None,
            Incoming::Event(push) => {
                let entry = Entry::of(&push);
                Some(Self::Event(push, entry))
            }
            Incoming::Signal(push) => Some(Self::Signal(push)),
            Incoming::Unknown { topic, seq, .. } => Some(Self::Unknown(topic.zip(seq))),
        }
    }
}

type Slot = Option<(Bytes, Arc<Pushed>)>;

/// The newest messages of the server and what they say.
pub(crate) struct Memo {
    slots: Vec<Mutex<Slot>>,
}

impl Memo {
    pub(crate) fn new() -> Self {
        Self { slots: (0..MEMO_SLOTS).map(|_| Mutex::new(None)).collect() }
    }

    /// The push in a message, if it is one push and nothing else.
    pub(crate) fn push(
        &self,
        format: Format,
        message: &Bytes,
    ) -> Result<Option<Arc<Pushed>>, DecodeError> {
        if !maybe_push(format, message) {
            return Ok(None);
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(message);
        let at = usize::try_from(hasher.finish() % MEMO_SLOTS as u64).unwrap_or_default();
        let Some(slot) = self.slots.get(at) else { return Ok(None) };
        let mut slot = held(slot);
        if let Some((bytes, pushed)) = slot.as_ref()
            && bytes == message
        {
            return Ok(Some(Arc::clone(pushed)));
        }
        let pushed = Pushed::of(Incoming::decode(format, message)?).map(Arc::new);
        *slot = pushed.as_ref().map(|pushed| (message.clone(), Arc::clone(pushed)));
        Ok(pushed)
    }
}

/// Whether the message is one frame (no array), and does not begin as replies do. Any order of
/// keys is allowed, so this only saves work and decides nothing.
fn maybe_push(format: Format, message: &[u8]) -> bool {
    match format {
        Format::Json => message.starts_with(b"{") && !message.starts_with(br#"{"id""#),
        Format::MessagePack => {
            matches!(message.first(), Some(0x80..=0x8f)) && message.get(1..4) != Some(b"\xa2id")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_decoded_once() {
        let memo = Memo::new();
        let bytes = Bytes::from_static(br#"{"event":"bye","data":{"retry_after_ms":5}}"#);
        let first = memo.push(Format::Json, &bytes).ok().flatten();
        let again = memo.push(Format::Json, &Bytes::copy_from_slice(&bytes)).ok().flatten();
        match (first, again) {
            (Some(first), Some(again)) => {
                assert!(Arc::ptr_eq(&first, &again));
                assert!(matches!(*first, Pushed::Signal(_)));
            }
            _ => panic!("a signal"),
        }
    }

    #[test]
    fn replies_and_arrays_are_left_to_others() {
        let memo = Memo::new();
        for text in [r#"{"id":1,"result":{}}"#, r#"{"result":{},"id":1}"#, r#"[{"id":1}]"#] {
            let bytes = Bytes::copy_from_slice(text.as_bytes());
            assert!(matches!(memo.push(Format::Json, &bytes), Ok(None)), "{text}");
        }
    }
}
