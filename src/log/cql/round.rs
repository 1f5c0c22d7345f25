//! Rounds: which of the waiting appends go together, and what they write. Pure.
//!
//! Gates are asked in turn, each with the head and the state that those before it leave behind.
//! A refusal does not stop the others. A round ends at its limits and at the end of a bucket;
//! what did not fit waits for the next one, where its gate is asked again.

use super::bucket::{Bucket, Buckets};
use crate::bus::Channel;
use crate::error::{Result, internal};
use crate::log::{Append, Entry, Head, Key, OwnedHead, ROUND_EVENTS_MAX, Stamped, encode};
use crate::store::{Maximum, Value};
use bytes::Bytes;
use protocol::{Error, Millis, Seq};
use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the bodies of one round may weigh together, redactions included: Cassandra refuses
/// batches over 50 KiB by default. A single append may weigh more.
pub const ROUND_BODY_BYTES_MAX: usize = 32 * 1024;
/// Older events that one round replaces. A single append is bound by
/// [`crate::log::REDACTIONS_MAX`].
pub const ROUND_REDACTIONS_MAX: usize = 64;

/// What becomes of one append.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is the event at this place of [`Plan::events`].
    Written(usize),
    /// Its key is that of this event: the same, again.
    Merged(usize),
    /// Its gate refused it.
    Refused(Error),
}

/// An event of a round.
#[derive(Debug)]
pub(super) struct Planned {
    /// As it is kept. A later event of the round may have redacted the body.
    pub(super) entry: Entry,
    /// The body as it is told to its caller and published.
    pub(super) told: Bytes,
    pub(super) key: Option<Key>,
    pub(super) audience: Vec<Channel>,
}

/// A new body for an older event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redaction {
    /// The event that replaces it.
    pub(super) cause: Seq,
    pub(super) body: Bytes,
}

/// What a round writes.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) bucket: Bucket,
    /// The head it is written behind.
    pub(super) before: Seq,
    /// The head it leaves behind.
    pub(super) end: OwnedHead,
    pub(super) state_changed: bool,
    pub(super) events: Vec<Planned>,
    /// Redactions in the round's own bucket, by seq.
    pub(super) here: BTreeMap<Seq, Redaction>,
    /// Redactions in older buckets, by seq.
    pub(super) older: BTreeMap<Seq, Redaction>,
    pub(super) maxima: Vec<Maximum>,
    /// Of the appends, from the first on; those behind them wait.
    pub(super) fates: Vec<Fate>,
}

impl Plan {
    /// Whether somebody was refused.
    pub(super) fn refuses(&self) -> bool {
        self.fates.iter().any(|fate| matches!(fate, Fate::Refused(_)))
    }
}

/// What can be written as maxima.
pub(super) type CheckMaxima<'a> = &'a dyn Fn(&[Maximum]) -> Result<()>;

struct Drawing<'a> {
    buckets: Buckets,
    room: u64,
    bytes: usize,
    plan: Plan,
    keys: HashMap<&'a Key, usize>,
}

/// Plans the round behind `head`. The keys of the appends are known to be new to the topic.
pub(super) fn plan<'a>(
    head: &OwnedHead,
    buckets: Buckets,
    now: Millis,
    appends: impl IntoIterator<Item = &'a Append>,
    check_maxima: CheckMaxima<'_>,
) -> Plan {
    let plan = Plan {
        bucket: buckets.of_next(head.seq),
        before: head.seq,
        end: head.clone(),
        state_changed: false,
        events: Vec::new(),
        here: BTreeMap::new(),
        older: BTreeMap::new(),
        maxima: Vec::new(),
        fates: Vec::new(),
    };
    let room = buckets.room(head.seq).min(ROUND_EVENTS_MAX as u64);
    let mut drawing = Drawing { buckets, room, bytes: 0, plan, keys: HashMap::new() };
    for append in appends {
        match drawing.one(append, now, check_maxima) {
            Some(fate) => drawing.plan.fates.push(fate),
            None => break,
        }
    }
    drawing.plan.maxima = merged(std::mem::take(&mut drawing.plan.maxima));
    drawing.plan
}

