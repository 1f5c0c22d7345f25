//! `support.note`, `support.notes`: what a coach writes about a member for their own eyes.
//!
//! Sealed by the coach's key before it gets near the store, and bound to coach, member, request
//! and note. Nobody else reads it: the next coach of a request gets its closing summary and the
//! conversation. Where the key was destroyed, there are no notes.

use super::Support;
use super::commands::{as_coach, text};
use super::model::Refusal;
use super::rows::after::{self, NoteRow};
use super::rows::{self, RouteRow};
use crate::auth::{Caller, OwnerKey};
use crate::error::{Result, internal};
use crate::features::conversations::Conversations;
use crate::limits;
use crate::store::Change;
use crate::words;
use protocol::conversations::Kind;
use protocol::limits::{NOTE_CHARS_MAX, NOTES_PER_MEMBER_MAX};
use protocol::support::{GetNotes, Note, NoteResult, Notes, WriteNote};
use protocol::{Error, ErrorCode, NoteId, RequestId, UserId};
use std::collections::BTreeSet;
use uuid::Uuid;

/// What notes are sealed as.
const SEALED_AS: &str = "support note";

impl Support {
    /// `support.note`
    pub async fn write_note(&self, caller: &Caller, write: WriteNote) -> Result<NoteResult> {
        as_coach(caller)?;
        text("text", &write.text, 1, NOTE_CHARS_MAX)?;
        let route = self.answered(caller, write.request_id).await?;
        let id: NoteId = match write.client_id {
            Some(client_id) => {
                let parts: [&[u8]; 2] = [caller.user_id.as_bytes(), client_id.as_bytes()];
                crate::id::derived("support.note", &parts)
            }
            None => crate::id::fresh(),
        };
        let key = self.vault.key(caller.user_id).await?;
        let about = [route.member_id.0, write.request_id.0, id.0];
        let row = NoteRow {
            id,
            request_id: write.request_id,
            sealed: key.close(SEALED_AS, &about, &write.text)?,
            written_at: self.clock.now(),
        };
        let kept = self
            .store
            .decide(after::notes(caller.user_id, route.member_id), |snapshot| {
                let notes = snapshot.all::<NoteRow>()?;
                let mut change = Change::new();
                // Written before, with the same client_id: the first one stays.
                if let Some(known) = notes.iter().find(|note| note.id == id) {
                    return Ok((change, known.clone()));
                }
                if notes.len() >= NOTES_PER_MEMBER_MAX {
                    return Err(Error::new(ErrorCode::Full, words::notes::MANY));
                }
                change.write(row.clone());
                Ok((change, row.clone()))
            })
            .await?;
        let note = opened(&key, route.member_id, &kept)
            .ok_or_else(|| internal(&"a note that was just sealed does not open"))?;
        Ok(NoteResult { note })
    }

    /// `support.notes`
    pub async fn notes(&self, caller: &Caller, get: GetNotes) -> Result<Notes> {
        as_coach(caller)?;
        let limit = limits::page(get.limit)? as usize;
        let after = limits::place_in_time(get.after.as_deref())?;
        let (member, request) = match (get.request_id, get.member_id) {
            (Some(request), None) => {
                let route = rows::route(&self.store, request).await?;
                (route.ok_or(Refusal::NoSuchRequest)?.member_id, Some(request))
            }
            (None, Some(member)) => (member, None),
            _ => return Err(Error::invalid("request_id", words::notes::WHOSE)),
        };
        let Some(key) = self.vault.existing_key(caller.user_id).await? else {
            return Ok(Notes { items: Vec::new(), next: None });
        };
        let snapshot = self.store.load(after::notes(caller.user_id, member)).await?;
        let mut rows = snapshot.all::<NoteRow>()?;
        rows.retain(|row| request.is_none_or(|request| row.request_id == request));
        rows.sort_by_key(|row| std::cmp::Reverse((row.written_at, row.id)));
        rows.retain(|row| after.is_none_or(|after| (row.written_at, row.id) < after));
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| format!("{}.{}", row.written_at, row.id));
        let items = rows.iter().filter_map(|row| opened(&key, member, row)).collect();
        Ok(Notes { items, next })
    }

    /// All that a coach wrote, also of those who are with somebody else by now.
    pub(super) async fn notes_by(&self, coach: UserId) -> Result<Vec<Note>> {
        let Some(key) = self.vault.existing_key(coach).await? else { return Ok(Vec::new()) };
        let mut members = BTreeSet::new();
        for request in self.conversations.subjects_of(coach, Kind::Support).await? {
            let route = rows::route(&self.store, RequestId(request)).await?;
            members.extend(route.map(|route| route.member_id));
        }
        let mut notes = Vec::new();
        for member in members {
            let snapshot = self.store.load(after::notes(coach, member)).await?;
            let rows = snapshot.all::<NoteRow>()?;
            notes.extend(rows.iter().filter_map(|row| opened(&key, member, row)));
        }
        notes.sort_by_key(|note| (note.written_at, note.id));
        Ok(notes)
    }

    /// The way to a request that a coach answers, or did: whoever has a place in its conversation.
    async fn answered(&self, coach: &Caller, id: RequestId) -> Result<RouteRow> {
        let route = rows::route(&self.store, id).await?;
        let route = route.filter(|route| route.member_id != coach.user_id);
        let talk = Conversations::support_id(id);
        let answered = self.conversations.visible(coach.user_id, talk).await?.is_some();
        route.filter(|_| answered).ok_or_else(|| Refusal::NoSuchRequest.into())
    }
}

/// A note in plain words. One that does not open was changed by somebody who has no key: it is
/// left out, and the operator hears of it.
fn opened(key: &OwnerKey, member: UserId, row: &NoteRow) -> Option<Note> {
    let about: [Uuid; 3] = [member.0, row.request_id.0, row.id.0];
    let text = key.open(SEALED_AS, &about, &row.sealed);
    if text.is_none() {
        tracing::error!(note = %row.id, "a sealed note was changed, and does not open");
    }
    Some(Note {
        id: row.id,
        request_id: row.request_id,
        member_id: member,
        text: text?,
        written_at: row.written_at,
    })
}
