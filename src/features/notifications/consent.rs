//! Whether what somebody was told may still be told: who caused it may be blocked or muted by now.
//! Asked before each push, each digest and each list; what is refused stays where it is, unseen.

use super::Notifications;
use super::model::{Notice, Shelf};
use crate::error::Result;
use crate::features::people::Act;
use protocol::notifications::Kind;
use protocol::{NotificationId, UserId};
use std::collections::{BTreeMap, HashSet};

/// Notifications that are not told.
pub(super) type Refused = HashSet<NotificationId>;

/// What their author has to be allowed; `None` where it does not depend on who it was.
pub(super) const fn act(kind: Kind, asks_to_write: bool) -> Option<Act> {
    match kind {
        // Of one's own request, whoever helps; of one's own session, whoever it is with.
        Kind::Support | Kind::Booking => None,
        // A stranger's wish.
        Kind::People if asks_to_write => Some(Act::Message),
        Kind::Message
        | Kind::Exchange
        | Kind::People
        | Kind::Wall
        | Kind::Workshop
        | Kind::Payment
        | Kind::Membership
        | Kind::Moderation => Some(Act::Notify),
    }
}

impl Notifications {
    /// Those of them that may not be told any more.
    pub(super) async fn refused(
        &self,
        user: UserId,
        notices: impl Iterator<Item = &Notice>,
    ) -> Result<Refused> {
        let mut refused = Refused::new();
        let mut asked: BTreeMap<(UserId, bool), bool> = BTreeMap::new();
        for notice in notices {
            let asks_to_write = notice.link.starts_with("conversation:");
            let Some((act, from)) = act(notice.kind, asks_to_write).zip(notice.from.as_ref())
            else {
                continue;
            };
            let question = (from.id, act == Act::Message);
            let may = match asked.get(&question) {
                Some(may) => *may,
                None => self.may_tell(from.id, act, user).await?,
            };
            asked.insert(question, may);
            if !may {
                refused.insert(notice.id);
            }
        }
        Ok(refused)
    }

    /// What of it may be told.
    pub(super) async fn tellable(&self, user: UserId, mut shelf: Shelf) -> Result<Shelf> {
        let refused = self.refused(user, shelf.notices.iter()).await?;
        shelf.notices.retain(|notice| !refused.contains(&notice.id));
        Ok(shelf)
    }
}
