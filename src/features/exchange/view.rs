//! Sessions and offers as they go over the wire.

use super::model::{self, Gives, Session, State};
use protocol::exchange::{self as wire, Terms};
use protocol::people::Person;
use protocol::{Event, UserId};

const fn state(state: State) -> wire::State {
    match state {
        // An open offer is no session yet.
        State::Open | State::Requested => wire::State::Requested,
        State::Accepted => wire::State::Accepted,
        State::Started => wire::State::Started,
        State::Completed => wire::State::Completed,
        State::Disputed => wire::State::Disputed,
        State::Cancelled => wire::State::Cancelled,
        State::NoShow => wire::State::NoShow,
        State::Declined => wire::State::Declined,
        State::Withdrawn => wire::State::Withdrawn,
        State::Expired => wire::State::Expired,
    }
}

/// `None` where nobody took the offer.
pub(super) fn session(session: &Session) -> Option<wire::Session> {
    let responder = session.responder.clone()?;
    let confirmed = [
        (session.requester_confirmed_at, session.requester.id),
        (session.responder_confirmed_at, responder.id),
    ];
    let confirmed_by =
        confirmed.into_iter().filter(|(at, _)| at.is_some()).map(|(_, user)| user).collect();
    let answer_by = (session.state == State::Requested).then(|| session.answer_by());
    Some(wire::Session {
        id: session.id,
        group_id: session.group_id,
        requester: session.requester.clone(),
        responder,
        state: state(session.state),
        starts_at: session.starts_at(),
        ends_at: session.ends_at(),
        duration_min: session.proposal.duration_min,
        requester_gives: session.gives.requester.clone(),
        responder_gives: session.gives.responder.clone(),
        note: session.proposal.note.clone(),
        version: session.proposal.version,
        proposed_by: session.proposal.by,
        created_at: session.created_at,
        answer_by,
        accepted_at: session.accepted_at,
        started_at: session.started_at,
        confirmed_by,
        completes_at: session.completes_at(),
        ended_at: session.ended_at,
        ended_by: session.ended_by,
        absent_id: session.absent,
        reason: session.reason.clone(),
        conversation_id: model::conversation_id(session.id),
    })
}

/// As its author sees it.
pub(super) fn offer(session: &Session) -> wire::Offer {
    let Gives { requester, responder } = session.gives.clone();
    wire::Offer {
        id: session.id,
        group_id: session.group_id,
        author: session.requester.clone(),
        offer: Terms { give: requester, receive: responder },
        starts_at: session.proposal.starts_at,
        duration_min: session.proposal.duration_min,
        posted_at: session.created_at,
        expires_at: session.answer_by(),
    }
}

/// What one side says of giving and receiving, as it is kept.
pub(super) fn gives(terms: Terms, by_requester: bool) -> Gives {
    let Terms { give, receive } = terms;
    if by_requester {
        Gives { requester: give, responder: receive }
    } else {
        Gives { requester: receive, responder: give }
    }
}

/// The event of a happening, and who hears of it. `None` for what is nobody's news.
pub(super) fn event(
    happening: model::Happening,
    session: &Session,
) -> Option<(Event, Vec<UserId>)> {
    use model::Happening as H;
    let told = session.sides().map(|side: &Person| side.id).collect();
    let author = || vec![session.requester.id];
    if let H::OfferWithdrawn | H::OfferExpired = happening {
        let offer = offer(session);
        let event = if happening == H::OfferWithdrawn {
            wire::OfferWithdrawn { offer }.into()
        } else {
            wire::OfferExpired { offer }.into()
        };
        return Some((event, author()));
    }
    let session = self::session(session)?;
    let event = match happening {
        H::Requested => wire::Requested { session }.into(),
        H::Countered => wire::Countered { session }.into(),
        H::Accepted => wire::Accepted { session }.into(),
        H::Declined => wire::Declined { session }.into(),
        H::Withdrawn => wire::Withdrawn { session }.into(),
        H::Expired => wire::Expired { session }.into(),
        H::Started => wire::Started { session }.into(),
        H::Confirmed => wire::Confirmed { session }.into(),
        H::Completed => wire::Completed { session }.into(),
        H::Cancelled => wire::Cancelled { session }.into(),
        H::Missed => wire::Missed { session }.into(),
        H::Disputed => wire::Disputed { session }.into(),
        H::Accepting
        | H::Denied
        | H::Hushed
        | H::Vanished(_)
        | H::OfferWithdrawn
        | H::OfferExpired => return None,
    };
    Some((event, told))
}
