//! A coach: follows the desk's board, claims while there is a free place, talks, closes.

use super::Office;
use super::board::Queue;
use crate::metrics::Measure;
use crate::person::{Hook, Person};
use crate::run::held;
use crate::scenario::SetupError;
use protocol::limits::COACH_CAPACITY_DEFAULT;
use protocol::support::{Claim, Close, GetBoard, Request, SetCoach};
use protocol::{ConversationId, DeskId, ErrorCode, Event, Push, RequestId, Signal, Topic};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// After a claim that was refused for another reason than a lost race.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);
/// How long a coach waits before looking again whether the load is over.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A conversation of this coach.
struct Talk {
    request: RequestId,
    /// Messages of the member.
    heard: u32,
}

#[derive(Default)]
struct Desk {
    queue: Queue,
    /// Claimed and not ended.
    mine: HashSet<RequestId>,
    talks: HashMap<ConversationId, Talk>,
    /// Ended: a late reply to a claim does not bring it back.
    over: HashSet<RequestId>,
}

/// See the module.
pub(super) struct Coach {
    pub(super) person: Arc<Person>,
    office: Arc<Office>,
    desk: Mutex<Desk>,
    changed: Notify,
    capacity: usize,
}

impl Coach {
    pub(super) fn new(office: &Arc<Office>, person: &Arc<Person>) -> Arc<Self> {
        let capacity = office.manners.capacity.unwrap_or(COACH_CAPACITY_DEFAULT);
        Arc::new(Self {
            person: Arc::clone(person),
            office: Arc::clone(office),
            desk: Mutex::default(),
            changed: Notify::new(),
            capacity: usize::try_from(capacity).unwrap_or(usize::MAX),
        })
    }

    /// How many people this coach answers just now.
    pub(super) fn load(&self) -> usize {
        held(&self.desk).mine.len()
    }

    /// Follows the board, and closes what an earlier run left open.
    pub(super) async fn prepare(&self, desk: DeskId) -> Result<(), SetupError> {
        if let Some(capacity) = self.office.manners.capacity {
            let set = SetCoach { capacity: Some(capacity), ..SetCoach::default() };
            self.person.call(set).await.map_err(SetupError::during("coach.set"))?;
        }
        self.person.subscribe(Topic::Desk(desk));
        let board = self.person.call(GetBoard { desk_id: desk }).await;
        let board = board.map_err(SetupError::during("desk.board"))?;
        let own = |request: &&Request| {
            request.coach.as_ref().is_some_and(|coach| coach.id == self.person.id)
        };
        for request in board.active.iter().filter(own) {
            let close = Close { request_id: request.id, summary: None };
            let _ = self.person.call(close).await;
        }
        held(&self.desk).queue.read(&board, &self.office.members);
        Ok(())
    }

    /// Claims whenever there is a free place, until the load is over.
    pub(super) async fn answer(self: Arc<Self>, desk: DeskId) {
        let seed = self.office.run.settings.seed ^ self.person.index as u64;
        let mut rng = StdRng::seed_from_u64(seed);
        while !self.office.run.load_is_over() {
            let changed = self.changed.notified();
            if held(&self.desk).queue.is_stale() {
                self.office.boards_read.fetch_add(1, Ordering::Relaxed);
                match self.person.call(GetBoard { desk_id: desk }).await {
                    Ok(board) => held(&self.desk).queue.read(&board, &self.office.members),
                    Err(error) if error.code().is_some() => sleep(AFTER_REFUSAL).await,
                    Err(_) => return,
                }
                continue;
            }
            let Some(request) = self.pick(&mut rng) else {
                let _ = timeout(LOOK_INTERVAL, changed).await;
                continue;
            };
            if !self.claim(request).await {
                return;
            }
        }
    }

    fn pick(&self, rng: &mut StdRng) -> Option<RequestId> {
        let desk = held(&self.desk);
        if desk.mine.len() >= self.capacity {
            return None;
        }
        let reach = desk.queue.len().min(self.office.manners.reach);
        if reach == 0 { None } else { desk.queue.at(rng.random_range(0..reach)) }
    }

