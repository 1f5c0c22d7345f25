//! What those who wait are told, and how true that was.

use super::{Desk, Request, Stated};
use protocol::support::Wait;
use protocol::{Millis, RequestId};

/// A wait is told again once an end of it moved by this part of what was told …
const NEWS_PART: u64 = 4;
/// … and by this: people are told minutes.
const NEWS_MS: u64 = 30_000;

/// Whether a wait is other than what was told, for somebody whose place is the same.
pub(crate) fn is_news(told: Option<Wait>, now: Option<Wait>) -> bool {
    let far = |told: u64, now: u64| told.abs_diff(now) >= NEWS_MS.max(told / NEWS_PART);
    match (told, now) {
        (Some(told), Some(now)) => far(told.low_ms, now.low_ms) || far(told.high_ms, now.high_ms),
        (told, now) => told.is_some() != now.is_some(),
    }
}

impl Desk {
    /// Counts the time that went by.
    pub(super) fn account(&mut self, now: Millis) {
        if now <= self.pace.counted_at {
            return;
        }
        // While nobody waits, only what is in use counts; else what could be.
        let places = if self.waiting.is_empty() { self.answered_total() } else { self.places() };
        self.pace.account(now, places);
    }

    /// The wait of whoever stands at a place, by places.
    pub(crate) fn waits(&self) -> impl Fn(u32) -> Option<Wait> {
        let (pace, places) = (&self.pace, self.places());
        let free = places.saturating_sub(self.answered_total());
        move |position| {
            let (low, high) = pace.forecast(position, places, free)?.range_ms?;
            let ms = |value: i64| u64::try_from(value).unwrap_or_default();
            Some(Wait { low_ms: ms(low), high_ms: ms(high) })
        }
    }

    /// The same for the next who asks, or for one who waits.
    pub(crate) fn wait_at(&self, position: u32) -> Option<Wait> {
        self.waits()(position)
    }

    /// What a request is told as it comes into the queue.
    pub(super) fn state_wait(&self, id: RequestId, now: Millis) -> Option<Stated> {
        let places = self.places();
        let free = places.saturating_sub(self.answered_total());
        let forecast = self.pace.forecast(self.position(id)?, places, free)?;
        let (expected_ms, range_ms) = (forecast.expected_ms, forecast.range_ms);
        Some(Stated { at: now, expected_ms, range_ms })
    }

    /// A coach answers: the first time, that was the wait.
    pub(super) fn judge_wait(&mut self, request: &mut Request, now: Millis) {
        let Some(stated) = request.stated.filter(|_| request.waited_ms.is_none()) else {
            return;
        };
        let waited_ms = (now - stated.at).max(0);
        request.waited_ms = Some(waited_ms);
        self.pace.waited(stated.expected_ms, waited_ms, now);
        if let Some(held) = stated.holds(waited_ms).filter(|_| stated.expected_ms > 0) {
            self.pace.judged(held, self.waiting.len());
        }
    }

    /// A place became free.
    pub(super) fn freed(&mut self, claimed_at: Option<Millis>, now: Millis) {
        self.pace.freed(claimed_at.map_or(0, |at| now - at), self.waiting.len());
    }
}
