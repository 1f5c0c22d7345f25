//! What the server sends, as a client reads it. The other way round is in `frame`.

use crate::fields::{Body, required, scalar};
use crate::{DecodeError, Error, Event, Format, Millis, Push, Seq, Signal, Topic};
use serde::de::DeserializeOwned;

/// A server's frame, its body still encoded.
struct ServerHead<'a> {
    id: Option<u32>,
    topic: Option<Topic>,
    seq: Option<Seq>,
    at: Option<Millis>,
    event: Option<String>,
    error: Option<Error>,
    result: Body<'a>,
    data: Body<'a>,
}

impl<'a> ServerHead<'a> {
    fn read(format: Format, frame: &'a [u8]) -> Result<Self, DecodeError> {
        let [id, topic, seq, at, event, error, result, data] = format
            .fields(frame, ["id", "topic", "seq", "at", "event", "error", "result", "data"])?;
        Ok(Self {
            id: scalar(format, "id", id)?,
            topic: scalar(format, "topic", topic)?,
            seq: scalar(format, "seq", seq)?,
            at: scalar(format, "at", at)?,
            event: scalar(format, "event", event)?,
            error: scalar(format, "error", error)?,
            result: Body { format, bytes: result },
            data: Body { format, bytes: data },
        })
    }
}

/// The error of a push's body, as one of the push.
fn in_data(error: DecodeError) -> DecodeError {
    let field =
        if error.field.is_empty() { "data".to_owned() } else { format!("data.{}", error.field) };
    DecodeError { field, ..error }
}

/// A server's frame, as a client reads it.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// The answer to a command. A result is read by [`Incoming::result`], since only the asker
    /// knows its type.
    Reply {
        /// The command's id; `None` after a malformed frame.
        id: Option<u32>,
        /// What went wrong, if something did.
        error: Option<Error>,
    },
    /// An event of a topic.
    Event(Box<Push<Event>>),
    /// A signal.
    Signal(Push<Signal>),
    /// A push of a newer server; to be ignored.
    Unknown {
        /// The event's name.
        event: String,
        /// The topic it moves on, if any.
        topic: Option<Topic>,
        /// Its place there: cursors advance past events that are not understood.
        seq: Option<Seq>,
    },
}

impl Incoming {
    /// Reads one frame, as [`Format::split`] found it.
    pub fn decode(format: Format, frame: &[u8]) -> Result<Self, DecodeError> {
        let head = ServerHead::read(format, frame)?;
        let Some(name) = head.event else {
            return match (head.error, head.result.bytes) {
                (None, None) => Err(DecodeError::frame("neither a reply nor a push")),
                (error, _) => Ok(Self::Reply { id: head.id, error }),
            };
        };
        if head.seq.is_some() {
            if let Some(body) = Event::read(&name, &head.data) {
                return Ok(Self::Event(Box::new(Push {
                    topic: head.topic,
                    seq: head.seq,
                    at: head.at,
                    body: body.map_err(in_data)?,
                })));
            }
        } else if let Some(body) = Signal::read(&name, &head.data) {
            return Ok(Self::Signal(Push {
                topic: head.topic,
                seq: None,
                at: head.at,
                body: body.map_err(in_data)?,
            }));
        }
        Ok(Self::Unknown { event: name, topic: head.topic, seq: head.seq })
    }

    /// The typed result of a reply without error.
    pub fn result<T: DeserializeOwned>(format: Format, frame: &[u8]) -> Result<T, DecodeError> {
        ServerHead::read(format, frame)?.result.required("result")
    }
}

impl Push<Event> {
    /// Reads an event as it was pushed or listed.
    pub fn decode(format: Format, frame: &[u8]) -> Result<Self, DecodeError> {
        let head = ServerHead::read(format, frame)?;
        let name = required("event", head.event)?;
        let body = Event::read(&name, &head.data).ok_or_else(|| DecodeError {
            field: "event".to_owned(),
            message: format!("no event is named {name:?}"),
        })?;
        Ok(Self { topic: head.topic, seq: head.seq, at: head.at, body: body.map_err(in_data)? })
    }
}
