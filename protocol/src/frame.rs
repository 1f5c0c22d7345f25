//! Frames: commands from the client, replies and pushes from the server.

use crate::union::{Call, Data, Params, Read, named_union};
use crate::{
    DecodeError, Error, ErrorCode, Format, Millis, Seq, Topic, conversations, groups, people,
    presence, session, support, topics,
};
use serde::de::DeserializeOwned;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

/// The commands, their params, what they answer with, and their names. A method enters this
/// list with its implementation.
macro_rules! commands {
    ($($variant:ident($params:ty) -> $result:ty = $word:literal;)*) => {
        named_union! {
            /// What a client asks for.
            Command { $($variant($params) = $word;)* }
        }

        /// The result of a command.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(untagged)]
        #[allow(missing_docs, reason = "the results are documented where they are defined")]
        pub enum Answer { $($variant($result),)* }

        $(impl Call for $params {
            type Result = $result;
            const METHOD: &'static str = $word;
            fn command(self) -> Command { Command::$variant(self) }
        })*
    };
}

commands! {
    SessionOpen(session::Open) -> session::Opened = "session.open";
    SessionRefresh(session::Refresh) -> session::Refreshed = "session.refresh";
    SessionBackground(session::Background) -> session::Done = "session.background";
    SessionClose(session::Close) -> session::Done = "session.close";
    Ping(session::Ping) -> session::Pong = "ping";
    TopicSubscribe(topics::Subscribe) -> topics::Subscribed = "topic.subscribe";
    TopicUnsubscribe(topics::Unsubscribe) -> session::Done = "topic.unsubscribe";
    TopicRead(topics::Read) -> topics::Page = "topic.read";
    PresenceWatch(presence::Watch) -> presence::States = "presence.watch";
    PresenceUnwatch(presence::Unwatch) -> session::Done = "presence.unwatch";
    PresenceSet(presence::Set) -> session::Done = "presence.set";
    ProfileGet(people::GetProfile) -> people::ProfileResult = "profile.get";
    ConversationOpen(conversations::Open) -> conversations::ConversationResult = "conversation.open";
    ConversationGet(conversations::Get) -> conversations::ConversationResult = "conversation.get";
    ConversationList(conversations::List) -> conversations::Conversations = "conversation.list";
    ConversationSend(conversations::Send) -> conversations::Sent = "conversation.send";
    ConversationEdit(conversations::Edit) -> conversations::Changed = "conversation.edit";
    ConversationDelete(conversations::Delete) -> conversations::Changed = "conversation.delete";
    ConversationReact(conversations::React) -> conversations::Changed = "conversation.react";
    ConversationMark(conversations::Mark) -> conversations::Marks = "conversation.mark";
    ConversationTyping(conversations::Typing) -> session::Done = "conversation.typing";
    ConversationMute(conversations::Mute) -> session::Done = "conversation.mute";
    ConversationArchive(conversations::Archive) -> session::Done = "conversation.archive";
    GroupCreate(groups::Create) -> groups::GroupResult = "group.create";
    GroupGet(groups::Get) -> groups::GroupResult = "group.get";
    GroupList(groups::List) -> groups::Groups = "group.list";
    GroupJoin(groups::Join) -> groups::GroupResult = "group.join";
    GroupLeave(groups::Leave) -> session::Done = "group.leave";
    PostCreate(groups::CreatePost) -> groups::PostCreated = "post.create";
    PostList(groups::ListPosts) -> groups::Posts = "post.list";
    DeskList(support::ListDesks) -> support::Desks = "desk.list";
    DeskCreate(support::CreateDesk) -> support::DeskResult = "desk.create";
    DeskBoard(support::GetBoard) -> support::Board = "desk.board";
    CoachSet(support::SetCoach) -> support::CoachSettings = "coach.set";
    SupportRequest(support::Ask) -> support::Asked = "support.request";
    SupportCancel(support::Cancel) -> support::RequestResult = "support.cancel";
    SupportStatus(support::GetStatus) -> support::Status = "support.status";
    SupportClaim(support::Claim) -> support::RequestResult = "support.claim";
    SupportClose(support::Close) -> support::RequestResult = "support.close";
    SupportHistory(support::GetHistory) -> support::History = "support.history";
}

