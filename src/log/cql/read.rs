//! Reading a topic across its buckets.
//!
//! The end is read first, and nothing behind it is returned. Everything up to it must be there: a
//! round that another node began and did not finish may show its head before its events, so where
//! one is missing the round is settled by a serial read, once. What a round replaced in an older
//! bucket and left to be carried out is shown as it will be: whoever reads words and the end of a
//! topic decides on them, and must not see at that end what was taken away before it.

use super::rows::{Left, Rows};
use crate::error::{Result, internal, unavailable};
use crate::log::{Entry, OwnedHead, READ_EVENTS_MAX, Span};
use protocol::{Seq, Topic};

/// Which seqs to read, and from which side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    first: Seq,
    last: Seq,
    upward: bool,
}

/// The part of a topic that ends at `head`; `None` for nothing.
fn way(span: Span, head: Seq) -> Option<Way> {
    let (first, last, upward) = match span {
        Span::After(seq) => (seq.saturating_add(1), head, true),
        Span::Before(seq) => (1, head.min(seq.saturating_sub(1)), false),
        Span::Newest => (1, head, false),
    };
    (first <= last).then_some(Way { first, last, upward })
}

impl Way {
    /// The seq that comes first.
    const fn next(&self) -> Seq {
        if self.upward { self.first } else { self.last }
    }

    /// What is left once `seq` was read.
    fn past(self, seq: Seq) -> Option<Self> {
        let left = if self.upward {
            Self { first: seq.saturating_add(1), ..self }
        } else {
            Self { last: seq.saturating_sub(1), ..self }
        };
        (left.first <= left.last).then_some(left)
    }
}

/// How much more fits on a page.
struct Room {
    entries: u32,
    bytes: usize,
}

/// The entries of a page, oldest first.
pub(super) async fn entries(
    rows: &Rows,
    topic: Topic,
    span: Span,
    head: &OwnedHead,
    limit: u32,
    bytes: usize,
) -> Result<Vec<Entry>> {
    let mut room = Room { entries: limit.min(READ_EVENTS_MAX), bytes };
    let mut left = way(span, head.seq);
    let mut entries: Vec<Entry> = Vec::new();
    let mut settled = false;
    let downward = left.is_some_and(|way| !way.upward);
    let end = rows.buckets().of(head.seq);
    let mut waiting: Option<Vec<Left>> = None;
    'page: while let Some(way) = left
        && room.entries > 0
    {
        let bucket = rows.buckets().of(way.next());
        let first = way.first.max(rows.buckets().first(bucket));
        let last = way.last.min(rows.buckets().last(bucket));
        // Read before the events: what is carried out in between is seen in them.
        if bucket < end && waiting.is_none() {
            waiting = Some(left_for_later(rows, topic, head.seq).await?);
        }
        let mut found = rows.events(topic, bucket, first..=last, way.upward, room.entries).await?;
        if bucket < end {
            replace(rows, topic, waiting.as_deref().unwrap_or_default(), &mut found).await?;
        }
        let mut whole = !found.is_empty();
        for entry in found {
            let Some(way) = left else { break 'page };
            if entry.seq != way.next() {
                whole = false;
                break;
            }
            let fits = room.bytes.checked_sub(entry.body.len());
            if fits.is_none() && !entries.is_empty() {
                break 'page;
            }
            room.bytes = fits.unwrap_or(0);
            room.entries -= 1;
            left = way.past(entry.seq);
            entries.push(entry);
        }
        if whole {
            continue;
        }
        if settled {
            // Not said to the caller: a page with a hole would be taken for all there is.
            internal(&format_args!("events of bucket {bucket} of a topic are missing"));
            return Err(unavailable());
        }
        rows.settled_end(topic, head).await?;
        settled = true;
    }
    if downward {
        entries.reverse();
    }
    Ok(entries)
}

/// Redactions of older buckets that wait in the last two: they are carried out at once, or by a
/// timer some seconds later.
async fn left_for_later(rows: &Rows, topic: Topic, head: Seq) -> Result<Vec<Left>> {
    let end = rows.buckets().of(head);
    let mut left = rows.left(topic, end, 1..=head).await?;
    if let Some(before) = end.checked_sub(1) {
        left.extend(rows.left(topic, before, 1..=head).await?);
    }
    Ok(left)
}

/// Puts the newest of these in the place of what they replace.
async fn replace(rows: &Rows, topic: Topic, left: &[Left], found: &mut [Entry]) -> Result<()> {
    for entry in found {
        let newest = left.iter().filter(|left| left.seq == entry.seq);
        let Some(newest) = newest.max_by_key(|left| left.redaction.cause) else { continue };
        if rows.redacted_by(topic, entry.seq).await? < newest.redaction.cause {
            entry.body = newest.redaction.body.clone();
            continue;
        }
        // It, or a newer one, was carried out meanwhile.
        let bucket = rows.buckets().of(entry.seq);
        if let Some(now) = rows.events_at(topic, bucket, &[entry.seq]).await?.pop() {
            *entry = now;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_parts_of_what_is_there() {
        let up = |first, last| Some(Way { first, last, upward: true });
        let down = |first, last| Some(Way { first, last, upward: false });
        let cases = [
            (Span::After(0), 0, None),
            (Span::After(0), 5, up(1, 5)),
            (Span::After(4), 5, up(5, 5)),
            (Span::After(5), 5, None),
            (Span::After(Seq::MAX), 5, None),
            (Span::Before(0), 5, None),
            (Span::Before(1), 5, None),
            (Span::Before(2), 5, down(1, 1)),
            (Span::Before(6), 5, down(1, 5)),
            (Span::Before(Seq::MAX), 5, down(1, 5)),
            (Span::Newest, 5, down(1, 5)),
            (Span::Newest, 0, None),
        ];
        for (span, head, wanted) in cases {
            assert_eq!(way(span, head), wanted, "{span:?} {head}");
        }
    }

    #[test]
    fn a_way_is_walked_to_its_end() {
        for (span, wanted) in [(Span::After(2), [3, 4, 5]), (Span::Newest, [5, 4, 3])] {
            let mut left = way(span, 5);
            let mut seqs = Vec::new();
            while let Some(way) = left {
                seqs.push(way.next());
                left = way.past(way.next());
            }
            assert_eq!(seqs[..3], wanted);
        }
    }
}
