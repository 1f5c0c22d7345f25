//! The hub: who is connected to this node, and how an event reaches them.
//!
//! It owns the outbound queues. It knows channels, topics and seqs, not features: who hears of
//! an event is said by the publication, who may see a topic by [`Rights`].
//!
//! Promises, per connection: the seq of a topic only grows; between a resume and live events
//! nothing is missing and nothing comes twice; durable frames are never dropped (a connection
//! that can't take them is closed with 4002 and resumes); a jump is announced by `gap` first.

mod apart;
mod cursors;
mod delivery;
pub(crate) mod frame;
mod link;
mod outbox;
mod pace;
mod pulse;
mod replay;
mod signal;
mod state;

pub use cursors::{REPAIR_EVENTS_MAX, TOPICS_MAX};
pub use link::{Link, Replay, Session};
pub use outbox::{OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX, REPLIES_BYTES_MAX, REPLIES_MAX};
pub use pulse::Tempo;

use crate::bus::{Bus, Channel, Control, Message};
use crate::log::Log;
use crate::rights::Rights;
use dashmap::DashMap;
use pace::Pace;
use protocol::close::CloseCode;
use protocol::{Format, LoginId, SessionId, UserId};
use state::{Place, State};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc;

/// Connections of this node and what they listen to.
pub struct Hub {
    log: Arc<dyn Log>,
    bus: Arc<dyn Bus>,
    rights: OnceLock<Arc<dyn Rights>>,
    forget: OnceLock<Forget>,
    channels: DashMap<Channel, Vec<Arc<Link>>>,
    connections_per_user_max: usize,
    pace: Arc<Pace>,
    /// How often it was asked anew with whom people have nothing to do, since a round of that ended.
    rounds: AtomicU32,
}

