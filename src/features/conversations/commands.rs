//! The `conversation.*` commands.

use super::model::{Action, Refusal};
use super::requests::Door;
use super::rows::{self, ARCHIVED, MUTED};
use super::{Conversations, number};
use crate::auth::Caller;
use crate::error::Result;
use crate::features::people::Act;
use crate::log::{self, Appended, Entry, Key, Lasting};
use protocol::conversations::{
    Archive, Changed, ConversationResult, Conversations as Page, Delete, Edit, Get, List, Mark,
    Marks, Mute, React, Receipt, Send, Sent, Typing, TypingNow,
};
use protocol::limits::{EMOJI_BYTES_MAX, MESSAGE_CHARS_MAX};
use protocol::session::Done;
use protocol::{Error, Event, Topic};
use std::sync::Arc;

impl Conversations {
    /// `conversation.get`
    pub async fn get(&self, caller: &Caller, get: Get) -> Result<ConversationResult> {
        let (head, state) = self.head(get.conversation_id).await?;
        let state = state.filter(|state| state.member(caller.user_id).is_some());
        let state = state.ok_or(Refusal::NoSuchConversation)?;
        let conversation = self.view(caller.user_id, get.conversation_id, &head, &state).await?;
        Ok(ConversationResult { conversation })
    }

    /// `conversation.list`
    pub async fn list(&self, caller: &Caller, list: List) -> Result<Page> {
        self.page(caller.user_id, &list).await
    }

    /// `conversation.send`
    pub async fn send(self: &Arc<Self>, caller: &Caller, send: Send) -> Result<Sent> {
        let Send { conversation_id: id, client_id, text, attachments, reply_to } = send;
        if !attachments.is_empty() {
            return Err(Error::invalid("attachments", "There is no such file."));
        }
        let text = message_text(text.unwrap_or_default())?;
        let key = Key::of_client(caller.user_id, client_id);
        let me = caller.user_id;
        // The lane keeps messages of one connection in order, although something may be looked up
        // before the append.
        let turn = caller.lane.lock().await;
        let Door { barred, asked, known } = self.door(me, id).await?;
        let message_id = crate::id::fresh();
        let action = Action::Send { sender: me, known, message_id, client_id, text, reply_to };
        let append = self.append_unless(id, Some(key), Some(me), action, barred);
        let this = Arc::clone(self);
        let sending = Lasting::new(async move {
            let appended = append.await?;
            if let Some(asked) = asked {
                this.spoken(id, me, asked, known).await?;
            }
            Ok::<_, Error>(appended)
        });
        let begun = log::begin(sending).await;
        drop(turn);
        sent(id, begun.end().await?)
    }

    /// `conversation.edit`
    pub async fn edit(&self, caller: &Caller, edit: Edit) -> Result<Changed> {
        let user = caller.user_id;
        self.as_member(user, edit.conversation_id).await?;
        self.unbarred(user, edit.conversation_id).await?;
        let text = message_text(edit.text)?;
        let appended = self
            .change(edit.conversation_id, edit.seq, user, |target| Action::Edit {
                user,
                target,
                text: text.clone(),
            })
            .await?;
        Ok(Changed { seq: appended.seq, at: appended.at })
    }

    /// `conversation.delete`
    pub async fn delete(&self, caller: &Caller, delete: Delete) -> Result<Changed> {
        let user = caller.user_id;
        self.as_member(user, delete.conversation_id).await?;
        let appended = self
            .change(delete.conversation_id, delete.seq, user, |target| Action::Delete {
                user,
                target,
            })
            .await?;
        Ok(Changed { seq: appended.seq, at: appended.at })
    }

    /// `conversation.react`
    pub async fn react(&self, caller: &Caller, react: React) -> Result<Changed> {
        let user = caller.user_id;
        let React { conversation_id, seq, emoji, on } = react;
        if emoji.is_empty() || emoji.len() > EMOJI_BYTES_MAX {
            let message = format!("A reaction is an emoji of 1 to {EMOJI_BYTES_MAX} bytes.");
            return Err(Error::invalid("emoji", message));
        }
        self.as_member(user, conversation_id).await?;
        self.unbarred(user, conversation_id).await?;
        let appended = self
            .change(conversation_id, seq, user, |target| Action::React {
                user,
                target,
                emoji: emoji.clone(),
                on,
            })
            .await?;
        Ok(Changed { seq: appended.seq, at: appended.at })
    }

