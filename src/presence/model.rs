//! The rules of presence: what the registry's words about a person mean, and what others see.
//! Pure; times are arguments, all of them of one clock.

use crate::redis::{Epoch, Node};
use protocol::Millis;
use protocol::presence::{Declared, Status};
use std::collections::BTreeMap;
use std::time::Duration;

/// A person whose last session dropped without goodbye is offline after this.
pub const GRACE_MS: Millis = 30_000;

/// What is known of a person's sessions, on all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// At least one is open.
    Open,
    /// None is.
    None,
    /// None was found, where some may be missing: nobody may conclude anything from it.
    Unknown,
}

/// What is known of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Their sessions.
    pub sessions: Sessions,
    /// The last session dropped; for so long others still see the person.
    pub grace_left: Option<Duration>,
    /// One of them is in the foreground.
    pub foreground: bool,
    /// What the person said.
    pub declared: Option<Declared>,
    /// Somebody who is gone was last here then, and nobody kept that: a node died with the session.
    pub died_at: Option<Millis>,
}

impl Known {
    /// Nothing at all.
    pub const UNKNOWN: Self = Self {
        sessions: Sessions::Unknown,
        grace_left: None,
        foreground: false,
        declared: None,
        died_at: None,
    };

    /// Whether what others see may be out of date.
    pub fn is_uncertain(&self) -> bool {
        self.sessions == Sessions::Unknown && self.grace_left.is_none()
    }
}

/// What others see. Where nothing is known, it stays as it was seen last.
pub(super) fn status(known: &Known, last: Option<Status>) -> Status {
    if known.declared == Some(Declared::Invisible) {
        return Status::Offline;
    }
    let here = known.sessions == Sessions::Open || known.grace_left.is_some();
    match known.declared.unwrap_or(Declared::Online) {
        _ if known.is_uncertain() => last.unwrap_or(Status::Offline),
        _ if !here => Status::Offline,
        Declared::Away => Status::Away,
        Declared::Busy => Status::Busy,
        Declared::Online | Declared::Invisible => Status::Online,
    }
}

/// Where the life of a node stands, as another node sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has its lease.
    Living,
    /// The lease lapsed a short while ago: its sessions count as dropped, for so long.
    Lapsed(Duration),
    /// Never heard of, and only since a moment: it may have begun just now.
    Stranger,
    /// It is over; since when, where this node saw it.
    Dead(Option<Millis>),
}

/// What the registry has of a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Record {
    /// Who holds each session.
    pub(super) holders: Vec<Epoch>,
    /// Who holds those that are in the foreground.
    pub(super) looked_at: Vec<Epoch>,
    /// What the person said.
    pub(super) declared: Option<Declared>,
    /// The last session dropped; by the registry's clock.
    pub(super) grace_until: Option<Millis>,
}

/// What follows from a record at `now` of the registry's clock. `is_whole`: see [`is_whole`].
pub(super) fn known(
    record: &Record,
    standing: impl Fn(Epoch) -> Standing,
    is_whole: bool,
    now: Millis,
) -> Known {
    let (mut open, mut may_be_open) = (false, !is_whole);
    let mut died_at: Option<Millis> = None;
    let left = record.grace_until.and_then(|until| u64::try_from(until.saturating_sub(now)).ok());
    let mut grace = left.map_or(Duration::ZERO, Duration::from_millis);
    for &holder in &record.holders {
        match standing(holder) {
            Standing::Living => open = true,
            Standing::Lapsed(left) => grace = grace.max(left),
            Standing::Stranger => may_be_open = true,
            Standing::Dead(at) => died_at = died_at.max(at),
        }
    }
    let sessions = match (open, may_be_open) {
        (true, _) => Sessions::Open,
        (false, true) => Sessions::Unknown,
        (false, false) => Sessions::None,
    };
    let grace_left = (!open && !grace.is_zero()).then_some(grace);
    let is_gone = sessions == Sessions::None && grace_left.is_none();
    let died_at = died_at.filter(|_| is_gone && record.declared != Some(Declared::Invisible));
    let mut looked_at = record.looked_at.iter();
    let foreground = looked_at.any(|&holder| standing(holder) == Standing::Living);
    Known { sessions, grace_left, foreground, declared: record.declared, died_at }
}

/// What the registry says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Registered {
    /// The run of the server that it began in. A server that started again may have come up
    /// with what it had long ago.
    pub(super) run: String,
    /// When it began, by its own clock.
    pub(super) born_at: Option<Millis>,
    /// Nodes that have written all their sessions since, and as whom.
    pub(super) written: BTreeMap<String, Epoch>,
}

/// Whether a session that is not in the registry is not there. `run`: of the server now;
/// `living`: those with a lease; `settle`: as long as a living node may be without one.
pub(super) fn is_whole(
    registered: &Registered,
    run: &str,
    living: &[Node],
    settle: Duration,
    now: Millis,
) -> bool {
    let settle = i64::try_from(settle.as_millis()).unwrap_or(i64::MAX);
    registered.run == run
        && registered.born_at.is_some_and(|born_at| now.saturating_sub(born_at) >= settle)
        && living.iter().all(|node| registered.written.get(&*node.name) == Some(&node.epoch))
}

#[cfg(test)]
mod tests;
