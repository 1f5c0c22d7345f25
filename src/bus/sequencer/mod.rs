//! Puts the events of each topic in order before they reach the hub: several nodes write to one
//! topic, so out of order is normal, and each may come more than once.
//!
//! Promises: each seq of a topic leaves at most once, and in order; an event waits at most
//! [`HOLD_MS`] for one before it, then what is missing is read from the log. For topics whose
//! events all who listen may see, once for the node; for conversations by each connection, with
//! its rights. A topic that waits holds no other up.
//!
//! Pure but for [`task`]: the time is an argument, in milliseconds from any start.

mod task;

pub(super) use task::{Around, Feed, Joined, run};

use super::redis::LAPSE_MS;
use super::{Channel, Missed, Publication, suspects::CLOCK_MARGIN_MS};
use protocol::{Millis, Seq, Topic};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// An event waits this long for one before it.
pub const HOLD_MS: u64 = 50;
/// A topic without events is forgotten after this; until then the net looks after it.
pub const ACTIVE_MS: u64 = 5 * 60_000;
/// Between two comparisons of active topics with their heads.
pub const NET_MS: u64 = 60_000;
/// Topics that are remembered; of more, those that were quiet longest are forgotten.
pub const TOPICS_MAX: usize = 200_000;
/// Events of one topic that wait.
pub const HELD_PER_TOPIC_MAX: usize = 1_024;
/// Events of all topics that wait.
pub const HELD_EVENTS_MAX: usize = 16 * 1_024;
/// Missing events that are read once for the node; beyond it, connections announce the gap.
pub const READ_EVENTS_MAX: u64 = 300;

/// How much older than an event that may be which was lost before it and nobody knows of yet: a
/// node's lease has to lapse first.
const LOOKS_BACK_MS: Millis = LAPSE_MS + CLOCK_MARGIN_MS;

/// What leaves.
#[derive(Debug)]
pub enum Out {
    /// To be delivered.
    Event(Publication),
    /// To be read by the connections.
    Missed(Missed),
}

/// To be read from the log, for the whole node; comes back by [`Sequencer::filled`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The topic.
    pub topic: Topic,
    /// Delivered already.
    pub after: Seq,
    /// The last one that is missing.
    pub until: Seq,
}

#[derive(Debug, Default)]
struct Track {
    /// The last that was delivered; `None`: nothing yet, the first waits for those before it.
    last: Option<Seq>,
    /// What came too early, with the time when it has waited long enough.
    held: BTreeMap<Seq, (u64, Publication)>,
    /// When the one of them that waits longest has waited long enough.
    due: Option<u64>,
    /// A gap is being read.
    reading: bool,
    /// When something of it was last seen.
    touched: u64,
    /// Who heard of the last one: of conversations only.
    audience: Vec<Channel>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Sequencer {
    tracks: HashMap<Topic, Track>,
    /// Topics with something that waits, by when it has waited long enough.
    due: BTreeSet<(u64, Topic)>,
    held: usize,
    /// From when on something may be missing.
    doubt: Option<Millis>,
}

impl Sequencer {
    /// What was published since then may not have come, and nobody has looked after it yet.
    pub const fn doubt(&mut self, since: Option<Millis>) {
        self.doubt = since;
    }

    /// Takes an event.
    pub fn offer(&mut self, publication: Publication, now: u64, out: &mut Vec<Out>) {
        let (topic, seq) = (publication.topic, publication.seq);
        if self.tracks.len() >= TOPICS_MAX && !self.tracks.contains_key(&topic) {
            self.make_room(now);
        }
        let track = self.tracks.entry(topic).or_default();
        track.touched = now;
        // The first that is seen of a topic may be the second of two, so it waits as well.
        let Some(last) = track.last.or((seq == 1).then_some(0)) else {
            return self.hold(publication, now, out);
        };
        if seq <= last {
            metrics::counter!("sanctuary_bus_duplicates_total").increment(1);
        } else if seq == last + 1 {
            track.send(publication, out);
            if !track.held.is_empty() {
                self.drain(topic, out);
            }
        } else {
            self.hold(publication, now, out);
        }
    }