named_union! {
    /// What happened, for good: kept in a topic's log under a seq.
    Event {
        ConversationOpened(conversations::ConversationOpened) = "conversation.opened";
        MessageCreated(conversations::MessageCreated) = "message.created";
        MessageEdited(conversations::MessageEdited) = "message.edited";
        MessageDeleted(conversations::MessageDeleted) = "message.deleted";
        MessageReacted(conversations::MessageReacted) = "message.reacted";
        MemberJoined(conversations::MemberJoined) = "member.joined";
        MemberLeft(conversations::MemberLeft) = "member.left";
        ConversationClosed(conversations::ConversationClosed) = "conversation.closed";
        ConversationReopened(conversations::ConversationReopened) = "conversation.reopened";
        ConversationJoined(conversations::ConversationJoined) = "conversation.joined";
        SessionRevoked(session::Revoked) = "session.revoked";
        PostCreated(groups::PostPublished) = "post.created";
        MembershipStarted(groups::MembershipStarted) = "membership.started";
        MembershipEnded(groups::MembershipEnded) = "membership.ended";
        SupportQueued(support::Queued) = "support.queued";
        SupportClaimed(support::Claimed) = "support.claimed";
        SupportRequeued(support::Requeued) = "support.requeued";
        SupportClosed(support::Closed) = "support.closed";
        SupportCancelled(support::Cancelled) = "support.cancelled";
    }
}

named_union! {
    /// What is true just now: has no seq, and nothing replays it.
    Signal {
        Expiring(session::Expiring) = "session.expiring";
        Bye(session::Bye) = "bye";
        Gap(topics::Gap) = "gap";
        PresenceChanged(presence::Changed) = "presence.changed";
        Typing(conversations::TypingNow) = "typing";
        Receipt(conversations::Receipt) = "receipt";
        Position(support::Position) = "support.position";
        CoachAway(support::CoachAway) = "support.coach_away";
        DeskChanged(support::DeskChanged) = "desk.changed";
    }
}

/// A command with the id that its reply will carry.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandFrame {
    /// Not in use for another open command of the connection.
    pub id: u32,
    /// What is asked for.
    pub command: Command,
}

impl Serialize for CommandFrame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("method", self.command.name())?;
        map.serialize_entry("params", &self.command)?;
        map.end()
    }
}

/// A frame that is no command: the error goes back, with the id if there was one.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    /// `None` for what could not be read at all (`malformed`).
    pub id: Option<u32>,
    /// What to answer.
    pub error: Error,
}

/// The first reading of a client's frame.
#[derive(Deserialize)]
struct Head {
    id: u32,
    method: String,
}

struct ParamsReader<'a> {
    format: Format,
    frame: &'a [u8],
}

impl Read for ParamsReader<'_> {
    fn read<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        let absent = match self.format {
            Format::Json => b"{}".as_slice(),
            Format::MessagePack => &[0x80],
        };
        match self.format.decode::<Params<T>>(self.frame)?.params {
            Some(params) => Ok(params),
            None => self.format.decode(absent),
        }
    }
}

impl CommandFrame {
    /// Reads one frame, as [`Format::split`] found it.
    pub fn decode(format: Format, frame: &[u8]) -> Result<Self, Rejected> {
        let head: Head = format.decode(frame).map_err(|error| Rejected {
            id: None,
            error: Error::new(ErrorCode::Malformed, format!("not a command: {error}")),
        })?;
        let rejected = |error| Rejected { id: Some(head.id), error };
        match Command::read(&head.method, &ParamsReader { format, frame }) {
            Some(Ok(command)) => Ok(Self { id: head.id, command }),
            Some(Err(error)) => Err(rejected(invalid_params(&error))),
            None => Err(rejected(Error::new(
                ErrorCode::UnknownMethod,
                "this server has no such method",
            ))),
        }
    }
}

/// `invalid` for params that do not fit, with the field a developer would look for.
fn invalid_params(error: &DecodeError) -> Error {
    let missing = error.message.split('`').nth(1).filter(|_| error.message.starts_with("missing"));
    let field =
        missing.unwrap_or_else(|| error.field.trim_start_matches("params").trim_start_matches('.'));
    Error::invalid(field, error.message.clone())
}

/// A reply as it is sent. `id` is absent only in the answer to a malformed frame.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplyFrame<'a> {
    /// The command's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<&'a Answer>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a Error>,
}

impl<'a> ReplyFrame<'a> {
    /// The reply to command `id`.
    pub fn new(id: Option<u32>, outcome: &'a Result<Answer, Error>) -> Self {
        Self { id, result: outcome.as_ref().ok(), error: outcome.as_ref().err() }
    }
}

/// What the server sends on its own: an [`Event`] with its place in a topic, or a [`Signal`].
#[derive(Debug, Clone, PartialEq)]
pub struct Push<B> {
    /// What it is about; absent for signals about the connection.
    pub topic: Option<Topic>,
    /// Place in the topic; events only.
    pub seq: Option<Seq>,
    /// When it was accepted; events only.
    pub at: Option<Millis>,
    /// What happened.
    pub body: B,
}

impl Push<Signal> {
    /// A signal, about a topic or about the connection.
    pub fn signal(topic: Option<Topic>, signal: impl Into<Signal>) -> Self {
        Self { topic, seq: None, at: None, body: signal.into() }
    }
}

impl Push<Event> {
    /// An event at its place.
    pub fn event(topic: Topic, seq: Seq, at: Millis, body: Event) -> Self {
        Self { topic: Some(topic), seq: Some(seq), at: Some(at), body }
    }

