//! A conversation as one of its members sees it.

use super::rows::{self, ARCHIVED, INBOX_ROWS_MAX, InboxRow, MUTED, SettingRow};
use super::{Conversations, ahead, number, state_at};
use crate::error::Result;
use crate::limits;
use crate::log::{self, Head, OwnedHead, Span};
use protocol::conversations::{Conversation, Conversations as Page, List, Request};
use protocol::{ConversationId, Topic, UserId};

use super::model::State;

/// Conversations that one page of a list looks at.
pub(super) const LIST_LOOKS_MAX: usize = 1_000;
/// Of which so many are read together, at least.
const LOOKS_AT_ONCE: usize = 32;

impl Conversations {
    pub(super) async fn view(
        &self,
        user: UserId,
        id: ConversationId,
        head: &OwnedHead,
        state: &State,
    ) -> Result<Conversation> {
        let inbox = rows::inbox_row(&self.store, user, id).await?;
        let settings = rows::settings_of(&self.store, user, id).await?;
        self.seen_by(user, head, state, &inbox, &settings).await
    }

    async fn seen_by(
        &self,
        user: UserId,
        head: &OwnedHead,
        state: &State,
        inbox: &InboxRow,
        settings: &[SettingRow],
    ) -> Result<Conversation> {
        let id = inbox.conversation_id;
        let topic = Topic::Conversation(id);
        // Who left, or was refused, sees all of it as it was then.
        let until = state.member(user).and_then(|member| state.until(member));
        let span = until.map_or(Span::Newest, |until| Span::Before(until + 1));
        let page = self.log.read(topic, span, 1, 0).await?;
        let last = page.entries.last();
        let last_at = last.map_or(0, |entry| entry.at);
        let last = last.map(|entry| log::decode(topic, entry)).transpose()?;
        let head_seq = head.seq.min(until.unwrap_or(head.seq));
        let unread = match until {
            None => state.others(user).saturating_sub(inbox.read_others.unwrap_or(0)),
            Some(until) => {
                let read = inbox.read_seq.unwrap_or(0);
                self.others_between(user, id, read, until).await?
            }
        };
        let setting = |name| settings.iter().find(|row| row.setting == name).map(|row| row.value);
        Ok(Conversation {
            id,
            kind: state.kind,
            subject_id: state.subject_id,
            members: self.accounts.people_of(&state.company(user)).await?,
            closed: state.closed_for(user),
            paused: state.paused,
            request: state.asked.map(|asked| Request {
                by: asked.by,
                refused: asked.refused_at.is_some() && asked.by != user,
            }),
            head_seq,
            // With nothing of others unread the mark is at the end: one's own messages count
            // as read.
            read_seq: if unread == 0 { head_seq } else { inbox.read_seq.unwrap_or(0) },
            unread,
            active_at: until.map_or(head.at, |_| last_at),
            last,
            muted_until: setting(MUTED).and_then(|until| ahead(until, self.clock.now())),
            archived: is_archived(state, settings),
        })
    }

    /// Whether a conversation is in none of somebody's lists: one of the two blocked the other, a
    /// stranger said nothing yet, or was refused.
    pub(super) async fn is_hidden(&self, state: &State, user: UserId) -> Result<bool> {
        let Some(other) = state.other(user) else { return Ok(false) };
        if let Some(asked) = state.asked.filter(|asked| asked.by != user)
            && (state.messages == 0 || asked.refused_at.is_some())
        {
            return Ok(true);
        }
        Ok(!self.people.shut_out(user, &[other]).await?.is_empty())
    }

    /// A page of a person's conversations, newest activity first. Heads come from the log, so
    /// an inbox hint that is too high shows nothing false. It looks at so many at most, so a page
    /// may hold less than was asked for, and still say where the next one begins.
    pub(super) async fn page(&self, user: UserId, list: &List) -> Result<Page> {
        let limit = limits::page(list.limit)? as usize;
        let after = limits::place(list.after.as_deref(), Place::parse)?;
        let newest = self.newest(user, after).await?;
        let settings = rows::settings(&self.store, user).await?;

        let mut items = Vec::new();
        let mut rest = newest.into_iter();
        let (mut last, mut looked) = (None, 0);
        while items.len() < limit && looked < LIST_LOOKS_MAX && !rest.as_slice().is_empty() {
            let take = (limit - items.len()).max(LOOKS_AT_ONCE).min(LIST_LOOKS_MAX - looked);
            let chunk = rest.as_slice().get(..take).unwrap_or(rest.as_slice());
            let topics = chunk.iter().map(|row| Topic::Conversation(row.conversation_id)).collect();
            let heads = self.log.heads(topics).await?;
            for (head, row) in heads.iter().zip(rest.by_ref()) {
                last = Some(Place::of(&row));
                looked += 1;
                let Some(state) = state_at(Head { seq: head.seq, state: &head.state })? else {
                    continue;
                };
                let own = settings.get(&row.conversation_id).map_or(&[][..], Vec::as_slice);
                if self.is_wanted(user, &state, list, own).await? {
                    items.push(self.seen_by(user, head, &state, &row, own).await?);
                }
                if items.len() == limit {
                    break;
                }
            }
        }
        let more = rest.next().is_some();
        Ok(Page { items, next: last.filter(|_| more).map(|place| place.to_string()) })
    }

    async fn is_wanted(
        &self,
        user: UserId,
        state: &State,
        list: &List,
        settings: &[SettingRow],
    ) -> Result<bool> {
        Ok(state.is_member(user)
            && list.requests.unwrap_or(false) == waits_for(state, user)
            && list.kind.is_none_or(|kind| kind == state.kind)
            && list.archived.unwrap_or(false) == is_archived(state, settings)
            && !self.is_hidden(state, user).await?)
    }

    /// The newest of a person's conversations behind a place, newest first: one more than a page
    /// looks at.
    pub(super) async fn newest(&self, user: UserId, after: Option<Place>) -> Result<Vec<InboxRow>> {
        let mut newest: Vec<InboxRow> = Vec::new();
        rows::each_inbox(&self.store, user, INBOX_ROWS_MAX, |page| {
            let behind = |row: &InboxRow| after.is_none_or(|after| Place::of(row) < after);
            newest.extend(page.into_iter().filter(behind));
            newest.sort_unstable_by_key(|row| std::cmp::Reverse(Place::of(row)));
            newest.truncate(LIST_LOOKS_MAX + 1);
        })
        .await?;
        Ok(newest)
    }
}

/// Whether a stranger's words wait for this person's answer.
pub(super) fn waits_for(state: &State, user: UserId) -> bool {
    state.asked.is_some_and(|asked| asked.by != user)
}

/// Archived until a newer message comes.
fn is_archived(state: &State, settings: &[SettingRow]) -> bool {
    settings.iter().any(|row| row.setting == ARCHIVED && number(state.messages) <= row.value)
}

/// Where a conversation stands in the list: by time, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(i64, ConversationId);

impl Place {
    pub(super) fn of(row: &InboxRow) -> Self {
        Self(row.head_at.unwrap_or(0), row.conversation_id)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('.')?;
        Some(Self(at.parse().ok()?, id.parse().ok()?))
    }

    /// In no list.
    pub(super) const fn nowhere(id: ConversationId) -> Self {
        Self(0, id)
    }

    pub(super) const fn conversation(self) -> ConversationId {
        self.1
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}
