//! Runs a [`Sequencer`] between the bus and the hub, and reads for it from the log.

use super::{ACTIVE_MS, Gap, NET_MS, Out, READ_EVENTS_MAX, Sequencer};
use crate::bus::{Channel, Message, Missed, Publication, Suspects, suspects::CLOCK_MARGIN_MS};
use crate::clock::Clock;
use crate::log::{Log, Span};
use protocol::{Millis, Seq, Topic};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, interval_at, sleep_until, timeout};

/// Messages taken at once.
const WAVE_MESSAGES_MAX: usize = 256;
/// Gaps that are read at the same time.
const READS_MAX: usize = 16;
/// Results of reads on their way back.
const RESULTS_MAX: usize = 64;
/// A read that takes longer is left to the connections.
const READ_TIMEOUT_MS: u64 = 2_000;
/// Bytes of one read.
const READ_BYTES: usize = 256 * 1024;
/// What was missing at the last comparison was not older than this.
const NET_LOOKS_BACK_MS: Millis = 2 * NET_MS.cast_signed() + CLOCK_MARGIN_MS;
/// Heads that the net reads at once.
const HEADS_AT_ONCE: usize = 256;

/// What comes in.
#[derive(Debug)]
pub(in crate::bus) enum Feed {
    /// From this node or another.
    Message(Message),
    /// Nobody here listens to a channel any more.
    Unlisted(Channel),
    /// Compare the active topics with their heads now.
    Net,
}

/// Who came to hear of a topic by an event of their feed: what was published there a moment
/// before may have missed them.
pub(in crate::bus) type Joined = Arc<dyn Fn(&Publication) -> Option<Topic> + Send + Sync>;

enum Found {
    Gap(Gap, Option<Vec<Publication>>),
    Head(Topic, Seq),
    Added(Missed),
}

/// What the task uses.
pub(in crate::bus) struct Around {
    /// Where what is missing is read.
    pub(in crate::bus) log: Arc<dyn Log>,
    /// The time.
    pub(in crate::bus) clock: Clock,
    /// What may be missing.
    pub(in crate::bus) suspects: Arc<Suspects>,
    /// Who came to hear of what.
    pub(in crate::bus) joined: Joined,
}

/// The parts of the task.
struct Task {
    core: Sequencer,
    around: Around,
    begun: Instant,
    reads: Arc<Semaphore>,
    found: mpsc::Sender<Found>,
    out: Vec<Out>,
}

/// Runs until nobody feeds it any more.
pub(in crate::bus) async fn run(
    around: Around,
    mut feed: mpsc::Receiver<Feed>,
    hub: mpsc::Sender<Message>,
) {
    let (found, mut results) = mpsc::channel(RESULTS_MAX);
    let mut task = Task {
        core: Sequencer::default(),
        around,
        begun: Instant::now(),
        reads: Arc::new(Semaphore::new(READS_MAX)),
        found,
        out: Vec::new(),
    };
    let minute = Duration::from_millis(NET_MS);
    let mut net = interval_at(task.begun + minute, minute);
    let mut wave = Vec::with_capacity(WAVE_MESSAGES_MAX);
    let mut through = Vec::new();
    loop {
        let due = task.core.next_due().map(|due| task.begun + Duration::from_millis(due));
        tokio::select! {
            taken = feed.recv_many(&mut wave, WAVE_MESSAGES_MAX) => {
                if taken == 0 {
                    return;
                }
                task.core.doubt(task.around.suspects.in_doubt());
                for fed in wave.drain(..) {
                    task.take(fed, &mut through);
                }
            }
            Some(found) = results.recv() => task.found(found),
            () = sleep_until(due.unwrap_or(task.begun)), if due.is_some() => {}
            _ = net.tick() => {
                let now = task.now();
                task.core.sweep(now, ACTIVE_MS);
                task.compare();
            }
        }
        task.core.doubt(task.around.suspects.in_doubt());
        let now = task.now();
        for gap in task.core.due(now, &mut task.out) {
            task.read(gap);
        }
        task.release(&mut through);
        for message in through.drain(..) {
            if hub.send(message).await.is_err() {
                return;
            }
        }
    }
}

