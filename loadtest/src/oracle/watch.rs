//! What one receiver saw of one topic: pushed on which connection, read, or never.
//!
//! Rules (protocol/README.md, "Resume" and "Topics"): on one connection the seq of a topic only grows; a jump is
//! announced first; after a resume everything behind the cursor comes, and nothing before it.

use super::Fault;
use protocol::Seq;

/// A set of seqs as sorted spans, since what is seen is nearly always one span.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spans(Vec<(Seq, Seq)>);

impl Spans {
    /// Adds one; false if it was there.
    pub(crate) fn insert(&mut self, seq: Seq) -> bool {
        if let Some(last) = self.0.last_mut()
            && last.1 + 1 == seq
        {
            last.1 = seq;
            return true;
        }
        if self.contains(seq) {
            return false;
        }
        self.insert_span(seq, seq);
        true
    }

    /// Adds `from..=to`.
    pub(crate) fn insert_span(&mut self, from: Seq, to: Seq) {
        if from > to {
            return;
        }
        let first = self.0.partition_point(|span| span.1 + 1 < from);
        let last = self.0.partition_point(|span| span.0 <= to.saturating_add(1));
        let touched = self.0.get(first..last).unwrap_or_default();
        let from = touched.first().map_or(from, |span| span.0.min(from));
        let to = touched.last().map_or(to, |span| span.1.max(to));
        self.0.splice(first..last.max(first), [(from, to)]);
    }

    /// Whether it is there.
    pub(crate) fn contains(&self, seq: Seq) -> bool {
        let at = self.0.partition_point(|span| span.1 < seq);
        self.0.get(at).is_some_and(|span| span.0 <= seq)
    }

    /// The spans of `from..=to` that are not there.
    pub(crate) fn missing(&self, from: Seq, to: Seq) -> Vec<(Seq, Seq)> {
        let mut missing = Vec::new();
        let mut next = from;
        for &(first, last) in self.0.iter().filter(|span| span.1 >= from && span.0 <= to) {
            if first > next {
                missing.push((next, first - 1));
            }
            next = last + 1;
        }
        if next <= to {
            missing.push((next, to));
        }
        missing
    }

    /// The last seq of the unbroken run that begins behind `base`; `base` if there is none.
    pub(crate) fn unbroken_after(&self, base: Seq) -> Seq {
        let at = self.0.partition_point(|span| span.1 <= base);
        match self.0.get(at) {
            Some(&(first, last)) if first <= base + 1 => last,
            _ => base,
        }
    }
}

/// Where the pushes of a connection begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Not known: the topic was no part of the resume.
    Anywhere,
    /// A topic that was made while the connection was open: at 1, or where one joined.
    New,
    /// Live from this head; what was under way below it may still come.
    Head(Seq),
    /// Resumed behind this cursor.
    Cursor(Seq),
}

/// One receiver, one topic.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    /// Everything above this has to be seen. `None` until known.
    baseline: Option<Seq>,
    /// Nothing above this is given: the receiver left.
    until: Option<Seq>,
    seen: Spans,
    start: Start,
    /// The newest push of this connection.
    last: Option<Seq>,
    /// The oldest push of this connection.
    first: Option<Seq>,
    announced: Spans,
}

impl Watch {
    fn new(baseline: Option<Seq>, start: Start) -> Self {
        Self {
            baseline,
            until: None,
            seen: Spans::default(),
            start,
            last: None,
            first: None,
            announced: Spans::default(),
        }
    }

    /// A topic that begins under one's eyes: all of it has to be seen.
    pub(crate) fn of_new_topic() -> Self {
        Self::new(Some(0), Start::New)
    }

    /// A topic of which all has to be seen, that began while one was away.
    pub(crate) fn of_missed_topic() -> Self {
        Self::new(Some(0), Start::Anywhere)
    }

    /// A topic that is seen from where the server says, by [`Self::starts_at`].
    pub(crate) fn of_known_topic() -> Self {
        Self::new(None, Start::Anywhere)
    }

    /// The server named the topic's head: from there on everything has to come.
    pub(crate) fn starts_at(&mut self, head: Seq) -> Result<(), Fault> {
        self.baseline.get_or_insert(head);
        if self.start != Start::Anywhere {
            return Ok(());
        }
        self.start = Start::Head(head);
        match self.first {
            Some(first) if first > head + 1 => self.jump(head + 1, first - 1),
            _ => Ok(()),
        }
    }

    /// Where to resume: everything up to and with it is known.
    pub(crate) fn cursor(&self) -> Option<Seq> {
        self.baseline.map(|baseline| self.seen.unbroken_after(baseline))
    }

