//! What is known about one topic: what was sent, what was acknowledged, what everybody saw at
//! each place, and whether the history agrees with all of it.

use super::Fault;
use protocol::{ClientId, Event, Format, Push, Seq, UserId};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use uuid::Uuid;

/// The place and id that an acknowledgement or an event names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) seq: Seq,
    pub(crate) id: Uuid,
}

/// A message or a post, as it stands in a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) id: Uuid,
    pub(crate) sender: UserId,
    pub(crate) client_id: ClientId,
    /// Hash of the text.
    pub(crate) text: u64,
    /// Among the messages of a conversation; posts have none.
    pub(crate) number: Option<u64>,
}

/// An event at its place, as the oracle compares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seq: Seq,
    /// Hash of what happened.
    pub(crate) hash: u64,
    pub(crate) written: Option<Written>,
}

impl Entry {
    /// Of an event as it was pushed or read.
    pub(crate) fn of(push: &Push<Event>) -> Self {
        let written = match &push.body {
            Event::MessageCreated(message) => Some(Written {
                id: message.message_id.0,
                sender: message.sender_id,
                client_id: message.client_id,
                text: text_hash(message.text.as_deref().unwrap_or_default()),
                number: Some(message.number),
            }),
            Event::PostCreated(post) => Some(Written {
                id: post.post_id.0,
                sender: post.author_id,
                client_id: post.client_id,
                text: text_hash(post.text.as_deref().unwrap_or_default()),
                number: None,
            }),
            _ => None,
        };
        let mut hasher = DefaultHasher::new();
        push.at.hash(&mut hasher);
        if let Some(w) = &written {
            (w.id, w.sender, w.client_id, w.text, w.number.unwrap_or(0)).hash(&mut hasher);
        } else {
            push.body.name().hash(&mut hasher);
            Format::MessagePack.encode(&push.body).hash(&mut hasher);
        }
        Self { seq: push.seq.unwrap_or(0), hash: hasher.finish().max(1), written }
    }
}

/// Hash of a text.
pub(crate) fn text_hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// One message from the moment somebody meant to send it.
#[derive(Debug)]
struct Sending {
    sender: UserId,
    text: u64,
    /// When it was given to the connection, in the record's own counting.
    issued: u64,
    /// When it was acknowledged, in the same counting, and as what.
    acked: Option<(u64, Placed)>,
    /// The first attempt was the one that was acknowledged.
    at_once: bool,
}

/// Everything known about one topic.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Hash of the event at each seq; 0 where none is known.
    hashes: Vec<u64>,
    sends: HashMap<ClientId, Sending>,
    /// Messages whose key the server chooses: by sender and text.
    first_words: Vec<(UserId, u64)>,
    head: Seq,
    ticks: u64,
    /// Messages up to here are of earlier runs.
    earlier: Seq,
}

impl Record {
    /// What stood in the topic before this run is not ours to judge.
    pub(crate) fn begins_after(&mut self, head: Seq) {
        self.earlier = self.earlier.max(head);
        self.head = self.head.max(head);
    }

    /// The newest seq that anybody knows of.
    pub(crate) const fn head(&self) -> Seq {
        self.head
    }

    /// Somebody begins to send.
    pub(crate) fn issued(&mut self, client_id: ClientId, sender: UserId, text: u64) {
        self.ticks += 1;
        let sending = Sending { sender, text, issued: self.ticks, acked: None, at_once: false };
        self.sends.insert(client_id, sending);
    }

    /// The server will write this on its own, with a key of its own.
    pub(crate) fn expects_first_words(&mut self, sender: UserId, text: u64) {
        self.first_words.push((sender, text));
    }

    /// A send was acknowledged at its `attempt`, counted from 1.
    pub(crate) fn acked(
        &mut self,
        client_id: ClientId,
        placed: Placed,
        duplicate: bool,
        attempt: u32,
    ) -> Result<(), Fault> {
        self.ticks += 1;
        self.head = self.head.max(placed.seq);
        let Some(sending) = self.sends.get_mut(&client_id) else { return Ok(()) };
        if let Some((_, first)) = sending.acked {
            return if first == placed {
                Ok(())
            } else {
                Err(Fault::AckChanged { client_id, first: first.seq, second: placed.seq })
            };
        }
        sending.acked = Some((self.ticks, placed));
        sending.at_once = attempt == 1;
        if duplicate && attempt == 1 { Err(Fault::FalseDuplicate { client_id }) } else { Ok(()) }
    }

