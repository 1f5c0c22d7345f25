//! What is written, and what follows from it. Each happening is a group of its own: within it
//! things follow in order, and what a person hears comes last.

use super::super::effects::{ENDED, Ended, FEE, FeeStep, HUSH, LEAVE, Leave, REOPEN, Step, TALK};
use super::super::model::{Desk, FeeState, Happening, Request};
use super::super::rows;
use super::view::{talk, wire};
use crate::features::conversations::Ensure;
use crate::store::Change;
use protocol::conversations::Kind;
use protocol::people::Person;
use protocol::support::{
    Abandoned, AwaitingPayment, Cancelled, Claimed, Closed, Expired, Offered, Queued, Reopened,
    Requeued, TransferOffered, Transferred, Warned,
};
use protocol::{Event, RequestId, Topic, UserId};
use std::collections::BTreeSet;

/// Where a desk's pace stood before a decision.
pub(super) struct Marks {
    seen: u64,
    walks: u64,
    ratios: u64,
    stretch: i64,
}

impl Marks {
    pub(super) const fn of(desk: &Desk) -> Self {
        let pace = &desk.pace;
        Self {
            seen: pace.seen,
            walks: pace.walks.taken,
            ratios: pace.ratios.taken,
            stretch: pace.stretch,
        }
    }
}

/// What is gathered.
struct Writing<'a> {
    desk: &'a Desk,
    change: Change,
    requests: BTreeSet<RequestId>,
    forgotten: BTreeSet<RequestId>,
    coaches: BTreeSet<UserId>,
    itself: bool,
}

/// See the module.
pub(super) fn of(desk: &Desk, happened: &[Happening], marks: &Marks) -> Change {
    let mut writing = Writing {
        desk,
        change: Change::new(),
        requests: BTreeSet::new(),
        forgotten: BTreeSet::new(),
        coaches: BTreeSet::new(),
        itself: false,
    };
    for happening in happened {
        writing.change.group();
        writing.follow(happening);
    }
    writing.rows(marks)
}