    /// A new connection begins. `cursor` is what was sent for this topic, if it was.
    pub(crate) fn connected(&mut self, cursor: Option<Seq>) {
        self.start = cursor.map_or(Start::Anywhere, Start::Cursor);
        self.last = None;
        self.first = None;
        self.announced = Spans::default();
    }

    /// The server said that pushes will leave these out: signal `gap`, or `behind`.
    pub(crate) fn announced(&mut self, from: Seq, to: Seq) {
        self.announced.insert_span(from, to);
    }

    /// A push came. `joins` if it is one's own joining, before which nothing is pushed.
    /// `Ok(true)` if it had not been seen before, in any way.
    pub(crate) fn pushed(&mut self, seq: Seq, joins: bool) -> Result<bool, Fault> {
        let expected = match (self.last, self.start) {
            (Some(last), _) if seq <= last => {
                return Err(if self.seen.insert(seq) {
                    Fault::Reordered { seq, after: last }
                } else {
                    Fault::Doubled { seq }
                });
            }
            (Some(last), _) => last + 1,
            (None, Start::Cursor(cursor)) if seq <= cursor => return Err(Fault::Doubled { seq }),
            (None, Start::Cursor(cursor)) => cursor + 1,
            (None, Start::Head(head)) => seq.min(head + 1),
            (None, Start::New) if !joins => 1,
            (None, Start::New | Start::Anywhere) => seq,
        };
        self.last = Some(seq);
        self.first.get_or_insert(seq);
        let fresh = self.seen.insert(seq);
        if seq > expected { self.jump(expected, seq - 1).map(|()| fresh) } else { Ok(fresh) }
    }

    fn jump(&self, from: Seq, to: Seq) -> Result<(), Fault> {
        match self.announced.missing(from, to).first() {
            Some(&(from, to)) => Err(Fault::Gap { from, to }),
            None => Ok(()),
        }
    }

    /// An event came in a page. True if it had not been seen before, in any way.
    pub(crate) fn read(&mut self, seq: Seq) -> bool {
        self.seen.insert(seq)
    }

    /// Nothing above `seq` will come: the receiver left the topic.
    pub(crate) fn leaves_at(&mut self, seq: Seq) {
        self.until = Some(seq);
    }

    /// The receiver is in the topic again.
    pub(crate) fn joins_again(&mut self) {
        self.until = None;
    }

    /// Whether everything up to `head` was seen.
    pub(crate) fn complete_to(&self, head: Seq) -> bool {
        let head = self.until.map_or(head, |until| until.min(head));
        self.cursor().is_none_or(|cursor| cursor >= head)
    }

