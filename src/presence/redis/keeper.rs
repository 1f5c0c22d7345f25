//! Keeps this node's share of the registry whole: writes all sessions again when the registry is
//! gone or of another run, when this node's lease ran out, and well before anything expires; and
//! notices when other nodes are gone.

use super::entry::{REGISTRY, read_registered, read_run};
use super::writer::SYNC_USERS_MAX;
use super::{CHANGE, EPOCHS_MAX, Inner, Lapse};
use crate::presence::model::Registered;
use crate::redis::{Epoch, Result, Shard};
use futures_util::future::join_all;
use protocol::UserId;
use redis::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Between two looks at whether the registry is still there.
pub const CHECK_MS: u64 = 1_000;
/// All sessions are written again this often; they expire after three times as long.
pub const REFRESH_MS: u64 = 20 * 60 * 1_000;
/// All who are followed are looked at again this often, should a word have been lost.
const NET: Duration = Duration::from_secs(60);
/// A batch of sessions that takes longer is begun again with the next check.
const BATCH_WAIT: Duration = Duration::from_secs(5);
/// Between two batches, so that everybody else has a turn.
const PAUSE: Duration = Duration::from_millis(5);

/// What the sessions were written under.
#[derive(Clone, PartialEq, Eq)]
struct Written {
    run: String,
    born: String,
    epoch: Epoch,
}

/// Looks after one server's share, for ever.
pub(super) async fn run(inner: Arc<Inner>, at: usize) {
    let Some(part) = inner.parts.get(at) else { return };
    let mut written: Option<Written> = None;
    let (mut refreshed, mut netted) = (Instant::now(), Instant::now());
    loop {
        let wanted = check(&inner, &part.shard).await;
        if let Ok((wanted, registered)) = wanted {
            let marked = registered.written.get(&**inner.peers.name());
            let is_new = written.as_ref() != Some(&wanted) || marked != Some(&wanted.epoch);
            if written.as_ref().is_some_and(|written| written.epoch != wanted.epoch) {
                let is_here = |user| inner.own.contains_key(&user);
                part.queue.forget(is_here);
            }
            if is_new || refreshed.elapsed() >= inner.tempo.refresh {
                let done = write_all(&inner, at).await;
                if done && inner.peers.epoch() == wanted.epoch {
                    refreshed = Instant::now();
                    let marked = mark(&inner, &part.shard, &wanted).await;
                    written = marked.is_ok_and(|marked| marked).then_some(wanted);
                    tracing::debug!(server = part.shard.name(), "this node's sessions are written");
                }
            }
        }
        if netted.elapsed() >= NET {
            netted = Instant::now();
            part.follows.each(|user| {
                inner.touched.insert(user);
            });
        }
        sleep(inner.tempo.check).await;
    }
}

/// Begins the registry where it is gone; what this node's sessions are to be written under.
async fn check(inner: &Inner, shard: &Shard) -> Result<(Written, Registered)> {
    let mut pipe = redis::pipe();
    pipe.cmd("INFO").arg("server").cmd("HGETALL").arg(REGISTRY);
    let (info, registered): (Value, Value) = shard.pipe(&pipe).await?;
    let run = read_run(&info);
    let registered = read_registered(&registered);
    if registered.run == run
        && let Some(born_at) = registered.born_at
    {
        let born = born_at.to_string();
        return Ok((Written { run, born, epoch: inner.peers.epoch() }, registered));
    }
    let mut call = CHANGE.prepare_invoke();
    call.key(REGISTRY).arg("begin").arg(&run);
    let (_, born): (String, String) = shard.script(&call).await?;
    Ok((Written { run, born, epoch: inner.peers.epoch() }, Registered::default()))
}

/// All of this node's sessions on one server, batch by batch. False: not all of them.
async fn write_all(inner: &Inner, at: usize) -> bool {
    let Some(part) = inner.parts.get(at) else { return true };
    let users: Vec<UserId> = inner.own.iter().map(|own| *own.key()).collect();
    let users: Vec<UserId> = users.into_iter().filter(|&user| inner.index(user) == at).collect();
    for batch in users.chunks(SYNC_USERS_MAX) {
        let written = batch.iter().map(|&user| part.queue.push(user, None));
        let all = timeout(BATCH_WAIT, join_all(written)).await;
        if !all.is_ok_and(|all| all.iter().all(std::result::Result::is_ok)) {
            return false;
        }
        sleep(PAUSE).await;
    }
    true
}

async fn mark(inner: &Inner, shard: &Shard, written: &Written) -> Result<bool> {
    let mut call = CHANGE.prepare_invoke();
    call.key(REGISTRY).arg("mark").arg(&written.run).arg(&written.born);
    call.arg(&**inner.peers.name()).arg(written.epoch.to_string());
    shard.script(&call).await
}

/// Notices lives that are over, for ever.
pub(super) async fn watch_lapses(inner: Arc<Inner>) {
    let mut view = inner.peers.view();
    let mut before: BTreeSet<Epoch> = BTreeSet::new();
    loop {
        let now: BTreeSet<Epoch> =
            view.borrow_and_update().nodes.iter().map(|node| node.epoch).collect();
        let own = inner.peers.epoch();
        let gone: Vec<Epoch> = before.difference(&now).copied().filter(|e| *e != own).collect();
        if !gone.is_empty() {
            let noticed = Instant::now();
            let settle = i64::try_from(inner.tempo.settle.as_millis()).unwrap_or(i64::MAX);
            let lapse = Lapse { noticed, at: inner.clock.now().saturating_sub(settle) };
            if inner.lapsed.len() >= EPOCHS_MAX {
                let grace = inner.tempo.grace;
                inner.lapsed.retain(|_, lapse| noticed.duration_since(lapse.noticed) < grace);
            }
            for epoch in gone {
                inner.lapsed.insert(epoch, lapse);
            }
            for part in &inner.parts {
                part.follows.each(|user| {
                    inner.touched.insert(user);
                });
            }
            inner.losses.send_modify(|losses| *losses += 1);
        }
        before = now;
        if view.changed().await.is_err() {
            return;
        }
    }
}
