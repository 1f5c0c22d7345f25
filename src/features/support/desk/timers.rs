//! The deadlines of a desk as timers. One timer, that of the first deadline, is enough: whoever
//! fires it looks at all that is due, and sets the next. So a desk costs a timer now and then, not
//! one a request.

use super::super::model::{Desk, Happening};
use crate::timers::Timer;
use protocol::{DeskId, Millis};
use std::collections::BTreeSet;

/// The kind of the timer that ends a coach's grace. Subject: desk id, coach id.
pub(crate) const GRACE_TIMER: &str = "coach_grace";
/// The kind of the timer of everything else at a desk. Subject: desk id.
pub(crate) const DESK_TIMER: &str = "support_desk";

/// Deadlines share timers of this grid.
const GRID_MS: Millis = 1_000;
/// A node whose clock is ahead may have fired a timer that is due this soon.
const AHEAD_MS: Millis = 10_000;

/// Timers that this node set and that nobody can have fired yet.
#[derive(Debug, Default)]
pub(super) struct Armed(BTreeSet<Millis>);

impl Armed {
    /// What has to be set before this is committed.
    pub(super) fn wanted(
        &mut self,
        desk_id: DeskId,
        desk: &Desk,
        happened: &[Happening],
        now: Millis,
    ) -> Vec<Timer> {
        let grace = |happening: &Happening| match happening {
            Happening::CoachAway { coach, until, .. } => Some(Timer {
                due_at: *until,
                kind: GRACE_TIMER.to_owned(),
                subject: [desk_id.as_bytes().as_slice(), coach.as_bytes()].concat(),
            }),
            _ => None,
        };
        let mut timers: Vec<Timer> = happened.iter().filter_map(grace).collect();
        self.0 = self.0.split_off(&(now + AHEAD_MS));
        if let Some(first) = desk.first_deadline() {
            let due_at = (first.max(now) + GRID_MS - 1).div_euclid(GRID_MS) * GRID_MS;
            if self.0.first().is_none_or(|armed| *armed > due_at) {
                self.0.insert(due_at);
                let subject = desk_id.as_bytes().to_vec();
                timers.push(Timer { due_at, kind: DESK_TIMER.to_owned(), subject });
            }
        }
        timers
    }
}
