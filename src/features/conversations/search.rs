//! `conversation.search`: messages are read backwards, newest conversation first, so many in a call.
//!
//! There is no index beside the log: what was deleted, or stood there before an edit, is nowhere
//! to be found, and what one may find is what one may read.

use super::Conversations;
use super::model::{Refusal, State};
use super::view::{LIST_LOOKS_MAX, Place};
use crate::auth::Caller;
use crate::error::Result;
use crate::limits;
use crate::log::{self, Entry, Span};
use protocol::conversations::{FoundMessages, Search};
use protocol::limits::{SEARCH_CHARS_MAX, SEARCH_CHARS_MIN};
use protocol::{ConversationId, Error, Event, Push, Seq, Topic, UserId};

/// What one call looks through: events, and conversations without any.
const LOOKS_MAX: usize = 2_000;
/// Events that are read together.
const READ_EVENTS: u32 = 250;
/// Bytes of them, and of what is found in a call.
const READ_BYTES: usize = 256 * 1_024;

/// All of them have to be in a message.
struct Words(Vec<String>);

impl Words {
    fn parse(text: &str) -> Result<Self> {
        let count = text.trim().chars().count();
        if !(SEARCH_CHARS_MIN..=SEARCH_CHARS_MAX).contains(&count) {
            let message =
                format!("Please write {SEARCH_CHARS_MIN} to {SEARCH_CHARS_MAX} characters.");
            return Err(Error::invalid("text", message));
        }
        Ok(Self(text.split_whitespace().map(str::to_lowercase).collect()))
    }

    fn are_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.0.iter().all(|word| text.contains(word.as_str()))
    }
}

/// Where a search goes on: in a conversation below a message, then in those behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stop {
    place: Place,
    below: Seq,
}

impl Stop {
    fn parse(text: &str) -> Option<Self> {
        let (place, below) = text.rsplit_once('.')?;
        Some(Self { place: Place::parse(place)?, below: below.parse().ok()? })
    }
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.place, self.below)
    }
}

/// A search under way.
struct Hunt {
    user: UserId,
    words: Words,
    limit: usize,
    items: Vec<Push<Event>>,
    bytes: usize,
    looks: usize,
}

impl Hunt {
    fn is_over(&self) -> bool {
        self.items.len() >= self.limit || self.bytes >= READ_BYTES || self.looks >= LOOKS_MAX
    }

    /// An event that holds the text of a message, as one sees it, and all the words.
    fn hit(&self, topic: Topic, entry: &Entry, until: Option<Seq>) -> Result<Option<Push<Event>>> {
        let names = ["message.created", "message.edited"];
        if !names.iter().any(|name| log::is_named(&entry.body, name)) {
            return Ok(None);
        }
        let push = log::decode(topic, entry)?;
        let text = match &push.body {
            Event::MessageCreated(message) => {
                // Its text stands with its edit, unless that came too late for one to see.
                let moved = |by| until.is_none_or(|until| by <= until);
                message.text.as_deref().filter(|_| !message.changed_by.is_some_and(moved))
            }
            Event::MessageEdited(edit) => edit.text.as_deref(),
            _ => None,
        };
        let is_hit = text.is_some_and(|text| self.words.are_in(text));
        Ok(is_hit.then_some(push))
    }
}

impl Conversations {
    /// `conversation.search`
    pub async fn search(&self, caller: &Caller, search: Search) -> Result<FoundMessages> {
        let user = caller.user_id;
        let limit = limits::page(search.limit)? as usize;
        let words = Words::parse(&search.text)?;
        let after = limits::place(search.after.as_deref(), Stop::parse)?;
        let mut hunt = Hunt { user, words, limit, items: Vec::new(), bytes: 0, looks: 0 };
        let stop = match search.conversation_id {
            Some(id) => self.hunt_one(id, after, &mut hunt).await?,
            None => self.hunt_all(after, &mut hunt).await?,
        };
        Ok(FoundMessages { items: hunt.items, next: stop.map(|stop| stop.to_string()) })
    }

