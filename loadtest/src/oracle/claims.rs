//! The life of support requests, as members and coaches were told it: exactly one coach wins a
//! claim, and nobody who asked is forgotten.

use super::Fault;
use protocol::support::State;
use protocol::{RequestId, UserId};
use std::collections::{BTreeSet, HashMap};

/// Where a request stands, as the board or its member's status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: State,
    pub(crate) coach: Option<UserId>,
}

#[derive(Debug, Default)]
struct Life {
    asked: bool,
    /// Coaches whose claim was answered well, or who were told that it was theirs.
    owners: BTreeSet<UserId>,
    /// Coaches the member was told of.
    told: BTreeSet<UserId>,
    requeues: usize,
    ended: Option<State>,
}

/// All requests of a run.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    lives: HashMap<RequestId, Life>,
}

impl Claims {
    fn life(&mut self, request: RequestId) -> &mut Life {
        self.lives.entry(request).or_default()
    }

    /// `support.request` was acknowledged.
    pub(crate) fn asked(&mut self, request: RequestId, position: Option<u32>) -> Result<(), Fault> {
        self.life(request).asked = true;
        position.map_or(Ok(()), |position| Self::position(request, position))
    }

    /// A place in the queue was told.
    pub(crate) const fn position(request: RequestId, position: u32) -> Result<(), Fault> {
        if position >= 1 { Ok(()) } else { Err(Fault::Position { request, position }) }
    }

    /// A coach was told that the request is theirs: by the reply or by the feed.
    pub(crate) fn won(&mut self, request: RequestId, coach: UserId) {
        self.life(request).owners.insert(coach);
    }

    /// The member was told who answers.
    pub(crate) fn told(&mut self, request: RequestId, coach: UserId) {
        let life = self.life(request);
        life.told.insert(coach);
        life.owners.insert(coach);
    }

    /// The member was told that the request is in the queue again.
    pub(crate) fn requeued(&mut self, request: RequestId) {
        self.life(request).requeues += 1;
    }

    /// Whether it never was opened again, or handed on.
    pub(crate) fn is_first(&self, request: RequestId) -> bool {
        self.lives.get(&request).is_none_or(|life| life.requeues == 0)
    }

    /// The request was handed over, or is open again: one more owner is no fault.
    pub(crate) fn handed_on(&mut self, request: RequestId) {
        let life = self.life(request);
        life.requeues += 1;
        life.ended = None;
    }

    /// The request came to an end.
    pub(crate) fn ended(&mut self, request: RequestId, state: State) {
        self.life(request).ended = Some(state);
    }

    /// Requests that were acknowledged.
    pub(crate) fn asked_count(&self) -> usize {
        self.lives.values().filter(|life| life.asked).count()
    }

    /// Requests that some coach got.
    pub(crate) fn claimed_count(&self) -> usize {
        self.lives.values().filter(|life| !life.owners.is_empty()).count()
    }

    /// Requests that ended.
    pub(crate) fn ended_count(&self) -> usize {
        self.lives.values().filter(|life| life.ended.is_some()).count()
    }

    /// Requests that went back to the queue, each time counted.
    pub(crate) fn requeued_count(&self) -> usize {
        self.lives.values().map(|life| life.requeues).sum()
    }

    /// Whether every member was told of everyone who answers them.
    pub(crate) fn all_told(&self) -> bool {
        self.lives.values().all(|life| life.owners.is_subset(&life.told))
    }

    /// Compares everything with the desk's board and with what members' status says, both read
    /// after the last change. `beyond`: so many more wait than the board shows.
    pub(crate) fn faults(
        &self,
        board: &HashMap<RequestId, Standing>,
        beyond: usize,
        status: &HashMap<RequestId, Standing>,
    ) -> Vec<Fault> {
        let mut beyond = beyond;
        let mut faults = Vec::new();
        for (&request, life) in &self.lives {
            if life.owners.len() > 1 + life.requeues {
                let (owners, requeues) = (life.owners.len(), life.requeues);
                faults.push(Fault::TwoOwners { request, owners, requeues });
            }
            for &coach in life.owners.difference(&life.told) {
                faults.push(Fault::NotTold { request, coach });
            }
            if life.ended == Some(State::Closed) && life.owners.is_empty() {
                faults.push(Fault::ClosedUnclaimed { request });
            }
            let open = life.asked && life.ended.is_none();
            match (board.get(&request), status.get(&request)) {
                (None, None) if open => faults.push(Fault::Forgotten { request }),
                (None, Some(Standing { state: State::Queued | State::Offered, .. }))
                    if open && beyond > 0 =>
                {
                    beyond -= 1;
                }
                (board, status) if open && board != status => {
                    let (status, board) = (word(status), word(board));
                    faults.push(Fault::BoardDisagrees { request, status, board });
                }
                (Some(standing), _) if !open && life.ended.is_some() => {
                    let (status, board) = ("ended", word(Some(standing)));
                    faults.push(Fault::BoardDisagrees { request, status, board });
                }
                (Some(Standing { state: State::Active, coach }), _)
                    if coach.is_none_or(|coach| !life.owners.contains(&coach)) =>
                {
                    let (status, board) = ("claimed by another", "active");
                    faults.push(Fault::BoardDisagrees { request, status, board });
                }
                _ => {}
            }
        }
        faults
    }
}