    /// Reads an event as it was pushed or listed.
    pub fn decode(format: Format, frame: &[u8]) -> Result<Self, DecodeError> {
        let head: ServerHead = format.decode(frame)?;
        let name = head.event.unwrap_or_default();
        let body =
            Event::read(&name, &DataReader { format, frame }).ok_or_else(|| DecodeError {
                field: "event".to_owned(),
                message: format!("no event is named {name:?}"),
            })??;
        Ok(Self { topic: head.topic, seq: head.seq, at: head.at, body })
    }
}

/// The name of a push's body.
pub(crate) trait Named {
    fn name(&self) -> &'static str;
}

impl Named for Event {
    fn name(&self) -> &'static str {
        Event::name(self)
    }
}

impl Named for Signal {
    fn name(&self) -> &'static str {
        Signal::name(self)
    }
}

impl<B: Named + Serialize> Serialize for Push<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let present = usize::from(self.topic.is_some())
            + usize::from(self.seq.is_some())
            + usize::from(self.at.is_some());
        let mut map = serializer.serialize_map(Some(2 + present))?;
        if let Some(topic) = &self.topic {
            map.serialize_entry("topic", topic)?;
        }
        if let Some(seq) = &self.seq {
            map.serialize_entry("seq", seq)?;
        }
        if let Some(at) = &self.at {
            map.serialize_entry("at", at)?;
        }
        map.serialize_entry("event", self.body.name())?;
        map.serialize_entry("data", &self.body)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Push<Event> {
    /// For lists of events inside results.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        event_in_list::deserialize(deserializer)
    }
}

/// Events inside a result: the keys come in our own order, name before data, so that the data
/// is read typed without a buffer.
mod event_in_list {
    use super::{Event, Push, Read, Topic};
    use crate::DecodeError;
    use serde::Deserializer;
    use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, Visitor};
    use std::cell::RefCell;
    use std::fmt;

    struct MapReader<'a, A>(RefCell<&'a mut A>);

    impl<'de, A: MapAccess<'de>> Read for MapReader<'_, A> {
        fn read<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
            self.0.borrow_mut().next_value::<T>().map_err(|error| DecodeError {
                field: "data".to_owned(),
                message: error.to_string(),
            })
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Push<Event>, D::Error> {
        struct PushVisitor;
        impl<'de> Visitor<'de> for PushVisitor {
            type Value = Push<Event>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event with its name before its data")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut topic, mut seq, mut at) = (None::<Topic>, None, None);
                let (mut name, mut body) = (None::<String>, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "topic" => topic = Some(map.next_value()?),
                        "seq" => seq = Some(map.next_value()?),
                        "at" => at = Some(map.next_value()?),
                        "event" => name = Some(map.next_value()?),
                        "data" => {
                            let name =
                                name.as_deref().ok_or_else(|| A::Error::missing_field("event"))?;
                            let reader = MapReader(RefCell::new(&mut map));
                            let read = Event::read(name, &reader).ok_or_else(|| {
                                A::Error::custom(format!("no event is named {name:?}"))
                            })?;
                            body = Some(read.map_err(A::Error::custom)?);
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                let body = body.ok_or_else(|| A::Error::missing_field("data"))?;
                Ok(Push { topic, seq, at, body })
            }
        }
        d.deserialize_map(PushVisitor)
    }
}

#[derive(Deserialize)]
struct ServerHead {
    id: Option<u32>,
    topic: Option<Topic>,
    seq: Option<Seq>,
    at: Option<Millis>,
    event: Option<String>,
    error: Option<Error>,
}

struct DataReader<'a> {
    format: Format,
    frame: &'a [u8],
}

impl Read for DataReader<'_> {
    fn read<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        self.format.decode::<Data<T>>(self.frame).map(|body| body.data)
    }
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
        let head: ServerHead = format.decode(frame)?;
        let Some(name) = head.event else {
            return Ok(Self::Reply { id: head.id, error: head.error });
        };
        let reader = DataReader { format, frame };
        if head.seq.is_some() {
            if let Some(body) = Event::read(&name, &reader) {
                return Ok(Self::Event(Box::new(Push {
                    topic: head.topic,
                    seq: head.seq,
                    at: head.at,
                    body: body?,
                })));
            }
        } else if let Some(body) = Signal::read(&name, &reader) {
            return Ok(Self::Signal(Push {
                topic: head.topic,
                seq: None,
                at: head.at,
                body: body?,
            }));
        }
        Ok(Self::Unknown { event: name, topic: head.topic, seq: head.seq })
    }

    /// The typed result of a reply without error.
    pub fn result<T: DeserializeOwned>(format: Format, frame: &[u8]) -> Result<T, DecodeError> {
        #[derive(Deserialize)]
        struct Body<T> {
            result: T,
        }
        format.decode::<Body<T>>(frame).map(|body| body.result)
    }
}
