//! From the bus into the outbound queues: encode once, push to all, wake each task once.

use super::frame::{OneSignal, Run};
use super::link::Offered;
use super::pace::Waves;
use super::{Hub, Link};
use crate::bus::{Channel, Message, Notice, Publication};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Messages taken from the bus at once.
const WAVE_MESSAGES_MAX: usize = 256;
/// Event bodies delivered before tasks get their turn: a quarter of what a queue holds.
const WAVE_BYTES_MAX: usize = 64 * 1024;

/// See [`Hub::run`].
pub(super) async fn run(hub: &Hub, mut drain: mpsc::Receiver<Message>) {
    let mut messages = Vec::with_capacity(WAVE_MESSAGES_MAX);
    let mut waves = Waves::new(&hub.pace);
    while drain.recv_many(&mut messages, WAVE_MESSAGES_MAX).await > 0 {
        let mut rest = messages.as_slice();
        while !rest.is_empty() {
            let (wave, after) = rest.split_at(wave_len(rest));
            let woken = Wave::new(hub).deliver(wave);
            // The count comes first: a task may have its turn before the last one is woken.
            waves.begin(woken.len());
            for link in woken {
                link.wake();
            }
            waves.settle().await;
            rest = after;
        }
        messages.clear();
    }
}

fn wave_len(messages: &[Message]) -> usize {
    let mut bytes = 0;
    let fits = messages.iter().take_while(|message| {
        bytes += match message {
            Message::Event(publication) => publication.body.len(),
            Message::Missed(_) | Message::Notice(_) | Message::Control(_) => 0,
        };
        bytes <= WAVE_BYTES_MAX
    });
    fits.count().max(1)
}

/// Messages that are delivered together.
struct Wave<'a> {
    hub: &'a Hub,
    woken: Vec<Arc<Link>>,
    frames: u64,
}

impl<'a> Wave<'a> {
    fn new(hub: &'a Hub) -> Self {
        Self { hub, woken: Vec::new(), frames: 0 }
    }

    /// Queues everything, and says whose tasks are to be woken.
    fn deliver(mut self, messages: &[Message]) -> Vec<Arc<Link>> {
        let mut events: Vec<&Publication> = Vec::new();
        for message in messages {
            match message {
                Message::Event(publication) => {
                    if events.first().is_some_and(|first| first.audience != publication.audience) {
                        self.events(std::mem::take(&mut events));
                    }
                    events.push(publication);
                }
                Message::Missed(missed) => {
                    self.events(std::mem::take(&mut events));
                    for channel in &missed.audience {
                        self.each(*channel, |link| link.offer_missed(missed, *channel));
                    }
                }
                Message::Notice(notice) => {
                    self.events(std::mem::take(&mut events));
                    self.notice(notice);
                }
                Message::Control(control) => {
                    self.events(std::mem::take(&mut events));
                    self.hub.obey(control);
                }
            }
        }
        self.events(events);
        metrics::counter!("sanctuary_deliveries_total").increment(self.frames);
        self.woken
    }

    /// Events in a row with the same audience.
    fn events(&mut self, events: Vec<&Publication>) {
        let Some(first) = events.first() else { return };
        let audience = &first.audience;
        let run = Run::new(events);
        for channel in audience {
            self.each(*channel, |link| link.offer(&run, *channel));
        }
    }

    fn notice(&mut self, notice: &Notice) {
        let signal = OneSignal::new(&notice.push);
        for channel in &notice.audience {
            match (*channel, notice.except) {
                (Channel::User(user), except) if except == Some(user) => {}
                (channel @ Channel::User(_), _) | (channel, None) => {
                    self.each(channel, |link| link.offer_signal(&signal, notice.class, channel));
                }
                (channel, Some(except)) => self.each(channel, |link| {
                    if link.session().is_some_and(|s| s.caller.user_id == except) {
                        return Offered::default();
                    }
                    link.offer_signal(&signal, notice.class, channel)
                }),
            }
        }
    }

    /// The channel stays locked meanwhile: a revocation waits, and then nothing comes after it.
    fn each(&mut self, channel: Channel, offer: impl Fn(&Link) -> Offered) {
        let Some(links) = self.hub.channels.get(&channel) else { return };
        for link in links.iter() {
            let offered = offer(link);
            self.frames += u64::from(offered.frames);
            if offered.wake {
                self.woken.push(Arc::clone(link));
            }
        }
    }
}
