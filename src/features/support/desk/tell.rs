//! Signals after a commit: the board, positions, and coaches who drop or come back. And what is
//! measured.

use super::super::model::{Happening, Request, is_news};
use super::view::{on_board, wire};
use super::{Actor, Cached};
use crate::bus::{Channel, Class, Notice};
use protocol::support::{CoachAway, DeskChange, DeskChanged, Position};
use protocol::{Millis, Push, Signal, Topic, UserId};
use std::collections::HashMap;
use std::sync::Arc;

impl Actor {
    pub(super) fn tell(&self, cached: &Cached, happened: &[Happening]) {
        let desk = &cached.desk;
        let mut changes = Vec::new();
        for happening in happened {
            match happening {
                Happening::AwaitingPayment(request)
                | Happening::Queued(request)
                | Happening::Reopened { request, .. }
                | Happening::Raised(request)
                | Happening::Offered(request)
                | Happening::Returned { request, .. }
                | Happening::Requeued { request, .. }
                | Happening::TransferOffered(request)
                | Happening::TransferReturned { request, .. }
                | Happening::Transferred { request, .. }
                | Happening::Warned { request, .. }
                | Happening::Closed(request)
                | Happening::Abandoned(request)
                | Happening::Cancelled { request, .. }
                | Happening::Expired(request) => {
                    changes.push(DeskChange::Request(Box::new(wire(desk, request))));
                }
                Happening::Claimed { request, .. } => {
                    measure(request);
                    changes.push(DeskChange::Request(Box::new(wire(desk, request))));
                }
                Happening::CoachChanged(coach) => {
                    let coach = desk.coaches.get(coach);
                    changes.extend(coach.map(|coach| DeskChange::Coach(on_board(desk, coach))));
                }
                Happening::CoachAway { requests, until, .. } => {
                    self.tell_away(requests, Some(*until));
                }
                Happening::CoachReturned { requests, .. } => self.tell_away(requests, None),
                Happening::Looked(_)
                | Happening::Earned(_)
                | Happening::Forgotten(_)
                | Happening::DeskChanged => {}
            }
        }
        // Also without changes: a version without a signal would look like a loss.
        let changed = DeskChanged { version: cached.snapshot.version, changes };
        self.parts.bus.notify(Notice {
            audience: vec![Channel::Desk(self.id)],
            except: None,
            class: Class::Signal,
            push: Push::signal(Some(Topic::Desk(self.id)), changed),
        });
    }

    fn tell_away(&self, requests: &[Arc<Request>], grace_until: Option<Millis>) {
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

    pub(super) fn tell_positions(&mut self) {
        self.moved = false;
        let Some(cached) = &self.cached else { return };
        let waits = cached.desk.waits();
        let mut now = HashMap::new();
        for (request, position) in cached.desk.queue().zip(1_u32..) {
            let wait = waits(position);
            let told = self.told.remove(&request.id);
            // What was told stays the measure, so that many small steps are news as well.
            if let Some(told) =
                told.filter(|(place, told)| *place == position && !is_news(*told, wait))
            {
                now.insert(request.id, told);
                continue;
            }
            let signal = Position { request_id: request.id, position, wait };
            self.tell_member(request.member.id, signal);
            now.insert(request.id, (position, wait));
        }
        drop(waits);
        self.told = now;
    }
}

/// The wait that was predicted and the one that was, once a request, where it was decided.
fn measure(request: &Request) {
    let Some((stated, waited_ms)) = request.stated.zip(request.waited_ms) else { return };
    // A second coach, after the first one dropped.
    if request.claimed_at != Some(stated.at + waited_ms) {
        return;
    }
    metrics::histogram!("sanctuary_support_wait_seconds").record(seconds(waited_ms));
    let Some((low, high)) = stated.range_ms else {
        metrics::counter!("sanctuary_support_waits_total", "range" => "unknown").increment(1);
        return;
    };
    metrics::histogram!("sanctuary_support_wait_low_seconds").record(seconds(low));
    metrics::histogram!("sanctuary_support_wait_high_seconds").record(seconds(high));
    let range = if stated.holds(waited_ms) == Some(true) { "hit" } else { "miss" };
    metrics::counter!("sanctuary_support_waits_total", "range" => range).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "waits stay far below 2^52 ms")]
const fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}
