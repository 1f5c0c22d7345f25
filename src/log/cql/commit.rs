//! One round of one topic: keys are looked up, gates asked, hints raised, and one conditional
//! batch is written. Its outcome is always made certain before anybody is told.
//!
//! What a refusal or a duplicate says rests on more than what one read saw. A read may see a
//! round of another node that is under way, on some replicas and in part; a serial read finishes
//! such a round first. So a caller is refused only behind an end that a serial read found, and a
//! first result is told only once it is at a quorum.

use super::known::{Ends, Known};
use super::queue::Waiting;
use super::redact;
use super::round::{CheckMaxima, Fate, Plan, plan};
use super::rows::{Nonce, Rows};
use crate::bus::{Bus, Channel, Publication};
use crate::engine::cql::Outcome;
use crate::engine::schema::Kind;
use crate::error::{Result, busy, internal, unavailable};
use crate::id;
use crate::log::{Appended, Entry, Head, Key};
use crate::store::{Maximum, StoreEngine};
use crate::timers::{Timer, Timers};
use bytes::Bytes;
use protocol::{Millis, Seq, Topic};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// Rounds of one topic that may be refused in a row, because other nodes were faster, before
/// those that wait are told `busy`.
pub const ROUND_TRIES_MAX: u32 = 12;
/// The longest pause before the third try; twice that before each one more.
pub const ROUND_BACKOFF_MS: u64 = 8;
/// The longest pause of all.
pub const ROUND_BACKOFF_MS_MAX: u64 = 250;
/// Rounds in a row whose answer was lost and that did not happen, before those that wait are told
/// `unavailable`.
pub const ROUND_LOST_MAX: u32 = 3;
/// Tries to learn of a round whether it happened.
pub const SETTLE_TRIES_MAX: u32 = 2;
/// Before the second of them.
pub const SETTLE_BACKOFF_MS: u64 = 100;

/// Writes rounds.
pub(super) struct Writer {
    pub(super) rows: Rows,
    pub(super) ends: Ends,
    pub(super) store: Arc<dyn StoreEngine>,
    pub(super) timers: Arc<dyn Timers>,
    pub(super) bus: Arc<dyn Bus>,
}

/// How far the tries of a round are.
#[derive(Default)]
struct Tries {
    refused: u32,
    lost: u32,
    /// The end that a serial read found since the appends were taken.
    confirmed: Option<Seq>,
}

/// What a try came to.
enum Try {
    /// The round was written, or there was none to write. The timer of what it left.
    Done(Box<Plan>, Option<Timer>),
    /// More is known now.
    Again,
}

/// Tells callers what is not written yet.
#[cfg(feature = "broken")]
fn acknowledge(plan: &Plan, waiting: &mut VecDeque<Waiting>) {
    for (one, fate) in waiting.iter_mut().zip(&plan.fates) {
        let Fate::Written(at) = fate else { continue };
        let Some(event) = plan.events.get(*at) else { continue };
        let (seq, at, body) = (event.entry.seq, event.entry.at, event.told.clone());
        one.tell_once(Ok(Appended { seq, at, duplicate: false, body }));
    }
}

/// Whether a round happened.
#[derive(Debug, PartialEq, Eq)]
enum Settled {
    Happened,
    /// And never will.
    Never,
}

fn publication(
    topic: Topic,
    seq: Seq,
    at: Millis,
    body: &Bytes,
    audience: Vec<Channel>,
) -> Option<Publication> {
    let body = body.clone();
    (!audience.is_empty()).then_some(Publication { topic, seq, at, body, audience })
}

impl Writer {
    /// Takes a round out of the appends that wait, tells their callers, and gives back those that
    /// did not fit.
    pub(super) async fn round(
        &self,
        topic: Topic,
        mut waiting: VecDeque<Waiting>,
    ) -> VecDeque<Waiting> {
        let mut tries = Tries::default();
        loop {
            match self.attempt(topic, &mut waiting, &mut tries).await {
                Ok(Try::Again) => {}
                Ok(Try::Done(plan, timer)) => {
                    let left = waiting.split_off(plan.fates.len());
                    self.announce(topic, *plan, waiting, timer).await;
                    return left;
                }
                Err(error) => {
                    self.ends.forget(topic);
                    for waiting in waiting {
                        waiting.tell(Err(error.clone()));
                    }
                    return VecDeque::new();
                }
            }
        }
    }

