//! Frames: commands from the client, replies and pushes from the server.

use crate::union::{Call, Read, named_union};
use crate::{
    DecodeError, Error, ErrorCode, Format, Millis, Seq, Topic, conversations, groups, people,
    presence, session, support, topics,
};
use serde::de::{DeserializeOwned, Error as _};
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

        impl Answer {
            /// Reads the result of `method` from its reply without error; `None` if there is no
            /// such method.
            pub fn decode(
                method: &str,
                format: Format,
                frame: &[u8],
            ) -> Option<Result<Self, DecodeError>> {
                match method {
                    $($word => Some(Incoming::result(format, frame).map(Self::$variant)),)*
                    _ => None,
                }
            }
        }

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

/// A body under its key, still encoded.
struct Body<'a> {
    format: Format,
    bytes: Option<&'a [u8]>,
}

impl Read for Body<'_> {
    /// Absent is the same as empty. Only a map will do: serde would take a list in the order of
    /// the fields, which nobody promised.
    fn read<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        let bytes = self.bytes.unwrap_or(self.format.empty_map());
        if self.format.is_map(bytes) {
            self.format.decode(bytes)
        } else {
            Err(DecodeError::frame("not a map"))
        }
    }
}

impl Body<'_> {
    /// The same for a body that has to be there.
    fn required<T: DeserializeOwned>(&self, name: &str) -> Result<T, DecodeError> {
        required(name, self.bytes)?;
        self.read()
    }
}

/// A scalar of a frame. The error names it.
fn scalar<T: DeserializeOwned>(
    format: Format,
    name: &str,
    bytes: Option<&[u8]>,
) -> Result<Option<T>, DecodeError> {
    let read = |bytes| {
        format.decode(bytes).map_err(|error| DecodeError { field: name.to_owned(), ..error })
    };
    bytes.map(read).transpose()
}

fn required<T>(name: &str, value: Option<T>) -> Result<T, DecodeError> {
    value.ok_or_else(|| DecodeError {
        field: name.to_owned(),
        message: format!("missing field `{name}`"),
    })
}

impl CommandFrame {
    /// Reads one frame, as [`Format::split`] found it.
    pub fn decode(format: Format, frame: &[u8]) -> Result<Self, Rejected> {
        let (id, method, params) = Self::head(format, frame).map_err(|error| Rejected {
            id: None,
            error: Error::new(ErrorCode::Malformed, not_a_command(&error)),
        })?;
        let rejected = |error| Rejected { id: Some(id), error };
        match Command::read(&method, &Body { format, bytes: params }) {
            Some(Ok(command)) => Ok(Self { id, command }),
            Some(Err(error)) => {
                let field = if error.field.is_empty() { "params" } else { &error.field };
                Err(rejected(Error::invalid(field, error.message.clone())))
            }
            None => Err(rejected(Error::new(
                ErrorCode::UnknownMethod,
                "this server has no such method",
            ))),
        }
    }

    /// Id, method and params, these still encoded.
    fn head(format: Format, frame: &[u8]) -> Result<(u32, String, Option<&[u8]>), DecodeError> {
        let [id, method, params] = format.fields(frame, ["id", "method", "params"])?;
        let id = required("id", scalar(format, "id", id)?)?;
        let method = required("method", scalar(format, "method", method)?)?;
        Ok((id, method, params))
    }
}

fn not_a_command(error: &DecodeError) -> String {
    if error.field.is_empty() {
        format!("not a command: {error}")
    } else {
        format!("not a command: {}: {error}", error.field)
    }
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
        let head = ServerHead::read(format, frame)?;
        let name = required("event", head.event)?;
        let body = Event::read(&name, &head.data).ok_or_else(|| DecodeError {
            field: "event".to_owned(),
            message: format!("no event is named {name:?}"),
        })?;
        Ok(Self { topic: head.topic, seq: head.seq, at: head.at, body: body.map_err(in_data)? })
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
    /// For events inside results; fails on one that this version does not know.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Listed::deserialize(deserializer)? {
            Listed::Known(push) => Ok(*push),
            Listed::Unknown { .. } => Err(D::Error::custom("an event that is not known")),
        }
    }
}

/// An event inside a result, as a client reads it.
pub(crate) enum Listed {
    /// One that this version knows.
    Known(Box<Push<Event>>),
    /// One of a newer server; what has to be known is its place.
    Unknown { seq: Option<Seq> },
}

/// For a single event that may be one this version does not know: then it is as if absent.
pub(crate) fn if_known<'de, D>(deserializer: D) -> Result<Option<Push<Event>>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    Ok(match Option::<Listed>::deserialize(deserializer)? {
        Some(Listed::Known(push)) => Some(*push),
        Some(Listed::Unknown { .. }) | None => None,
    })
}

/// Events inside a result: the keys come in our own order, name before data, so that the data
/// is read typed without a buffer.
mod event_in_list {
    use super::{Event, Listed, Push, Read, Topic};
    use crate::DecodeError;
    use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, Visitor};
    use serde::{Deserialize, Deserializer};
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

    struct ListedVisitor;

    impl<'de> Visitor<'de> for ListedVisitor {
        type Value = Listed;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an event with its name before its data")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Listed, A::Error> {
            let (mut topic, mut seq, mut at) = (None::<Topic>, None, None);
            let (mut name, mut body) = (None::<String>, None);
            while let Some(key) = map.next_key::<String>()? {
                match key.as_str() {
                    "topic" => topic = map.next_value()?,
                    "seq" => seq = map.next_value()?,
                    "at" => at = map.next_value()?,
                    "event" => name = Some(map.next_value()?),
                    "data" => {
                        let name =
                            name.as_deref().ok_or_else(|| A::Error::missing_field("event"))?;
                        let read = Event::read(name, &MapReader(RefCell::new(&mut map)));
                        if let Some(read) = read {
                            body = Some(read.map_err(A::Error::custom)?);
                        } else {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                    _ => {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
            }
            match (name, body) {
                (_, Some(body)) => Ok(Listed::Known(Box::new(Push { topic, seq, at, body }))),
                (Some(name), None) if !Event::NAMES.contains(&name.as_str()) => {
                    Ok(Listed::Unknown { seq })
                }
                (Some(_), None) => Err(A::Error::missing_field("data")),
                (None, None) => Err(A::Error::missing_field("event")),
            }
        }
    }

    impl<'de> Deserialize<'de> for Listed {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(ListedVisitor)
        }
    }
}

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
