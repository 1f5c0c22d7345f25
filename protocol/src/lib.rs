//! Wire types of the Sanctuary protocol, version 1. `README.md` beside this crate is the
//! contract in words; `vectors/` holds golden frames in both encodings.
//!
//! This crate knows serde and nothing else: no sockets, no clock, no store. A feature is one
//! file here: its commands, its results, its events.

mod codec;
mod error;
mod fields;
mod frame;
mod id;
mod incoming;
pub mod limits;
mod listed;
mod money;
mod msgpack;
mod patch;
mod topic;
mod union;

pub mod accounts;
pub mod bookings;
pub mod close;
pub mod coaches;
pub mod conversations;
pub mod exchange;
pub mod groups;
pub mod notifications;
pub mod payments;
pub mod people;
pub mod presence;
pub mod session;
pub mod support;
pub mod topics;
pub mod wall;

pub use codec::{DecodeError, Format};
pub use error::{Error, ErrorCode};
pub use frame::{Answer, Command, CommandFrame, Event, Push, Rejected, ReplyFrame, Signal};
pub use id::{
    Blob, BookingId, CategoryId, ClientId, CommentId, ConversationId, DeskId, EndpointId,
    ExchangeId, GroupId, LoginId, MediaId, MessageId, Millis, NoteId, NotificationId, PaymentId,
    PlanId, PostId, ProductId, RefundId, RequestId, Seq, ServiceId, SessionId, SubscriptionId,
    UserId,
};
pub use incoming::Incoming;
pub use money::Money;
pub use patch::Patch;
pub use topic::{Topic, TopicError};
pub use union::Call;
