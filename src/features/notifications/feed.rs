//! From events of a person's feed to what they are told.
//!
//! The cursor is in the same partition as what follows from it, so an event that is carried twice,
//! by two nodes, or after a crash is looked at once. Whoever looks brings all that came before, too.

use super::model::{Draft, NEWS_AGE_MAX_MS, Shelf, Wants};
use super::{Decided, Notifications, consent, notice, rows};
use crate::error::{Result, busy, internal};
use crate::log::{self, Page, Span};
use crate::store::{COMMIT_TRIES_MAX, CommitError};
use protocol::notifications::Kind;
use protocol::{Event, Millis, NotificationId, Seq, Topic, UserId};
use std::collections::BTreeMap;

/// Events of a feed that are looked at in one step.
const PAGE_EVENTS: u32 = 200;
/// Bytes of them.
const PAGE_BYTES: usize = 256 * 1_024;
/// The cursor is left behind by as many events that are no news.
const BEHIND_MAX: u64 = 100;

/// Something to tell, and which event it follows from.
struct News {
    id: NotificationId,
    at: Millis,
    draft: Draft,
}

impl Notifications {
    /// Whether somebody is told because of an event of a topic.
    pub(crate) fn concerns(topic: Topic, event: &Event) -> bool {
        match topic {
            Topic::User(user) => notice::notice(user, event).is_some(),
            Topic::Conversation(_) | Topic::Group(_) | Topic::Desk(_) => false,
        }
    }

    /// Such an event is in the log.
    pub(crate) async fn told(&self, topic: Topic) -> Result<()> {
        let Topic::User(user) = topic else { return Ok(()) };
        self.caught_up(user).await.map(|_| ())
    }

    /// What a person wants of a kind; without a device no push is owed, and who is gone wants
    /// nothing.
    pub(super) async fn wants(&self, user: UserId, kind: Kind) -> Result<Wants> {
        if self.accounts.card(user).await?.is_none() {
            return Ok(Wants { app: false, push: false, email: false });
        }
        let choices = rows::choices(&self.store, user).await?;
        let wants = choices.of(kind);
        let push = wants.push && !rows::endpoints(&self.store, user).await?.is_empty();
        Ok(Wants { push, ..wants })
    }

    /// All that a person is told, with what happened up to now.
    pub(super) async fn caught_up(&self, user: UserId) -> Result<Shelf> {
        let _turn = self.turn(user).await?;
        let mut conflicts = 0;
        while conflicts < COMMIT_TRIES_MAX {
            let mut snapshot = self.store.load(rows::partition(user)).await?;
            let before = rows::shelf(&snapshot)?;
            let now = self.clock.now();
            // What is over is written down by its timer.
            let as_of_now = |mut shelf: Shelf| {
                shelf.end(now);
                Ok(shelf)
            };
            let seen = before.cursor.feed_seq;
            let topic = Topic::User(user);
            let page = self.log.read(topic, Span::After(seen), PAGE_EVENTS, PAGE_BYTES).await?;
            let Some(last) = page.entries.last().map(|entry| entry.seq) else {
                return as_of_now(before);
            };
            let news = self.news(user, &page).await?;
            let is_all = last >= page.head;
            if news.is_empty() && is_all && last - seen < BEHIND_MAX {
                return as_of_now(before);
            }
            let after = self.tell(user, &before, last, news).await?;
            let done = Decided::default();
            match self.commit(user, &mut snapshot, &before, &after, done).await {
                Ok(()) if is_all => return as_of_now(after),
                Ok(()) => {}
                Err(CommitError::Conflict) => conflicts += 1,
                Err(CommitError::TooLarge) => return Err(internal(&"too much is told at once")),
                Err(CommitError::Failed(error)) => return Err(error),
            }
        }
        Err(busy())
    }

    /// What there is to tell of a page of somebody's feed.
    async fn news(&self, user: UserId, page: &Page) -> Result<Vec<News>> {
        let oldest = self.clock.now().saturating_sub(NEWS_AGE_MAX_MS);
        let mut news = Vec::new();
        for entry in page.entries.iter().filter(|entry| entry.at >= oldest) {
            // An event of a newer version is told by a node that knows it, or never.
            let Ok(push) = log::decode(Topic::User(user), entry) else { continue };
            let Some(mut draft) = notice::notice(user, &push.body) else { continue };
            let asks_to_write = matches!(push.body, Event::ConversationRequested(_));
            let act = consent::act(draft.kind, asks_to_write);
            let told = match act.zip(draft.from.as_ref()) {
                Some((act, from)) => self.may_tell(from.id, act, user).await?,
                None => true,
            };
            if told {
                if let Some(who) = draft.from.as_mut().filter(|person| person.name.is_empty())
                    && let [named] = self.accounts.people_of(&[who.id]).await?.as_slice()
                {
                    *who = named.clone();
                }
                let parts: [&[u8]; 2] = [user.as_bytes(), &entry.seq.to_be_bytes()];
                let id = crate::id::derived("notification.feed", &parts);
                news.push(News { id, at: entry.at, draft });
            }
        }
        Ok(news)
    }

    async fn tell(
        &self,
        user: UserId,
        before: &Shelf,
        seen: Seq,
        news: Vec<News>,
    ) -> Result<Shelf> {
        let mut wants: BTreeMap<Kind, Wants> = BTreeMap::new();
        let mut after = before.clone();
        after.cursor.feed_seq = seen;
        for News { id, at, draft } in news {
            let kind = draft.kind;
            let wanted = match wants.get(&kind) {
                Some(wanted) => *wanted,
                None => self.wants(user, kind).await?,
            };
            wants.insert(kind, wanted);
            after.tell(id, draft, wanted, at);
        }
        Ok(after)
    }
}
