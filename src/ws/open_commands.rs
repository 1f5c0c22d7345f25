//! The commands of one connection that have no reply yet.

use crate::error::{self, Result};
use crate::hub::Link;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use protocol::limits::OPEN_COMMANDS_MAX;
use protocol::{Answer, Command};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What follows from the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The session is open.
    Opens,
    /// Goodbye.
    Closes,
    /// Nothing to the edge.
    Other,
}

/// One command on its way.
pub(super) struct Running {
    id: u32,
    meaning: Meaning,
    link: Arc<Link>,
    future: BoxFuture<'static, Result<Answer>>,
}

/// A command's end.
pub(super) struct Finished {
    pub(super) id: u32,
    pub(super) meaning: Meaning,
    pub(super) outcome: Result<Answer>,
}

impl Running {
    /// Starts a command. `start` runs under the same protection as the future it makes.
    pub(super) fn start(
        id: u32,
        meaning: Meaning,
        link: &Arc<Link>,
        start: impl FnOnce() -> BoxFuture<'static, Result<Answer>>,
    ) -> Self {
        let future = link
            .running(id, || catch_unwind(AssertUnwindSafe(start)))
            .unwrap_or_else(|_| Box::pin(std::future::ready(Err(panicked()))));
        Self { id, meaning, link: Arc::clone(link), future }
    }
}

fn panicked() -> protocol::Error {
    metrics::counter!("sanctuary_command_panics_total").increment(1);
    error::internal(&"a command panicked")
}

impl Future for Running {
    type Output = Finished;

    /// A panic ends this command, and nothing else.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Finished> {
        let Self { id, meaning, link, future } = self.get_mut();
        let (id, meaning) = (*id, *meaning);
        link.running(id, || catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))))
            .unwrap_or_else(|_| Poll::Ready(Err(panicked())))
            .map(|outcome| Finished { id, meaning, outcome })
    }
}

/// See the module. Takes no memory while it is empty.
#[derive(Default)]
pub(super) struct OpenCommands(Option<Box<Set>>);

#[derive(Default)]
struct Set {
    futures: FuturesUnordered<Running>,
    ids: Vec<u32>,
}

impl OpenCommands {
    /// Whether a command with this id may start.
    pub(super) fn admit(&self, id: u32) -> Result<()> {
        let Some(set) = &self.0 else { return Ok(()) };
        if set.ids.contains(&id) {
            return Err(protocol::Error::invalid("id", "an open command has this id"));
        }
        if set.ids.len() >= OPEN_COMMANDS_MAX {
            return Err(error::busy());
        }
        Ok(())
    }

    pub(super) fn push(&mut self, running: Running) {
        let set = self.0.get_or_insert_default();
        set.ids.push(running.id);
        set.futures.push(running);
    }

    /// The next one that ends; pending if none does, or there is none.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Finished> {
        let Some(set) = &mut self.0 else { return Poll::Pending };
        match set.futures.poll_next_unpin(cx) {
            Poll::Ready(Some(finished)) => {
                set.ids.retain(|id| *id != finished.id);
                if set.ids.is_empty() {
                    self.0 = None;
                }
                Poll::Ready(finished)
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Gives up all of them.
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }
}

/// What a command means to the edge.
pub(super) fn meaning(command: &Command, opened: bool) -> Meaning {
    match command {
        Command::SessionOpen(_) if !opened => Meaning::Opens,
        Command::SessionClose(_) => Meaning::Closes,
        _ => Meaning::Other,
    }
}
