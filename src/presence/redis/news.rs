//! Hears from one Redis server who changed: a channel for each person whom somebody on this node
//! watches. After each break of the connection all of them are looked at again.

use super::entry::{REGISTRY, key};
use super::{Inner, lock};
use crate::redis::{QUERY_TIMEOUT_MS, Shard};
use futures_util::StreamExt as _;
use protocol::UserId;
use redis::aio::{PubSub, PubSubSink};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Channels in one command.
const CHANNELS_AT_ONCE: usize = 256;
/// After a connection that broke.
const RETRY: Duration = Duration::from_millis(500);
/// A connection on which nothing came for so long is asked whether it lives.
const PING: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Wishes {
    wanted: HashSet<UserId>,
    /// Those who may be wanted and not subscribed to, or the other way.
    changed: HashSet<UserId>,
}

/// Who is followed on this server.
#[derive(Default)]
pub(super) struct Follows {
    wishes: Mutex<Wishes>,
    wake: Notify,
}

impl Follows {
    pub(super) fn add(&self, user: UserId) {
        let mut wishes = lock(&self.wishes);
        wishes.wanted.insert(user);
        wishes.changed.insert(user);
        self.wake.notify_one();
    }

    pub(super) fn remove(&self, user: UserId) {
        let mut wishes = lock(&self.wishes);
        wishes.wanted.remove(&user);
        wishes.changed.insert(user);
        self.wake.notify_one();
    }

    pub(super) fn has(&self, user: UserId) -> bool {
        lock(&self.wishes).wanted.contains(&user)
    }

    pub(super) fn each(&self, act: impl FnMut(UserId)) {
        let wanted: Vec<UserId> = lock(&self.wishes).wanted.iter().copied().collect();
        wanted.into_iter().for_each(act);
    }

    /// On a new connection nothing is subscribed to.
    fn begin(&self) {
        let mut wishes = lock(&self.wishes);
        let Wishes { wanted, changed } = &mut *wishes;
        changed.clone_from(wanted);
    }

    /// What changed, as those to subscribe to and those to leave; some at a time.
    fn take(&self) -> (Vec<UserId>, Vec<UserId>) {
        let mut wishes = lock(&self.wishes);
        let users: Vec<UserId> = wishes.changed.iter().copied().take(CHANNELS_AT_ONCE).collect();
        for user in &users {
            wishes.changed.remove(user);
        }
        users.into_iter().partition(|user| wishes.wanted.contains(user))
    }
}

/// Listens, for ever.
pub(super) async fn run(inner: Arc<Inner>, at: usize) {
    let Some(part) = inner.parts.get(at) else { return };
    loop {
        if let Ok(connection) = part.shard.listen().await {
            part.follows.begin();
            part.follows.wake.notify_one();
            listen(&inner, &part.shard, &part.follows, connection).await;
        }
        sleep(RETRY).await;
    }
}

/// Until the connection breaks.
async fn listen(inner: &Inner, shard: &Shard, follows: &Follows, connection: PubSub) {
    let (mut sink, mut stream) = connection.split();
    loop {
        tokio::select! {
            message = stream.next() => {
                let Some(message) = message else { return };
                let name = message.get_channel_name();
                let user = name.strip_prefix(REGISTRY).and_then(|name| name.strip_prefix(':'));
                if let Some(user) = user.and_then(|user| user.parse().ok()) {
                    inner.touch(UserId(user));
                }
            }
            () = follows.wake.notified() => {
                if !subscribe(inner, follows, &mut sink).await {
                    tracing::debug!(server = shard.name(), "channels were not subscribed to");
                    return;
                }
            }
            () = sleep(PING) => {
                let limit = Duration::from_millis(QUERY_TIMEOUT_MS);
                let pong = timeout(limit, sink.ping::<redis::Value>()).await;
                if !pong.is_ok_and(|pong| pong.is_ok()) {
                    return;
                }
            }
        }
    }
}

async fn subscribe(inner: &Inner, follows: &Follows, sink: &mut PubSubSink) -> bool {
    let limit = Duration::from_millis(QUERY_TIMEOUT_MS);
    loop {
        let (add, remove) = follows.take();
        if add.is_empty() && remove.is_empty() {
            return true;
        }
        let names = |users: &[UserId]| users.iter().map(|&user| key(user)).collect::<Vec<_>>();
        if !add.is_empty() {
            match timeout(limit, sink.subscribe(names(&add))).await {
                Ok(Ok(())) => {}
                _ => return false,
            }
            // What happened before it held is found by looking.
            for user in add {
                inner.touch(user);
            }
        }
        if !remove.is_empty() {
            match timeout(limit, sink.unsubscribe(names(&remove))).await {
                Ok(Ok(())) => {}
                _ => return false,
            }
        }
    }
}
