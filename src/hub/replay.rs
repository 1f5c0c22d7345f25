//! Catching up: a topic is read from the log page by page, as the connection's queue drains.

use super::cursors::Wanted;
use super::{Hub, Link, frame};
use crate::bus::Channel;
use crate::error::Result;
use crate::log::{Page, Span};
use crate::rights::{Apart, Visible};
use futures_util::future::BoxFuture;
use protocol::close::CloseCode;
use protocol::{Format, Seq, Topic, limits};
use std::sync::Arc;

/// Bodies of one page; in JSON they may be several times as long.
const PAGE_BYTES: usize = 32 * 1024;

/// Frames that are sent for a page.
#[derive(Default)]
pub(super) struct Written {
    pub(super) bytes: Vec<u8>,
    pub(super) frames: u32,
    /// Everything up to here was in the page, or is not there, or is not to be seen.
    pub(super) covered: Seq,
    /// The person has left: what came after this is neither in the page nor announced.
    pub(super) silent: Option<Seq>,
}

impl Hub {
    /// Reads and queues the next page that a connection owes its client; `None`: nothing is
    /// owed, or the queue is to drain first. One at a time.
    pub(crate) fn catch_up(self: &Arc<Self>, link: &Arc<Link>) -> Option<BoxFuture<'static, ()>> {
        let (wanted, caller) = link.next_wanted()?;
        let (hub, link) = (Arc::clone(self), Arc::clone(link));
        Some(Box::pin(async move {
            let visible = match hub.rights.get() {
                Some(rights) => rights.visible(&caller, wanted.topic).await,
                None => Ok(None),
            };
            let apart = link.apart();
            match hub.page(link.format(), wanted, visible, apart.as_deref()).await {
                Ok(Some(page)) => {
                    link.caught(wanted, page);
                    metrics::counter!("sanctuary_replay_pages_total").increment(1);
                }
                // Who left a conversation may be back in it.
                Ok(None) if matches!(wanted.topic, Topic::Conversation(_)) => {
                    let (covered, silent) = (wanted.until, Some(wanted.after));
                    link.caught(wanted, Written { covered, silent, ..Written::default() });
                }
                Ok(None) => match Channel::by_subscription(wanted.topic) {
                    // Nor does what comes live concern them any more.
                    Some(channel) => hub.end(&link, channel),
                    None => link.unfollow(wanted.topic),
                },
                Err(error) => {
                    // The client comes back with its cursors.
                    tracing::warn!(%error, topic = %wanted.topic, "a replay was given up");
                    link.close(CloseCode::Resync);
                }
            }
        }))
    }

    async fn page(
        &self,
        format: Format,
        wanted: Wanted,
        visible: Result<Option<Visible>>,
        apart: Option<&Apart>,
    ) -> Result<Option<Written>> {
        let Some(visible) = visible? else { return Ok(None) };
        let missing = wanted.until.saturating_sub(wanted.after);
        let limit = u32::try_from(missing).unwrap_or(u32::MAX).min(limits::PAGE_ITEMS_MAX);
        let span = Span::After(wanted.after);
        let page = self.log.read(wanted.topic, span, limit, PAGE_BYTES).await?;
        Ok(Some(write(format, wanted, visible, apart, &page)))
    }
}

fn write(
    format: Format,
    wanted: Wanted,
    visible: Visible,
    apart: Option<&Apart>,
    page: &Page,
) -> Written {
    let topic = wanted.topic;
    let mut written = Written { covered: wanted.until, ..Written::default() };
    let mut expected = wanted.after + 1;
    let is_new = wanted.since > 0;
    for entry in page.entries.iter().take_while(|entry| entry.seq <= wanted.until) {
        written.covered = entry.seq;
        if is_new && (entry.at < wanted.since || entry.seq < visible.live) {
            // From before this connection could hear of it.
            expected = expected.max(entry.seq + 1);
            continue;
        }
        if entry.seq < expected || !visible.contains(entry.seq) {
            continue;
        }
        if entry.seq > expected {
            written.announce(format, topic, expected, entry.seq - 1);
        }
        let instead = apart.and_then(|apart| apart.in_place_of(topic, &entry.body));
        let body = instead.as_ref().unwrap_or(&entry.body);
        frame::write_event(&mut written.bytes, format, topic, entry.seq, entry.at, body);
        written.frames += 1;
        expected = entry.seq + 1;
    }
    // What comes later will jump over the rest. Who has left hears no more, unless they are back.
    let covered = written.covered;
    if expected <= covered {
        if visible.until.is_none_or(|until| expected <= until) {
            written.announce(format, topic, expected, covered);
        } else {
            written.silent = Some(expected - 1);
        }
    }
    written
}

impl Written {
    fn announce(&mut self, format: Format, topic: Topic, from: Seq, to: Seq) {
        self.bytes.extend_from_slice(&frame::gap(format, topic, from, to));
        self.frames += 1;
    }
}
