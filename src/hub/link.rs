//! One connection's outbound side: shared by the hub, which fills it, and the socket's task,
//! which empties it.

use crate::auth::Caller;
use protocol::close::CloseCode;
use protocol::{Format, Millis, Push, Seq, SessionId, Signal, Topic};
use std::sync::Arc;

/// What `session.open` told of a connection.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who.
    pub caller: Arc<Caller>,
    /// The client's own name for the device.
    pub device_id: String,
    /// Counts up with each connect of the device.
    pub attempt: u64,
    /// The app is in the foreground.
    pub foreground: bool,
}

/// What a topic owes a connection before it is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// Known already.
    pub after: Seq,
    /// Replay `after + 1 ..= until` from the log, …
    pub until: Seq,
    /// … then take everything up to here as known (what lies between stands in `behind`), and
    /// go on with whatever came since, without a gap.
    pub then: Seq,
}

/// See the module.
pub struct Link {
    id: SessionId,
    format: Format,
}

impl Link {
    /// This connection.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// How it speaks.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What `session.open` told; `None` before it.
    pub fn session(&self) -> Option<Arc<Session>> {
        todo!()
    }

    /// A newer token of the same login: who is asking, from now on.
    pub fn renew(&self, caller: Arc<Caller>) {
        todo!()
    }

    /// In the background only durable pushes are sent.
    pub fn set_foreground(&self, on: bool) {
        todo!()
    }

    /// Has a topic replayed and then delivered live. It starts once the reply to the command
    /// that is being handled is queued, so the reply always comes first.
    pub fn follow(&self, topic: Topic, replay: Replay) {
        todo!()
    }

    /// Forgets a topic's place; its events are no longer delivered unless they come over the
    /// person's own channel.
    pub fn unfollow(&self, topic: Topic) {
        todo!()
    }

    /// Queues a signal for this connection only.
    pub fn signal(&self, push: &Push<Signal>) {
        todo!()
    }

    /// Closes after what is queued was written. The first close wins.
    pub fn close(&self, code: CloseCode) {
        todo!()
    }

    /// When the token ends.
    pub fn token_expires_at(&self) -> Option<Millis> {
        todo!()
    }
}