    /// `conversation.mark`
    pub async fn mark(&self, caller: &Caller, mark: Mark) -> Result<Marks> {
        let (user, id) = (caller.user_id, mark.conversation_id);
        let (head, state) = self.as_member(user, id).await?;
        for (field, seq) in [("read", mark.read), ("delivered", mark.delivered)] {
            if seq.is_some_and(|seq| seq > head.seq) {
                return Err(Error::invalid(field, "That is behind the last event."));
            }
        }
        let old = rows::inbox_row(&self.store, user, id).await?;
        let (old_read, old_others) = (old.read_seq.unwrap_or(0), old.read_others.unwrap_or(0));
        let old_delivered = old.delivered_seq.unwrap_or(0);

        let read = mark.read.unwrap_or(0).max(old_read);
        let others = if read == head.seq {
            state.others(user)
        } else {
            old_others + self.others_between(user, id, old_read, read).await?
        };
        let delivered = mark.delivered.unwrap_or(0).max(old_delivered).max(read);
        if read > old_read || delivered > old_delivered {
            let raised = (read > old_read).then_some((read, others));
            self.store.raise(vec![rows::mark(user, id, raised, delivered)]).await?;
            let receipt = Receipt { user_id: user, read, delivered };
            self.tell_others(id, &state, user, Act::Receipts, receipt).await?;
        }
        if read > old_read
            && let Err(error) = self.away.read(user, id, read).await
        {
            // The mark holds; what was told of it is read with the next one.
            tracing::warn!(%error, "a notification of a conversation was not marked as read");
        }
        Ok(Marks { read, delivered, unread: state.others(user).saturating_sub(others) })
    }

    /// `conversation.typing`
    pub async fn typing(&self, caller: &Caller, typing: Typing) -> Result<Done> {
        let (_, state) = self.as_member(caller.user_id, typing.conversation_id).await?;
        if state.closed {
            return Err(Refusal::Closed.into());
        }
        self.unbarred(caller.user_id, typing.conversation_id).await?;
        let signal = TypingNow { user_id: caller.user_id };
        let id = typing.conversation_id;
        self.tell_others(id, &state, caller.user_id, Act::Typing, signal).await?;
        Ok(Done {})
    }

    /// `conversation.mute`
    pub async fn mute(&self, caller: &Caller, mute: Mute) -> Result<Done> {
        self.as_member(caller.user_id, mute.conversation_id).await?;
        let id = mute.conversation_id;
        rows::set(&self.store, caller.user_id, id, MUTED, mute.until_at).await?;
        Ok(Done {})
    }

    /// `conversation.archive`
    pub async fn archive(&self, caller: &Caller, archive: Archive) -> Result<Done> {
        let (_, state) = self.as_member(caller.user_id, archive.conversation_id).await?;
        let value = archive.on.then(|| number(state.messages));
        rows::set(&self.store, caller.user_id, archive.conversation_id, ARCHIVED, value).await?;
        Ok(Done {})
    }
}

/// The text of a message, within its limits. It is kept as it was written.
fn message_text(text: String) -> Result<String> {
    if text.trim().is_empty() {
        return Err(Error::invalid("text", "There is nothing in this message yet."));
    }
    if text.chars().count() > MESSAGE_CHARS_MAX {
        let message = format!("A message holds at most {MESSAGE_CHARS_MAX} characters.");
        return Err(Error::invalid("text", message));
    }
    Ok(text)
}

fn sent(id: protocol::ConversationId, appended: Appended) -> Result<Sent> {
    let Appended { seq, at, duplicate, body } = appended;
    let entry = Entry { seq, at, sender: None, body };
    match log::decode(Topic::Conversation(id), &entry)?.body {
        Event::MessageCreated(message) => {
            Ok(Sent { seq, message_id: message.message_id, at, duplicate })
        }
        // The client id was this person's for something else in this conversation.
        _ => Err(crate::error::conflict("This client_id was used for something else.")),
    }
}