    async fn attempt(
        &self,
        topic: Topic,
        waiting: &mut VecDeque<Waiting>,
        tries: &mut Tries,
    ) -> Result<Try> {
        let mut known = match self.ends.get(topic) {
            Some(known) => known,
            None => Known { head: self.rows.end(topic, 0).await?, settled: false },
        };
        let buckets = self.rows.buckets();
        let bucket = buckets.of_next(known.head.seq);
        let begins = known.head.seq + 1 == buckets.first(bucket);
        if begins && bucket > 0 && !known.settled {
            // Sealed: what the full bucket holds is at a quorum before the next one opens.
            known = self.settle_end(topic, &known, tries).await?;
            if known.head.seq + 1 != buckets.first(bucket) {
                return Ok(Try::Again);
            }
        }
        if self.answer_known_keys(topic, &known, begins, waiting, tries).await? {
            return Ok(Try::Again);
        }
        let now = self.rows.cql().clock().now();
        let plan = {
            let check: CheckMaxima<'_> = &|maxima| self.check(maxima);
            plan(&known.head, buckets, now, waiting.iter().map(|one| &one.append), check)
        };
        if plan.refuses() && tries.confirmed != Some(known.head.seq) {
            let end = self.settle_end(topic, &known, tries).await?;
            // Keys were looked up behind an end that is at a quorum, and nothing came since.
            if !(known.settled && end.head.seq == known.head.seq) {
                return Ok(Try::Again);
            }
        }
        if plan.events.is_empty() {
            return Ok(Try::Done(Box::new(plan), None));
        }
        #[cfg(feature = "broken")]
        if known.head.seq > 0 && crate::broken::is(crate::broken::Defect::AckEarly) {
            acknowledge(&plan, waiting);
            crate::broken::dawdle(crate::broken::Defect::AckEarly).await;
        }
        self.write(topic, plan, tries).await
    }

    /// The end by a serial read.
    async fn settle_end(&self, topic: Topic, known: &Known, tries: &mut Tries) -> Result<Known> {
        let head = self.rows.settled_end(topic, &known.head).await?;
        tries.confirmed = Some(head.seq);
        let known = Known { head, settled: true };
        self.ends.set(topic, known.clone());
        Ok(known)
    }

    /// Looks keys up, and answers those that were used before. Whether the end moved meanwhile.
    async fn answer_known_keys(
        &self,
        topic: Topic,
        known: &Known,
        begins: bool,
        waiting: &mut VecDeque<Waiting>,
        tries: &mut Tries,
    ) -> Result<bool> {
        let found = self.find_keys(topic, known, begins, waiting).await?;
        if found.is_empty() {
            return Ok(false);
        }
        let buckets = self.rows.buckets();
        let current = buckets.of_next(known.head.seq);
        let settled =
            |seq: Seq| (known.settled && seq <= known.head.seq) || buckets.of(seq) < current;
        let mut end = known.clone();
        if !found.values().all(|seq| settled(*seq)) {
            end = self.settle_end(topic, known, tries).await?;
        }
        let first = self.first_results(topic, &found).await?;
        let (again, new): (Vec<Waiting>, Vec<Waiting>) = waiting
            .drain(..)
            .partition(|one| one.append.key.as_ref().is_some_and(|key| found.contains_key(key)));
        waiting.extend(new);
        let mut told = Vec::with_capacity(again.len());
        let mut publications = Vec::new();
        for one in again {
            let seq = one.append.key.as_ref().and_then(|key| found.get(key));
            let Some(entry) = seq.and_then(|seq| first.get(seq)) else {
                one.tell(Err(unavailable()));
                continue;
            };
            let Entry { seq, at, body, .. } = entry;
            let head = Head { seq: end.head.seq, state: &end.head.state };
            let audience = AssertUnwindSafe(|| one.append.gate.audience(head, *seq));
            let audience = catch_unwind(audience).unwrap_or_default();
            publications.extend(publication(topic, *seq, *at, body, audience));
            told.push((one, Appended { seq: *seq, at: *at, duplicate: true, body: body.clone() }));
        }
        self.publish(publications).await;
        for (one, appended) in told {
            one.tell(Ok(appended));
        }
        Ok(end != *known)
    }

