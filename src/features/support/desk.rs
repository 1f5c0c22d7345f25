//! One desk on this node: its partition cached, decisions in the order they come, several in a
//! commit. Another node may decide as well: the version tells, and everything is decided again.

use super::effects::{ENDED, Ended, HUSH, LEAVE, Leave, TALK};
use super::model::{Coach, Desk, Happening, Input, Request};
use super::rows;
use crate::bus::{Bus, Channel, Class, Notice};
use crate::clock::Clock;
use crate::error::{Result, busy, internal, not_found, unavailable};
use crate::features::conversations::{Conversations, Ensure};
use crate::store::{
    COMMIT_TRIES_MAX, Change, CommitError, Following, Snapshot, Store, Version, on_a_lane,
};
use crate::timers::{Timer, Timers};
use futures_util::future::try_join_all;
use protocol::conversations::Kind;
use protocol::limits::BOARD_REQUESTS_MAX;
use protocol::support::{
    self, Board, BoardCoach, Cancelled, Claimed, Closed, CoachAway, DeskChange, DeskChanged,
    Position, Queued, Requeued,
};
use protocol::{DeskId, ErrorCode, Millis, Push, RequestId, Signal, Topic, UserId};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Decisions that wait for a desk; one more is `busy`.
const QUEUE_INPUTS_MAX: usize = 4 * 1024;
/// Decisions that share a commit.
const COMMIT_INPUTS_MAX: usize = 64;
/// A desk that was read longer ago is read again before it is shown.
const CACHE_TRUSTED_MS: Millis = 1_000;
/// Those who wait hear of their position at most this often.
const POSITION_INTERVAL: Duration = Duration::from_secs(1);

/// The kind of the timer that ends a coach's grace. Subject: desk id, coach id.
pub(crate) const GRACE_TIMER: &str = "coach_grace";

/// The way to a desk: one for people, and one for effects and looks, which never wait for what
/// follows from people's decisions.
#[derive(Clone)]
pub(super) struct DeskHandle {
    people: mpsc::Sender<Job>,
    urgent: mpsc::Sender<Job>,
}

type Answer = Result<Option<Found>>;

/// Where an answer goes, and when: an effect must not wait for what follows from its decision,
/// since that may stand behind the effect itself.
struct Reply {
    to: oneshot::Sender<Answer>,
    is_effect: bool,
}

enum Job {
    Apply(Box<Input>, Reply),
    Look(oneshot::Sender<Result<Look>>),
}

/// A request as it is after a decision.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) request: support::Request,
    pub(super) position: Option<u32>,
}

/// A desk as it is.
pub(super) struct Look {
    pub(super) desk: Arc<Desk>,
    pub(super) version: Version,
}

/// What a desk needs of the rest.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) store: Arc<Store>,
    pub(super) timers: Arc<dyn Timers>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) clock: Clock,
}

struct Cached {
    desk: Arc<Desk>,
    /// The partition's version and outbox; the rows are in `desk`.
    snapshot: Snapshot,
    read_at: Millis,
}

struct Actor {
    id: DeskId,
    parts: Parts,
    cached: Option<Cached>,
    told: HashMap<RequestId, u32>,
    moved: bool,
    /// Resolves when what followed from the last decisions of people was carried out. Until then
    /// the next ones gather, so that they share a commit: what follows from commits is carried
    /// out one commit after the other.
    following: Option<oneshot::Receiver<()>>,
}

impl DeskHandle {
    /// A desk's task. It ends when the last handle is dropped.
    pub(super) fn start(id: DeskId, parts: Parts) -> Self {
        let (people, from_people) = mpsc::channel(QUEUE_INPUTS_MAX);
        let (urgent, from_urgent) = mpsc::channel(QUEUE_INPUTS_MAX);
        let told = HashMap::new();
        let actor = Actor { id, parts, cached: None, told, moved: false, following: None };
        tokio::spawn(actor.run(from_people, from_urgent));
        Self { people, urgent }
    }

    /// Decides. Returns once the decision is durable and, but for effects, what follows from it
    /// was done.
    pub(super) async fn apply(&self, input: Input) -> Result<Option<Found>> {
        let (to, answer) = oneshot::channel();
        let is_effect = on_a_lane();
        let way = if is_effect { &self.urgent } else { &self.people };
        ask(way, Job::Apply(Box::new(input), Reply { to, is_effect }), answer).await
    }

