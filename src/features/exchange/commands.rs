//! The `exchange.*` commands on one session.

use super::model::{self, Gives, Input, Refusal, Session, State, Terms};
use super::{Exchange, refusal, rows, view};
use crate::auth::{Caller, Role};
use crate::error::{Result, forbidden};
use crate::store::Change;
use crate::words::exchange as words;
use protocol::exchange::{
    self as wire, Accept, Cancel, Confirm, Counter, Decline, Dispute, Get, NoShow, Note, Noted,
    Notes, NotesResult, Request, SessionAndNotes, SessionResult, Start, Take, Withdraw,
    WithdrawResult,
};
use protocol::limits::{
    EXCHANGE_NOTE_CHARS_MAX, EXCHANGE_TOPIC_CHARS_MAX, EXCHANGE_WORD_CHARS_MAX,
};
use protocol::people::Person;
use protocol::{ClientId, Error, ErrorCode, ExchangeId, Topic, UserId};
use uuid::Uuid;

impl Exchange {
    /// `exchange.request`
    pub async fn request(&self, caller: &Caller, request: Request) -> Result<SessionResult> {
        let Request { responder_id, client_id, group_id, starts_at, duration_min, .. } = request;
        if !caller.roles.has(Role::Trainee) {
            return Err(forbidden(words::TRAINEES_ONLY));
        }
        if responder_id == caller.user_id {
            return Err(Error::invalid("responder_id", words::ONESELF));
        }
        let gives = gives(request.offer, true)?;
        let note = word("note", request.note)?;
        let id = id_of(caller.user_id, client_id);
        if let Some(known) = self.find(id).await? {
            return answer(&known);
        }
        let common = self.groups.common_training(caller.user_id, responder_id);
        let group_id = match group_id {
            Some(group_id) => group_id,
            None => common.await?.ok_or_else(|| forbidden(words::NO_COMMON_GROUP))?,
        };
        self.may_arrange(caller, responder_id, group_id).await?;
        let responder = self.accounts.person(responder_id).await?;
        let new = model::New {
            id,
            group_id,
            requester: person(caller),
            responder: Some(responder.ok_or_else(|| forbidden(words::NO_COMMON_GROUP))?),
            starts_at: Some(starts_at),
            duration_min,
            gives,
            note,
        };
        answer(&self.make(new).await?)
    }

    /// `exchange.take`
    pub async fn take(&self, caller: &Caller, take: Take) -> Result<SessionResult> {
        let Take { offer_id, starts_at } = take;
        if !caller.roles.has(Role::Trainee) {
            return Err(forbidden(words::TRAINEES_ONLY));
        }
        let offer = self.load(offer_id).await?;
        if !offer.is_side(caller.user_id) {
            self.as_trainee(caller, offer.group_id).await?;
            if offer.state != State::Open {
                // Also where it never was an offer: who is no side learns nothing of it.
                return Err(Refusal::Gone.into());
            }
            self.may_arrange(caller, offer.requester.id, offer.group_id).await?;
            rows::list(&self.store, offer.sides_with(caller.user_id), offer_id, offer.created_at)
                .await?;
        }
        let taken = self.apply(offer_id, &Input::Take { by: person(caller), starts_at }).await?;
        self.outcome(caller.user_id, &taken).await
    }

    /// `exchange.counter`
    pub async fn counter(&self, caller: &Caller, counter: Counter) -> Result<SessionResult> {
        let session = self.side_of(caller, counter.exchange_id).await?;
        self.may_go_on(caller, &session).await?;
        let by_requester = session.requester.id == caller.user_id;
        let offer = counter.offer.map(|offer| gives(offer, by_requester)).transpose()?;
        let terms = Terms {
            starts_at: counter.starts_at,
            duration_min: counter.duration_min,
            gives: offer,
            note: word("note", counter.note)?,
        };
        self.on(session.id, Input::Counter { by: caller.user_id, terms }).await
    }

    /// `exchange.accept`
    pub async fn accept(&self, caller: &Caller, accept: Accept) -> Result<SessionResult> {
        let session = self.side_of(caller, accept.exchange_id).await?;
        self.may_go_on(caller, &session).await?;
        let input = Input::Accept { by: caller.user_id, version: accept.version };
        let accepted = self.apply(session.id, &input).await?;
        self.outcome(caller.user_id, &accepted).await
    }