    /// What should have been seen by now and was not, if the topic ends at `head`.
    pub(crate) fn faults_to(&self, head: Seq) -> Vec<Fault> {
        let Some(baseline) = self.baseline else { return Vec::new() };
        let head = self.until.map_or(head, |until| until.min(head));
        self.seen
            .missing(baseline + 1, head)
            .into_iter()
            .map(|(from, to)| {
                if to == head {
                    Fault::MissingTail { from, to }
                } else {
                    Fault::NotSeen { from, to }
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live_from(head: Seq) -> Watch {
        let mut watch = Watch::of_known_topic();
        assert_eq!(watch.starts_at(head), Ok(()));
        watch
    }

    #[test]
    fn gapless_pushes_are_clean() {
        let mut watch = live_from(10);
        for seq in 11..=20 {
            assert_eq!(watch.pushed(seq, false), Ok(true));
        }
        assert_eq!(watch.cursor(), Some(20));
        assert!(watch.complete_to(20));
        assert_eq!(watch.faults_to(20), vec![]);
    }

    #[test]
    fn a_push_that_comes_twice_is_found() {
        let mut watch = live_from(0);
        assert_eq!(watch.pushed(1, false), Ok(true));
        assert_eq!(watch.pushed(1, false), Err(Fault::Doubled { seq: 1 }));
    }

    #[test]
    fn pushes_in_the_wrong_order_are_found() {
        let mut watch = live_from(0);
        assert_eq!(watch.pushed(1, false), Ok(true));
        assert_eq!(watch.pushed(3, false), Err(Fault::Gap { from: 2, to: 2 }));
        assert_eq!(watch.pushed(2, false), Err(Fault::Reordered { seq: 2, after: 3 }));
    }

    #[test]
    fn a_jump_nobody_announced_is_found() {
        let mut watch = live_from(4);
        assert_eq!(watch.pushed(7, false), Err(Fault::Gap { from: 5, to: 6 }));
        let mut later = live_from(4);
        assert_eq!(later.pushed(5, false), Ok(true));
        assert_eq!(later.pushed(9, false), Err(Fault::Gap { from: 6, to: 8 }));
    }

    #[test]
    fn an_announced_jump_counts_as_seen_once_it_is_read() {
        let mut watch = live_from(0);
        watch.announced(1, 3);
        assert_eq!(watch.pushed(4, false), Ok(true));
        assert_eq!(watch.cursor(), Some(0));
        assert_eq!(watch.faults_to(4), vec![Fault::NotSeen { from: 1, to: 3 }]);
        assert!((1..=3).all(|seq| watch.read(seq)));
        assert!(watch.complete_to(4));
    }

    #[test]
    fn a_jump_past_what_was_announced_is_found() {
        let mut watch = live_from(0);
        watch.announced(1, 3);
        assert_eq!(watch.pushed(6, false), Err(Fault::Gap { from: 4, to: 5 }));
    }

    #[test]
    fn a_missing_tail_is_found() {
        let mut watch = live_from(0);
        assert_eq!(watch.pushed(1, false), Ok(true));
        assert!(!watch.complete_to(2));
        assert_eq!(watch.faults_to(2), vec![Fault::MissingTail { from: 2, to: 2 }]);
    }

    #[test]
    fn a_resume_gives_what_is_behind_the_cursor_and_nothing_before_it() {
        let mut watch = live_from(0);
        assert_eq!(watch.pushed(1, false), Ok(true));
        assert_eq!(watch.pushed(2, false), Ok(true));
        watch.connected(Some(2));
        assert_eq!(watch.clone().pushed(2, false), Err(Fault::Doubled { seq: 2 }));
        assert_eq!(watch.clone().pushed(4, false), Err(Fault::Gap { from: 3, to: 3 }));
        assert_eq!(watch.pushed(3, false), Ok(true));
    }

    #[test]
    fn a_hole_keeps_the_cursor_below_it_and_may_be_pushed_again_on_the_next_connection() {
        let mut watch = live_from(0);
        watch.announced(1, 1);
        assert_eq!(watch.pushed(2, false), Ok(true));
        watch.connected(watch.cursor());
        assert_eq!(watch.pushed(1, false), Ok(true));
        assert_eq!(watch.pushed(2, false), Ok(false));
        assert_eq!(watch.cursor(), Some(2));
    }

    #[test]
    fn a_new_topic_begins_at_one_or_where_one_joined() {
        assert_eq!(Watch::of_new_topic().pushed(1, false), Ok(true));
        assert_eq!(Watch::of_new_topic().pushed(3, false), Err(Fault::Gap { from: 1, to: 2 }));
        let mut joined = Watch::of_new_topic();
        assert_eq!(joined.pushed(3, true), Ok(true));
        assert_eq!(joined.faults_to(3), vec![Fault::NotSeen { from: 1, to: 2 }]);
    }

    #[test]
    fn pushes_that_overtook_the_subscription_are_compared_with_its_head() {
        let mut watch = Watch::of_known_topic();
        assert_eq!(watch.pushed(7, false), Ok(true));
        assert_eq!(watch.clone().starts_at(6), Ok(()));
        assert_eq!(watch.starts_at(4), Err(Fault::Gap { from: 5, to: 6 }));
    }

    #[test]
    fn who_left_is_owed_nothing_more() {
        let mut watch = live_from(0);
        assert_eq!(watch.pushed(1, false), Ok(true));
        watch.leaves_at(1);
        assert!(watch.complete_to(9));
        assert_eq!(watch.faults_to(9), vec![]);
        watch.joins_again();
        assert!(!watch.complete_to(9));
    }

    #[test]
    fn spans_merge_and_name_what_is_missing() {
        let mut spans = Spans::default();
        for seq in [5, 1, 2, 9, 7, 8] {
            assert!(spans.insert(seq));
        }
        assert!(!spans.insert(8));
        assert_eq!(spans, Spans(vec![(1, 2), (5, 5), (7, 9)]));
        assert_eq!(spans.missing(1, 11), vec![(3, 4), (6, 6), (10, 11)]);
        assert_eq!(spans.missing(8, 9), vec![]);
        assert_eq!(spans.unbroken_after(0), 2);
        assert_eq!(spans.unbroken_after(3), 3);
        spans.insert_span(3, 6);
        assert_eq!(spans, Spans(vec![(1, 9)]));
    }
}