    /// Somebody saw an event at its place, in whatever way.
    pub(crate) fn seen(&mut self, seq: Seq, hash: u64) -> Result<(), Fault> {
        let Ok(at) = usize::try_from(seq) else { return Ok(()) };
        if self.hashes.len() <= at {
            self.hashes.resize(at + 1, 0);
        }
        self.head = self.head.max(seq);
        match self.hashes.get_mut(at) {
            Some(known) if *known == 0 => {
                *known = hash;
                Ok(())
            }
            Some(known) if *known == hash => Ok(()),
            _ => Err(Fault::Disagreement { seq }),
        }
    }

    /// Compares the whole history, from seq 1 to the head, with everything that is known.
    pub(crate) fn faults_of_history(&self, history: &[Entry]) -> Vec<Fault> {
        let mut faults = self.faults_of_places(history);
        let mut found: HashMap<ClientId, Vec<Placed>> = HashMap::new();
        let mut words: HashMap<(UserId, u64), usize> = HashMap::new();
        for entry in history {
            let Some(written) = entry.written else { continue };
            let placed = Placed { seq: entry.seq, id: written.id };
            match self.sends.get(&written.client_id) {
                Some(sending) => {
                    found.entry(written.client_id).or_default().push(placed);
                    if (sending.sender, sending.text) != (written.sender, written.text) {
                        let client_id = written.client_id;
                        faults.push(Fault::Altered { client_id, seq: entry.seq });
                    }
                }
                None if self.first_words.contains(&(written.sender, written.text)) => {
                    *words.entry((written.sender, written.text)).or_default() += 1;
                }
                None if entry.seq > self.earlier => {
                    faults.push(Fault::Invented { seq: entry.seq });
                }
                None => {}
            }
        }
        for (&client_id, sending) in &self.sends {
            let places = found.get(&client_id).map_or(&[][..], Vec::as_slice);
            if places.len() > 1 {
                faults.push(Fault::Repeated { client_id, times: places.len() });
            }
            match (sending.acked, places.first()) {
                (Some((_, acked)), None) => faults.push(Fault::Lost { client_id, seq: acked.seq }),
                (Some((_, acked)), Some(_)) if !places.contains(&acked) => {
                    let found = places.first().map_or(0, |placed| placed.seq);
                    faults.push(Fault::Moved { client_id, acked: acked.seq, found });
                }
                _ => {}
            }
        }
        for &(sender, text) in &self.first_words {
            let times = words.get(&(sender, text)).copied().unwrap_or(0);
            if times != 1 {
                faults.push(Fault::FirstWords { sender, times });
            }
        }
        faults.extend(self.faults_of_sender_order());
        faults
    }

    /// Seqs 1..=head without holes, the same events that were seen, numbers without holes.
    fn faults_of_places(&self, history: &[Entry]) -> Vec<Fault> {
        let mut faults = Vec::new();
        let (mut before, mut number) = (0, 0);
        for entry in history {
            if entry.seq != before + 1 {
                faults.push(Fault::Hole { before, after: entry.seq });
            }
            before = entry.seq;
            let known = usize::try_from(entry.seq).ok().and_then(|at| self.hashes.get(at));
            if known.is_some_and(|&hash| hash != 0 && hash != entry.hash) {
                faults.push(Fault::Disagreement { seq: entry.seq });
            }
            if let Some(found) = entry.written.and_then(|written| written.number) {
                if found != number + 1 {
                    let expected = number + 1;
                    faults.push(Fault::Number { seq: entry.seq, expected, found });
                }
                number = found;
            }
        }
        if before < self.head {
            faults.push(Fault::ShortHistory { found: before, known: self.head });
        }
        faults
    }

    /// A sender's message stands behind every earlier one that was acknowledged at its first
    /// attempt, and behind every one that was acknowledged before it was sent.
    fn faults_of_sender_order(&self) -> Vec<Fault> {
        let mut senders: HashMap<UserId, Vec<&Sending>> = HashMap::new();
        for sending in self.sends.values() {
            senders.entry(sending.sender).or_default().push(sending);
        }
        let mut faults = Vec::new();
        for (sender, mut sendings) in senders {
            sendings.sort_unstable_by_key(|sending| sending.issued);
            let mut acks: Vec<(u64, Seq)> =
                sendings.iter().filter_map(|s| s.acked.map(|(at, p)| (at, p.seq))).collect();
            acks.sort_unstable();
            let mut acks = acks.into_iter().peekable();
            let mut earlier = 0;
            for sending in sendings {
                while let Some((_, seq)) = acks.next_if(|&(at, _)| at < sending.issued) {
                    earlier = earlier.max(seq);
                }
                let Some((_, placed)) = sending.acked else { continue };
                if placed.seq <= earlier {
                    faults.push(Fault::SenderOrder { sender, earlier, later: placed.seq });
                }
                if sending.at_once {
                    earlier = earlier.max(placed.seq);
                }
            }
        }
        faults
    }
}

#[cfg(test)]
#[path = "record_test.rs"]
mod tests;
