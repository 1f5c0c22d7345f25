//! A connection's place in each topic it hears of: what was sent, what is owed.
//!
//! A topic is *live*, or it *catches up*: the connection's task then reads it from the log, page
//! by page, and what comes live meanwhile is only noted. At the seam, under the connection's
//! lock, the topic is live again if nothing newer was noted: so nothing is missing, and nothing
//! comes twice. A topic is *held* while a command runs that begins to follow it: the reply comes
//! first.
//!
//! Pure: no lock, no log, no queue.

use super::Replay;
use crate::bus::Missed;
use protocol::{Millis, Seq, Topic};
use std::collections::VecDeque;

/// Topics of one connection; one more and it starts over with cursors of its own (4003).
pub const TOPICS_MAX: usize = 4_096;
/// Missing events that are read from the log; for more the client is told of a gap.
pub const REPAIR_EVENTS_MAX: u64 = 300;

/// Whose reply has to come first: a command, or the one that opens the session.
pub(super) type Owner = u64;

/// The command that opens the session.
pub(super) const OPENING: Owner = u64::MAX;

/// What to do with a live event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send it now.
    Send,
    /// Sent already, or to be read from the log.
    Skip,
    /// Announce that these are missing, then send it.
    Jump { from: Seq, to: Seq },
    /// There is no place for another topic.
    TooMany,
}

/// What is to be read from the log next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) topic: Topic,
    pub(super) after: Seq,
    pub(super) until: Seq,
    /// What is older was never owed.
    pub(super) since: Millis,
    generation: u32,
}

#[derive(Debug)]
struct Track {
    topic: Topic,
    /// Everything up to here was sent, or is known to the client.
    last: Seq,
    /// What came after this was passed over in silence, since the person had left: it is owed,
    /// or announced, should there be more to send.
    silent: Option<Seq>,
    /// `None`: live.
    catch: Option<Box<Catch>>,
}

impl Track {
    /// There is more to send.
    fn speak(&mut self) {
        if let Some(silent) = self.silent.take() {
            self.last = self.last.min(silent);
        }
    }
}

#[derive(Debug)]
struct Catch {
    until: Seq,
    then: Seq,
    /// The newest seq that was dropped meanwhile.
    seen: Seq,
    /// Nothing was sent yet: `last` is only a guess until [`Cursors::follow`] says better.
    fresh: bool,
    /// Waits for a reply.
    held: Option<Owner>,
    /// What is older is not owed; 0: everything is.
    since: Millis,
    /// Tells a page that is on its way from a later life of the same topic.
    generation: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    /// Sorted by topic.
    tracks: Vec<Track>,
    /// Topics that catch up, in turn.
    turns: VecDeque<Topic>,
    generation: u32,
}

impl Cursors {
    fn find(&self, topic: Topic) -> Result<usize, usize> {
        self.tracks.binary_search_by(|track| track.topic.cmp(&topic))
    }

    fn insert(&mut self, at: usize, topic: Topic, last: Seq, held: Option<Owner>) {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let catch = held.map(|owner| {
            let held = Some(owner);
            Box::new(Catch {
                until: last,
                then: last,
                seen: 0,
                fresh: true,
                held,
                since: 0,
                generation,
            })
        });
        self.tracks.insert(at, Track { topic, last, silent: None, catch });
    }

