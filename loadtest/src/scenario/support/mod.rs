//! `support`: members ask, coaches race for them, they talk, the coach closes, the member asks
//! again.

mod board;
mod coach;
mod member;
mod sample;

use self::coach::Coach;
use self::member::Member;
use super::{Crowd, Encoding, SetupError, for_each, hold_load};
use crate::oracle::Fault;
use crate::oracle::claims::{Claims, Standing};
use crate::person::Person;
use crate::report::{Extra, rate, real};
use crate::run::{Run, held};
use crate::settle::{read_back, settle};
use crate::tokens::Credentials;
use futures_util::future::join_all;
use protocol::support::{GetBoard, GetStatus, ListDesks, Request, State, Status, Wait};
use protocol::{DeskId, RequestId, Topic, UserId};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{sleep, timeout};

/// The desk that is there from the start.
const DESK_NAME: &str = "general";
/// Between two comparisons with what the server says.
const JUDGE_INTERVAL: Duration = Duration::from_millis(500);
/// Between two looks at whether all conversations ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// What the command line settles for this scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    /// Messages of the member before the coach closes.
    pub(crate) exchanges: u32,
    /// A coach claims one of so many at the front: 1 is the fiercest race.
    pub(crate) reach: usize,
    /// `coach.set` with this; the server's default if absent.
    pub(crate) capacity: Option<u32>,
}

/// What all members and coaches share.
struct Office {
    run: Arc<Run>,
    manners: Manners,
    claims: Mutex<Claims>,
    /// Requests of others, left over in the store, are not ours to claim.
    members: HashSet<UserId>,
    /// Nobody answers any more: the oracle looks.
    closing_time: AtomicBool,
    coaches: Vec<UserId>,
    races_lost: AtomicU64,
    boards_read: AtomicU64,
    offers: AtomicU64,
    ignored: AtomicU64,
    transfers: AtomicU64,
    drops: AtomicU64,
    reopened: AtomicU64,
    samples: AtomicU64,
    /// Stated waits: as stated, not so, and not known yet.
    waits: Mutex<Waits>,
}

/// What became of the waits that members were told.
#[derive(Debug, Default)]
struct Waits {
    held: u64,
    broken: u64,
    unknown: u64,
    /// Of those that were told, how wide, over the real one.
    width: f64,
}

impl Office {
    fn judge(&self, request: RequestId, outcome: Result<(), Fault>) {
        if let Err(fault) = outcome {
            self.run.found(&format_args!("request {request}"), &fault);
        }
    }

    /// Whether a request was not opened again.
    fn is_first(&self, request: RequestId) -> bool {
        held(&self.claims).is_first(request)
    }

    /// A coach came after so long; this had been said.
    fn waited(&self, said: Option<Wait>, waited_ms: u64) {
        let mut waits = held(&self.waits);
        match said {
            None => waits.unknown += 1,
            Some(Wait { low_ms, high_ms }) => {
                if (low_ms..=high_ms).contains(&waited_ms) {
                    waits.held += 1;
                } else {
                    waits.broken += 1;
                }
                waits.width += real(high_ms - low_ms) / real(waited_ms.max(1_000));
            }
        }
    }

    fn is_closed(&self) -> bool {
        self.closing_time.load(Ordering::Acquire)
    }
}

