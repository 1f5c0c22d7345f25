//! One append, on the writer's thread.

use super::rows;
use crate::bus::Publication;
use crate::clock::Clock;
use crate::engine::sqlite::Job;
use crate::error::{Result, internal, unavailable};
use crate::log::{Append, Appended, Entry, Head, KEY_BYTES_MAX, OwnedHead, encode};
use crate::store::Raises;
use protocol::Seq;
use rusqlite::Connection;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

pub(super) struct AppendJob {
    append: Append,
    topic: String,
    clock: Clock,
    raises: Arc<Raises>,
    outgoing: Arc<Mutex<Vec<Publication>>>,
    publication: Option<Publication>,
    result: Option<Result<Appended>>,
    reply: oneshot::Sender<Result<Appended>>,
}

impl AppendJob {
    pub(super) fn new(
        append: Append,
        clock: Clock,
        raises: Arc<Raises>,
        outgoing: Arc<Mutex<Vec<Publication>>>,
        reply: oneshot::Sender<Result<Appended>>,
    ) -> Result<Self> {
        if append.key.as_ref().is_some_and(|key| key.0.len() > KEY_BYTES_MAX) {
            return Err(internal(&"an idempotency key is too large"));
        }
        let topic = append.topic.to_string();
        let (publication, result) = (None, None);
        Ok(Self { append, topic, clock, raises, outgoing, publication, result, reply })
    }

    /// What the key led to before.
    fn again(
        &mut self,
        connection: &Connection,
        head: &OwnedHead,
        seq: Seq,
    ) -> rusqlite::Result<()> {
        let entry = rows::entry(connection, &self.topic, seq)?;
        let audience = self.append.gate.audience(as_seen(head), seq);
        self.keep(entry, audience, true);
        Ok(())
    }

    fn keep(&mut self, entry: Entry, audience: Vec<crate::bus::Channel>, duplicate: bool) {
        let Entry { seq, at, body, .. } = entry;
        if !audience.is_empty() {
            let (topic, body) = (self.append.topic, body.clone());
            self.publication = Some(Publication { topic, seq, at, body, audience });
        }
        self.result = Some(Ok(Appended { seq, at, duplicate, body }));
    }
}

fn as_seen(head: &OwnedHead) -> Head<'_> {
    Head { seq: head.seq, state: &head.state }
}

impl Job for AppendJob {
    fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        (self.publication, self.result) = (None, None);
        let head = rows::head(connection, &self.topic)?;
        if let Some(key) = self.append.key.as_ref().filter(|_| head.seq > 0)
            && let Some(seq) = rows::seq_of_key(connection, &self.topic, key)?
        {
            return self.again(connection, &head, seq);
        }
        let at = self.clock.now().max(head.at);
        let stamped = self.append.gate.stamp(as_seen(&head), at).and_then(|stamped| {
            stamped.check(head.seq)?;
            self.raises.check(&stamped.maxima)?;
            Ok(stamped)
        });
        let stamped = match stamped {
            Ok(stamped) => stamped,
            Err(refused) => {
                self.result = Some(Err(refused));
                return Ok(());
            }
        };
        let seq = head.seq + 1;
        let body = encode(&stamped.event);
        let entry = Entry { seq, at, sender: self.append.sender, body };
        rows::add_event(connection, &self.topic, &entry)?;
        if let Some(key) = &self.append.key {
            rows::add_key(connection, &self.topic, key, seq)?;
        }
        rows::set_head(connection, &self.topic, seq, at, stamped.state.as_deref())?;
        for (seq, event) in &stamped.redact {
            if !rows::redact(connection, &self.topic, *seq, &encode(event))? {
                return Err(rusqlite::Error::QueryReturnedNoRows);
            }
        }
        self.raises.write(connection, &stamped.maxima)?;
        self.keep(entry, stamped.audience, false);
        Ok(())
    }

    fn committed(&mut self) {
        if let Some(publication) = self.publication.take() {
            self.outgoing.lock().unwrap_or_else(PoisonError::into_inner).push(publication);
        }
    }

    fn finish(self: Box<Self>, outcome: Result<()>) {
        let result = match (outcome, self.result) {
            // A refusal rests on heads that were read, not on the commit of others.
            (Err(error), _) => Err(error),
            (Ok(()), result) => result.unwrap_or_else(|| Err(unavailable())),
        };
        // A caller that left does not hear of it; the event counts.
        let _ = self.reply.send(result);
    }
}