    fn hold(&mut self, publication: Publication, now: u64, out: &mut Vec<Out>) {
        let (topic, seq) = (publication.topic, publication.seq);
        let Some(track) = self.tracks.get_mut(&topic) else { return };
        if track.held.contains_key(&seq) {
            return;
        }
        track.held.insert(seq, (now + HOLD_MS, publication));
        self.held += 1;
        if track.held.len() > HELD_PER_TOPIC_MAX || self.held > HELD_EVENTS_MAX {
            metrics::counter!("sanctuary_bus_held_full_total").increment(1);
            self.give_up(topic, out);
        } else if track.due.is_none() {
            self.arm(topic);
        }
    }

    /// Notes when the topic has waited long enough.
    fn arm(&mut self, topic: Topic) {
        let Some(track) = self.tracks.get_mut(&topic) else { return };
        if let Some(due) = track.due.take() {
            self.due.remove(&(due, topic));
        }
        if !track.reading {
            track.due = track.held.values().map(|(due, _)| *due).min();
            self.due.extend(track.due.map(|due| (due, topic)));
        }
    }

    /// When something has waited long enough; `None`: nothing waits.
    pub fn next_due(&self) -> Option<u64> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Lets go what waited long enough, or says what to read for it.
    pub fn due(&mut self, now: u64, out: &mut Vec<Out>) -> Vec<Gap> {
        let mut gaps = Vec::new();
        while let Some((_, topic)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            gaps.extend(self.resolve(topic, out));
        }
        gaps
    }

    /// The wait of a topic is over: afterwards it is due later, or not at all.
    fn resolve(&mut self, topic: Topic, out: &mut Vec<Out>) -> Option<Gap> {
        let track = self.tracks.get_mut(&topic)?;
        let until = track.held.first_key_value().map_or(0, |(&first, _)| first - 1);
        let Some(after) = track.last else {
            // What came before may be late for longer than anybody waits: whoever has no place
            // in the topic yet reads what is as new as this.
            if let Some((_, (_, first))) = track.held.first_key_value() {
                out.push(missed(until.saturating_sub(READ_EVENTS_MAX), first, self.doubt));
            }
            track.last = Some(until);
            self.drain(topic, out);
            return None;
        };
        metrics::counter!("sanctuary_bus_gaps_total").increment(1);
        if Channel::of(topic).is_some() && until.saturating_sub(after) <= READ_EVENTS_MAX {
            track.reading = true;
            self.arm(topic);
            return Some(Gap { topic, after, until });
        }
        self.give_up(topic, out);
        None
    }

    /// Lets everything go that waits in a topic, with what is missing left to the connections.
    fn give_up(&mut self, topic: Topic, out: &mut Vec<Out>) {
        let Some(track) = self.tracks.get_mut(&topic) else { return };
        track.reading = false;
        let held = std::mem::take(&mut track.held);
        self.held -= held.len();
        for (seq, (_, publication)) in held {
            let after = track.last.unwrap_or((seq - 1).saturating_sub(READ_EVENTS_MAX));
            if seq > after + 1 {
                out.push(missed(after, &publication, self.doubt));
            }
            if track.last.is_none_or(|last| seq > last) {
                track.send(publication, out);
            }
        }
        self.arm(topic);
    }

    /// Lets go what follows on without a gap.
    fn drain(&mut self, topic: Topic, out: &mut Vec<Out>) {
        let Some(track) = self.tracks.get_mut(&topic) else { return };
        while let Some(first) = track.held.first_entry() {
            let next = track.last.unwrap_or(0) + 1;
            if *first.key() > next {
                break;
            }
            let (seq, (_, publication)) = first.remove_entry();
            self.held -= 1;
            if seq == next {
                track.send(publication, out);
            }
        }
        self.arm(topic);
    }