fn word(standing: Option<&Standing>) -> &'static str {
    match standing.map(|standing| standing.state) {
        None => "nowhere",
        Some(State::AwaitingPayment) => "awaiting payment",
        Some(State::Queued) => "queued",
        Some(State::Offered) => "offered",
        Some(State::Active) => "active",
        Some(State::Transferring) => "transferring",
        Some(State::Closed) => "closed",
        Some(State::Cancelled) => "cancelled",
        Some(State::Expired) => "expired",
        Some(State::Abandoned) => "abandoned",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const REQUEST: RequestId = RequestId(Uuid::from_u128(1));
    const CARA: UserId = UserId(Uuid::from_u128(2));
    const DAN: UserId = UserId(Uuid::from_u128(3));

    fn asked() -> Claims {
        let mut claims = Claims::default();
        assert_eq!(claims.asked(REQUEST, Some(1)), Ok(()));
        claims
    }

    fn at(state: State, coach: Option<UserId>) -> HashMap<RequestId, Standing> {
        HashMap::from([(REQUEST, Standing { state, coach })])
    }

    fn faults_of(claims: &Claims) -> Vec<Fault> {
        claims.faults(&HashMap::new(), 0, &HashMap::new())
    }

    #[test]
    fn a_request_that_was_answered_and_closed_is_clean() {
        let mut claims = asked();
        claims.won(REQUEST, CARA);
        claims.told(REQUEST, CARA);
        claims.ended(REQUEST, State::Closed);
        assert_eq!(faults_of(&claims), vec![]);
    }

    #[test]
    fn a_request_that_still_waits_is_clean() {
        let queued = at(State::Queued, None);
        assert_eq!(asked().faults(&queued, 0, &queued), vec![]);
    }

    #[test]
    fn two_owners_of_one_claim_are_found() {
        let mut claims = asked();
        for coach in [CARA, DAN] {
            claims.won(REQUEST, coach);
            claims.told(REQUEST, coach);
        }
        claims.ended(REQUEST, State::Closed);
        let two = Fault::TwoOwners { request: REQUEST, owners: 2, requeues: 0 };
        assert_eq!(faults_of(&claims), vec![two]);
        claims.requeued(REQUEST);
        assert_eq!(faults_of(&claims), vec![]);
    }

    #[test]
    fn a_forgotten_request_is_found() {
        assert_eq!(faults_of(&asked()), vec![Fault::Forgotten { request: REQUEST }]);
    }

    #[test]
    fn a_member_who_was_not_told_is_found() {
        let mut claims = asked();
        claims.won(REQUEST, CARA);
        claims.ended(REQUEST, State::Closed);
        assert!(!claims.all_told());
        let not_told = Fault::NotTold { request: REQUEST, coach: CARA };
        assert_eq!(faults_of(&claims), vec![not_told]);
    }

    #[test]
    fn a_board_that_differs_from_the_members_status_is_found() {
        let faults = asked().faults(&at(State::Queued, None), 0, &HashMap::new());
        let differs =
            Fault::BoardDisagrees { request: REQUEST, status: "nowhere", board: "queued" };
        assert_eq!(faults, vec![differs]);
    }

    #[test]
    fn a_board_that_keeps_what_has_ended_is_found() {
        let mut claims = asked();
        claims.ended(REQUEST, State::Cancelled);
        let faults = claims.faults(&at(State::Queued, None), 0, &HashMap::new());
        let differs = Fault::BoardDisagrees { request: REQUEST, status: "ended", board: "queued" };
        assert_eq!(faults, vec![differs]);
    }

    #[test]
    fn a_board_that_names_another_coach_is_found() {
        let mut claims = asked();
        claims.won(REQUEST, CARA);
        claims.told(REQUEST, CARA);
        let dan = at(State::Active, Some(DAN));
        let kinds: Vec<_> = claims.faults(&dan, 0, &dan).iter().map(Fault::kind).collect();
        assert_eq!(kinds, vec!["board_disagrees"]);
        let cara = at(State::Active, Some(CARA));
        assert_eq!(claims.faults(&cara, 0, &cara), vec![]);
    }

    #[test]
    fn a_request_that_closed_without_a_coach_is_found() {
        let mut claims = asked();
        claims.ended(REQUEST, State::Closed);
        assert_eq!(faults_of(&claims), vec![Fault::ClosedUnclaimed { request: REQUEST }]);
    }

    #[test]
    fn a_place_below_one_is_found() {
        let mut claims = Claims::default();
        assert_eq!(
            claims.asked(REQUEST, Some(0)),
            Err(Fault::Position { request: REQUEST, position: 0 })
        );
    }
}