    async fn hunt_one(
        &self,
        id: ConversationId,
        after: Option<Stop>,
        hunt: &mut Hunt,
    ) -> Result<Option<Stop>> {
        let state = self.head(id).await?.1.filter(|state| state.member(hunt.user).is_some());
        let state = state.ok_or(Refusal::NoSuchConversation)?;
        let below = self.hunt(id, &state, after.map(|stop| stop.below), hunt).await?;
        Ok(below.map(|below| Stop { place: Place::nowhere(id), below }))
    }

    async fn hunt_all(&self, after: Option<Stop>, hunt: &mut Hunt) -> Result<Option<Stop>> {
        let newest = self.newest(hunt.user, after.map(|stop| stop.place)).await?;
        // The one where the call before stopped may have moved to the front since.
        let first = after.map(|stop| (stop.place, Some(stop.below)));
        let rest = newest.iter().map(|row| (Place::of(row), None));
        let mut last = None;
        for (place, below) in first.into_iter().chain(rest) {
            if hunt.is_over() {
                return Ok(last.map(|place| Stop { place, below: 1 }));
            }
            hunt.looks += 1;
            last = Some(place);
            let Some(state) = self.head(place.conversation()).await?.1 else { continue };
            if !self.is_searched(hunt.user, &state).await? {
                continue;
            }
            if let Some(below) = self.hunt(place.conversation(), &state, below, hunt).await? {
                return Ok(Some(Stop { place, below }));
            }
        }
        let more = newest.len() > LIST_LOOKS_MAX;
        Ok(last.filter(|_| more).map(|place| Stop { place, below: 1 }))
    }

    /// What a list shows; the words of a stranger wait in a list of their own.
    async fn is_searched(&self, user: UserId, state: &State) -> Result<bool> {
        let shown = state.is_member(user) && !super::view::waits_for(state, user);
        Ok(shown && !self.is_hidden(state, user).await?)
    }

    /// Backwards, below a message or from the end. Says where it stopped, if not at the beginning.
    async fn hunt(
        &self,
        id: ConversationId,
        state: &State,
        below: Option<Seq>,
        hunt: &mut Hunt,
    ) -> Result<Option<Seq>> {
        let topic = Topic::Conversation(id);
        let until = state.member(hunt.user).and_then(|member| state.until(member));
        let mut span = match below.into_iter().chain(until.map(|until| until + 1)).min() {
            Some(below) => Span::Before(below),
            None => Span::Newest,
        };
        loop {
            let page = self.log.read(topic, span, READ_EVENTS, READ_BYTES).await?;
            for entry in page.entries.iter().rev() {
                hunt.looks += 1;
                if let Some(hit) = hunt.hit(topic, entry, until)? {
                    hunt.bytes += entry.body.len();
                    hunt.items.extend(self.whole(id, hit).await?);
                }
                if hunt.is_over() {
                    return Ok(Some(entry.seq).filter(|seq| *seq > 1));
                }
            }
            match page.entries.first() {
                Some(first) if first.seq > 1 => span = Span::Before(first.seq),
                _ => return Ok(None),
            }
        }
    }

    /// The message, with its text as it is now.
    async fn whole(&self, id: ConversationId, hit: Push<Event>) -> Result<Option<Push<Event>>> {
        let Event::MessageEdited(edit) = hit.body else { return Ok(Some(hit)) };
        let found = self.event_at(id, edit.message_seq).await?;
        Ok(found.map(|(mut push, _)| {
            if let Event::MessageCreated(message) = &mut push.body {
                message.text = edit.text;
            }
            push
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_has_to_be_there_in_any_case_and_order() {
        let words = Words::parse("  walk SEA ").unwrap();
        assert!(words.are_in("Walking by the sea") && words.are_in("Seaside walks"));
        assert!(!words.are_in("Walking by the lake"));
        assert!(Words::parse("été").unwrap().are_in("L’ÉTÉ dernier"));
    }

    #[test]
    fn what_is_too_short_or_too_long_is_refused() {
        for text in ["", " a ", &"a".repeat(SEARCH_CHARS_MAX + 1)] {
            assert!(Words::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_stop_reads_as_it_is_written() {
        let stop = Stop { place: Place::nowhere(crate::id::fresh()), below: 17 };
        assert_eq!(Stop::parse(&stop.to_string()), Some(stop));
        for text in ["", "1", "1.2", "x.y.z", "1.2.3"] {
            assert_eq!(Stop::parse(text), None, "{text:?}");
        }
    }
}
