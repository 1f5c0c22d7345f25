//! Whose words on walls a connection is not sent: kept beside it, so that an event costs those who
//! blocked nobody a look at one field.

use super::{Hub, Link};
use crate::bus::Channel;
use protocol::UserId;
use protocol::close::CloseCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Hub {
    /// Asks with whom a connection's person has nothing to do, before it follows a wall. Asked again
    /// after it was set: what was read before a block must not stand after it.
    pub(crate) async fn withhold(&self, link: &Arc<Link>) {
        let (Some(rights), Some(session)) = (self.rights.get(), link.session()) else { return };
        let user = session.caller.user_id;
        let mut set = link.apart();
        loop {
            match rights.apart(user).await {
                Ok(apart) if apart == set => return,
                Ok(apart) => {
                    link.set_apart(apart.clone());
                    set = apart;
                }
                Err(error) => {
                    // Rather nothing than what may not be shown; it comes back with its cursors.
                    tracing::warn!(%error, "whom somebody has nothing to do with is not known");
                    return link.close(CloseCode::Resync);
                }
            }
        }
    }

    /// The same for those connections of a person here that follow a wall.
    pub(crate) async fn withhold_from(&self, user: UserId) {
        for link in self.links_of(user) {
            if follows_a_wall(&link) {
                self.withhold(&link).await;
            }
        }
    }

    /// Something between people changed: of one, or of all. Returns at once.
    pub(crate) fn reconsider(self: &Arc<Self>, user: Option<UserId>) {
        let hub = Arc::clone(self);
        let Some(user) = user else {
            // One round at a time, and one more after the last call.
            if self.rounds.fetch_add(1, Ordering::SeqCst) == 0 {
                tokio::spawn(async move { hub.reconsider_all().await });
            }
            return;
        };
        let mut links = self.links_of(user);
        links.retain(follows_a_wall);
        if !links.is_empty() {
            tokio::spawn(async move {
                for link in links {
                    hub.withhold(&link).await;
                }
            });
        }
    }

    async fn reconsider_all(&self) {
        loop {
            let asked = self.rounds.load(Ordering::SeqCst);
            for link in self.sessions().iter().filter(|link| follows_a_wall(link)) {
                self.withhold(link).await;
            }
            if self.rounds.compare_exchange(asked, 0, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                return;
            }
        }
    }
}

fn follows_a_wall(link: &Arc<Link>) -> bool {
    link.channels().iter().any(|channel| matches!(channel, Channel::Group(_)))
}
