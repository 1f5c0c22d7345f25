//! A coach: follows the desk's board, claims while there is a free place, talks, closes.

use super::Office;
use super::board::Queue;
use crate::metrics::Measure;
use crate::person::{Hook, Person};
use crate::run::held;
use crate::scenario::SetupError;
use protocol::limits::COACH_CAPACITY_DEFAULT;
use protocol::support::{
    Accept, Cause, Claim, Close, Decline, GetBoard, Request, SetCoach, Transfer,
};
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
/// One coach of so many takes no offers and claims from the board.
const BY_HAND_ONE_IN: usize = 4;
/// Of so many offers one is declined, and one is left until its time is over.
const DECLINES_ONE_IN: u32 = 30;
const IGNORES_ONE_IN: u32 = 400;
/// Of so many messages of members one makes the coach hand over.
const TRANSFERS_ONE_IN: u32 = 100;
/// Looking at an offer takes at most so long.
const LOOKS_MS: u64 = 150;
/// A member who says nothing for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// A coach's connection breaks once in about this time.
const BREAKS_EVERY: Duration = Duration::from_secs(40);
/// How long a coach waits before looking again whether the load is over.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A conversation of this coach.
struct Talk {
    request: RequestId,
    /// Messages of the member.
    heard: u32,
    last: Instant,
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
        let set = SetCoach {
            available: Some(!self.by_hand()),
            capacity: Some(u32::try_from(self.capacity).unwrap_or(u32::MAX)),
            ..SetCoach::default()
        };
        self.person.call(set).await.map_err(SetupError::during("coach.set"))?;
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

    /// Takes no offers any more.
    pub(super) async fn pause(&self) {
        let set = SetCoach { available: Some(false), ..SetCoach::default() };
        let _ = self.person.call(set).await;
    }

    fn by_hand(&self) -> bool {
        self.person.index.is_multiple_of(BY_HAND_ONE_IN)
    }

    /// Drops now and then, and is back; ends talks in which nothing is said any more.
    pub(super) async fn live(self: Arc<Self>) {
        let mut drops = Instant::now() + BREAKS_EVERY.mul_f64(rand::rng().random::<f64>() * 2.0);
        while !self.office.is_closed() {
            sleep(LOOK_INTERVAL).await;
            let silent: Vec<RequestId> = {
                let desk = held(&self.desk);
                let silent = desk.talks.values().filter(|talk| talk.last.elapsed() > PATIENCE);
                silent.map(|talk| talk.request).collect()
            };
            for request_id in silent {
                let _ = self.person.call(Close { request_id, summary: None }).await;
            }
            if Instant::now() >= drops && !self.office.run.load_is_over() {
                drops = Instant::now() + BREAKS_EVERY.mul_f64(0.5 + rand::rng().random::<f64>());
                self.office.drops.fetch_add(1, Ordering::Relaxed);
                self.person.breaks.notify_one();
            }
        }
    }

    /// An offer, or a hand-over: taken, declined, or left.
    fn offered(self: &Arc<Self>, request: &Request) {
        if request.offered_to.as_ref().is_none_or(|to| to.id != self.person.id) {
            return;
        }
        self.office.offers.fetch_add(1, Ordering::Relaxed);
        let (coach, request_id) = (Arc::clone(self), request.id);
        tokio::spawn(async move {
            let (look, declines, ignores) = {
                let mut rng = rand::rng();
                let look = Duration::from_millis(rng.random_range(0..LOOKS_MS));
                let over = coach.office.run.load_is_over();
                let declines = rng.random_range(0..DECLINES_ONE_IN) == 0;
                (look, declines && !over, rng.random_range(0..IGNORES_ONE_IN) == 0 && !over)
            };
            sleep(look).await;
            if ignores {
                coach.office.ignored.fetch_add(1, Ordering::Relaxed);
            } else if declines {
                let _ = coach.person.call(Decline { request_id }).await;
            } else if coach.person.call(Accept { request_id }).await.is_ok() {
                coach.won(request_id);
            }
        });
    }

    fn won(&self, request_id: RequestId) {
        held(&self.office.claims).won(request_id, self.person.id);
        let mut desk = held(&self.desk);
        if !desk.over.contains(&request_id) {
            desk.mine.insert(request_id);
        }
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
            let Some(request) = self.pick(&mut rng).filter(|_| self.by_hand()) else {
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
            Ok(_) => self.won(request_id),
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
            desk.over.remove(&request.id);
            let talk = Talk { request: request.id, heard: 0, last: Instant::now() };
            desk.talks.insert(request.conversation_id, talk);
        }
        if !self.office.is_closed() {
            self.person.send(Topic::Conversation(request.conversation_id), Instant::now());
        }
    }

    /// To a colleague, or to whoever is free.
    fn hand_over(&self, request_id: RequestId) {
        let (person, office) = (Arc::clone(&self.person), Arc::clone(&self.office));
        tokio::spawn(async move {
            let coach_id = {
                let mut rng = rand::rng();
                let named = rng.random::<bool>();
                named
                    .then(|| office.coaches.get(rng.random_range(0..office.coaches.len())).copied())
            };
            let transfer = Transfer { request_id, coach_id: coach_id.flatten() };
            if person.call(transfer).await.is_ok() {
                office.transfers.fetch_add(1, Ordering::Relaxed);
            }
        });
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
            talk.last = Instant::now();
            if rand::rng().random_range(0..TRANSFERS_ONE_IN) == 0 && !self.office.run.load_is_over()
            {
                self.hand_over(talk.request);
            }
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
            Event::SupportRequeued(requeued) => {
                if matches!(requeued.cause, Some(Cause::CoachGone | Cause::Unanswered)) {
                    self.0.lost(&requeued.request);
                }
            }
            Event::SupportOffered(offered) => self.0.offered(&offered.request),
            Event::SupportTransferOffered(offered) => self.0.offered(&offered.request),
            Event::SupportTransferred(now) if !now.returned => {
                if now.request.coach.as_ref().is_some_and(|coach| coach.id == person.id) {
                    self.0.got(&now.request);
                } else {
                    self.0.lost(&now.request);
                }
            }
            Event::SupportReopened(again) => {
                held(&self.0.desk).over.remove(&again.request.id);
            }
            Event::SupportAbandoned(over) => self.0.lost(&over.request),
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
