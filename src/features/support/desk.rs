//! One desk on this node: its partition cached, decisions in the order they come, several in a
//! commit. Another node may decide as well: the version tells, and everything is decided again.

mod change;
mod tell;
mod timers;
mod view;

pub(crate) use timers::{DESK_TIMER, GRACE_TIMER};
pub(super) use view::{Found, board, ended, found, in_list};

use super::model::{Desk, Input, NewRequest, Refusal, Rules};
use super::rows;
use crate::auth::Role;
use crate::bus::Bus;
use crate::clock::Clock;
use crate::error::{Result, busy, internal, not_found, unavailable};
use crate::features::accounts::Accounts;
use crate::features::people::People;
use crate::presence::{Registry, Sessions};
use crate::store::{COMMIT_TRIES_MAX, CommitError, Following, Snapshot, Store, Version, on_a_lane};
use crate::timers::Timers;
use change::Marks;
use futures_util::future::try_join_all;
use protocol::support::Wait;
use protocol::{DeskId, ErrorCode, Millis, RequestId, UserId};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};

/// Decisions that wait for a desk; one more is `busy`.
const QUEUE_INPUTS_MAX: usize = 4 * 1024;
/// Decisions that share a commit.
const COMMIT_INPUTS_MAX: usize = 64;
/// A desk that was read longer ago is read again before it is shown.
const CACHE_TRUSTED_MS: Millis = 1_000;
/// Those who wait hear of their position at most this often.
const POSITION_INTERVAL: Duration = Duration::from_secs(1);
/// People that one question to the registry is about.
const LOOK_USERS_MAX: usize = 256;

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

/// What is made of a desk as it is. Runs in the desk's task, so that nothing is copied.
type Looking = Box<dyn FnOnce(Result<(&Desk, Version)>) + Send>;

enum Job {
    Apply(Box<Input>, Reply),
    Look(Looking),
}

/// What a desk needs of the rest.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) store: Arc<Store>,
    pub(super) timers: Arc<dyn Timers>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) registry: Arc<dyn Registry>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) people: Arc<People>,
    pub(super) clock: Clock,
    pub(super) rules: Rules,
    /// Somebody whose presence is not known could be offered something.
    pub(super) unknown: Arc<Notify>,
}

/// What the rest of the place says of an input, asked once the desk was read: what changes after
/// that comes to the desk as well, and is a conflict.
enum Word {
    Holds,
    /// This holds in its place.
    Instead(Input),
    /// It is of no meaning any more.
    Moot,
    Refused(Refusal),
    /// Refused, and what was offered goes on to others at once.
    Passed(Input, Refusal),
}

struct Cached {
    desk: Desk,
    /// The partition's version and outbox; the rows are in `desk`.
    snapshot: Snapshot,
    read_at: Millis,
}

struct Actor {
    id: DeskId,
    parts: Parts,
    cached: Option<Cached>,
    /// The place and the wait that those who wait were told.
    told: HashMap<RequestId, (u32, Option<Wait>)>,
    moved: bool,
    /// Coaches who were here when somebody last looked.
    here: BTreeSet<UserId>,
    armed: timers::Armed,
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
        let actor = Actor {
            id,
            parts,
            cached: None,
            told,
            moved: false,
            here: BTreeSet::new(),
            armed: timers::Armed::default(),
            following: None,
        };
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

