//! The bus of a single node: a bounded queue into its own hub.

use super::{Bus, Channel, Control, Message, Notice, Publication};
use futures_util::future::{BoxFuture, ready};
use tokio::sync::mpsc;

/// Messages on their way to the hub. A full queue slows the log's writer down.
pub const QUEUE_MESSAGES_MAX: usize = 16 * 1024;

/// See the module.
#[derive(Debug)]
pub struct LocalBus {
    queue: mpsc::Sender<Message>,
}

impl LocalBus {
    /// The bus, and the end that the hub drains.
    pub fn new() -> (Self, mpsc::Receiver<Message>) {
        let (queue, drain) = mpsc::channel(QUEUE_MESSAGES_MAX);
        (Self { queue }, drain)
    }
}

impl Bus for LocalBus {
    fn publish_blocking(&self, publications: Vec<Publication>) {
        for publication in publications {
            // Closed means that the node ends; what was published is in the log.
            if self.queue.blocking_send(Message::Event(publication)).is_err() {
                return;
            }
        }
    }

    fn publish(&self, publications: Vec<Publication>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            for publication in publications {
                if self.queue.send(Message::Event(publication)).await.is_err() {
                    return;
                }
            }
        })
    }

    fn control(&self, _: Control) {}

    fn listen(&self, _: Channel) {}

    fn unlisten(&self, _: Channel) {}

    fn listening(&self, _: Channel) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }

    fn notify(&self, notice: Notice) {
        if self.queue.try_send(Message::Notice(notice)).is_err() {
            metrics::counter!("sanctuary_bus_notices_dropped_total").increment(1);
        }
    }
}