impl Writing<'_> {
    fn follow(&mut self, happening: &Happening) {
        match happening {
            Happening::AwaitingPayment(_)
            | Happening::Queued(_)
            | Happening::Reopened { .. }
            | Happening::Raised(_)
            | Happening::Offered(_)
            | Happening::Returned { .. }
            | Happening::Claimed { .. }
            | Happening::Requeued { .. } => self.queue(happening),
            Happening::TransferOffered(_)
            | Happening::TransferReturned { .. }
            | Happening::Transferred { .. }
            | Happening::Warned { .. }
            | Happening::Looked(_)
            | Happening::Earned(_) => self.talking(happening),
            Happening::Closed(_)
            | Happening::Abandoned(_)
            | Happening::Cancelled { .. }
            | Happening::Expired(_) => self.end(happening),
            Happening::Forgotten(id) => {
                self.forgotten.insert(*id);
            }
            Happening::CoachChanged(coach)
            | Happening::CoachAway { coach, .. }
            | Happening::CoachReturned { coach, .. } => {
                self.coaches.insert(*coach);
            }
            Happening::DeskChanged => self.itself = true,
        }
    }

    fn queue(&mut self, happening: &Happening) {
        let desk = self.desk;
        match happening {
            Happening::AwaitingPayment(request) => {
                self.fee(request, Step::Authorise);
                let event = AwaitingPayment {
                    request: wire(desk, request),
                    conversation_id: talk(request),
                };
                self.tell(request, [], &event);
            }
            Happening::Queued(request) => {
                let event = Queued { request: wire(desk, request), conversation_id: talk(request) };
                self.tell(request, [], &event);
            }
            Happening::Reopened { request, former } => {
                let former = former.as_ref().map(|coach| coach.id);
                if let Some(coach) = former {
                    self.leave(request, coach);
                }
                self.change.effect(REOPEN, &talk(request));
                let event =
                    Reopened { request: wire(desk, request), conversation_id: talk(request) };
                self.tell(request, former, &event);
            }
            Happening::Offered(request) => {
                let event =
                    Offered { request: wire(desk, request), conversation_id: talk(request) };
                self.tell(request, ids(request.offered_to.as_ref()), &event);
            }
            // Another coach, to whom it was offered, sees it on the board: this event says to whoever
            // hears it that they talk now.
            Happening::Claimed { request, .. } => {
                self.join(request);
                let event =
                    Claimed { request: wire(desk, request), conversation_id: talk(request) };
                self.tell(request, ids(request.coach.as_ref()), &event);
            }
            Happening::Returned { request, from, cause }
            | Happening::Requeued { request, from, cause } => {
                if matches!(happening, Happening::Requeued { .. }) {
                    self.leave(request, from.id);
                }
                let event = Requeued {
                    request: wire(desk, request),
                    conversation_id: talk(request),
                    cause: Some(*cause),
                };
                self.tell(request, [from.id], &event);
            }
            Happening::Raised(request) => {
                self.requests.insert(request.id);
            }
            _ => {}
        }
    }

    fn talking(&mut self, happening: &Happening) {
        let desk = self.desk;
        match happening {
            Happening::TransferOffered(request) => {
                let event = TransferOffered {
                    request: wire(desk, request),
                    conversation_id: talk(request),
                };
                let both = [request.coach.as_ref(), request.offered_to.as_ref()];
                self.tell(request, both.into_iter().filter_map(ids), &event);
            }
            Happening::TransferReturned { request, to } => {
                let event = Transferred {
                    request: wire(desk, request),
                    conversation_id: talk(request),
                    returned: true,
                };
                let both = [request.coach.as_ref(), to.as_ref()];
                self.tell(request, both.into_iter().filter_map(ids), &event);
            }
            Happening::Transferred { request, from, .. } => {
                self.leave(request, from.id);
                self.join(request);
                let event = Transferred {
                    request: wire(desk, request),
                    conversation_id: talk(request),
                    returned: false,
                };
                let all = [request.coach.as_ref(), Some(from)];
                self.tell(request, all.into_iter().filter_map(ids), &event);
            }
            Happening::Warned { request, whom, until } => {
                self.requests.insert(request.id);
                let event = Warned {
                    request: wire(desk, request),
                    conversation_id: talk(request),
                    user_id: *whom,
                    until_at: *until,
                };
                self.change.event(Topic::User(*whom), event);
            }
            Happening::Earned(request) => {
                self.requests.insert(request.id);
                self.fee(request, Step::Capture);
            }
            Happening::Looked(request) => {
                self.requests.insert(request.id);
            }
            _ => {}
        }
    }

    fn end(&mut self, happening: &Happening) {
        let desk = self.desk;
        match happening {
            Happening::Closed(request) => {
                self.over(request);
                let event = Closed { request: wire(desk, request), conversation_id: talk(request) };
                self.tell(request, ids(request.coach.as_ref()), &event);
            }
            Happening::Abandoned(request) => {
                self.over(request);
                let event =
                    Abandoned { request: wire(desk, request), conversation_id: talk(request) };
                self.tell(request, ids(request.coach.as_ref()), &event);
            }
            Happening::Cancelled { request, passed } => {
                self.over(request);
                let event =
                    Cancelled { request: wire(desk, request), conversation_id: talk(request) };
                self.tell(request, ids(passed.as_ref()), &event);
            }
            Happening::Expired(request) => {
                self.over(request);
                let event =
                    Expired { request: wire(desk, request), conversation_id: talk(request) };
                self.tell(request, [], &event);
            }
            _ => {}
        }
    }

    /// A request ended: the conversation closes, the money goes where it belongs, and the member
    /// is free to ask again.
    fn over(&mut self, request: &Request) {
        self.change.effect(HUSH, &talk(request));
        if request.fee.as_ref().is_some_and(|fee| fee.state != FeeState::Captured) {
            let step = if request.coach.is_some() { Step::Settle } else { Step::Void };
            self.fee(request, step);
        }
        self.change.effect(ENDED, &Ended { desk_id: self.desk.id, request: request.clone() });
    }

    fn fee(&mut self, request: &Request, step: Step) {
        self.change.effect(
            FEE,
            &FeeStep {
                desk_id: self.desk.id,
                request_id: request.id,
                member: request.member.id,
                fee: request.fee.clone(),
                step,
            },
        );
    }

    fn leave(&mut self, request: &Request, coach: UserId) {
        self.change.effect(LEAVE, &Leave { conversation_id: talk(request), coach });
    }

    fn join(&mut self, request: &Request) {
        let Some(coach) = &request.coach else { return };
        self.change.effect(
            TALK,
            &Ensure {
                conversation_id: talk(request),
                kind: Kind::Support,
                subject_id: request.id.0,
                member: request.member.id,
                first_words: request.first_words.clone(),
                helper: coach.id,
            },
        );
    }

    fn tell<E: Clone + Into<Event>>(
        &mut self,
        request: &Request,
        coaches: impl IntoIterator<Item = UserId>,
        event: &E,
    ) {
        self.requests.insert(request.id);
        self.change.event(Topic::User(request.member.id), event.clone());
        for coach in coaches.into_iter().collect::<BTreeSet<_>>() {
            self.change.event(Topic::User(coach), event.clone());
        }
    }

    fn rows(self, marks: &Marks) -> Change {
        let Self { desk, mut change, requests, forgotten, coaches, itself } = self;
        for request in requests.iter().filter_map(|id| desk.request(*id)) {
            change.write(rows::request_row(request));
        }
        for id in forgotten.iter().filter(|id| desk.request(**id).is_none()) {
            change.delete::<rows::RequestRow>(*id);
        }
        for id in coaches {
            match desk.coaches.get(&id) {
                Some(coach) => change.write(rows::coach_row(coach)),
                None => change.delete::<rows::CoachRow>(id),
            };
        }
        if itself {
            change.write(rows::desk_row(desk));
        }
        let pace = &desk.pace;
        if pace.seen != marks.seen
            || pace.walks.taken != marks.walks
            || pace.ratios.taken != marks.ratios
            || pace.stretch != marks.stretch
        {
            change.write(rows::pace_row(pace));
            for (item, sample) in rows::fresh(&pace.walks, marks.walks) {
                change.write(rows::WalkRow { item, sample });
            }
            for (item, sample) in rows::fresh(&pace.ratios, marks.ratios) {
                change.write(rows::RatioRow { item, sample });
            }
        }
        change
    }
}

fn ids(person: Option<&Person>) -> Option<UserId> {
    person.map(|person| person.id)
}
