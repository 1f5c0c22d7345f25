//! A member: asks, waits, talks with whoever comes, and asks again.

use super::Office;
use crate::metrics::Measure;
use crate::oracle::claims::Claims;
use crate::oracle::record::text_hash;
use crate::person::{Hook, Person};
use crate::run::held;
use crate::scenario::SetupError;
use protocol::support::{
    Ask, Asked as Answer, Cancel, Cause, Close, GetStatus, Reopen, Request, State, Wait,
};
use protocol::{DeskId, Event, Push, RequestId, Signal, Topic};
use rand::RngExt;
use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// After a refused request.
const AFTER_REFUSAL: Duration = Duration::from_millis(200);
/// Of so many members who heard something, one says nothing more.
const SILENT_ONE_IN: u32 = 200;
/// Of so many who were answered, one opens the same request again.
const REOPENS_ONE_IN: u32 = 20;
/// How long a member waits before looking again whether the load is over.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Asked {
    at: Option<Instant>,
    /// The wait that was told for a request.
    wait: Option<(RequestId, Option<Wait>)>,
    /// Requests that came to their end.
    ended: HashSet<RequestId>,
    /// Requests whose wait was measured.
    told: HashSet<RequestId>,
}

/// See the module.
pub(super) struct Member {
    pub(super) person: Arc<Person>,
    office: Arc<Office>,
    asked: Mutex<Asked>,
    changed: Notify,
}

