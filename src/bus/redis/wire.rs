//! What nodes say to one another over Redis.
//!
//! A byte for the version, who says it, then in MessagePack what, then the body as it is: of an
//! event, what the log keeps; of a signal, the push. A version that is not known is not read:
//! while two of them run side by side, the log carries what the bus does not.

use crate::bus::{Channel, Class, Control, Message, Notice, Publication};
use crate::redis::Epoch;
use bytes::Bytes;
use protocol::{Format, Incoming, Millis, Seq, Topic, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Of this format.
const VERSION: u8 = 1;

/// What is said.
#[derive(Debug)]
pub(super) enum Said {
    /// For the hub.
    Message(Message),
    /// Something that was published since then may be lost.
    Resync(Millis),
    /// A node ended well: nothing it published is missing.
    Goodbye(Epoch),
}

#[derive(Debug, Serialize, Deserialize)]
enum What {
    Event { topic: Topic, seq: Seq, at: Millis, audience: Vec<Channel> },
    Notice { audience: Vec<Channel>, except: Option<UserId>, class: Class },
    Control(Control),
    Resync(Millis),
    Goodbye(Epoch),
}

fn frame(from: Uuid, what: &What, body: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(128 + body.len());
    out.push(VERSION);
    out.extend_from_slice(from.as_bytes());
    // Writing what we made to a Vec does not fail.
    let _ = rmp_serde::encode::write(&mut out, what);
    out.extend_from_slice(body);
    out.into()
}

pub(super) fn event(from: Uuid, publication: &Publication) -> Bytes {
    let Publication { topic, seq, at, body, audience } = publication;
    let what = What::Event { topic: *topic, seq: *seq, at: *at, audience: audience.clone() };
    frame(from, &what, body)
}

pub(super) fn notice(from: Uuid, notice: &Notice) -> Bytes {
    let Notice { audience, except, class, push } = notice;
    let what = What::Notice { audience: audience.clone(), except: *except, class: *class };
    frame(from, &what, &Format::MessagePack.encode(push))
}

pub(super) fn control(from: Uuid, control: &Control) -> Bytes {
    frame(from, &What::Control(control.clone()), &[])
}

pub(super) fn resync(from: Uuid, since: Millis) -> Bytes {
    frame(from, &What::Resync(since), &[])
}

pub(super) fn goodbye(from: Uuid, epoch: Epoch) -> Bytes {
    frame(from, &What::Goodbye(epoch), &[])
}

/// What somebody else says; `None` for what is our own, and for what can't be read, which is
/// counted.
pub(super) fn read(own: Uuid, bytes: &[u8]) -> Option<Said> {
    if let Some((&VERSION, rest)) = bytes.split_first()
        && let Some((from, rest)) = rest.split_first_chunk()
    {
        if from == own.as_bytes() {
            return None;
        }
        if let Some(said) = parse(rest) {
            return Some(said);
        }
    }
    metrics::counter!("sanctuary_bus_unreadable_total").increment(1);
    None
}

fn parse(mut rest: &[u8]) -> Option<Said> {
    let what: What = rmp_serde::from_read(&mut rest).ok()?;
    Some(match what {
        What::Event { topic, seq, at, audience } => {
            let body = Bytes::copy_from_slice(rest);
            Said::Message(Message::Event(Publication { topic, seq, at, body, audience }))
        }
        What::Notice { audience, except, class } => {
            let Incoming::Signal(push) = Incoming::decode(Format::MessagePack, rest).ok()? else {
                return None;
            };
            Said::Message(Message::Notice(Notice { audience, except, class, push }))
        }
        What::Control(control) => Said::Message(Message::Control(control)),
        What::Resync(since) => Said::Resync(since),
        What::Goodbye(epoch) => Said::Goodbye(epoch),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::close::CloseCode;
    use protocol::topics::Gap;
    use protocol::{GroupId, Push};

    #[test]
    fn what_is_said_is_heard_by_others_only() {
        let (me, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let group = GroupId(Uuid::from_u128(3));
        let user = UserId(Uuid::from_u128(4));
        let publication = Publication {
            topic: Topic::Group(group),
            seq: 7,
            at: 8,
            body: Bytes::from_static(b"body"),
            audience: vec![Channel::Group(group)],
        };
        let bytes = event(me, &publication);
        assert!(read(me, &bytes).is_none());
        let Some(Said::Message(Message::Event(heard))) = read(other, &bytes) else { panic!() };
        assert_eq!((heard.topic, heard.seq, heard.at), (publication.topic, 7, 8));
        assert_eq!((heard.body, heard.audience), (publication.body, publication.audience));

        let topic = Topic::Group(group);
        let push = Push::signal(Some(topic), Gap { topic, from: 1, to: 2 });
        let sent = Notice { audience: vec![], except: Some(user), class: Class::Signal, push };
        let Some(Said::Message(Message::Notice(heard))) = read(other, &notice(me, &sent)) else {
            panic!()
        };
        assert_eq!((heard.except, heard.class, &heard.push), (sent.except, sent.class, &sent.push));

        let close = Control::Close { user, login: None, code: CloseCode::Revoked };
        let Some(Said::Message(Message::Control(heard))) = read(other, &control(me, &close)) else {
            panic!()
        };
        assert_eq!(heard, close);
        assert!(matches!(read(other, &resync(me, 9)), Some(Said::Resync(9))));
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        let bytes = resync(Uuid::nil(), 9);
        let mut newer = bytes.to_vec();
        newer[0] = VERSION + 1;
        for wrong in [&newer[..], &bytes[..3], b"", b"hello", &[VERSION; 40]] {
            assert!(read(Uuid::max(), wrong).is_none());
        }
    }
}
