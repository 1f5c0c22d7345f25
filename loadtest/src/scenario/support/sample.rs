//! Samples while the load runs: is the position that members are told their place on the board,
//! and has no coach more people than wanted?

use super::Office;
use super::coach::Coach;
use super::member::Member;
use crate::oracle::Fault;
use futures_util::future::join_all;
use protocol::support::{Board, GetBoard, GetStatus};
use protocol::{DeskId, RequestId, UserId};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::sleep;

/// Between two samples.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(2);
/// Those who came to the front meanwhile, and left again, are on neither board.
const FRONTS_UNSEEN_MAX: usize = 4;
/// Members of a sample.
const SAMPLE_MEMBERS: usize = 25;

/// See the module.
pub(super) async fn run(
    office: Arc<Office>,
    members: Vec<Arc<Member>>,
    coaches: Vec<Arc<Coach>>,
    desk: DeskId,
) {
    let by_id: HashMap<UserId, Arc<Member>> =
        members.into_iter().map(|member| (member.person.id, member)).collect();
    let mut turn = 0;
    while !office.run.load_is_over() {
        sleep(SAMPLE_INTERVAL).await;
        turn += 1;
        if let Some(coach) = coaches.get(turn % coaches.len().max(1)) {
            sample(&office, &by_id, coach, desk).await;
        }
    }
}

async fn sample(
    office: &Office,
    members: &HashMap<UserId, Arc<Member>>,
    coach: &Coach,
    desk: DeskId,
) -> Option<()> {
    let before = coach.person.call(GetBoard { desk_id: desk }).await.ok()?;
    let wanted = before.waiting.iter().step_by(4).take(SAMPLE_MEMBERS);
    let wanted: Vec<_> = wanted.filter_map(|r| members.get(&r.member.id)).cloned().collect();
    let statuses =
        wanted.into_iter().map(|member| async move { member.person.call(GetStatus {}).await });
    let statuses = join_all(statuses).await;
    let after = coach.person.call(GetBoard { desk_id: desk }).await.ok()?;
    for coach in before.coaches.iter().chain(&after.coaches) {
        if coach.load > coach.capacity {
            let (load, capacity) = (coach.load, coach.capacity);
            let fault = Fault::BeyondCapacity { coach: coach.coach.id, load, capacity };
            office.run.found(&"board", &fault);
        }
    }
    // Of several servers each may answer from a view that is up to a second old: then the three
    // answers are of different moments, in whatever order.
    if office.run.settings.targets.len() > 1 {
        return Some(());
    }
    let (first, last) = (places(&before), places(&after));
    for status in statuses.into_iter().flatten() {
        let (Some(request), Some(told)) = (status.request, status.position) else { continue };
        // Only those who waited all the time; the others moved in between.
        let Some((one, other)) = first.get(&request.id).zip(last.get(&request.id)) else {
            continue;
        };
        let (low, high) = (*one.min(other), *one.max(other));
        office.samples.fetch_add(1, Ordering::Relaxed);
        let place = usize::try_from(told).unwrap_or(usize::MAX);
        if place < low || place > high + FRONTS_UNSEEN_MAX {
            let fault = Fault::WrongPosition { request: request.id, told, low, high };
            office.run.found(&"position", &fault);
        }
    }
    Some(())
}

fn places(board: &Board) -> HashMap<RequestId, usize> {
    board.waiting.iter().zip(1..).map(|(request, place)| (request.id, place)).collect()
}
