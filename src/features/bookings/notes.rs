//! `/v1/bookings/{id}/notes`: what the two sides note about a session.
//!
//! A note of one's own is sealed by its writer's key before it gets near the store, and bound to
//! the booking: nobody else reads it. The shared note is of both.

use super::Bookings;
use super::model::{Booking, Refusal};
use super::rows::{self, NoteRow};
use crate::auth::{Caller, OwnerKey};
use crate::error::Result;
use crate::store::{Change, Snapshot};
use crate::words::bookings as words;
use protocol::bookings::{Noted, Notes, WriteNote};
use protocol::limits::BOOKING_NOTE_CHARS_MAX;
use protocol::{BookingId, Error, Topic, UserId};
use uuid::Uuid;

/// What notes are sealed as.
const SEALED_AS: &str = "booking note";

impl Bookings {
    /// `GET /v1/bookings/{id}/notes`
    pub(super) async fn notes(&self, caller: &Caller, id: BookingId) -> Result<Notes> {
        self.side_of(caller, id).await?;
        self.notes_of(caller.user_id, id).await
    }

    /// The notes that one side sees.
    pub(super) async fn notes_of(&self, user: UserId, id: BookingId) -> Result<Notes> {
        let snapshot = self.store.load(rows::booking_partition(id)).await?;
        let key = match rows::note(&snapshot, Some(user))? {
            Some(_) => self.vault.existing_key(user).await?,
            None => None,
        };
        read(&snapshot, user, id, key.as_ref())
    }

    /// `PUT /v1/bookings/{id}/notes`
    pub(super) async fn write_note(
        &self,
        caller: &Caller,
        id: BookingId,
        write: WriteNote,
    ) -> Result<Notes> {
        let (booking, _) = self.side_of(caller, id).await?;
        let text = write.text.trim();
        if text.chars().count() > BOOKING_NOTE_CHARS_MAX {
            return Err(Error::invalid("text", words::LENGTH));
        }
        let me = caller.user_id;
        let writer = if write.shared { Uuid::nil() } else { me.0 };
        let row = if write.shared {
            NoteRow { writer, note_text: Some(text.to_owned()), sealed: None }
        } else {
            let key = self.vault.key(me).await?;
            let sealed = key.close(SEALED_AS, &[id.0], text)?;
            NoteRow { writer, note_text: None, sealed: Some(sealed) }
        };
        let told = booking.is_known_to_coach();
        self.store
            .decide(rows::booking_partition(id), |snapshot| {
                let now = rows::booking(id, snapshot)?.ok_or(Refusal::NoSuchBooking)?;
                Ok((note_change(&now, snapshot, &row, text.is_empty(), told, me)?, ()))
            })
            .await?;
        self.notes_of(me, id).await
    }
}

fn note_change(
    booking: &Booking,
    snapshot: &Snapshot,
    row: &NoteRow,
    is_empty: bool,
    told: bool,
    by: UserId,
) -> Result<Change> {
    let mut change = Change::new();
    let shared = row.sealed.is_none();
    let known = rows::note(snapshot, (!shared).then_some(by))?;
    match &known {
        None if is_empty => return Ok(change),
        Some(known) if shared && known == row => return Ok(change),
        Some(_) if is_empty => {
            change.delete::<NoteRow>(row.writer);
        }
        _ => {
            change.write(row.clone());
        }
    }
    if shared && told {
        for side in booking.sides() {
            change.group().event(Topic::User(side.id), Noted { booking_id: booking.id, by });
        }
    }
    Ok(change)
}

/// In plain words. One that does not open was changed by somebody who has no key.
fn read(snapshot: &Snapshot, user: UserId, id: BookingId, key: Option<&OwnerKey>) -> Result<Notes> {
    let sealed = rows::note(snapshot, Some(user))?.and_then(|row| row.sealed);
    let own = sealed.zip(key).and_then(|(sealed, key)| {
        let text = key.open(SEALED_AS, &[id.0], &sealed);
        if text.is_none() {
            tracing::error!(booking = %id, "a sealed note was changed, and does not open");
        }
        text
    });
    let shared = rows::note(snapshot, None)?.and_then(|row| row.note_text);
    Ok(Notes { own, shared })
}