    fn make_room(&mut self, now: u64) {
        self.sweep(now, ACTIVE_MS / 4);
        if self.tracks.len() >= TOPICS_MAX / 2 {
            self.sweep(now, 0);
        }
    }

    /// A gap was read: its events in order, or `None` where that failed.
    pub fn filled(&mut self, gap: &Gap, events: Option<Vec<Publication>>, out: &mut Vec<Out>) {
        let Gap { topic, until, .. } = *gap;
        let Some(track) = self.tracks.get_mut(&topic) else { return };
        track.reading = false;
        let Some(events) = events else { return self.give_up(topic, out) };
        for event in events {
            if track.last.is_none_or(|last| event.seq > last) && event.seq <= until {
                track.send(event, out);
            }
        }
        // What the log does not show has been there and is not any more.
        track.last = Some(track.last.unwrap_or(0).max(until));
        self.drain(topic, out);
    }

    /// The head of a topic was read. Beyond what was delivered, something is missing. `since`: who
    /// has no place in a conversation yet is owed nothing older.
    pub fn head(
        &mut self,
        topic: Topic,
        head: Seq,
        since: Millis,
        out: &mut Vec<Out>,
    ) -> Option<Gap> {
        let track = self.tracks.get_mut(&topic)?;
        let after = track.last.filter(|&last| head > last)?;
        if track.reading || !track.held.is_empty() {
            return None;
        }
        metrics::counter!("sanctuary_bus_gaps_total").increment(1);
        let own = Channel::of(topic);
        if own.is_some() && head - after <= READ_EVENTS_MAX {
            track.reading = true;
            return Some(Gap { topic, after, until: head });
        }
        let audience = own.map_or_else(|| track.audience.clone(), |own| vec![own]);
        track.last = Some(head);
        out.push(Out::Missed(Missed { topic, after, until: head, since, audience }));
        None
    }

    /// Topics that were active lately.
    pub fn active(&self) -> Vec<Topic> {
        let settled = |track: &Track| track.last.is_some() && track.held.is_empty();
        self.tracks.iter().filter(|(_, track)| settled(track)).map(|(topic, _)| *topic).collect()
    }

    /// Nobody here listens to a topic's channel any more: what it does meanwhile is not missing.
    pub fn forget(&mut self, topic: Topic) {
        if let Some(track) = self.tracks.remove(&topic) {
            self.held -= track.held.len();
            if let Some(due) = track.due {
                self.due.remove(&(due, topic));
            }
        }
    }

    /// Forgets topics that were quiet for so long.
    pub fn sweep(&mut self, now: u64, quiet_ms: u64) {
        self.tracks.retain(|_, track| {
            !track.held.is_empty() || track.reading || now < track.touched + quiet_ms
        });
        self.tracks.shrink_to(2 * self.tracks.len());
    }

    /// Topics that are remembered.
    pub fn len(&self) -> usize {
        self.tracks.len()
    }

    /// No topic is remembered.
    pub fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }
}

/// What lies between `after` and an event did not come.
fn missed(after: Seq, before: &Publication, doubt: Option<Millis>) -> Out {
    let since = before.at - LOOKS_BACK_MS;
    Out::Missed(Missed {
        topic: before.topic,
        after,
        until: before.seq - 1,
        since: doubt.map_or(since, |doubt| since.min(doubt - CLOCK_MARGIN_MS)),
        audience: before.audience.clone(),
    })
}

impl Track {
    fn send(&mut self, publication: Publication, out: &mut Vec<Out>) {
        self.last = Some(publication.seq);
        if matches!(publication.topic, Topic::Conversation(_))
            && self.audience != publication.audience
        {
            self.audience.clone_from(&publication.audience);
        }
        out.push(Out::Event(publication));
    }
}
