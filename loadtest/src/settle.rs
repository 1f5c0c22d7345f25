//! The end of a run: everything under way comes to rest, everybody must have everything, and
//! the history is read back and compared.

use crate::oracle::Fault;
use crate::oracle::record::Entry;
use crate::person::{CallError, Link, Person};
use crate::run::{Run, held};
use futures_util::StreamExt as _;
use protocol::Topic;
use protocol::limits::PAGE_ITEMS_MAX;
use protocol::topics::Read;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Between two looks at whether things came to rest.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// A server that is there and gives no reply at all for so long will not give one.
const REPLY_PATIENCE: Duration = Duration::from_secs(15);
/// Histories that are read at a time.
const READERS: usize = 64;

/// Waits until nothing is under way and everybody who was online has everything; notes what
/// did not come within the bounds of the settings.
pub(crate) async fn settle(run: &Run, people: &[Arc<Person>]) {
    answered(run, people).await;
    let deadline = Instant::now() + run.settings.settle;
    let mut behind: Vec<&Arc<Person>> = people.iter().collect();
    loop {
        behind.retain(|person| !person.has_everything());
        if behind.is_empty() || Instant::now() >= deadline {
            break;
        }
        sleep(LOOK_INTERVAL).await;
    }
    for person in behind {
        person.judge_topics();
    }
}

/// Waits until all commands have their replies and all people are online, as long as there is
/// progress.
async fn answered(run: &Run, people: &[Arc<Person>]) {
    let left = |person: &Arc<Person>| match person.link() {
        Link::Open => person.unanswered(),
        Link::Down => person.unanswered() + 1,
        Link::Gone(_) => 0,
    };
    let (mut least, mut progress) = (usize::MAX, Instant::now());
    loop {
        let all = people.iter().map(left).sum();
        if all == 0 {
            return;
        }
        if all < least {
            (least, progress) = (all, Instant::now());
        }
        let all_online = people.iter().all(|person| person.is_open());
        let patience = if all_online { REPLY_PATIENCE } else { run.settings.give_up };
        if progress.elapsed() > patience {
            break;
        }
        sleep(LOOK_INTERVAL).await;
    }
    for person in people {
        if let Some(first) = person.first_unanswered() {
            let count = person.unanswered();
            run.found(&person.id, &Fault::Unanswered { count, first });
        }
    }
}

/// Reads whole topics back, each by the first of its people, and compares.
pub(crate) async fn read_back(
    run: &Run,
    people: &[Arc<Person>],
    wanted: impl Fn(Topic) -> bool + Copy,
) -> u64 {
    let mut seen = HashSet::new();
    let mut jobs = Vec::new();
    for person in people {
        let topics = person.topics().into_iter().filter(|topic| wanted(*topic));
        jobs.extend(topics.filter(|topic| seen.insert(*topic)).map(|topic| (person, topic)));
    }
    let mut events = 0;
    let mut reads = futures_util::stream::iter(jobs)
        .map(|(person, topic)| async move { (person, topic, history(person, topic).await) })
        .buffer_unordered(READERS);
    while let Some((person, topic, history)) = reads.next().await {
        match history {
            Ok(history) => {
                events += history.len() as u64;
                let record = run.record(topic);
                let faults = held(&record).faults_of_history(&history);
                for fault in faults {
                    run.found(&person.place(topic), &fault);
                }
            }
            Err(error) => {
                run.found(&person.place(topic), &Fault::HistoryRefused(error.to_string()));
            }
        }
    }
    events
}

async fn history(person: &Person, topic: Topic) -> Result<Vec<Entry>, CallError> {
    let mut history: Vec<Entry> = Vec::new();
    loop {
        let after = history.last().map_or(0, |entry| entry.seq);
        let read = Read { topic, after: Some(after), before: None, limit: Some(PAGE_ITEMS_MAX) };
        let page = person.call(read).await?;
        history.extend(page.events.iter().map(Entry::of));
        let last = history.last().map_or(0, |entry| entry.seq);
        if last >= page.head || last <= after {
            return Ok(history);
        }
    }
}
