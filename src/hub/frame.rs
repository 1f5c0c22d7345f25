//! What goes out, as WebSocket frames (RFC 6455 §5): made once, shared by all who get it.

use crate::bus::Publication;
use crate::log::{self, Entry};
use bytes::Bytes;
use protocol::close::CloseCode;
use protocol::topics::Gap;
use protocol::{Format, Millis, Push, Seq, Signal, Topic};
use serde::Serialize;
use std::cell::OnceCell;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The longest header of a frame that is not masked.
const HEADER_BYTES_MAX: usize = 10;
/// `{event, data}`, as [`log::encode`] begins.
const MAP_OF_TWO: u8 = 0x82;
/// `{topic, seq, at, event, data}`.
const MAP_OF_FIVE: u8 = 0x85;

/// One frame around a payload.
fn write_frame(out: &mut Vec<u8>, opcode: OpCode, payload: &[u8]) {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    out.reserve(HEADER_BYTES_MAX + payload.len());
    // Writing to a Vec does not fail.
    let _ = header.format(payload.len() as u64, out);
    out.extend_from_slice(payload);
}

fn frame(opcode: OpCode, payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(HEADER_BYTES_MAX + payload.len());
    write_frame(&mut out, opcode, payload);
    out.into()
}

const fn opcode(format: Format) -> OpCode {
    match format {
        Format::Json => OpCode::Data(Data::Text),
        Format::MessagePack => OpCode::Data(Data::Binary),
    }
}

/// A wire type in a frame of its own.
pub(crate) fn of<T: Serialize>(format: Format, value: &T) -> Bytes {
    frame(opcode(format), &format.encode(value))
}

pub(crate) fn ping() -> Bytes {
    Bytes::from_static(&[0x89, 0x00])
}

pub(crate) fn pong(payload: &[u8]) -> Bytes {
    frame(OpCode::Control(Control::Pong), payload)
}

/// A close frame with our reason.
pub(crate) fn close(code: CloseCode) -> Bytes {
    let payload = [&code.number().to_be_bytes(), code.reason().as_bytes()].concat();
    frame(OpCode::Control(Control::Close), &payload)
}

/// A close frame that answers the client's own.
pub(crate) fn close_echo(code: Option<u16>) -> Bytes {
    let payload = code.map(u16::to_be_bytes);
    frame(OpCode::Control(Control::Close), payload.as_ref().map_or(&[], <[u8; 2]>::as_slice))
}

/// The announcement of a jump.
pub(super) fn gap(format: Format, topic: Topic, from: Seq, to: Seq) -> Bytes {
    of(format, &Push::signal(Some(topic), Gap { topic, from, to }))
}

/// Appends an event's frame to `out`. An event that can't be read leaves the announcement of a
/// gap, so that clients know to ask for it.
pub(super) fn write_event(
    out: &mut Vec<u8>,
    format: Format,
    topic: Topic,
    seq: Seq,
    at: Millis,
    body: &Bytes,
) {
    match event(format, topic, seq, at, body) {
        Some(payload) => write_frame(out, opcode(format), &payload),
        None => out.extend_from_slice(&gap(format, topic, seq, seq)),
    }
}

fn event(format: Format, topic: Topic, seq: Seq, at: Millis, body: &Bytes) -> Option<Vec<u8>> {
    #[derive(Serialize)]
    struct Head {
        topic: Topic,
        seq: Seq,
        at: Millis,
    }
    if format == Format::MessagePack
        && let Some((&MAP_OF_TWO, tail)) = body.split_first()
    {
        // The stored body is the tail of the push: it is spliced in as it is.
        let mut push = format.encode(&Head { topic, seq, at });
        *push.first_mut()? = MAP_OF_FIVE;
        push.extend_from_slice(tail);
        return Some(push);
    }
    let entry = Entry { seq, at, sender: None, body: body.clone() };
    log::decode(topic, &entry).ok().map(|push| format.encode(&push))
}

/// Several frames in one buffer, so that a receiver of all of them holds one slice.
pub(super) struct Frames {
    bytes: Bytes,
    /// Where each frame ends.
    ends: Vec<usize>,
}