    /// Judges a live event. `held`: nothing may be sent yet.
    pub(super) fn offer(&mut self, topic: Topic, seq: Seq, held: Option<Owner>) -> Verdict {
        let at = match self.find(topic) {
            Ok(at) => at,
            Err(_) if self.tracks.len() >= TOPICS_MAX => return Verdict::TooMany,
            Err(at) => {
                self.insert(at, topic, seq, held);
                if held.is_none() {
                    return Verdict::Send;
                }
                at
            }
        };
        let next_generation = self.generation.wrapping_add(1);
        let Some(track) = self.tracks.get_mut(at) else { return Verdict::Skip };
        if let Some(catch) = &mut track.catch {
            if catch.fresh && catch.seen == 0 {
                // Live from the first event seen.
                track.last = seq.saturating_sub(1);
            }
            catch.seen = catch.seen.max(seq);
            return Verdict::Skip;
        }
        if seq <= track.last {
            return Verdict::Skip;
        }
        track.speak();
        let missing = seq - track.last - 1;
        if missing > 0 && missing <= REPAIR_EVENTS_MAX {
            self.generation = next_generation;
            track.catch = Some(Box::new(Catch {
                until: seq,
                then: seq,
                seen: seq,
                fresh: false,
                held: None,
                since: 0,
                generation: next_generation,
            }));
            self.turns.push_back(topic);
            return Verdict::Skip;
        }
        let from = track.last + 1;
        track.last = seq;
        if missing == 0 { Verdict::Send } else { Verdict::Jump { from, to: seq - 1 } }
    }

    /// Events up to `missed.until` were published and did not come live: they are owed. A topic
    /// that is new here is owed what came after `missed.after` and since `missed.since`.
    pub(super) fn missed(&mut self, missed: &Missed, held: Option<Owner>) -> Verdict {
        let &Missed { topic, after, until, since, .. } = missed;
        let is_new = self.find(topic).is_err();
        let at = match self.find(topic) {
            // The first that a session hears of may come before its reply.
            Err(_) if held.is_some() => return self.offer(topic, until, held),
            Err(_) if self.tracks.len() >= TOPICS_MAX => return Verdict::TooMany,
            Err(at) => {
                self.insert(at, topic, after.min(until), None);
                at
            }
            Ok(at) => {
                let known = self.tracks.get(at).map_or(0, |track| track.last);
                let catches = self.tracks.get(at).is_some_and(|track| track.catch.is_some());
                if catches || until.saturating_sub(known) > REPAIR_EVENTS_MAX {
                    // Noted, or announced: the last one is read again where it is owed.
                    return match self.offer(topic, until, held) {
                        Verdict::Send => Verdict::Skip,
                        Verdict::Jump { from, .. } => Verdict::Jump { from, to: until },
                        verdict => verdict,
                    };
                }
                at
            }
        };
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let Some(track) = self.tracks.get_mut(at) else { return Verdict::Skip };
        let since = if is_new { since } else { 0 };
        if until > track.last {
            track.speak();
            let (then, seen, fresh) = (until, until, false);
            let catch = Catch { until, then, seen, fresh, held: None, since, generation };
            track.catch = Some(Box::new(catch));
            self.turns.push_back(topic);
        }
        Verdict::Skip
    }