impl<'a> Drawing<'a> {
    /// `None`: the round is full.
    fn one(
        &mut self,
        append: &'a Append,
        now: Millis,
        check_maxima: CheckMaxima<'_>,
    ) -> Option<Fate> {
        if let Some(at) = append.key.as_ref().and_then(|key| self.keys.get(key)) {
            return Some(Fate::Merged(*at));
        }
        if self.room == 0 {
            return None;
        }
        let end = &self.plan.end;
        let at = now.max(end.at);
        let head = Head { seq: end.seq, state: &end.state };
        let asked = catch_unwind(AssertUnwindSafe(|| append.gate.stamp(head, at)));
        let stamped = asked.unwrap_or_else(|_| Err(internal(&"a gate panicked")));
        let stamped = stamped.and_then(|stamped| {
            stamped.check(end.seq)?;
            check_maxima(&stamped.maxima)?;
            Ok(stamped)
        });
        let stamped = match stamped {
            Ok(stamped) => stamped,
            Err(refused) => return Some(Fate::Refused(refused)),
        };
        let body = encode(&stamped.event);
        let redactions: Vec<(Seq, Bytes)> =
            stamped.redact.iter().map(|(seq, event)| (*seq, encode(event))).collect();
        let weight = redactions.iter().fold(body.len(), |sum, (_, body)| sum + body.len());
        let redacted = self.plan.here.len() + self.plan.older.len() + redactions.len();
        let over = self.bytes + weight > ROUND_BODY_BYTES_MAX || redacted > ROUND_REDACTIONS_MAX;
        if over && !self.plan.events.is_empty() {
            return None;
        }
        self.bytes += weight;
        Some(self.write(append, stamped, at, body, redactions))
    }

    fn write(
        &mut self,
        append: &'a Append,
        stamped: Stamped,
        at: Millis,
        body: Bytes,
        redactions: Vec<(Seq, Bytes)>,
    ) -> Fate {
        let seq = self.plan.end.seq + 1;
        let place = self.plan.events.len();
        for (older, body) in redactions {
            self.redact(older, Redaction { cause: seq, body });
        }
        (self.plan.end.seq, self.plan.end.at) = (seq, at);
        if let Some(state) = stamped.state {
            self.plan.state_changed |= state != self.plan.end.state;
            self.plan.end.state = state;
        }
        self.plan.maxima.extend(stamped.maxima);
        if let Some(key) = &append.key {
            self.keys.insert(key, place);
        }
        self.room -= 1;
        self.plan.events.push(Planned {
            entry: Entry { seq, at, sender: append.sender, body: body.clone() },
            told: body,
            key: append.key.clone(),
            audience: stamped.audience,
        });
        Fate::Written(place)
    }

    /// The newest redaction of an event counts.
    fn redact(&mut self, seq: Seq, redaction: Redaction) {
        let plan = &mut self.plan;
        let ours = seq.checked_sub(plan.before + 1).and_then(|at| usize::try_from(at).ok());
        if let Some(event) = ours.and_then(|at| plan.events.get_mut(at)) {
            event.entry.body = redaction.body;
        } else if self.buckets.of(seq) == plan.bucket {
            plan.here.insert(seq, redaction);
        } else {
            plan.older.insert(seq, redaction);
        }
    }
}

/// One for each key and column, the greatest.
fn merged(maxima: Vec<Maximum>) -> Vec<Maximum> {
    let mut places: HashMap<(&'static str, Vec<Value>), usize> = HashMap::new();
    let mut merged: Vec<Maximum> = Vec::new();
    for maximum in maxima {
        let place = places.entry((maximum.table, maximum.key.clone())).or_insert(merged.len());
        let Some(there) = merged.get_mut(*place) else {
            merged.push(maximum);
            continue;
        };
        for (column, value) in maximum.columns {
            match there.columns.iter_mut().find(|(name, _)| *name == column) {
                Some((_, highest)) => *highest = value.max(*highest),
                None => there.columns.push((column, value)),
            }
        }
    }
    merged
}

#[cfg(test)]
mod tests;