impl Task {
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn take(&mut self, fed: Feed, through: &mut Vec<Message>) {
        match fed {
            Feed::Message(Message::Event(publication)) => {
                self.core.offer(publication, self.now(), &mut self.out);
                self.release(through);
            }
            Feed::Message(other) => through.push(other),
            Feed::Unlisted(channel) => self.core.forget(channel.topic()),
            Feed::Net => self.compare(),
        }
    }

    fn release(&mut self, through: &mut Vec<Message>) {
        let (out, joined) = (std::mem::take(&mut self.out), Arc::clone(&self.around.joined));
        for out in out {
            match out {
                Out::Event(publication) => {
                    if matches!(publication.topic, Topic::User(_))
                        && let Some(topic) = joined(&publication)
                    {
                        self.added(&publication, topic);
                    }
                    through.push(Message::Event(publication));
                }
                Out::Missed(missed) => through.push(Message::Missed(missed)),
            }
        }
    }

    fn found(&mut self, found: Found) {
        match found {
            Found::Gap(gap, events) => self.core.filled(&gap, events, &mut self.out),
            Found::Head(topic, head) => {
                let since = self.around.clock.now() - NET_LOOKS_BACK_MS;
                let gap = self.core.head(topic, head, since, &mut self.out);
                if let Some(gap) = gap {
                    self.read(gap);
                }
            }
            Found::Added(missed) => self.out.push(Out::Missed(missed)),
        }
    }

    /// Reads what is missing, once for the node.
    fn read(&self, gap: Gap) {
        let (log, found) = (Arc::clone(&self.around.log), self.found.clone());
        let reads = Arc::clone(&self.reads);
        tokio::spawn(async move {
            let _turn = reads.acquire_owned().await;
            let limit = Duration::from_millis(READ_TIMEOUT_MS);
            let events = timeout(limit, read(&*log, &gap)).await.ok().flatten();
            if events.is_none() {
                tracing::warn!(topic = %gap.topic, "missing events were not read for the node");
            }
            let _ = found.send(Found::Gap(gap, events)).await;
        });
    }

    /// Reads the heads of all active topics.
    fn compare(&self) {
        #[cfg(feature = "broken")]
        if crate::broken::is(crate::broken::Defect::NoRepair) {
            return;
        }
        let (log, found, topics) =
            (Arc::clone(&self.around.log), self.found.clone(), self.core.active());
        tokio::spawn(async move {
            for some in topics.chunks(HEADS_AT_ONCE) {
                let Ok(heads) = log.heads(some.to_vec()).await else { return };
                for (topic, head) in some.iter().zip(heads) {
                    let _ = found.send(Found::Head(*topic, head.seq)).await;
                }
            }
        });
    }

    /// Has the head of a topic checked for somebody who was just added to it.
    fn added(&self, feed: &Publication, topic: Topic) {
        let (log, found) = (Arc::clone(&self.around.log), self.found.clone());
        let (since, audience) = (feed.at - CLOCK_MARGIN_MS, feed.audience.clone());
        let reads = Arc::clone(&self.reads);
        tokio::spawn(async move {
            let _turn = reads.acquire_owned().await;
            let Ok(heads) = log.heads(vec![topic]).await else { return };
            let until = heads.first().map_or(0, |head| head.seq);
            let after = until.saturating_sub(READ_EVENTS_MAX);
            let missed = Missed { topic, after, until, since, audience };
            let _ = found.send(Found::Added(missed)).await;
        });
    }
}

async fn read(log: &dyn Log, gap: &Gap) -> Option<Vec<Publication>> {
    let audience = vec![Channel::of(gap.topic)?];
    let mut events = Vec::new();
    let mut after = gap.after;
    while after < gap.until {
        let wanted = u32::try_from(gap.until - after).unwrap_or(u32::MAX);
        let page = log.read(gap.topic, Span::After(after), wanted, READ_BYTES).await.ok()?;
        let Some(last) = page.entries.last() else { break };
        after = last.seq;
        events.extend(page.entries.into_iter().map(|entry| Publication {
            topic: gap.topic,
            seq: entry.seq,
            at: entry.at,
            body: entry.body,
            audience: audience.clone(),
        }));
    }
    Some(events)
}