/// See the module.
pub(crate) async fn run(
    run: &Arc<Run>,
    members: Vec<Credentials>,
    coaches: Vec<Credentials>,
    encoding: Encoding,
    manners: Manners,
) -> Result<Extra, SetupError> {
    let office = Arc::new(Office {
        run: Arc::clone(run),
        manners,
        claims: Mutex::default(),
        members: members.iter().map(|member| member.id).collect(),
        closing_time: AtomicBool::new(false),
        coaches: coaches.iter().map(|coach| coach.id).collect(),
        races_lost: AtomicU64::new(0),
        boards_read: AtomicU64::new(0),
        offers: AtomicU64::new(0),
        ignored: AtomicU64::new(0),
        transfers: AtomicU64::new(0),
        drops: AtomicU64::new(0),
        reopened: AtomicU64::new(0),
        samples: AtomicU64::new(0),
        waits: Mutex::default(),
    });
    let member_count = members.len();
    let mut crowd = Crowd::default();
    crowd.add(run, members, encoding);
    crowd.add(run, coaches, encoding);
    let (mut members, mut coaches) = (Vec::new(), Vec::new());
    for person in crowd.people.clone() {
        if person.index < member_count {
            members.push(Member::new(&office, &person));
        } else {
            coaches.push(Coach::new(&office, &person));
        }
    }
    for member in &members {
        crowd.start(&member.person, member::Ears(Arc::clone(member)));
    }
    for coach in &coaches {
        crowd.start(&coach.person, coach::Ears(Arc::clone(coach)));
    }
    crowd.opened().await?;
    let Some(first) = coaches.first() else {
        return Err(SetupError::Usage("--coaches 0: nobody would answer".to_owned()));
    };
    let desk = find_desk(&first.person).await?;
    for_each(&members, async |member| member.tidy().await).await?;
    for_each(&coaches, async |coach| coach.prepare(desk).await).await?;

    let began = Instant::now();
    let mut tasks = Vec::new();
    tasks.extend(members.iter().map(|member| tokio::spawn(Arc::clone(member).ask(desk))));
    tasks.extend(coaches.iter().map(|coach| tokio::spawn(Arc::clone(coach).answer(desk))));
    let living: Vec<_> =
        coaches.iter().map(|coach| tokio::spawn(Arc::clone(coach).live())).collect();
    let sampling =
        tokio::spawn(sample::run(Arc::clone(&office), members.clone(), coaches.clone(), desk));
    hold_load(run, began).await;
    let claimed = held(&office.claims).claimed_count() as u64;
    let mut extra = vec![("claimed_per_second", rate(claimed, began.elapsed()))];
    ended(run, tasks).await;
    ended(run, vec![sampling]).await;
    finish_conversations(&office, &coaches).await;
    ended(run, living).await;
    settle(run, &crowd.people).await;
    judge(&office, &members, &first.person, desk).await?;
    let read = |topic| matches!(topic, Topic::Conversation(_) | Topic::User(_));
    extra.push(("events_read_back", real(read_back(run, &crowd.people, read).await)));
    for_each(&members, async |member| member.tidy().await).await?;
    crowd.leave().await;
    extra.extend(counts(&office));
    Ok(extra)
}

async fn find_desk(person: &Person) -> Result<DeskId, SetupError> {
    let desks = person.call(ListDesks {}).await.map_err(SetupError::during("desk.list"))?;
    let desk = desks.items.iter().find(|desk| desk.name.eq_ignore_ascii_case(DESK_NAME));
    desk.map(|desk| desk.id)
        .ok_or_else(|| SetupError::Usage(format!("the server has no desk {DESK_NAME:?}")))
}

/// Waits for tasks that end with the load, as long as a reply may come. Commands that have none
/// then are found when all settles.
async fn ended(run: &Run, tasks: Vec<JoinHandle<()>>) {
    let aborts: Vec<AbortHandle> = tasks.iter().map(JoinHandle::abort_handle).collect();
    let limit = run.settings.settle + run.settings.give_up;
    if timeout(limit, join_all(tasks)).await.is_err() {
        aborts.iter().for_each(AbortHandle::abort);
    }
}

/// Lets those who talk come to their end, within the time for settling.
async fn finish_conversations(office: &Office, coaches: &[Arc<Coach>]) {
    let pauses = coaches.iter().map(|coach| {
        let coach = Arc::clone(coach);
        tokio::spawn(async move { coach.pause().await })
    });
    ended(&office.run, pauses.collect()).await;
    let deadline = Instant::now() + office.run.settings.settle;
    while coaches.iter().any(|coach| coach.load() > 0) && Instant::now() < deadline {
        sleep(LOOK_INTERVAL).await;
    }
    office.closing_time.store(true, Ordering::Release);
}