impl Member {
    pub(super) fn new(office: &Arc<Office>, person: &Arc<Person>) -> Arc<Self> {
        Arc::new(Self {
            person: Arc::clone(person),
            office: Arc::clone(office),
            asked: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Ends what is open, so that one can ask (again).
    pub(super) async fn tidy(&self) -> Result<(), SetupError> {
        let status = self.person.call(GetStatus {}).await;
        let status = status.map_err(SetupError::during("support.status"))?;
        if let Some(Request { id: request_id, state, .. }) = status.request {
            // Whoever is quicker ends it; either way it is over.
            let _ = if matches!(state, State::Queued | State::Offered) {
                self.person.call(Cancel { request_id }).await
            } else {
                self.person.call(Close { request_id, summary: None }).await
            };
        }
        Ok(())
    }

    /// Asks again and again until the load is over.
    pub(super) async fn ask(self: Arc<Self>, desk: DeskId) {
        let run = &self.office.run;
        let mut n = 0_u64;
        while !run.load_is_over() {
            n += 1;
            let text = format!("Can you help me? My question {n}, as {}.", self.person.index);
            let hash = text_hash(&text);
            let began = Instant::now();
            held(&self.asked).at = Some(began);
            let ask = Ask {
                desk_id: desk,
                client_id: Some(run.client_id()),
                subject: format!("Question {n}"),
                text: Some(text),
                expertise: None,
                preferred_coach_id: None,
                fee: None,
            };
            match self.person.call(ask).await {
                Ok(asked) => {
                    held(&run.metrics).record(Measure::Ask, began.elapsed());
                    let topic = Topic::Conversation(asked.request.conversation_id);
                    held(&run.record(topic)).expects_first_words(self.person.id, hash);
                    let id = asked.request.id;
                    self.follow(&asked).await;
                    while rand::rng().random_range(0..REOPENS_ONE_IN) == 0
                        && !run.load_is_over()
                        && self.reopen(id).await
                    {}
                }
                Err(error) if error.code().is_some() => sleep(AFTER_REFUSAL).await,
                Err(_) => return,
            }
        }
    }

    /// Waits for the end of what was asked.
    async fn follow(&self, asked: &Answer) {
        let request = &asked.request;
        let outcome = held(&self.office.claims).asked(request.id, asked.position);
        self.office.judge(request.id, outcome);
        if asked.position.is_some() {
            held(&self.asked).wait = Some((request.id, asked.wait));
        }
        self.wait_for_end(request.id).await;
    }

    /// Whether it was opened again, and came to an end again.
    async fn reopen(&self, request_id: RequestId) -> bool {
        held(&self.office.claims).handed_on(request_id);
        held(&self.asked).at = Some(Instant::now());
        match self.person.call(Reopen { request_id }).await {
            Ok(asked) => {
                self.office.reopened.fetch_add(1, Ordering::Relaxed);
                self.follow(&asked).await;
                true
            }
            Err(_) => {
                // Nothing happened, unless the answer was lost.
                let status = self.person.call(GetStatus {}).await;
                let open = status.is_ok_and(|s| s.request.is_some_and(|r| r.id == request_id));
                if open {
                    self.wait_for_end(request_id).await;
                } else {
                    held(&self.office.claims).ended(request_id, State::Closed);
                }
                open
            }
        }
    }

    async fn wait_for_end(&self, request: RequestId) {
        loop {
            let changed = self.changed.notified();
            if held(&self.asked).ended.remove(&request) || self.office.run.load_is_over() {
                return;
            }
            let _ = timeout(LOOK_INTERVAL, changed).await;
        }
    }

    fn told(&self, request: &Request) {
        let Some(coach) = &request.coach else { return };
        held(&self.office.claims).told(request.id, coach.id);
        let mut asked = held(&self.asked);
        if asked.told.insert(request.id)
            && let Some(at) = asked.at
        {
            held(&self.office.run.metrics).record(Measure::Wait, at.elapsed());
            // As the server counts it: from the request, or for one that was opened again, here.
            let waited = match request.claimed_at {
                Some(claimed) if self.office.is_first(request.id) => claimed - request.created_at,
                _ => i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX),
            };
            if let Some((_, wait)) = asked.wait.take().filter(|(id, _)| *id == request.id) {
                self.office.waited(wait, u64::try_from(waited).unwrap_or(0));
            }
        }
    }

    fn ended(&self, request: RequestId, state: State) {
        held(&self.office.claims).ended(request, state);
        let mut asked = held(&self.asked);
        asked.told.remove(&request);
        asked.wait = None;
        asked.ended.insert(request);
        self.changed.notify_one();
    }
}

/// What a member hears.
pub(super) struct Ears(pub(super) Arc<Member>);

impl Hook for Ears {
    fn event(&mut self, person: &Arc<Person>, push: &Push<Event>) {
        match &push.body {
            Event::SupportClaimed(claimed) => self.0.told(&claimed.request),
            Event::SupportRequeued(requeued)
                if matches!(requeued.cause, Some(Cause::CoachGone | Cause::Unanswered)) =>
            {
                held(&self.0.office.claims).requeued(requeued.request.id);
            }
            Event::SupportTransferred(transferred) if !transferred.returned => {
                let request = &transferred.request;
                held(&self.0.office.claims).handed_on(request.id);
                self.0.told(request);
            }
            Event::SupportAbandoned(over) => self.0.ended(over.request.id, State::Abandoned),
            Event::SupportExpired(over) => self.0.ended(over.request.id, State::Expired),
            Event::SupportClosed(closed) => self.0.ended(closed.request.id, State::Closed),
            Event::SupportCancelled(over) => self.0.ended(over.request.id, State::Cancelled),
            Event::MessageCreated(message)
                if message.sender_id != person.id
                    && person.run.is_ours(message.client_id)
                    && !self.0.office.is_closed() =>
            {
                let silent = rand::rng().random_range(0..SILENT_ONE_IN) == 0;
                if let Some(topic) = push.topic.filter(|_| !silent) {
                    person.send(topic, Instant::now());
                }
            }
            _ => {}
        }
    }

    fn signal(&mut self, _person: &Arc<Person>, push: &Push<Signal>) {
        if let Signal::Position(told) = &push.body {
            self.0.office.judge(told.request_id, Claims::position(told.request_id, told.position));
        }
    }
}