impl Frames {
    /// The frames of `range`.
    pub(super) fn slice(&self, from: usize, to: usize) -> Bytes {
        let end = |frames: usize| match frames.checked_sub(1) {
            Some(last) => self.ends.get(last).copied().unwrap_or(self.bytes.len()),
            None => 0,
        };
        self.bytes.slice(end(from)..end(to))
    }
}

/// Events in a row for the same audience, encoded when the first receiver of a format comes.
pub(super) struct Run<'a> {
    pub(super) events: Vec<&'a Publication>,
    json: OnceCell<Frames>,
    message_pack: OnceCell<Frames>,
}

impl<'a> Run<'a> {
    pub(super) fn new(events: Vec<&'a Publication>) -> Self {
        Self { events, json: OnceCell::new(), message_pack: OnceCell::new() }
    }

    pub(super) fn frames(&self, format: Format) -> &Frames {
        let cell = match format {
            Format::Json => &self.json,
            Format::MessagePack => &self.message_pack,
        };
        cell.get_or_init(|| {
            let mut out = Vec::new();
            let mut ends = Vec::with_capacity(self.events.len());
            for event in &self.events {
                write_event(&mut out, format, event.topic, event.seq, event.at, &event.body);
                ends.push(out.len());
            }
            Frames { bytes: out.into(), ends }
        })
    }
}

/// A signal, encoded when the first receiver of a format comes.
pub(super) struct OneSignal<'a> {
    pub(super) push: &'a Push<Signal>,
    json: OnceCell<Bytes>,
    message_pack: OnceCell<Bytes>,
}

impl<'a> OneSignal<'a> {
    pub(super) fn new(push: &'a Push<Signal>) -> Self {
        Self { push, json: OnceCell::new(), message_pack: OnceCell::new() }
    }

    pub(super) fn frame(&self, format: Format) -> Bytes {
        let cell = match format {
            Format::Json => &self.json,
            Format::MessagePack => &self.message_pack,
        };
        cell.get_or_init(|| of(format, self.push)).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Event, GroupId, Incoming, groups::MembershipEnded};
    use uuid::Uuid;

    fn publication(seq: Seq) -> Publication {
        let group = GroupId(Uuid::from_u128(7));
        let event = Event::MembershipEnded(MembershipEnded { group_id: group });
        Publication {
            topic: Topic::Group(group),
            seq,
            at: 1_700_000_000_000,
            body: log::encode(&event),
            audience: Vec::new(),
        }
    }

    #[test]
    fn a_spliced_push_is_the_same_as_an_encoded_one() {
        for seq in [1, 127, 128, 70_000, u64::from(u32::MAX) + 1] {
            let publication = publication(seq);
            let event =
                Event::MembershipEnded(MembershipEnded { group_id: GroupId(Uuid::from_u128(7)) });
            let push = Push::event(publication.topic, seq, publication.at, event);
            for format in [Format::Json, Format::MessagePack] {
                let run = Run::new(vec![&publication]);
                assert_eq!(run.frames(format).slice(0, 1), of(format, &push));
            }
        }
    }

    #[test]
    fn slices_cut_between_frames() {
        let all = [publication(1), publication(2), publication(300)];
        let run = Run::new(all.iter().collect());
        let frames = run.frames(Format::MessagePack);
        let joined = [frames.slice(0, 1), frames.slice(1, 3)].concat();
        assert_eq!(joined, frames.slice(0, 3));
        assert!(frames.slice(2, 2).is_empty());
        let middle = frames.slice(1, 2);
        let Incoming::Event(push) = Incoming::decode(Format::MessagePack, &middle[2..]).unwrap()
        else {
            panic!("not an event")
        };
        assert_eq!(push.seq, Some(2));
    }

    #[test]
    fn an_unreadable_event_leaves_a_gap() {
        let mut broken = publication(9);
        broken.body = Bytes::from_static(b"\x81");
        let run = Run::new(vec![&broken]);
        let frame = run.frames(Format::Json).slice(0, 1);
        let Incoming::Signal(push) = Incoming::decode(Format::Json, &frame[4..]).unwrap() else {
            panic!("not a signal")
        };
        assert!(matches!(push.body, Signal::Gap(Gap { from: 9, to: 9, .. })));
    }
}