    /// False when the coach is gone for good.
    async fn claim(&self, request_id: RequestId) -> bool {
        let began = Instant::now();
        let claimed = self.person.call(Claim { request_id }).await;
        held(&self.office.run.metrics).record(Measure::Claim, began.elapsed());
        held(&self.desk).queue.remove(request_id);
        match claimed {
            Ok(_) => {
                held(&self.office.claims).won(request_id, self.person.id);
                let mut desk = held(&self.desk);
                if !desk.over.contains(&request_id) {
                    desk.mine.insert(request_id);
                }
            }
            Err(error) => match error.code() {
                None => return false,
                Some(ErrorCode::AlreadyClaimed) => {
                    self.office.races_lost.fetch_add(1, Ordering::Relaxed);
                }
                Some(_) => {
                    // Perhaps it waits on: the board knows.
                    held(&self.desk).queue.forget();
                    sleep(AFTER_REFUSAL).await;
                }
            },
        }
        true
    }

    /// The feed says that a request is this coach's: the first words of a conversation.
    fn got(&self, request: &Request) {
        if request.coach.as_ref().is_none_or(|coach| coach.id != self.person.id) {
            return;
        }
        held(&self.office.claims).won(request.id, self.person.id);
        {
            let mut desk = held(&self.desk);
            desk.mine.insert(request.id);
            let talk = Talk { request: request.id, heard: 0 };
            desk.talks.insert(request.conversation_id, talk);
        }
        if !self.office.is_closed() {
            self.person.send(Topic::Conversation(request.conversation_id), Instant::now());
        }
    }

    fn lost(&self, request: &Request) {
        let mut desk = held(&self.desk);
        desk.mine.remove(&request.id);
        desk.talks.remove(&request.conversation_id);
        drop(desk);
        self.changed.notify_one();
    }

    /// The member wrote: answer, or close after enough.
    fn heard(&self, conversation_id: ConversationId) {
        let enough = {
            let mut desk = held(&self.desk);
            let Some(talk) = desk.talks.get_mut(&conversation_id) else { return };
            talk.heard += 1;
            (talk.heard >= self.office.manners.exchanges).then_some(talk.request)
        };
        let Some(request_id) = enough else {
            return self.person.send(Topic::Conversation(conversation_id), Instant::now());
        };
        let person = Arc::clone(&self.person);
        tokio::spawn(async move {
            let summary = Some("Answered.".to_owned());
            // A refusal means that it is no longer this coach's; the feed says so too.
            let _ = person.call(Close { request_id, summary }).await;
        });
    }
}

/// What a coach hears.
pub(super) struct Ears(pub(super) Arc<Coach>);

impl Hook for Ears {
    fn opened(&mut self, _person: &Arc<Person>) {
        held(&self.0.desk).queue.forget();
        self.0.changed.notify_one();
    }

    fn event(&mut self, person: &Arc<Person>, push: &Push<Event>) {
        match &push.body {
            Event::SupportClaimed(claimed) => self.0.got(&claimed.request),
            Event::SupportRequeued(requeued) => self.0.lost(&requeued.request),
            Event::SupportClosed(closed) => {
                held(&self.0.desk).over.insert(closed.request.id);
                self.0.lost(&closed.request);
            }
            Event::MessageCreated(message)
                if message.sender_id != person.id && !self.0.office.is_closed() =>
            {
                // The first words came with the request and are no answer.
                let stamped = message.text.as_deref().and_then(|text| person.run.intended(text));
                if let (Some(_), Some(Topic::Conversation(id))) = (stamped, push.topic) {
                    self.0.heard(id);
                }
            }
            _ => {}
        }
    }

    fn signal(&mut self, _person: &Arc<Person>, push: &Push<Signal>) {
        if let Signal::DeskChanged(change) = &push.body {
            held(&self.0.desk).queue.changed(change, &self.0.office.members);
            self.0.changed.notify_one();
        }
    }
}