    /// The topics that have a place here, with what was sent or is owed of each.
    pub(super) fn places(&self) -> impl Iterator<Item = (Topic, Seq)> + '_ {
        self.tracks.iter().map(|track| {
            let owed = track.catch.as_ref().map_or(0, |catch| catch.then.max(catch.seen));
            (track.topic, track.last.max(owed))
        })
    }

    /// Holds a topic that a command began to listen to, until its reply is queued.
    pub(super) fn hold(&mut self, topic: Topic, owner: Owner) {
        if let Err(at) = self.find(topic)
            && self.tracks.len() < TOPICS_MAX
        {
            self.insert(at, topic, 0, Some(owner));
        }
    }

    /// Begins to catch up. The seq of a topic only grows: what was sent is not sent again.
    /// False: there is no place for another topic.
    pub(super) fn follow(&mut self, topic: Topic, replay: Replay) -> bool {
        let at = match self.find(topic) {
            Ok(at) => at,
            Err(_) if self.tracks.len() >= TOPICS_MAX => return false,
            Err(at) => {
                self.insert(at, topic, replay.after.min(replay.then), None);
                at
            }
        };
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        // A cursor beyond the head is no cursor.
        let after = replay.after.min(replay.then);
        let Some(track) = self.tracks.get_mut(at) else { return false };
        let mut catch = track.catch.take().unwrap_or_else(|| {
            Box::new(Catch {
                until: 0,
                then: 0,
                seen: 0,
                fresh: false,
                held: None,
                since: 0,
                generation,
            })
        });
        track.last = if catch.fresh { after } else { track.last.max(after) };
        let owed = if catch.fresh { 0 } else { catch.until };
        let then = if catch.fresh { 0 } else { catch.then };
        catch.fresh = false;
        catch.until = replay.until.max(owed);
        catch.then = replay.then.max(catch.until).max(then);
        catch.generation = generation;
        catch.held = None;
        track.catch = Some(catch);
        self.go_on(at);
        true
    }

    /// Forgets a topic.
    pub(super) fn remove(&mut self, topic: Topic) {
        if let Ok(at) = self.find(topic) {
            self.tracks.remove(at);
            if self.tracks.is_empty() {
                self.tracks = Vec::new();
            }
        }
    }

    /// The reply of a command is queued: topics held for it begin, those that heard nothing
    /// and were not followed are forgotten.
    pub(super) fn release(&mut self, owner: Owner) {
        let mut at = 0;
        while let Some(track) = self.tracks.get_mut(at) {
            let held = track.catch.as_ref().and_then(|catch| catch.held);
            if !held.is_some_and(|held| owner == OPENING || held == owner) {
                at += 1;
                continue;
            }
            let Some(catch) = track.catch.as_mut().filter(|catch| catch.seen > 0) else {
                self.tracks.remove(at);
                continue;
            };
            catch.held = None;
            catch.fresh = false;
            catch.until = catch.seen;
            catch.then = catch.seen;
            self.go_on(at);
            at += 1;
        }
    }

    /// Live again if nothing is owed, else the next in turn.
    fn go_on(&mut self, at: usize) {
        let Some(track) = self.tracks.get_mut(at) else { return };
        let Some(catch) = &mut track.catch else { return };
        if track.last >= catch.until {
            track.last = track.last.max(catch.then);
            if catch.seen <= track.last {
                track.catch = None;
                return;
            }
            catch.until = catch.seen;
            catch.then = catch.seen;
            track.speak();
        }
        if !self.turns.contains(&track.topic) {
            self.turns.push_back(track.topic);
        }
    }

    /// Some topic has its turn coming.
    pub(super) fn owes(&self) -> bool {
        !self.turns.is_empty()
    }

    /// The topic whose turn it is. Its page must come back by [`Cursors::caught`].
    pub(super) fn next_wanted(&mut self) -> Option<Wanted> {
        while let Some(topic) = self.turns.pop_front() {
            let Ok(at) = self.find(topic) else { continue };
            let Some(track) = self.tracks.get(at) else { continue };
            if let Some(catch) = &track.catch
                && catch.held.is_none()
            {
                return Some(Wanted {
                    topic,
                    after: track.last,
                    until: catch.until,
                    since: catch.since,
                    generation: catch.generation,
                });
            }
        }
        if self.turns.capacity() > 0 {
            self.turns = VecDeque::new();
        }
        None
    }

    /// Whether a page is still what is wanted: if not, and the topic still catches up, it is
    /// read again. If so, everything up to `covered` counts as sent; what is after `silent` was
    /// not even announced.
    pub(super) fn caught(&mut self, wanted: Wanted, covered: Seq, silent: Option<Seq>) -> bool {
        let Ok(at) = self.find(wanted.topic) else { return false };
        let Some(track) = self.tracks.get_mut(at) else { return false };
        let current = track.catch.as_ref().is_some_and(|c| c.generation == wanted.generation);
        if current {
            track.last = track.last.max(covered);
            track.silent = silent;
        }
        self.go_on(at);
        current
    }
}

#[cfg(test)]
mod tests;
