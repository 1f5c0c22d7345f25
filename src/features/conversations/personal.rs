//! What conversations hold of a person: those they are in, and what they wrote there. Who is
//! forgotten writes to nobody any more: talks of two are closed, larger ones are left. What was
//! written stays with the others, and its author has no name.

use super::model::Action;
use super::rows;
use super::{Conversations, already_is_fine};
use crate::error::Result;
use crate::features::accounts::{Personal, Section};
use crate::log::{self, Key, READ_EVENTS_MAX, Span};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::conversations::Kind;
use protocol::limits::PAGE_BYTES_MAX;
use protocol::{ConversationId, Event, Topic, UserId};
use serde_json::{Value, json};
use uuid::Uuid;

impl Personal for Conversations {
    fn name(&self) -> &'static str {
        "conversations"
    }

    fn sections(&self, user_id: UserId) -> BoxFuture<'_, Result<Vec<Section>>> {
        async move {
            let mut all = Vec::new();
            for id in self.all_of(user_id).await? {
                let Some(state) = self.head(id).await?.1 else { continue };
                let Some(member) = state.member(user_id) else { continue };
                all.push(json!({
                    "id": id,
                    "kind": state.kind,
                    "people": self.accounts.people_of(&state.company(user_id)).await?,
                    "left": member.until.is_some(),
                    "messages": self.written_by(user_id, id).await?,
                }));
            }
            Ok(vec![Section { name: "conversations", data: Value::Array(all) }])
        }
        .boxed()
    }

    fn erase(&self, user_id: UserId) -> BoxFuture<'_, Result<()>> {
        async move {
            for id in self.all_of(user_id).await? {
                let Some(state) = self.head(id).await?.1 else { continue };
                if !state.is_member(user_id) {
                    continue;
                }
                let action = match state.kind {
                    Kind::Direct => Action::Close,
                    Kind::Training => Action::Leave { user: user_id },
                    // Those end with what they are about, which its own feature sees to.
                    Kind::Support | Kind::Exchange | Kind::Booking => continue,
                };
                let key = Key::of_cause("erased", &[user_id.as_bytes()]);
                already_is_fine(self.append(id, Some(key), None, action).await)?;
            }
            loop {
                let settings = rows::settings(&self.store, user_id).await?;
                if settings.is_empty() {
                    return Ok(());
                }
                for settings in settings.into_values() {
                    rows::forget_settings(&self.store, &settings).await?;
                }
            }
        }
        .boxed()
    }
}

impl Conversations {
    /// What the conversations of a kind that somebody has, or had, a place in are about.
    pub(crate) async fn subjects_of(&self, user_id: UserId, kind: Kind) -> Result<Vec<Uuid>> {
        let mut subjects = Vec::new();
        for id in self.all_of(user_id).await? {
            let Some(state) = self.head(id).await?.1 else { continue };
            if state.kind == kind && state.member(user_id).is_some() {
                subjects.extend(state.subject_id);
            }
        }
        Ok(subjects)
    }

    async fn all_of(&self, user_id: UserId) -> Result<Vec<ConversationId>> {
        let mut all = Vec::new();
        rows::each_inbox(&self.store, user_id, usize::MAX, |page| {
            all.extend(page.into_iter().map(|row| row.conversation_id));
        })
        .await?;
        Ok(all)
    }

    async fn written_by(&self, user_id: UserId, id: ConversationId) -> Result<Vec<Value>> {
        let topic = Topic::Conversation(id);
        let (mut written, mut after) = (Vec::new(), 0);
        loop {
            let span = Span::After(after);
            let page = self.log.read(topic, span, READ_EVENTS_MAX, PAGE_BYTES_MAX).await?;
            let Some(last) = page.entries.last() else { return Ok(written) };
            after = last.seq;
            for entry in page.entries.iter().filter(|entry| entry.sender == Some(user_id)) {
                let (seq, at) = (entry.seq, entry.at);
                match log::decode(topic, entry)?.body {
                    Event::MessageCreated(message) => written.push(json!({
                        "seq": seq, "at": at, "text": message.text,
                        "attachments": message.attachments, "reply_to": message.reply_to,
                    })),
                    Event::MessageEdited(edit) => written.push(json!({
                        "seq": seq, "at": at, "edits": edit.message_seq, "text": edit.text,
                    })),
                    Event::MessageReacted(reaction) => written.push(json!({
                        "seq": seq, "at": at, "reacts_to": reaction.message_seq,
                        "emoji": reaction.emoji, "on": reaction.on,
                    })),
                    _ => {}
                }
            }
        }
    }
}
