//! A desk and its requests as people see them.

use super::super::model::{Coach, Desk, Request};
use crate::features::conversations::Conversations;
use crate::store::Version;
use protocol::limits::BOARD_REQUESTS_MAX;
use protocol::support::{self, Board, BoardCoach, Money, Wait};
use protocol::{ConversationId, DeskId, RequestId, UserId};
use std::sync::Arc;

/// A request as it is after a decision.
#[derive(Debug, Clone)]
pub(in super::super) struct Found {
    pub(in super::super) request: support::Request,
    pub(in super::super) position: Option<u32>,
    pub(in super::super) wait: Option<Wait>,
}

impl From<Found> for support::Asked {
    fn from(Found { request, position, wait }: Found) -> Self {
        Self { request, position, wait }
    }
}

/// Where they talk.
pub(super) fn talk(request: &Request) -> ConversationId {
    Conversations::support_id(request.id)
}

pub(in super::super) fn found(desk: &Desk, id: RequestId) -> Option<Found> {
    let request = desk.request(id)?;
    let position = desk.position(id);
    let wait = position.and_then(|position| desk.wait_at(position));
    Some(Found { request: wire(desk, request), position, wait })
}

/// A request on its desk.
pub(in super::super) fn wire(desk: &Desk, request: &Request) -> support::Request {
    let coach = request.coach.as_ref().and_then(|coach| desk.coaches.get(&coach.id));
    let grace_until = coach.filter(|_| request.state.is_open()).and_then(|coach| coach.grace_until);
    support::Request { grace_until, ..ended(desk.id, request) }
}

/// A request without its desk.
pub(in super::super) fn ended(desk_id: DeskId, request: &Request) -> support::Request {
    support::Request {
        id: request.id,
        desk_id,
        member: request.member.clone(),
        subject: request.subject.clone(),
        expertise: request.expertise.clone(),
        state: request.state.wire(),
        coach: request.coach.clone(),
        conversation_id: talk(request),
        created_at: request.created_at,
        offered_to: request.offered_to.clone(),
        offered_until: request.offered_until,
        claimed_at: request.claimed_at,
        ended_at: request.ended_at,
        fee: request
            .fee
            .as_ref()
            .map(|fee| Money { amount: fee.amount, currency: fee.currency.clone() }),
        grace_until: None,
        summary: request.summary.clone(),
        rating: None,
    }
}

pub(super) fn on_board(desk: &Desk, coach: &Coach) -> BoardCoach {
    BoardCoach {
        coach: coach.person.clone(),
        available: coach.choices.available,
        capacity: coach.choices.capacity,
        load: desk.load(coach.person.id),
    }
}

/// A desk in the list; the wait is that of whoever asks next.
pub(in super::super) fn in_list(desk: &Desk) -> support::Desk {
    let waiting = desk.waiting_total();
    support::Desk {
        id: desk.id,
        name: desk.name.clone(),
        topics: desk.topics.clone(),
        open: desk.open,
        waiting,
        wait: desk.wait_at(waiting.saturating_add(1)),
    }
}

/// The board, as one coach sees it: own people first.
pub(in super::super) fn board(desk: &Desk, version: Version, coach: UserId) -> Board {
    let answered = desk.requests().filter(|request| request.state.is_answered());
    let mut active: Vec<&Arc<Request>> = answered.collect();
    active.sort_by_key(|request| (!request.is_answered_by(coach), request.claimed_at, request.id));
    Board {
        version,
        waiting: desk.queue().take(BOARD_REQUESTS_MAX).map(|r| wire(desk, r)).collect(),
        waiting_total: desk.waiting_total(),
        active: active.iter().take(BOARD_REQUESTS_MAX).map(|r| wire(desk, r)).collect(),
        active_total: desk.answered_total(),
        coaches: desk.coaches.values().map(|coach| on_board(desk, coach)).collect(),
    }
}