    /// The desk as it is.
    pub(super) async fn look(&self) -> Result<Look> {
        let (reply, answer) = oneshot::channel();
        ask(&self.urgent, Job::Look(reply), answer).await
    }
}

async fn ask<T>(
    way: &mpsc::Sender<Job>,
    job: Job,
    answer: oneshot::Receiver<Result<T>>,
) -> Result<T> {
    way.try_send(job).map_err(|_| busy())?;
    answer.await.map_err(|_| unavailable())?
}

impl Actor {
    async fn run(mut self, mut people: mpsc::Receiver<Job>, mut urgent: mpsc::Receiver<Job>) {
        let mut positions = tokio::time::interval(POSITION_INTERVAL);
        positions.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let (first, more) = tokio::select! {
                biased;
                _ = positions.tick(), if self.moved => {
                    self.tell_positions();
                    continue;
                }
                job = urgent.recv() => (job, &mut urgent),
                () = carried_out(&mut self.following), if self.following.is_some() => {
                    self.following = None;
                    continue;
                }
                job = people.recv(), if self.following.is_none() => (job, &mut people),
            };
            let Some(first) = first else { return };
            let mut jobs = vec![first];
            while jobs.len() < COMMIT_INPUTS_MAX
                && let Ok(job) = more.try_recv()
            {
                jobs.push(job);
            }
            self.handle(jobs).await;
        }
    }

    async fn handle(&mut self, jobs: Vec<Job>) {
        let mut inputs = Vec::new();
        let mut looks = Vec::new();
        for job in jobs {
            match job {
                Job::Apply(input, reply) => inputs.push((*input, reply)),
                Job::Look(reply) => looks.push(reply),
            }
        }
        if !inputs.is_empty() {
            self.decide(inputs).await;
        }
        for reply in looks {
            let trusted_from = self.parts.clock.now() - CACHE_TRUSTED_MS;
            let look = self.current(trusted_from).await.map(|cached| Look {
                desk: Arc::clone(&cached.desk),
                version: cached.snapshot.version,
            });
            let _ = reply.send(look);
        }
    }

    /// The cached desk, read again if it was read before `trusted_from`.
    async fn current(&mut self, trusted_from: Millis) -> Result<&mut Cached> {
        let fresh = self.cached.take().filter(|cached| cached.read_at >= trusted_from);
        let cached = if let Some(cached) = fresh {
            cached
        } else {
            let read_at = self.parts.clock.now();
            let mut snapshot = self.parts.store.load(rows::desk_partition(self.id)).await?;
            let desk = rows::desk(self.id, &snapshot)?.ok_or_else(|| not_found("desk"))?;
            snapshot.rows = Vec::new();
            Cached { desk: Arc::new(desk), snapshot, read_at }
        };
        Ok(self.cached.insert(cached))
    }

    /// Decides, and answers once what follows from it was carried out; the desk goes on with the
    /// next decisions meanwhile.
    async fn decide(&mut self, asked: Vec<(Input, Reply)>) {
        let mut left = vec![asked];
        while let Some(asked) = left.pop() {
            let (mut inputs, mut replies): (Vec<Input>, Vec<Reply>) = asked.into_iter().unzip();
            match self.settle(&inputs).await {
                Ok((answers, following)) => self.answer(replies, answers, following),
                // In halves, the first one first.
                Err(CommitError::TooLarge) if inputs.len() > 1 => {
                    let half = inputs.len() / 2;
                    let rest = inputs.split_off(half).into_iter().zip(replies.split_off(half));
                    left.push(rest.collect());
                    left.push(inputs.into_iter().zip(replies).collect());
                }
                Err(error) => {
                    let error = match error {
                        CommitError::Conflict => busy(),
                        CommitError::TooLarge => internal(&"one decision is too large to commit"),
                        CommitError::Failed(error) => error,
                    };
                    for reply in replies {
                        let _ = reply.to.send(Err(error.clone()));
                    }
                }
            }
        }
    }

    async fn settle(
        &mut self,
        inputs: &[Input],
    ) -> std::result::Result<(Vec<Answer>, Option<Following>), CommitError> {
        for _ in 1..COMMIT_TRIES_MAX {
            match self.attempt(inputs).await {
                Err(CommitError::Conflict) => {}
                outcome => return outcome,
            }
        }
        self.attempt(inputs).await
    }

    fn answer(&mut self, replies: Vec<Reply>, answers: Vec<Answer>, following: Option<Following>) {
        let mut waiting = Vec::new();
        for (reply, answer) in replies.into_iter().zip(answers) {
            if reply.is_effect {
                let _ = reply.to.send(answer);
            } else {
                waiting.push((reply, answer));
            }
        }
        let (done, following_done) = oneshot::channel();
        if following.is_some() && !waiting.is_empty() {
            self.following = Some(following_done);
        }
        tokio::spawn(async move {
            if let Some(following) = following {
                following.done().await;
            }
            for (reply, answer) in waiting {
                let _ = reply.to.send(answer);
            }
            let _ = done.send(());
        });
    }

    /// Decides all inputs on the desk as it is, and commits once. The cache is put back only
    /// when the store and it are known to agree.
    async fn attempt(
        &mut self,
        inputs: &[Input],
    ) -> std::result::Result<(Vec<Answer>, Option<Following>), CommitError> {
        let now = self.parts.clock.now();
        let may_be_old = self.cached.is_some();
        self.current(Millis::MIN).await?;
        let wanted = self.wanted(inputs).await?;
        let Some(mut cached) = self.cached.take() else { return Err(unavailable().into()) };
        let before = Arc::clone(&cached.desk);
        let mut desk = Desk::clone(&before);
        let mut happened = Vec::new();
        let mut answers = Vec::with_capacity(inputs.len());
        for (input, wanted) in inputs.iter().zip(wanted) {
            if !wanted {
                answers.push(Ok(found(&desk, input)));
                continue;
            }
            answers.push(match desk.apply(input, now) {
                Ok(happenings) => {
                    happened.extend(happenings);
                    Ok(found(&desk, input))
                }
                Err(refusal) => Err(refusal.into()),
            });
        }
        // Without a commit no version tells whether the desk was the newest. It is read again,
        // unless it was just now and nobody could be told better.
        if happened.is_empty() && may_be_old {
            let recent = cached.read_at >= now - CACHE_TRUSTED_MS;
            if !recent || !answers.iter().all(holds_a_moment) {
                return Err(CommitError::Conflict);
            }
        }
        let mut following = None;
        if !happened.is_empty() {
            let timers = timers(self.id, &happened);
            if !timers.is_empty() {
                self.parts.timers.set(timers).await?;
            }
            let change = change(&before, &desk, &happened);
            following = Some(self.parts.store.commit(&mut cached.snapshot, change).await?);
            cached.desk = Arc::new(desk);
            cached.read_at = now;
            self.moved = true;
            self.tell(&before, &cached, &happened);
        }
        self.cached = Some(cached);
        Ok((answers, following))
    }

    /// Which inputs still hold: a request that is to be queued may have ended meanwhile, carried
    /// by another node. Asked only once the desk was read: what comes to the desk after that is a
    /// conflict, so nothing that slept in between brings a request back.
    async fn wanted(&self, inputs: &[Input]) -> Result<Vec<bool>> {
        let wanted = inputs.iter().map(|input| async move {
            let Input::Enqueue(new) = input else { return Ok(true) };
            let partition = rows::member_partition(new.member.id);
            let open = rows::open(&self.parts.store.load(partition).await?)?;
            Ok(open.is_some_and(|open| open.request_id == new.id))
        });
        try_join_all(wanted).await
    }

    /// Signals after a commit: the board, and members whose coach dropped or came back.
    fn tell(&self, before: &Desk, cached: &Cached, happened: &[Happening]) {
        let mut changes = Vec::new();
        for happening in happened {
            match happening {
                Happening::Queued(request)
                | Happening::Claimed(request)
                | Happening::Requeued { request, .. }
                | Happening::Closed(request)
                | Happening::Cancelled(request) => {
                    changes.push(DeskChange::Request(Box::new(wire(&cached.desk, request))));
                }
                Happening::CoachChanged(coach) => {
                    let coach = cached.desk.coaches.get(coach);
                    changes.extend(
                        coach.map(|coach| DeskChange::Coach(on_board(&cached.desk, coach))),
                    );
                }
                Happening::Forgotten(_) => {}
                Happening::CoachAway { requests, until, .. } => {
                    self.tell_away(requests, Some(*until));
                }
                Happening::CoachReturned { requests, .. } => self.tell_away(requests, None),
            }
        }
        // Also without changes: a version without a signal would look like a loss.
        let changed = DeskChanged { version: cached.snapshot.version, changes };
        self.parts.bus.notify(Notice {
            audience: vec![Channel::Desk(before.id)],
            except: None,
            class: Class::Signal,
            push: Push::signal(Some(Topic::Desk(before.id)), changed),
        });
    }

    fn tell_away(&self, requests: &[Request], grace_until: Option<Millis>) {
        for request in requests {
            let away = CoachAway { request_id: request.id, grace_until };
            self.tell_member(request.member.id, away);
        }
    }

    fn tell_member(&self, member: UserId, signal: impl Into<Signal>) {
        self.parts.bus.notify(Notice {
            audience: vec![Channel::User(member)],
            except: None,
            class: Class::Coalescing,
            push: Push::signal(Some(Topic::User(member)), signal),
        });
    }

    fn tell_positions(&mut self) {
        self.moved = false;
        let Some(cached) = &self.cached else { return };
        let mut now = HashMap::new();
        for (index, request) in cached.desk.queue().into_iter().enumerate() {
            let position = u32::try_from(index + 1).unwrap_or(u32::MAX);
            now.insert(request.id, position);
            if self.told.get(&request.id) != Some(&position) {
                let signal = Position { request_id: request.id, position, wait: None };
                self.tell_member(request.member.id, signal);
            }
        }
        self.told = now;
    }
}