/// Compares what members and coaches were told with what the server says now. What follows from
/// the last decisions may still be on its way, within the time for settling.
async fn judge(
    office: &Arc<Office>,
    members: &[Arc<Member>],
    coach: &Person,
    desk: DeskId,
) -> Result<(), SetupError> {
    let deadline = Instant::now() + office.run.settings.settle;
    while !held(&office.claims).all_told() && Instant::now() < deadline {
        sleep(LOOK_INTERVAL).await;
    }
    let mut faults = look(office, members, coach, desk).await?;
    while !faults.is_empty() && Instant::now() < deadline {
        sleep(JUDGE_INTERVAL).await;
        faults = look(office, members, coach, desk).await?;
    }
    for fault in faults {
        office.run.found(&"support", &fault);
    }
    Ok(())
}

/// What is wrong as things stand.
async fn look(
    office: &Arc<Office>,
    members: &[Arc<Member>],
    coach: &Person,
    desk: DeskId,
) -> Result<Vec<Fault>, SetupError> {
    let board =
        coach.call(GetBoard { desk_id: desk }).await.map_err(SetupError::during("desk.board"))?;
    let total = board.waiting_total as usize + board.active_total as usize;
    let beyond = total.saturating_sub(board.waiting.len() + board.active.len());
    let board: HashMap<RequestId, Standing> =
        board.waiting.iter().chain(&board.active).map(|r| (r.id, standing(r))).collect();
    let statuses: Vec<Status> = for_each(members, async |member| {
        let status = member.person.call(GetStatus {}).await;
        status.map_err(SetupError::during("support.status"))
    })
    .await?;
    let mut faults = Vec::new();
    let mut status = HashMap::new();
    for Status { request, position, .. } in statuses {
        let Some(request) = request else { continue };
        status.insert(request.id, standing(&request));
        if matches!(request.state, State::Queued | State::Offered) {
            faults.extend(Claims::position(request.id, position.unwrap_or(0)).err());
        }
    }
    let claims = held(&office.claims);
    faults.extend(claims.faults(&board, beyond, &status));
    if claims.claimed_count() == 0 {
        faults.push(Fault::NothingHappened);
    }
    Ok(faults)
}

fn standing(request: &Request) -> Standing {
    Standing { state: request.state, coach: request.coach.as_ref().map(|coach| coach.id) }
}

fn counts(office: &Office) -> Extra {
    let claims = held(&office.claims);
    let count = |n: usize| real(n as u64);
    let count_of = |n: &AtomicU64| real(n.load(Ordering::Relaxed));
    let waits = held(&office.waits);
    let told = (waits.held + waits.broken).max(1);
    vec![
        ("requests_asked", count(claims.asked_count())),
        ("requests_claimed", count(claims.claimed_count())),
        ("requests_ended", count(claims.ended_count())),
        ("requests_requeued", count(claims.requeued_count())),
        ("offers", count_of(&office.offers)),
        ("offers_ignored", count_of(&office.ignored)),
        ("hand_overs", count_of(&office.transfers)),
        ("coaches_dropped", count_of(&office.drops)),
        ("requests_opened_again", count_of(&office.reopened)),
        ("positions_sampled", count_of(&office.samples)),
        ("waits_told", real(waits.held + waits.broken)),
        ("waits_not_known_yet", real(waits.unknown)),
        ("waits_as_told_percent", percent(waits.held, waits.held + waits.broken)),
        ("waits_told_width", (waits.width / real(told) * 100.0).round() / 100.0),
        ("claim_races_lost", real(office.races_lost.load(Ordering::Relaxed))),
        ("boards_read", real(office.boards_read.load(Ordering::Relaxed))),
    ]
}

fn percent(part: u64, all: u64) -> f64 {
    (real(part) / real(all.max(1)) * 1_000.0).round() / 10.0
}