    /// Where the keys that wait were used: in the bucket that is written to, and the one before.
    async fn find_keys(
        &self,
        topic: Topic,
        known: &Known,
        begins: bool,
        waiting: &VecDeque<Waiting>,
    ) -> Result<HashMap<Key, Seq>> {
        let keys: HashSet<&Key> =
            waiting.iter().filter_map(|one| one.append.key.as_ref()).collect();
        let keys: Vec<&Key> = keys.into_iter().collect();
        let bucket = self.rows.buckets().of_next(known.head.seq);
        let current = async {
            // Behind a settled end nothing is in a bucket that is only to begin; whoever began it
            // since refuses our round.
            let empty = keys.is_empty() || (begins && known.settled);
            if empty { Ok(Vec::new()) } else { self.rows.keys(topic, bucket, &keys).await }
        };
        let previous = async {
            let none = keys.is_empty() || bucket == 0;
            if none { Ok(Vec::new()) } else { self.rows.keys(topic, bucket - 1, &keys).await }
        };
        let (current, previous) = futures_util::try_join!(current, previous)?;
        Ok(current.into_iter().chain(previous).collect())
    }

    /// The events that keys led to, with their redactions carried out.
    async fn first_results(
        &self,
        topic: Topic,
        found: &HashMap<Key, Seq>,
    ) -> Result<HashMap<Seq, Entry>> {
        let mut by_bucket: BTreeMap<_, Vec<Seq>> = BTreeMap::new();
        for seq in found.values() {
            by_bucket.entry(self.rows.buckets().of(*seq)).or_default().push(*seq);
        }
        let mut entries = HashMap::new();
        for (bucket, seqs) in by_bucket {
            if let (Some(first), Some(last)) = (seqs.iter().min(), seqs.iter().max()) {
                redact::finish(&self.rows, topic, bucket, *first..=*last).await?;
            }
            let found = self.rows.events_at(topic, bucket, &seqs).await?;
            entries.extend(found.into_iter().map(|entry| (entry.seq, entry)));
        }
        Ok(entries)
    }

    async fn write(&self, topic: Topic, plan: Plan, tries: &mut Tries) -> Result<Try> {
        if !plan.maxima.is_empty() {
            self.store.raise(plan.maxima.clone()).await?;
        }
        let nonce: Nonce = id::random()?;
        let timer = (!plan.older.is_empty())
            .then(|| redact::timer(topic, &plan, nonce, self.rows.cql().clock().now()));
        if let Some(timer) = &timer {
            self.timers.set(vec![timer.clone()]).await?;
        }
        let settled = match self.rows.write(topic, &plan, nonce).await? {
            Outcome::Applied => Settled::Happened,
            Outcome::Refused(_) => {
                metrics::counter!("sanctuary_log_rounds_refused_total").increment(1);
                tries.refused += 1;
                Settled::Never
            }
            Outcome::Unknown(cause) => {
                metrics::counter!("sanctuary_log_rounds_lost_total").increment(1);
                let settled = self.settle(topic, &plan, nonce, &cause).await?;
                tries.lost += u32::from(settled == Settled::Never);
                settled
            }
        };
        if settled == Settled::Never {
            self.ends.forget(topic);
            tries.confirmed = None;
            if tries.lost == ROUND_LOST_MAX {
                return Err(unavailable());
            }
            if tries.refused == ROUND_TRIES_MAX {
                return Err(busy());
            }
            pause(tries.refused).await;
            return Ok(Try::Again);
        }
        metrics::counter!("sanctuary_log_rounds_total").increment(1);
        metrics::counter!("sanctuary_log_appends_total").increment(plan.events.len() as u64);
        self.ends.set(topic, Known { head: plan.end.clone(), settled: true });
        Ok(Try::Done(Box::new(plan), timer))
    }

