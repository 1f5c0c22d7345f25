//! A member: asks, waits, talks with whoever comes, and asks again.

use super::Office;
use crate::metrics::Measure;
use crate::oracle::claims::Claims;
use crate::oracle::record::text_hash;
use crate::person::{Hook, Person};
use crate::run::held;
use crate::scenario::SetupError;
use protocol::support::{Ask, Cancel, Close, GetStatus, Request, State};
use protocol::{DeskId, Event, Push, RequestId, Signal, Topic};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// After a refused request.
const AFTER_REFUSAL: Duration = Duration::from_millis(200);
/// How long a member waits before looking again whether the load is over.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Asked {
    at: Option<Instant>,
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
            let _ = if state == State::Queued {
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
                    let request = asked.request;
                    held(&run.metrics).record(Measure::Ask, began.elapsed());
                    let outcome = held(&self.office.claims).asked(request.id, asked.position);
                    self.office.judge(request.id, outcome);
                    let topic = Topic::Conversation(request.conversation_id);
                    held(&run.record(topic)).expects_first_words(self.person.id, hash);
                    self.wait_for_end(request.id).await;
                }
                Err(error) if error.code().is_some() => sleep(AFTER_REFUSAL).await,
                Err(_) => return,
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
        }
    }

    fn ended(&self, request: RequestId, state: State) {
        held(&self.office.claims).ended(request, state);
        let mut asked = held(&self.asked);
        asked.told.remove(&request);
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
            Event::SupportRequeued(requeued) => {
                held(&self.0.office.claims).requeued(requeued.request.id);
            }
            Event::SupportClosed(closed) => self.0.ended(closed.request.id, State::Closed),
            Event::SupportCancelled(over) => self.0.ended(over.request.id, State::Cancelled),
            Event::MessageCreated(message)
                if message.sender_id != person.id
                    && person.run.is_ours(message.client_id)
                    && !self.0.office.is_closed() =>
            {
                if let Some(topic) = push.topic {
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
