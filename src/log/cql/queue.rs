//! The queues of this node: one for each topic with appends under way, with a task that takes
//! them round by round. It ends when nothing waits. Topics never wait for one another.

use super::commit::Writer;
use crate::error::{Result, unavailable};
use crate::log::{Append, Appended, QUEUE_APPENDS_MAX, ROUND_EVENTS_MAX};
use protocol::Topic;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// An append that waits for its round.
pub(super) struct Waiting {
    pub(super) append: Append,
    reply: Option<oneshot::Sender<Result<Appended>>>,
}

impl Waiting {
    /// Tells the caller. One that left does not hear of it; the event counts.
    pub(super) fn tell(mut self, result: Result<Appended>) {
        self.tell_once(result);
    }

    /// The same; only the first result is heard.
    pub(super) fn tell_once(&mut self, result: Result<Appended>) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(result);
        }
    }
}

type Open = Arc<Mutex<HashMap<Topic, mpsc::Sender<Waiting>>>>;

/// See the module.
pub(super) struct Queues {
    open: Open,
    writer: Arc<Writer>,
}

fn lock(open: &Open) -> MutexGuard<'_, HashMap<Topic, mpsc::Sender<Waiting>>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queues {
    pub(super) fn new(writer: Arc<Writer>) -> Self {
        Self { open: Open::default(), writer }
    }

    /// Lines up at the first poll, and waits for the result.
    pub(super) async fn append(&self, append: Append) -> Result<Appended> {
        let (reply, result) = oneshot::channel();
        let queue = self.queue(append.topic);
        // Unconstrained: one whose budget of polls is spent would line up behind those after it.
        let lined_up =
            tokio::task::unconstrained(queue.send(Waiting { append, reply: Some(reply) })).await;
        lined_up.map_err(|_| unavailable())?;
        drop(queue);
        result.await.unwrap_or_else(|_| Err(unavailable()))
    }

    fn queue(&self, topic: Topic) -> mpsc::Sender<Waiting> {
        let mut open = lock(&self.open);
        if let Some(queue) = open.get(&topic).filter(|queue| !queue.is_closed()) {
            return queue.clone();
        }
        let (queue, waiting) = mpsc::channel(QUEUE_APPENDS_MAX);
        open.insert(topic, queue.clone());
        let task = Task {
            topic,
            open: Arc::clone(&self.open),
            writer: Arc::clone(&self.writer),
            waiting,
            next: VecDeque::new(),
        };
        tokio::spawn(task.run());
        queue
    }
}

struct Task {
    topic: Topic,
    open: Open,
    writer: Arc<Writer>,
    waiting: mpsc::Receiver<Waiting>,
    /// The first of those that wait: candidates of the next round.
    next: VecDeque<Waiting>,
}

impl Task {
    async fn run(mut self) {
        loop {
            while self.next.len() < ROUND_EVENTS_MAX
                && let Ok(waiting) = self.waiting.try_recv()
            {
                self.next.push_back(waiting);
            }
            if !self.next.is_empty() {
                let taken = std::mem::take(&mut self.next);
                self.next = self.writer.round(self.topic, taken).await;
            } else if self.ends() {
                return;
            } else if let Some(waiting) = self.waiting.recv().await {
                // Somebody is about to line up.
                self.next.push_back(waiting);
            }
        }
    }

    /// Ends the queue, unless somebody has hold of it.
    fn ends(&self) -> bool {
        let mut open = lock(&self.open);
        let idle = self.waiting.is_empty() && self.waiting.sender_strong_count() <= 1;
        if idle {
            open.remove(&self.topic);
        }
        idle
    }
}
