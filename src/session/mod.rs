//! Sessions: the commands of a connection itself. `session.*`, `topic.*`, `presence.*`.
//!
//! Opening one says who is asking, and resumes: for each cursor the events after it are
//! replayed, in order, and live ones follow without a gap.

mod repair;
mod resume;
mod topics;

pub use repair::{AWAY_EVERY_MS, Repair, SESSIONS_AT_ONCE, SPREAD_MS};

use crate::auth::{Authenticator, Caller, Role};
use crate::bus::Channel;
use crate::clock::Clock;
use crate::error::{Result, conflict};
use crate::features::conversations::Conversations;
use crate::features::support::Support;
use crate::hub::{Hub, Link, Refused, Session};
use crate::log::Log;
use crate::presence::Presence;
use crate::rights::Rights;
use crate::words::session as words;
use protocol::close::CloseCode;
use protocol::limits;
use protocol::presence::{Set, States, Unwatch, Watch};
use protocol::session::{
    Background, Close, Done, Limits, Open, Opened, Ping, Pong, Refresh, Refreshed, SessionUser,
};
use protocol::{Error, ErrorCode};
use std::sync::Arc;

/// See the module.
pub struct Sessions {
    pub(crate) hub: Arc<Hub>,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) rights: Arc<dyn Rights>,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) conversations: Arc<Conversations>,
    pub(crate) support: Arc<Support>,
    pub(crate) clock: Clock,
}

impl Sessions {
    /// `session.open`
    pub async fn open(&self, link: &Arc<Link>, bearer: Option<&str>, open: Open) -> Result<Opened> {
        if link.session().is_some() {
            return Err(conflict(words::OPEN_ALREADY));
        }
        check(&open)?;
        let Some(token) = open.token.as_deref().or(bearer) else {
            return Err(Error::new(ErrorCode::Unauthenticated, words::LOG_IN));
        };
        let caller = match self.authenticator.authenticate(token).await {
            Ok(caller) => Arc::new(caller),
            Err(denied) => {
                if let Some(code) = denied.close_code() {
                    link.close(code);
                }
                return Err(denied.into());
            }
        };
        let session = Session {
            caller: Arc::clone(&caller),
            device_id: open.device_id,
            attempt: open.attempt.unwrap_or(0),
            foreground: open.foreground.unwrap_or(true),
        };
        // Subscribed first: what happens while heads are read waits behind the reply.
        self.hub.attach(link, session).map_err(|refused| match refused {
            Refused::TooMany => Error::new(ErrorCode::Full, words::DEVICES_MANY),
            Refused::Older => {
                link.close(CloseCode::Replaced);
                conflict(words::NEWER)
            }
        })?;
        self.hub.listening(Channel::User(caller.user_id)).await;
        // A login that was revoked after it was read above is found by now: revoking closes
        // what is attached, and what attaches later reads the revocation.
        if let Err(denied) = self.authenticator.still_good(&caller).await {
            link.close(denied.close_code().unwrap_or(CloseCode::Resync));
            return Err(denied.into());
        }
        let (heads, behind) = self.resume(link, &caller, open.cursors).await?;
        self.presence.opened(caller.user_id, link);
        if caller.roles.has(Role::Coach) {
            self.tell_coach_is_back(&caller);
        }
        Ok(Opened {
            session_id: link.id(),
            user: SessionUser {
                id: caller.user_id,
                name: caller.name.to_string(),
                roles: caller.roles.words(),
            },
            server_at: self.clock.now(),
            ping_interval_ms: limits::PING_INTERVAL_MS,
            limits: Limits {
                message_bytes_max: wire(limits::MESSAGE_BYTES_MAX),
                message_chars_max: wire(limits::MESSAGE_CHARS_MAX),
                open_commands_max: wire(limits::OPEN_COMMANDS_MAX),
                subscriptions_max: wire(limits::SUBSCRIPTIONS_MAX),
            },
            token_expires_at: caller.token_expires_at,
            heads,
            behind,
        })
    }