/// Whether an answer is as good on a desk that is a moment old: the request was there, or had an
/// owner. That something is not there, or does not fit, may be news to this node only.
fn holds_a_moment(answer: &Answer) -> bool {
    match answer {
        Ok(found) => found.is_some(),
        Err(error) => error.code == ErrorCode::AlreadyClaimed,
    }
}

/// Also where the one who would say so is gone.
async fn carried_out(following: &mut Option<oneshot::Receiver<()>>) {
    if let Some(done) = following {
        let _ = done.await;
    }
}

/// Deadlines are set before the commit that needs them.
fn timers(desk: DeskId, happened: &[Happening]) -> Vec<Timer> {
    let timer = |happening: &Happening| match happening {
        Happening::CoachAway { coach, until, .. } => Some(Timer {
            due_at: *until,
            kind: GRACE_TIMER.to_owned(),
            subject: [desk.as_bytes().as_slice(), coach.as_bytes()].concat(),
        }),
        _ => None,
    };
    happened.iter().filter_map(timer).collect()
}

/// What is written, and what follows from it. Each happening is a group of its own: within it
/// things follow in order, and what a person hears comes last.
fn change(before: &Desk, after: &Desk, happened: &[Happening]) -> Change {
    let mut change = Change::new();
    let mut requests = BTreeSet::new();
    let mut coaches = BTreeSet::new();
    for happening in happened {
        change.group();
        match happening {
            Happening::Queued(request) => {
                requests.insert(request.id);
                let event =
                    Queued { request: wire(after, request), conversation_id: talk(request) };
                change.event(Topic::User(request.member.id), event);
            }
            Happening::Claimed(request) => {
                requests.insert(request.id);
                let Some(coach) = &request.coach else { continue };
                change.effect(
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
                let event =
                    Claimed { request: wire(after, request), conversation_id: talk(request) };
                tell_both(&mut change, request, coach.id, &event);
            }
            Happening::Requeued { request, from } => {
                requests.insert(request.id);
                change.effect(LEAVE, &Leave { conversation_id: talk(request), coach: from.id });
                let event =
                    Requeued { request: wire(after, request), conversation_id: talk(request) };
                tell_both(&mut change, request, from.id, &event);
            }
            Happening::Closed(request) | Happening::Cancelled(request) => {
                requests.insert(request.id);
                change.effect(HUSH, &talk(request));
                change.effect(ENDED, &Ended { desk_id: after.id, request: request.clone() });
                let request_now = wire(after, request);
                if let Some(coach) = &request.coach {
                    let event = Closed { request: request_now, conversation_id: talk(request) };
                    tell_both(&mut change, request, coach.id, &event);
                } else {
                    let event = Cancelled { request: request_now, conversation_id: talk(request) };
                    change.event(Topic::User(request.member.id), event);
                }
            }
            Happening::Forgotten(id) => {
                requests.insert(*id);
            }
            Happening::CoachChanged(coach)
            | Happening::CoachAway { coach, .. }
            | Happening::CoachReturned { coach, .. } => {
                coaches.insert(*coach);
            }
        }
    }
    for id in requests {
        match after.requests.get(&id) {
            Some(request) => {
                change.write(rows::request_row(request));
            }
            None if before.requests.contains_key(&id) => {
                change.delete::<rows::RequestRow>(id);
            }
            // Came and was forgotten within this commit.
            None => {}
        }
    }
    for coach in coaches.iter().filter_map(|id| after.coaches.get(id)) {
        change.write(rows::coach_row(coach));
    }
    change
}

fn tell_both<E: Clone + Into<protocol::Event>>(
    change: &mut Change,
    request: &Request,
    coach: UserId,
    event: &E,
) {
    change.event(Topic::User(request.member.id), event.clone());
    change.event(Topic::User(coach), event.clone());
}

/// Where they talk.
fn talk(request: &Request) -> protocol::ConversationId {
    Conversations::support_id(request.id)
}

fn found(desk: &Desk, input: &Input) -> Option<Found> {
    let id = match input {
        Input::Enqueue(new) => new.id,
        Input::Cancel { request, .. }
        | Input::Claim { request, .. }
        | Input::Close { request, .. } => *request,
        Input::SetCoach { .. }
        | Input::CoachGone { .. }
        | Input::CoachBack { .. }
        | Input::GraceOver { .. }
        | Input::Forget { .. } => return None,
    };
    let request = desk.requests.get(&id)?;
    Some(Found { request: wire(desk, request), position: desk.position(id) })
}

/// A request as people see it.
pub(super) fn wire(desk: &Desk, request: &Request) -> support::Request {
    let coach = request.coach.as_ref().and_then(|coach| desk.coaches.get(&coach.id));
    support::Request {
        id: request.id,
        desk_id: desk.id,
        member: request.member.clone(),
        subject: request.subject.clone(),
        expertise: request.expertise.clone(),
        state: request.state.wire(),
        coach: request.coach.clone(),
        conversation_id: talk(request),
        created_at: request.created_at,
        claimed_at: request.claimed_at,
        ended_at: request.ended_at,
        grace_until: coach.filter(|_| request.state.is_open()).and_then(|coach| coach.grace_until),
        summary: request.summary.clone(),
        rating: None,
    }
}

fn on_board(desk: &Desk, coach: &Coach) -> BoardCoach {
    BoardCoach {
        coach: coach.person.clone(),
        available: coach.choices.available,
        capacity: coach.choices.capacity,
        load: desk.load(coach.person.id),
    }
}

/// The board, as one coach sees it: own people first.
pub(super) fn board(look: &Look, coach: UserId) -> Board {
    let desk = &look.desk;
    let queue = desk.queue();
    let mut active: Vec<&Request> = desk
        .requests
        .values()
        .map(Arc::as_ref)
        .filter(|request| request.state == super::model::State::Active)
        .collect();
    active.sort_by_key(|request| {
        let own = request.coach.as_ref().is_some_and(|owner| owner.id == coach);
        (!own, request.claimed_at, request.id)
    });
    let total = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let shown = |requests: &[&Request]| {
        requests.iter().take(BOARD_REQUESTS_MAX).map(|request| wire(desk, request)).collect()
    };
    Board {
        version: look.version,
        waiting: shown(&queue),
        waiting_total: total(queue.len()),
        active: shown(&active),
        active_total: total(active.len()),
        coaches: desk.coaches.values().map(|coach| on_board(desk, coach)).collect(),
    }
}
