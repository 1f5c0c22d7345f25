//! Writes this node's sessions to one Redis server: one batch at a time, so that what is newer
//! is never overtaken, and again until it was taken.
//!
//! Only *that* somebody's entry is out of date is queued, not what changed: the queue is bounded
//! by the number of people, and an outage of any length ends with one write for each.

use super::entry::{self, key};
use super::{CHANGE, Inner, Said};
use crate::redis::{Result as RedisResult, Shard};
use protocol::presence::Declared;
use protocol::{Millis, UserId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// People in one write.
pub const SYNC_USERS_MAX: usize = 64;
/// After a write that failed.
const RETRY: Duration = Duration::from_millis(500);

/// How the last session of a person on this node ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    pub(super) goodbye: bool,
    pub(super) at: Millis,
}

/// What waits to be written of a person; their sessions are looked up when it is.
#[derive(Default)]
struct Pending {
    ending: Option<Ending>,
    done: Vec<oneshot::Sender<()>>,
}

impl Pending {
    /// Both are to be written; `newer` happened later.
    fn absorb(&mut self, newer: Self) {
        self.ending = newer.ending.or(self.ending);
        self.done.extend(newer.done);
    }
}

/// The queue of a writer.
#[derive(Default)]
pub(super) struct Queue {
    dirty: Mutex<HashMap<UserId, Pending>>,
    wake: Notify,
}

/// A person in a write: what is asked, and who waits for it.
struct Entry {
    user: UserId,
    pending: Pending,
    sessions: Vec<protocol::SessionId>,
    said: Option<Said>,
}

impl Queue {
    fn dirty(&self) -> MutexGuard<'_, HashMap<UserId, Pending>> {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry of a person is out of date. Resolves once it was written.
    pub(super) fn push(&self, user: UserId, ending: Option<Ending>) -> oneshot::Receiver<()> {
        let (done, written) = oneshot::channel();
        self.dirty().entry(user).or_default().absorb(Pending { ending, done: vec![done] });
        self.wake.notify_one();
        written
    }

    /// Forgets what waits about people without sessions here: what this node wrote in an epoch
    /// that is over counts for nobody.
    pub(super) fn forget(&self, keep: impl Fn(UserId) -> bool) {
        self.dirty().retain(|&user, _| keep(user));
    }

    fn take(&self) -> Vec<(UserId, Pending)> {
        let mut dirty = self.dirty();
        let users: Vec<UserId> = dirty.keys().copied().take(SYNC_USERS_MAX).collect();
        users.into_iter().filter_map(|user| dirty.remove_entry(&user)).collect()
    }

    fn put_back(&self, user: UserId, older: Pending) {
        let mut dirty = self.dirty();
        let newer = dirty.insert(user, older);
        if let (Some(newer), Some(merged)) = (newer, dirty.get_mut(&user)) {
            merged.absorb(newer);
        }
    }
}

/// Writes, for ever.
pub(super) async fn run(inner: Arc<Inner>, at: usize) {
    let Some(part) = inner.parts.get(at) else { return };
    let mut failing = false;
    loop {
        let batch = part.queue.take();
        if batch.is_empty() {
            part.queue.wake.notified().await;
            continue;
        }
        let entries: Vec<Entry> = batch
            .into_iter()
            .map(|(user, pending)| {
                let own = inner.own.get(&user);
                let sessions = own.as_ref().map_or_else(Vec::new, |own| own.sessions.clone());
                Entry { user, pending, sessions, said: own.and_then(|own| own.said) }
            })
            .collect();
        match write(&inner, &part.shard, &entries).await {
            Ok(replies) => {
                failing = false;
                for (entry, reply) in entries.into_iter().zip(replies) {
                    written(&inner, entry, reply);
                }
            }
            Err(fault) => {
                if !failing {
                    tracing::warn!(server = part.shard.name(), %fault, "presence was not written");
                }
                failing = true;
                for entry in entries {
                    part.queue.put_back(entry.user, entry.pending);
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn write(
    inner: &Inner,
    shard: &Shard,
    entries: &[Entry],
) -> RedisResult<Vec<(String, String)>> {
    let mut call = CHANGE.prepare_invoke();
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    call.arg("sync").arg(inner.peers.epoch().to_string());
    call.arg(ms(inner.tempo.ttl())).arg(ms(inner.tempo.grace));
    for Entry { user, pending, sessions, said } in entries {
        call.key(key(*user));
        call.arg(match pending.ending.filter(|_| sessions.is_empty()) {
            None => "",
            Some(Ending { goodbye: true, .. }) => "goodbye",
            Some(Ending { goodbye: false, .. }) => "drop",
        });
        call.arg(said.map_or("", |said| entry::word(said.declared)));
        call.arg(said.and_then(|said| said.at).map_or_else(String::new, |at| at.to_string()));
        call.arg(sessions.len());
        let links = inner.hub.links_of(*user);
        for session in sessions {
            let link = links.iter().find(|link| link.id() == *session);
            let told = link.and_then(|link| link.session());
            let front = told.is_some_and(|session| session.foreground);
            call.arg(session.to_string()).arg(if front { " front" } else { "" });
        }
    }
    shard.script(&call).await
}

fn written(inner: &Inner, entry: Entry, (declared, declared_at): (String, String)) {
    let Entry { user, pending, sessions, said } = entry;
    let declared = entry::declared(&declared);
    if let (Some(declared), Ok(at)) = (declared, declared_at.parse()) {
        // What was said on another node is taken over, unless something was said meanwhile.
        if let Some(mut own) = inner.own.get_mut(&user)
            && own.said.and_then(|said| said.at) == said.and_then(|said| said.at)
            && own.said.map(|said| said.declared) == said.map(|said| said.declared)
        {
            own.said = Some(Said { declared, at: Some(at) });
        }
    }
    inner.own.remove_if(&user, |_, own| {
        let was_said = own.said.is_none_or(|said| said.at.is_some());
        own.sessions.is_empty() && was_said
    });
    if let Some(ending) = pending.ending.filter(|_| sessions.is_empty())
        && declared != Some(Declared::Invisible)
    {
        inner.remember_ending(user, ending);
    }
    for done in pending.done {
        let _ = done.send(());
    }
}