    /// `session.refresh`
    pub async fn refresh(
        &self,
        link: &Arc<Link>,
        caller: &Caller,
        refresh: Refresh,
    ) -> Result<Refreshed> {
        let renewed = match self.authenticator.authenticate(&refresh.token).await {
            Ok(renewed) => renewed,
            Err(denied) => {
                if let Some(code @ (CloseCode::Revoked | CloseCode::Suspended)) =
                    denied.close_code()
                {
                    link.close(code);
                }
                return Err(denied.into());
            }
        };
        if (renewed.user_id, renewed.login_id) != (caller.user_id, caller.login_id) {
            return Err(Error::invalid("token", words::OTHER_LOGIN));
        }
        let token_expires_at = renewed.token_expires_at;
        link.renew(Arc::new(Caller { lane: Arc::clone(&caller.lane), ..renewed }));
        Ok(Refreshed { token_expires_at })
    }

    /// `session.background`
    pub fn background(&self, link: &Link, background: Background) -> Done {
        link.set_foreground(!background.on);
        if let Some(session) = link.session() {
            self.presence.turned(session.caller.user_id);
        }
        Done {}
    }

    /// `session.close`. The edge takes it for a goodbye and closes.
    pub fn close(&self, _close: Close) -> Done {
        Done {}
    }

    /// `ping`
    pub fn ping(&self, ping: Ping) -> Result<Pong> {
        let payload = ping.payload;
        if payload.as_ref().is_some_and(|payload| payload.len() > limits::PING_PAYLOAD_BYTES_MAX) {
            let message = words::bytes(0, limits::PING_PAYLOAD_BYTES_MAX);
            return Err(Error::invalid("payload", message));
        }
        Ok(Pong { payload, server_at: self.clock.now() })
    }

    /// `presence.watch`
    pub async fn watch(&self, link: &Arc<Link>, watch: Watch) -> Result<States> {
        if watch.users.len() > limits::WATCHED_USERS_MAX {
            let message = words::people_at_most(limits::WATCHED_USERS_MAX);
            return Err(Error::invalid("users", message));
        }
        self.presence.watch(link, watch.users).await
    }

    /// `presence.unwatch`
    pub fn unwatch(&self, link: &Link, unwatch: &Unwatch) -> Done {
        self.presence.unwatch(link.id(), &unwatch.users);
        Done {}
    }

    /// `presence.set`
    pub fn set_presence(&self, caller: &Caller, set: Set) -> Done {
        self.presence.set(caller.user_id, set.status);
        Done {}
    }

    /// A connection ended, and the hub forgot it.
    pub async fn closed(&self, link: &Link, goodbye: bool) {
        let Some(session) = link.session() else { return };
        let caller = &session.caller;
        if let Err(error) = self.presence.closed(caller.user_id, link.id(), goodbye).await {
            tracing::warn!(%error, "last seen was not kept");
        }
        let gone = self.hub.links_of(caller.user_id).is_empty();
        if gone
            && caller.roles.has(Role::Coach)
            && let Err(error) = self.support.coach_gone(caller.user_id).await
        {
            tracing::error!(%error, "desks were not told that a coach is gone");
        }
        // One that is draining told its client, which was here to hear it.
        if !goodbye
            && session.foreground
            && link.closing() != Some(CloseCode::Draining)
            && let Err(error) = self.conversations.broke_off(caller.user_id).await
        {
            tracing::warn!(%error, "somebody may not hear of what happened while they were cut off");
        }
    }

    fn tell_coach_is_back(&self, caller: &Caller) {
        let (support, coach) = (Arc::clone(&self.support), caller.user_id);
        tokio::spawn(async move {
            // The deadline asks again whether the coach is here, so this may fail.
            if let Err(error) = support.coach_back(coach).await {
                tracing::warn!(%error, "desks were not told that a coach is back");
            }
        });
    }
}

fn check(open: &Open) -> Result<()> {
    let Open { device_id, client, cursors, .. } = open;
    if device_id.is_empty() || device_id.len() > limits::DEVICE_ID_BYTES_MAX {
        let message = words::bytes(1, limits::DEVICE_ID_BYTES_MAX);
        return Err(Error::invalid("device_id", message));
    }
    if client.as_ref().is_some_and(|client| client.len() > limits::CLIENT_NAME_BYTES_MAX) {
        let message = words::bytes(0, limits::CLIENT_NAME_BYTES_MAX);
        return Err(Error::invalid("client", message));
    }
    if cursors.len() > limits::CURSORS_MAX {
        return Err(Error::invalid("cursors", words::at_most(limits::CURSORS_MAX)));
    }
    Ok(())
}

fn wire(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX)
}