    /// What came of an attempt, once the calendars were looked at.
    async fn outcome(&self, asker: UserId, asked: &Session) -> Result<SessionResult> {
        if asked.pending.is_none() {
            return answer(asked);
        }
        let session = self.load(asked.id).await?;
        match session.denied {
            Some((attempt, why)) if attempt == asked.attempts => Err(refusal::denied(why, asker)),
            _ if session.pending.is_some() => Err(Refusal::Accepting.into()),
            _ => {
                // So that the conversation is open when the answer comes, as a rule. What is not
                // carried out by then is in any case, so an error here is nobody's.
                if let Err(error) = self.store.relay(rows::session_partition(asked.id)).await {
                    tracing::debug!(%error, "what follows from an acceptance goes on behind it");
                }
                answer(&session)
            }
        }
    }

    /// `exchange.decline`
    pub async fn decline(&self, caller: &Caller, decline: Decline) -> Result<SessionResult> {
        let reason = word("reason", decline.reason)?;
        let id = self.side_of(caller, decline.exchange_id).await?.id;
        self.on(id, Input::Decline { by: caller.user_id, reason }).await
    }

    /// `exchange.withdraw`
    pub async fn withdraw(&self, caller: &Caller, withdraw: Withdraw) -> Result<WithdrawResult> {
        let id = self.side_of(caller, withdraw.exchange_id).await?.id;
        let session = self.apply(id, &Input::Withdraw { by: caller.user_id }).await?;
        Ok(match view::session(&session) {
            Some(session) => WithdrawResult { session: Some(session), offer: None },
            None => WithdrawResult { session: None, offer: Some(view::offer(&session)) },
        })
    }

    /// `exchange.cancel`
    pub async fn cancel(&self, caller: &Caller, cancel: Cancel) -> Result<SessionResult> {
        let reason = word("reason", cancel.reason)?;
        let id = self.side_of(caller, cancel.exchange_id).await?.id;
        self.on(id, Input::Cancel { by: caller.user_id, reason }).await
    }

    /// `exchange.start`
    pub async fn start(&self, caller: &Caller, start: Start) -> Result<SessionResult> {
        let id = self.side_of(caller, start.exchange_id).await?.id;
        self.on(id, Input::Start { by: caller.user_id }).await
    }

    /// `exchange.confirm`
    pub async fn confirm(&self, caller: &Caller, confirm: Confirm) -> Result<SessionResult> {
        let id = self.side_of(caller, confirm.exchange_id).await?.id;
        self.on(id, Input::Confirm { by: caller.user_id }).await
    }

    /// `exchange.no_show`
    pub async fn no_show(&self, caller: &Caller, missed: NoShow) -> Result<SessionResult> {
        let id = self.side_of(caller, missed.exchange_id).await?.id;
        self.on(id, Input::NoShow { by: caller.user_id }).await
    }

    /// `exchange.dispute`
    pub async fn dispute(&self, caller: &Caller, dispute: Dispute) -> Result<SessionResult> {
        let reason = word("reason", dispute.reason)?;
        let id = self.side_of(caller, dispute.exchange_id).await?.id;
        self.on(id, Input::Dispute { by: caller.user_id, reason }).await
    }

    /// `exchange.get`
    pub async fn get(&self, caller: &Caller, get: Get) -> Result<SessionAndNotes> {
        let id = get.exchange_id;
        let snapshot = self.store.load(rows::session_partition(id)).await?;
        let session = rows::session(id, &snapshot)?;
        let session = session.filter(|session| seen_by(session, caller.user_id));
        let wire = session.as_ref().and_then(view::session).ok_or(Refusal::NoSuchSession)?;
        let notes = Notes {
            own: rows::note(&snapshot, Some(caller.user_id))?,
            shared: rows::note(&snapshot, None)?,
        };
        Ok(SessionAndNotes { session: wire, notes })
    }