    /// Learns of a round whose answer was lost whether it happened; one that did not, and still
    /// might, is barred.
    async fn settle(
        &self,
        topic: Topic,
        plan: &Plan,
        nonce: Nonce,
        cause: &str,
    ) -> Result<Settled> {
        for again in 0..SETTLE_TRIES_MAX {
            if again > 0 {
                tokio::time::sleep(Duration::from_millis(SETTLE_BACKOFF_MS << (again - 1))).await;
            }
            match self.rows.trace(topic, plan.bucket, nonce).await {
                Ok(Some(seq)) if seq == plan.end.seq => return Ok(Settled::Happened),
                Ok(Some(_)) => return Ok(Settled::Never),
                Ok(None) => {}
                Err(_) => continue,
            }
            match self.rows.bar(topic, plan.bucket, nonce).await {
                Ok(Outcome::Applied) => return Ok(Settled::Never),
                // It came in between, or an earlier try to bar it did: its trace says which.
                Ok(Outcome::Refused(_) | Outcome::Unknown(_)) | Err(_) => {}
            }
        }
        tracing::warn!(%topic, cause, "it can't be told whether a round of appends was written");
        Err(unavailable())
    }

    /// Publishes a round in the order of the log, then tells its callers.
    async fn announce(
        &self,
        topic: Topic,
        mut plan: Plan,
        through: VecDeque<Waiting>,
        timer: Option<Timer>,
    ) {
        let mut publications = Vec::with_capacity(plan.events.len());
        for event in &mut plan.events {
            let audience = std::mem::take(&mut event.audience);
            let Entry { seq, at, .. } = event.entry;
            publications.extend(publication(topic, seq, at, &event.told, audience));
        }
        self.publish(publications).await;
        // An edit is through when the old text is gone. The others need not wait for that.
        let redacting: HashSet<Seq> =
            plan.older.values().map(|redaction| redaction.cause).collect();
        let mut later = Vec::new();
        for (one, fate) in through.into_iter().zip(std::mem::take(&mut plan.fates)) {
            let (at, duplicate) = match fate {
                Fate::Refused(error) => {
                    one.tell(Err(error));
                    continue;
                }
                Fate::Written(at) => (at, false),
                Fate::Merged(at) => (at, true),
            };
            let Some(event) = plan.events.get(at) else { continue };
            let Entry { seq, at, .. } = event.entry;
            let appended = Appended { seq, at, duplicate, body: event.told.clone() };
            if redacting.contains(&seq) {
                later.push((one, appended));
            } else {
                one.tell(Ok(appended));
            }
        }
        if redacting.is_empty() {
            return;
        }
        let carried = redact::carry_out(&self.rows, topic, &plan).await;
        if carried.is_ok() {
            // One that stays fires for nothing.
            let _ = self.timers.clear(Vec::from_iter(timer)).await;
        }
        for (one, appended) in later {
            one.tell(carried.clone().map(|()| appended));
        }
    }

    /// Whether maxima can be written.
    fn check(&self, maxima: &[Maximum]) -> Result<()> {
        for Maximum { table: name, key, columns } in maxima {
            let table = self.rows.cql().schema().table(name);
            let Some(table) = table.filter(|table| table.kind == Kind::Maxima) else {
                return Err(internal(&format_args!("{name} is no table of maxima")));
            };
            let rises = |name: &str| table.regular.iter().any(|column| column.name == name);
            if key.len() != table.key().count()
                || columns.is_empty()
                || !columns.iter().all(|(column, _)| rises(column))
            {
                return Err(internal(&format_args!("this can't rise in {name}")));
            }
        }
        Ok(())
    }

    async fn publish(&self, publications: Vec<Publication>) {
        if !publications.is_empty() {
            self.bus.publish(publications).await;
        }
    }
}

/// Nodes that refuse one another's rounds step aside for a while, each for another one.
async fn pause(refused: u32) {
    if refused < 2 {
        return;
    }
    let longest = (ROUND_BACKOFF_MS << (refused - 2).min(10)).min(ROUND_BACKOFF_MS_MAX);
    let [a, b] = id::random().unwrap_or_default();
    let ms = u64::from(u16::from_be_bytes([a, b])) * longest / u64::from(u16::MAX);
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