    /// What `see` makes of the desk as it is, and of its version.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        see: impl FnOnce(&Desk, Version) -> T + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let looking = move |found: Result<(&Desk, Version)>| {
            let _ = reply.send(found.map(|(desk, version)| see(desk, version)));
        };
        ask(&self.urgent, Job::Look(Box::new(looking)), answer).await
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
                    self.look_who_is_here().await;
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
                Job::Look(looking) => looks.push(looking),
            }
        }
        if !inputs.is_empty() {
            self.decide(inputs).await;
        }
        for looking in looks {
            let trusted_from = self.parts.clock.now() - CACHE_TRUSTED_MS;
            let current = self.current(trusted_from).await;
            looking(current.map(|cached| (&cached.desk, cached.snapshot.version)));
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
            let desk = rows::desk(self.id, &snapshot, self.parts.rules)?;
            let mut desk = desk.ok_or_else(|| not_found("desk"))?;
            desk.here.clone_from(&self.here);
            snapshot.rows = Vec::new();
            Cached { desk, snapshot, read_at }
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

    /// Decides all inputs on the desk as it is, offers what can be offered, and commits once. It
    /// is decided in place, so nothing is copied; the cache is put back only when the store and
    /// it are known to agree.
    async fn attempt(
        &mut self,
        inputs: &[Input],
    ) -> std::result::Result<(Vec<Answer>, Option<Following>), CommitError> {
        let now = self.parts.clock.now();
        let may_be_old = self.cached.is_some();
        self.current(Millis::MIN).await?;
        let words = self.words(inputs).await?;
        let Some(mut cached) = self.cached.take() else { return Err(unavailable().into()) };
        let desk = &mut cached.desk;
        let marks = Marks::of(desk);
        let mut happened = Vec::new();
        let mut answers = Vec::with_capacity(inputs.len());
        for (input, word) in inputs.iter().zip(words) {
            let outcome = match word {
                Word::Holds => desk.apply(input, now),
                Word::Moot => Ok(Vec::new()),
                Word::Instead(input) => desk.apply(&input, now),
                Word::Refused(refusal) => Err(refusal),
                Word::Passed(input, refusal) => {
                    happened.extend(desk.apply(&input, now).into_iter().flatten());
                    Err(refusal)
                }
            };
            answers.push(match outcome {
                Ok(happenings) => {
                    happened.extend(happenings);
                    Ok(input.request().and_then(|id| found(desk, id)))
                }
                Err(refusal) => Err(refusal.into()),
            });
        }
        // Without a commit no version tells whether the desk was the newest. It is read again,
        // unless it was just now and nobody could be told better.
        let newest = !may_be_old || cached.read_at >= now - CACHE_TRUSTED_MS;
        let hold = || inputs.iter().zip(&answers).all(|(input, it)| holds_a_moment(input, it));
        if happened.is_empty() && may_be_old && !(newest && hold()) {
            return Err(CommitError::Conflict);
        }
        let here = self.free_and_here(&mut cached.desk).await;
        happened.extend(cached.desk.offer(&here, now));
        // Deadlines are set before the commit that needs them.
        let due = self.armed.wanted(self.id, &cached.desk, &happened, now);
        if !due.is_empty() {
            self.parts.timers.set(due).await?;
        }
        let mut following = None;
        if !happened.is_empty() {
            let change = change::of(&cached.desk, &happened, &marks);
            following = Some(self.parts.store.commit(&mut cached.snapshot, change).await?);
            cached.read_at = now;
            self.moved = true;
            self.tell(&cached, &happened);
        }
        // A coach who comes or goes changes waits, also where nothing is decided for it.
        self.moved |= inputs.iter().any(Input::is_of_presence);
        self.cached = Some(cached);
        Ok((answers, following))
    }

    /// Those who could be offered something and are here. What is not known is asked again: an
    /// offer to somebody who is gone would cost the member half a minute.
    async fn free_and_here(&mut self, desk: &mut Desk) -> BTreeSet<UserId> {
        let free = desk.candidates();
        let mut here = BTreeSet::new();
        for users in free.chunks(LOOK_USERS_MAX) {
            let known = self.parts.registry.look(users).await;
            for (user, known) in users.iter().zip(known) {
                match known.sessions {
                    Sessions::Open => {
                        here.insert(*user);
                        self.here.insert(*user);
                    }
                    Sessions::None => {
                        self.here.remove(user);
                    }
                    Sessions::Unknown => self.parts.unknown.notify_one(),
                }
            }
        }
        if !free.is_empty() {
            desk.here.clone_from(&self.here);
        }
        here
    }

    /// Of all coaches, for honest waits. What is not known stays as it was.
    async fn look_who_is_here(&mut self) {
        let Some(cached) = &self.cached else { return };
        let serving = cached.desk.coaches.values().filter(|coach| coach.choices.serves);
        let serving: Vec<UserId> = serving.map(|coach| coach.person.id).collect();
        for users in serving.chunks(LOOK_USERS_MAX) {
            let known = self.parts.registry.look(users).await;
            for (user, known) in users.iter().zip(known) {
                match known.sessions {
                    Sessions::Open => self.here.insert(*user),
                    Sessions::None => self.here.remove(user),
                    Sessions::Unknown => false,
                };
            }
        }
        if let Some(cached) = &mut self.cached {
            cached.desk.here.clone_from(&self.here);
        }
    }

    async fn words(&self, inputs: &[Input]) -> Result<Vec<Word>> {
        try_join_all(inputs.iter().map(|input| self.word(input))).await
    }

    async fn word(&self, input: &Input) -> Result<Word> {
        match input {
            Input::Enqueue(new) => self.word_of_new(new).await,
            // By a session of before the role was taken, it would undo that.
            Input::SetCoach { coach, .. } => {
                let is_coach = self.parts.accounts.holds(coach.id, Role::Coach).await?;
                Ok(if is_coach { Word::Holds } else { Word::Refused(Refusal::NoCoach) })
            }
            Input::Claim { request, coach, .. } | Input::Accept { request, coach } => {
                if !self.are_apart(*request, coach.id).await? {
                    return Ok(Word::Holds);
                }
                let pass = Input::Decline { request: *request, coach: coach.id };
                Ok(Word::Passed(pass, Refusal::Apart))
            }
            Input::Transfer { request, to: Some(to), .. } => {
                let apart = self.are_apart(*request, *to).await?;
                Ok(if apart { Word::Refused(Refusal::ColleagueApart) } else { Word::Holds })
            }
            _ => Ok(Word::Holds),
        }
    }

    /// It may have ended meanwhile, carried by another node; nothing that slept in between brings
    /// a request back. And it is offered to nobody whom the member has nothing to do with.
    async fn word_of_new(&self, new: &NewRequest) -> Result<Word> {
        let member = new.member.id;
        let open = rows::open(&self.parts.store.load(rows::member_partition(member)).await?)?;
        let is_open = open
            .is_some_and(|open| open.request_id == new.id && open.reopened_at == new.reopened_at);
        if !is_open {
            return Ok(Word::Moot);
        }
        let desk = self.cached.iter().map(|cached| &cached.desk);
        let coaches = desk.flat_map(|desk| desk.coaches.keys().copied()).chain(new.preferred);
        let coaches: Vec<UserId> = coaches.collect();
        let spared = self.parts.people.shut_out(member, &coaches).await?;
        if spared.is_empty() {
            return Ok(Word::Holds);
        }
        let spared = spared.into_iter().collect();
        Ok(Word::Instead(Input::Enqueue(Box::new(NewRequest { spared, ..new.clone() }))))
    }

    /// Whether one of a request's member and a coach, who is not answering yet, blocked the other.
    async fn are_apart(&self, request: RequestId, coach: UserId) -> Result<bool> {
        let desk = self.cached.as_ref().map(|cached| &cached.desk);
        let request = desk.and_then(|desk| desk.request(request));
        let request = request.filter(|request| !request.is_answered_by(coach));
        match request.map(|request| request.member.id) {
            Some(member) => self.parts.people.has_blocked(member, coach).await,
            None => Ok(false),
        }
    }
}

/// Whether an answer is as good on a desk that is a moment old: the request was there, or had an
/// owner. That something is not there, or does not fit, may be news to this node only; and so may
/// be that what has an owner was offered to somebody else.
fn holds_a_moment(input: &Input, answer: &Answer) -> bool {
    match answer {
        Ok(found) => found.is_some(),
        Err(error) => {
            error.code == ErrorCode::AlreadyClaimed && matches!(input, Input::Claim { .. })
        }
    }
}

/// Also where the one who would say so is gone.
async fn carried_out(following: &mut Option<oneshot::Receiver<()>>) {
    if let Some(done) = following {
        let _ = done.await;
    }
}