    /// `exchange.note`
    pub async fn note(&self, caller: &Caller, note: Note) -> Result<NotesResult> {
        let Note { exchange_id: id, text, shared } = note;
        if text.chars().count() > EXCHANGE_NOTE_CHARS_MAX {
            return Err(Error::invalid("text", words::NOTE_LENGTH));
        }
        let (by, shared) = (caller.user_id, shared.unwrap_or(false));
        let notes = self
            .store
            .decide(rows::session_partition(id), |snapshot| {
                let session = rows::session(id, snapshot)?.filter(|it| seen_by(it, by));
                let session = session.ok_or(Refusal::NoSuchSession)?;
                let mut notes = Notes {
                    own: rows::note(snapshot, Some(by))?,
                    shared: rows::note(snapshot, None)?,
                };
                let slot = if shared { &mut notes.shared } else { &mut notes.own };
                let wanted = Some(text.clone()).filter(|text| !text.trim().is_empty());
                let mut change = Change::new();
                if *slot == wanted {
                    return Ok((change, notes));
                }
                slot.clone_from(&wanted);
                let writer = if shared { Uuid::nil() } else { by.into() };
                match wanted {
                    Some(note_text) => change.write(rows::NoteRow { writer, note_text }),
                    None => change.delete::<rows::NoteRow>(writer),
                };
                if shared {
                    for side in session.sides() {
                        let noted = Noted { exchange_id: id, by };
                        change.group().event(Topic::User(side.id), noted);
                    }
                }
                Ok((change, notes))
            })
            .await?;
        Ok(NotesResult { notes })
    }

    async fn on(&self, id: ExchangeId, input: Input) -> Result<SessionResult> {
        answer(&self.apply(id, &input).await?)
    }

    /// A session for one of its sides, an offer for its author.
    async fn side_of(&self, caller: &Caller, id: ExchangeId) -> Result<Session> {
        let session = self.load(id).await?;
        if session.is_side(caller.user_id) {
            Ok(session)
        } else {
            Err(Refusal::NoSuchSession.into())
        }
    }

    /// Whether the two may still agree on something.
    async fn may_go_on(&self, caller: &Caller, session: &Session) -> Result<()> {
        match session.other(caller.user_id) {
            Some(other) if session.state == State::Requested => {
                self.may_arrange(caller, other.id, session.group_id).await
            }
            // The rules say that it is too late, or that it is so already.
            Some(_) | None => Ok(()),
        }
    }
}

impl Session {
    /// Its sides and one more.
    fn sides_with(&self, user: UserId) -> Vec<UserId> {
        self.sides().map(|side| side.id).chain([user]).collect()
    }
}

/// Whether a session is there for somebody: an offer that nobody took is not one yet.
pub(super) fn seen_by(session: &Session, user: UserId) -> bool {
    session.state != State::Open && session.is_side(user)
}

fn answer(session: &Session) -> Result<SessionResult> {
    let session = view::session(session).ok_or(Refusal::NoSuchSession)?;
    Ok(SessionResult { session })
}

pub(super) fn person(caller: &Caller) -> Person {
    Person { id: caller.user_id, name: caller.name.to_string() }
}

/// The id of what a client makes.
pub(super) fn id_of(user: UserId, client_id: Option<ClientId>) -> ExchangeId {
    client_id.map_or_else(crate::id::fresh, |client_id| {
        crate::id::derived("exchange", &[user.as_bytes(), client_id.as_bytes()])
    })
}

/// Topics of the right length, as they are kept.
pub(super) fn gives(offer: wire::Terms, by_requester: bool) -> Result<Gives> {
    for topic in [&offer.give, &offer.receive].into_iter().flatten() {
        let chars = topic.chars().count();
        if topic.trim().is_empty() || chars > EXCHANGE_TOPIC_CHARS_MAX {
            return Err(Error::invalid("offer", words::TOPIC_LENGTH));
        }
    }
    Ok(view::gives(offer, by_requester))
}

/// A word with something; nothing where it is empty.
fn word(field: &str, text: Option<String>) -> Result<Option<String>> {
    if text.as_ref().is_some_and(|text| text.chars().count() > EXCHANGE_WORD_CHARS_MAX) {
        return Err(Error::new(ErrorCode::Invalid, words::WORD_LENGTH)
            .detail(serde_json::json!({ "field": field })));
    }
    Ok(text.filter(|text| !text.trim().is_empty()))
}