/// Forgets what was remembered of somebody, or of two people.
pub type Forget = Box<dyn Fn(UserId, Option<UserId>) + Send + Sync>;

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
    pub fn new(log: Arc<dyn Log>, bus: Arc<dyn Bus>, connections_per_user_max: usize) -> Arc<Self> {
        Arc::new(Self {
            log,
            bus,
            rights: OnceLock::new(),
            forget: OnceLock::new(),
            channels: DashMap::new(),
            connections_per_user_max,
            pace: Arc::default(),
            rounds: AtomicU32::new(0),
        })
    }

    /// Who answers what a person may see. Once, at wiring time; until then nobody sees a
    /// replay.
    pub fn rights_with(&self, rights: Arc<dyn Rights>) {
        let _ = self.rights.set(rights);
    }

    /// Who is told that what was remembered of people is out of date. Once, at wiring time.
    pub fn forget_with(&self, forget: Forget) {
        let _ = self.forget.set(forget);
    }

    /// A connection without session, as the edge makes it.
    pub fn link(&self, format: Format) -> Arc<Link> {
        Link::new(Arc::clone(&self.pace), format)
    }

    /// Bytes that wait on all connections.
    pub fn outbox_bytes(&self) -> usize {
        self.pace.outbox_bytes()
    }

    /// Makes an open connection hear of its person's channel. An older connection of the same
    /// device (lower `attempt`, or same and earlier) is closed with 4503.
    pub fn attach(&self, link: &Arc<Link>, session: Session) -> Result<(), Refused> {
        let channel = Channel::User(session.caller.user_id);
        let opened = Control::Opened {
            user: session.caller.user_id,
            device_id: session.device_id.clone(),
            attempt: session.attempt,
            session: link.id(),
        };
        let mut replaced = Vec::new();
        {
            let mut links = self.channels.entry(channel).or_default();
            let mut others = 0;
            for other in links.iter().filter(|other| !Arc::ptr_eq(other, link)) {
                let inner = other.lock();
                let Some(theirs) = inner.session.as_ref().filter(|_| inner.closed.is_none()) else {
                    continue;
                };
                if theirs.device_id != session.device_id {
                    others += 1;
                } else if theirs.attempt > session.attempt {
                    return Err(Refused::Older);
                } else {
                    replaced.push(Arc::clone(other));
                }
            }
            if others >= self.connections_per_user_max {
                drop(links);
                self.forget_if_empty(channel);
                return Err(Refused::TooMany);
            }
            let mut inner = link.lock();
            inner.session = Some(Arc::new(session));
            self.add(&mut links, link, &mut inner, channel);
        }
        self.forget_if_empty(channel);
        for other in replaced {
            other.close(CloseCode::Replaced);
        }
        self.bus.control(opened);
        Ok(())
    }

    /// Resolves when all that is published to a channel from now on reaches this node: what the
    /// log held before is to be read after that.
    pub async fn listening(&self, channel: Channel) {
        self.bus.listening(channel).await;
    }

    /// Forgets a connection and all it listens to. Called by the edge when it ends.
    pub fn detach(&self, link: &Arc<Link>) {
        link.end();
        loop {
            let last = link.lock().places.last().map(|place| place.channel);
            let Some(channel) = last else { return };
            self.unsubscribe(link, channel);
        }
    }

    /// Makes a connection hear of a channel.
    pub fn subscribe(&self, link: &Arc<Link>, channel: Channel) {
        {
            let mut links = self.channels.entry(channel).or_default();
            let mut inner = link.lock();
            if self.add(&mut links, link, &mut inner, channel) {
                link.begin(&mut inner, channel);
            }
        }
        self.forget_if_empty(channel);
    }

    /// Ends that.
    pub fn unsubscribe(&self, link: &Arc<Link>, channel: Channel) {
        if let Some(mut links) = self.channels.get_mut(&channel) {
            remove(&mut links, link, channel);
        }
        self.forget_if_empty(channel);
    }

    /// Ends it for all connections of a person, at once: a right was taken away. When this
    /// returns, nothing more of the channel is sent to them by this node, not even what was
    /// queued; the others hear of it.
    pub fn revoke(&self, user: UserId, channel: Channel) {
        self.revoke_here(user, channel);
        self.bus.control(Control::Revoke { user, channel });
    }

    /// The same on this node alone.
    pub fn revoke_here(&self, user: UserId, channel: Channel) {
        for link in self.all_of(user) {
            self.end(&link, channel);
        }
    }

    /// Ends a channel for one connection, with what was queued of it.
    pub(crate) fn end(&self, link: &Arc<Link>, channel: Channel) {
        self.unsubscribe(link, channel);
        link.purge(channel);
    }

    /// Closes a person's connections, on all nodes: those of one login, or all.
    pub fn close_user(&self, user: UserId, login: Option<LoginId>, code: CloseCode) {
        self.close_here(user, login, code);
        self.bus.control(Control::Close { user, login, code });
    }

    fn close_here(&self, user: UserId, login: Option<LoginId>, code: CloseCode) {
        for link in self.all_of(user) {
            let theirs = link.session().map(|session| session.caller.login_id);
            if login.is_none() || login == theirs {
                link.close(code);
            }
        }
    }

    /// A person's open sessions on this node.
    pub fn links_of(&self, user: UserId) -> Vec<Arc<Link>> {
        let mut links = self.all_of(user);
        links.retain(|link| link.closing().is_none());
        links
    }

    /// All open sessions of this node.
    pub fn sessions(&self) -> Vec<Arc<Link>> {
        let of_people = self.channels.iter().filter(|at| matches!(at.key(), Channel::User(_)));
        let mut links: Vec<Arc<Link>> = of_people.flat_map(|at| at.value().clone()).collect();
        links.retain(|link| link.closing().is_none());
        links
    }

    /// Also those that are closing and still write what waits.
    fn all_of(&self, user: UserId) -> Vec<Arc<Link>> {
        self.channels.get(&Channel::User(user)).map_or_else(Vec::new, |links| links.clone())
    }

    /// Delivers what comes from the bus, until the bus ends.
    pub async fn run(self: Arc<Self>, drain: mpsc::Receiver<Message>) {
        delivery::run(&self, drain).await;
    }

    /// Does what another node's hub asks.
    fn obey(&self, control: &Control) {
        match control {
            Control::Close { user, login, code } => self.close_here(*user, *login, *code),
            Control::Revoke { user, channel } => self.revoke_here(*user, *channel),
            Control::Forget { user, other } => {
                if let Some(forget) = self.forget.get() {
                    forget(*user, *other);
                }
            }
            Control::Opened { user, device_id, attempt, session } => {
                self.opened_elsewhere(*user, device_id, (*attempt, *session));
            }
        }
    }

    /// The newest session of a device wins by its `attempt`, wherever it is; of a late one, the
    /// other node hears that it is older. Where two are alike, the one that began first ends.
    fn opened_elsewhere(&self, user: UserId, device_id: &str, theirs: (u64, SessionId)) {
        for link in self.links_of(user) {
            let Some(session) = link.session().filter(|ours| ours.device_id == device_id) else {
                continue;
            };
            if session.attempt > theirs.0 {
                self.bus.control(Control::Opened {
                    user,
                    device_id: session.device_id.clone(),
                    attempt: session.attempt,
                    session: link.id(),
                });
            } else if (session.attempt, link.id()) < theirs {
                link.close(CloseCode::Replaced);
            }
        }
    }

    fn forget_if_empty(&self, channel: Channel) {
        self.channels.remove_if(&channel, |_, links| {
            let empty = links.is_empty();
            if empty {
                self.bus.unlisten(channel);
            }
            empty
        });
    }

    /// False: it is there already, or its connection has ended.
    fn add(
        &self,
        links: &mut Vec<Arc<Link>>,
        link: &Arc<Link>,
        inner: &mut State,
        channel: Channel,
    ) -> bool {
        let is_first = links.is_empty();
        let added = add(links, link, inner, channel);
        if added && is_first {
            self.bus.listen(channel);
        }
        added
    }
}

/// See [`Hub::add`].
fn add(links: &mut Vec<Arc<Link>>, link: &Arc<Link>, inner: &mut State, channel: Channel) -> bool {
    if inner.ended || inner.places.iter().any(|place| place.channel == channel) {
        return false;
    }
    let Ok(at) = u32::try_from(links.len()) else { return false };
    if links.is_empty() {
        // Most channels are a person's, with one connection.
        links.reserve_exact(1);
    }
    links.push(Arc::clone(link));
    if inner.places.is_empty() {
        inner.places.reserve_exact(1);
    }
    inner.places.push(Place { channel, at });
    true
}

/// Each link knows its places, so that leaving a channel of many costs no search.
fn remove(links: &mut Vec<Arc<Link>>, link: &Arc<Link>, channel: Channel) {
    let at = {
        let mut inner = link.lock();
        let Some(index) = inner.places.iter().position(|place| place.channel == channel) else {
            return;
        };
        inner.places.swap_remove(index).at as usize
    };
    if at >= links.len() {
        return;
    }
    links.swap_remove(at);
    if let Some(moved) = links.get(at) {
        let mut inner = moved.lock();
        if let Some(place) = inner.places.iter_mut().find(|place| place.channel == channel) {
            place.at = u32::try_from(at).unwrap_or(u32::MAX);
        }
    }
    if links.capacity() > 4 * links.len() + 16 {
        links.shrink_to(2 * links.len());
    }
}
