//! The hub: who is connected to this node, and how an event reaches them.
//!
//! It owns the outbound queues. It knows channels, topics and seqs, not features: who hears of
//! an event is said by the publication, who may see a topic by [`Rights`].
//!
//! Promises, per connection: the seq of a topic only grows; between a resume and live events
//! nothing is missing and nothing comes twice; durable frames are never dropped (a connection
//! that can't take them is closed with 4002 and resumes); a jump is announced by `gap` first.

mod link;

pub use link::{Link, Replay, Session};

use crate::bus::{Channel, Message};
use crate::log::Log;
use crate::rights::Rights;
use protocol::close::CloseCode;
use protocol::{LoginId, UserId};
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc;

/// Connections of this node and what they listen to.
pub struct Hub {
    log: Arc<dyn Log>,
    rights: OnceLock<Arc<dyn Rights>>,
}

/// Why a session was not attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The person has as many connections as the settings allow.
    TooMany,
    /// A connection of the same device with a higher `attempt` is here: close with 4503.
    Older,
}

impl Hub {
    /// A hub without connections. `connections_per_user_max`: see the settings.
    pub fn new(log: Arc<dyn Log>, connections_per_user_max: usize) -> Arc<Self> {
        let _ = connections_per_user_max;
        Arc::new(Self { log, rights: OnceLock::new() })
    }

    /// Who answers what a person may see. Once, at wiring time.
    pub fn rights_with(&self, rights: Arc<dyn Rights>) {
        let _ = self.rights.set(rights);
    }

    /// Makes an open connection hear of its person's channel. An older connection of the same
    /// device (lower `attempt`, or same and earlier) is closed with 4503.
    pub fn attach(&self, link: &Arc<Link>, session: Session) -> Result<(), Refused> {
        todo!()
    }

    /// Forgets a connection and all it listens to. Called by the edge when it ends.
    pub fn detach(&self, link: &Arc<Link>) {
        todo!()
    }

    /// Makes a connection hear of a channel.
    pub fn subscribe(&self, link: &Arc<Link>, channel: Channel) {
        todo!()
    }

    /// Ends that.
    pub fn unsubscribe(&self, link: &Arc<Link>, channel: Channel) {
        todo!()
    }

    /// Ends it for all connections of a person, at once: a right was taken away.
    pub fn revoke(&self, user: UserId, channel: Channel) {
        todo!()
    }

    /// Closes a person's connections: those of one login, or all.
    pub fn close_user(&self, user: UserId, login: Option<LoginId>, code: CloseCode) {
        todo!()
    }

    /// A person's open sessions on this node.
    pub fn links_of(&self, user: UserId) -> Vec<Arc<Link>> {
        todo!()
    }

    /// Delivers what comes from the bus, until the bus ends.
    pub async fn run(self: Arc<Self>, drain: mpsc::Receiver<Message>) {
        todo!()
    }
}
