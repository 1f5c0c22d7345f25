//! The rules of notifications: what becomes one, what joins one, when a push goes out. Pure; the
//! time is an argument.

pub(crate) mod quiet;

use protocol::limits::{NOTIFICATIONS_MAX, PUSH_AFTER_MS};
use protocol::notifications::{Choice, Digest, Kind, Notification, Quiet};
use protocol::people::Person;
use protocol::{Millis, NotificationId, Seq, UserId};
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

/// People that one notification counts.
pub(crate) const PEOPLE_MAX: usize = 32;
/// Pushes to one person in an hour; what is more waits. Not of support requests: somebody waits at
/// the other end.
pub(crate) const PUSHES_PER_HOUR_MAX: u32 = 12;
/// An hour of pushes.
pub(crate) const HOUR_MS: Millis = 60 * 60 * 1_000;
/// One notification is not pushed again sooner, unless it took a turn.
pub(crate) const PUSH_AGAIN_MS: Millis = 10 * 60 * 1_000;
/// More than this at once are one push, which says how many.
pub(crate) const PUSHES_AT_ONCE_MAX: usize = 3;
/// What happened longer ago is no news: it is not told any more.
pub(crate) const NEWS_AGE_MAX_MS: Millis = 7 * 24 * HOUR_MS;
/// What was not read for this long goes into a digest.
pub(crate) const DIGEST_AGE_MS: Millis = HOUR_MS;

/// What happened, on its way to become a notification or to join one.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) kind: Kind,
    /// What is alike joins while it was not read.
    pub(crate) gathers: Uuid,
    pub(crate) link: String,
    /// Who did it. The name is empty where the event does not say it: it is looked up.
    pub(crate) from: Option<Person>,
    /// Counts the people who did the same; otherwise the newer takes the place of the older.
    pub(crate) counts: bool,
    /// A turn that is no repetition of the one before it: its push does not wait for that one's.
    pub(crate) is_turn: bool,
    /// It is no news any more after that: what was offered is gone.
    pub(crate) over_at: Option<Millis>,
    /// In words: of the newest person's name, and how many others did the same; of what is over
    /// after a while, in how many minutes that is.
    pub(crate) words: fn(&str, u32) -> String,
}

/// Messages of a conversation that somebody did not read.
#[derive(Debug, Clone)]
pub(crate) struct Unread {
    /// The conversation's id, and the link to it.
    pub(crate) gathers: Uuid,
    pub(crate) link: String,
    /// Seq of the newest.
    pub(crate) seq: Seq,
    pub(crate) from: Person,
    /// How many.
    pub(crate) count: u32,
    /// In words: of the newest sender's name, and how many there are.
    pub(crate) words: fn(&str, u32) -> String,
}

/// A notification as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) id: NotificationId,
    pub(crate) kind: Kind,
    pub(crate) gathers: Uuid,
    pub(crate) link: String,
    pub(crate) text: String,
    pub(crate) from: Option<Person>,
    pub(crate) count: u32,
    pub(crate) people: Vec<UserId>,
    /// Seq of the newest message; 0 where it is about none.
    pub(crate) seq: Seq,
    pub(crate) created_at: Millis,
    pub(crate) changed_at: Millis,
    pub(crate) read_at: Option<Millis>,
    /// A push is owed then.
    pub(crate) push_at: Option<Millis>,
    pub(crate) pushed_at: Option<Millis>,
    pub(crate) mailed_at: Option<Millis>,
    /// It counts as read from then on.
    pub(crate) over_at: Option<Millis>,
}

impl Notice {
    pub(crate) fn is_unread(&self) -> bool {
        self.read_at.is_none()
    }

    pub(crate) fn wire(&self) -> Notification {
        Notification {
            id: self.id,
            kind: self.kind,
            text: self.text.clone(),
            link: self.link.clone(),
            from: self.from.clone(),
            count: self.count,
            created_at: self.created_at,
            changed_at: self.changed_at,
            read_at: self.read_at,
        }
    }
}

/// How far a person's feed was looked through, and what was pushed of late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cursor {
    pub(crate) feed_seq: Seq,
    /// When the hour began whose pushes are counted.
    pub(crate) hour_at: Millis,
    pub(crate) hour_count: u32,
    /// The last push that spoke of several.
    pub(crate) summed_at: Option<Millis>,
}

/// What a person wants of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wants {
    pub(crate) app: bool,
    pub(crate) push: bool,
    pub(crate) email: bool,
}

/// What a person chose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Choices {
    pub(crate) zone: Option<String>,
    pub(crate) quiet: Option<Quiet>,
    pub(crate) digest: Digest,
    pub(crate) kinds: BTreeMap<Kind, Wants>,
}

impl Choices {
    /// Everything, where nothing was said.
    pub(crate) fn of(&self, kind: Kind) -> Wants {
        let all = Wants { app: true, push: true, email: true };
        self.kinds.get(&kind).copied().unwrap_or(all)
    }

    pub(crate) fn wire(&self, kind: Kind) -> Choice {
        let Wants { app, push, email } = self.of(kind);
        Choice { kind, app, push, email }
    }

    /// When the quiet hours end that `now` lies in.
    pub(crate) fn quiet_until(&self, now: Millis) -> Option<Millis> {
        let quiet = self.quiet.filter(|quiet| quiet.on)?;
        quiet::until(self.zone.as_deref(), quiet.from_min, quiet.until_min, now)
    }
}

/// Whether somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attention {
    /// A session is in the foreground.
    Here,
    /// None is, or nobody can say.
    Away,
}

/// What becomes of a push that is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deliver {
    /// It goes out.
    Now,
    /// It is asked again then.
    Hold(Millis),
    /// It never goes out: it was seen, or is not wanted.
    Never,
}

/// Whether a push that is owed goes out. Pure and total: see the table in the tests.
pub(crate) fn decide(
    notice: &Notice,
    choices: &Choices,
    attention: Attention,
    cursor: &Cursor,
    now: Millis,
) -> Deliver {
    let Some(due) = notice.push_at else { return Deliver::Never };
    let wants = choices.of(notice.kind);
    if !notice.is_unread() || !wants.app || !wants.push {
        return Deliver::Never;
    }
    if now < due {
        return Deliver::Hold(due);
    }
    if attention == Attention::Here {
        return Deliver::Never;
    }
    let again_at = notice.pushed_at.map(|at| at.saturating_add(PUSH_AGAIN_MS));
    if let Some(at) = again_at.filter(|at| *at > now) {
        return Deliver::Hold(at);
    }
    if let Some(until) = choices.quiet_until(now) {
        return Deliver::Hold(until);
    }
    let hour_ends = cursor.hour_at.saturating_add(HOUR_MS);
    let is_full = cursor.hour_count >= PUSHES_PER_HOUR_MAX && now < hour_ends;
    if is_full && notice.kind != Kind::Support {
        return Deliver::Hold(hour_ends);
    }
    Deliver::Now
}

/// What goes out to the devices of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Push {
    /// One notification.
    One(NotificationId),
    /// How many there are.
    Several,
}

/// What [`Shelf::push`] decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Plan {
    pub(crate) pushes: Vec<Push>,
    /// When to ask again.
    pub(crate) next_at: Option<Millis>,
}

/// All that one person is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Shelf {
    pub(crate) cursor: Cursor,
    pub(crate) notices: Vec<Notice>,
}

impl Shelf {
    /// Of somebody who is told nothing any more.
    pub(crate) fn forgotten(feed_seq: Seq) -> Self {
        Self { cursor: Cursor { feed_seq, ..Cursor::default() }, notices: Vec::new() }
    }

    pub(crate) fn get(&self, id: NotificationId) -> Option<&Notice> {
        self.notices.iter().find(|notice| notice.id == id)
    }

    pub(crate) fn unread(&self) -> u32 {
        let unread = self.notices.iter().filter(|notice| notice.is_unread()).count();
        u32::try_from(unread).unwrap_or(u32::MAX)
    }

    /// When the next push is owed.
    pub(crate) fn next_push_at(&self) -> Option<Millis> {
        self.notices.iter().filter_map(|notice| notice.push_at).min()
    }

    fn open(&mut self, kind: Kind, gathers: Uuid) -> Option<&mut Notice> {
        self.notices
            .iter_mut()
            .find(|notice| notice.is_unread() && notice.kind == kind && notice.gathers == gathers)
    }

    /// Tells of something that happened: a new notice, or one that grows. `id` follows from the
    /// cause, so that telling it again changes nothing.
    pub(crate) fn tell(&mut self, id: NotificationId, draft: Draft, wants: Wants, at: Millis) {
        if !wants.app || self.get(id).is_some() {
            return;
        }
        let push_at = wants.push.then(|| at.saturating_add(PUSH_AFTER_MS));
        let Draft { kind, gathers, link, from, counts, is_turn, over_at, words } = draft;
        let number = |others| over_at.map_or(others, |over_at| minutes(over_at.saturating_sub(at)));
        if let Some(open) = self.open(kind, gathers) {
            if !counts {
                open.people.clear();
            }
            if let Some(person) = &from {
                open.people.retain(|other| *other != person.id);
                if open.people.len() < PEOPLE_MAX {
                    open.people.push(person.id);
                }
            }
            let others = open.people.len().saturating_sub(1);
            open.text =
                words(name(from.as_ref()), number(u32::try_from(others).unwrap_or(u32::MAX)));
            open.count = u32::try_from(open.people.len().max(1)).unwrap_or(u32::MAX);
            (open.link, open.from, open.over_at) = (link, from, over_at);
            (open.changed_at, open.push_at) = (at, push_at);
            if is_turn {
                open.pushed_at = None;
            }
            return;
        }
        let text = words(name(from.as_ref()), number(0));
        let people = from.iter().map(|person| person.id).collect();
        self.notices.push(Notice {
            id,
            kind,
            gathers,
            link,
            text,
            from,
            count: 1,
            people,
            seq: 0,
            created_at: at,
            changed_at: at,
            read_at: None,
            push_at,
            pushed_at: None,
            mailed_at: None,
            over_at,
        });
        self.trim();
    }

    /// Tells of messages that were not read. The push is due at once: whoever asks waited already.
    pub(crate) fn tell_messages(
        &mut self,
        id: NotificationId,
        unread: Unread,
        wants: Wants,
        now: Millis,
    ) {
        if !wants.app || self.get(id).is_some() {
            return;
        }
        let Unread { gathers, link, seq, from, count, words } = unread;
        let (text, push_at) = (words(&from.name, count), wants.push.then_some(now));
        if let Some(open) = self.open(Kind::Message, gathers) {
            if seq <= open.seq {
                return;
            }
            (open.text, open.from, open.count, open.seq) = (text, Some(from), count, seq);
            (open.changed_at, open.push_at) = (now, push_at);
            return;
        }
        self.notices.push(Notice {
            id,
            kind: Kind::Message,
            gathers,
            link,
            text,
            people: vec![from.id],
            from: Some(from),
            count,
            seq,
            created_at: now,
            changed_at: now,
            read_at: None,
            push_at,
            pushed_at: None,
            mailed_at: None,
            over_at: None,
        });
        self.trim();
    }

    /// Marks as read what `which` picks; the ids of those that were not.
    pub(crate) fn read(
        &mut self,
        which: impl Fn(&Notice) -> bool,
        now: Millis,
    ) -> Vec<NotificationId> {
        let mut read = Vec::new();
        for notice in self.notices.iter_mut().filter(|notice| notice.is_unread() && which(notice)) {
            (notice.read_at, notice.push_at) = (Some(now), None);
            read.push(notice.id);
        }
        read
    }

    /// What is over by now counts as read: an offer that ended is no news, whenever its push goes out.
    /// The ids of those that were not.
    pub(crate) fn end(&mut self, now: Millis) -> Vec<NotificationId> {
        self.read(|notice| notice.over_at.is_some_and(|at| at <= now), now)
    }

    /// What happened since then was taken for seen, and was not: its pushes are owed after all.
    pub(crate) fn owe_again(&mut self, since: Millis, now: Millis) {
        let unseen = |notice: &&mut Notice| {
            let pushed = notice.pushed_at.is_some_and(|at| at >= notice.changed_at);
            notice.is_unread() && notice.push_at.is_none() && !pushed && notice.changed_at >= since
        };
        for notice in self.notices.iter_mut().filter(unseen) {
            notice.push_at = Some(now.saturating_add(PUSH_AFTER_MS));
        }
    }

    /// Decides about all pushes that are owed. What is `refused` never goes out.
    pub(crate) fn push(
        &mut self,
        choices: &Choices,
        attention: Attention,
        refused: &HashSet<NotificationId>,
        now: Millis,
    ) -> Plan {
        if now >= self.cursor.hour_at.saturating_add(HOUR_MS) {
            self.cursor.hour_count = 0;
        }
        let mut plan = Plan::default();
        let (mut turns, mut others) = (Vec::new(), Vec::new());
        for notice in &mut self.notices {
            if notice.push_at.is_none() {
                continue;
            }
            if refused.contains(&notice.id) {
                notice.push_at = None;
                continue;
            }
            match decide(notice, choices, attention, &self.cursor, now) {
                Deliver::Now if notice.kind == Kind::Support => turns.push(notice.id),
                Deliver::Now => others.push(notice.id),
                Deliver::Hold(at) => notice.push_at = Some(at),
                Deliver::Never => notice.push_at = None,
            }
        }
        let left = PUSHES_PER_HOUR_MAX.saturating_sub(self.cursor.hour_count) as usize;
        for (due, most) in [(turns, PUSHES_AT_ONCE_MAX), (others, PUSHES_AT_ONCE_MAX.min(left))] {
            for notice in self.notices.iter_mut().filter(|notice| due.contains(&notice.id)) {
                (notice.push_at, notice.pushed_at) = (None, Some(now));
            }
            if due.len() <= most {
                plan.pushes.extend(due.into_iter().map(Push::One));
            } else if self.cursor.summed_at != Some(now) {
                self.cursor.summed_at = Some(now);
                plan.pushes.push(Push::Several);
            }
        }
        if !plan.pushes.is_empty() {
            if self.cursor.hour_count == 0 {
                self.cursor.hour_at = now;
            }
            let sent = u32::try_from(plan.pushes.len()).unwrap_or(u32::MAX);
            self.cursor.hour_count = self.cursor.hour_count.saturating_add(sent);
        }
        plan.next_at = self.next_push_at();
        plan
    }

    /// Whether a push that was decided at `pushed_at` still says something new.
    pub(crate) fn stands(&self, push: Push, pushed_at: Millis) -> bool {
        match push {
            Push::One(id) => self
                .get(id)
                .is_some_and(|notice| notice.is_unread() && notice.pushed_at == Some(pushed_at)),
            Push::Several => self.cursor.summed_at == Some(pushed_at) && self.unread() > 0,
        }
    }

    /// Whether it may come to stand: nothing newer was decided, and it was not read.
    pub(crate) fn may_stand(&self, push: Push, pushed_at: Millis) -> bool {
        let at = Some(pushed_at);
        match push {
            Push::One(id) => {
                self.get(id).is_some_and(|notice| notice.is_unread() && notice.pushed_at < at)
            }
            Push::Several => self.cursor.summed_at < at && self.unread() > 0,
        }
    }

    /// Takes what goes into a digest: not read for a while, not mailed before, and not `refused`.
    pub(crate) fn mail(
        &mut self,
        choices: &Choices,
        refused: &HashSet<NotificationId>,
        now: Millis,
    ) -> Vec<Notice> {
        let mut mailed = Vec::new();
        for notice in &mut self.notices {
            let waits = notice.is_unread() && notice.mailed_at.is_none();
            let old = notice.changed_at <= now.saturating_sub(DIGEST_AGE_MS);
            let may = !refused.contains(&notice.id);
            if waits && old && may && choices.of(notice.kind).email {
                notice.mailed_at = Some(now);
                mailed.push(notice.clone());
            }
        }
        mailed
    }

    /// Newest first, as people see them.
    pub(crate) fn newest_first(&self) -> Vec<&Notice> {
        let mut notices: Vec<&Notice> = self.notices.iter().collect();
        notices.sort_by_key(|notice| std::cmp::Reverse((notice.changed_at, notice.id)));
        notices
    }

    /// Keeps the number within its limit: those that were read go first, then the oldest.
    fn trim(&mut self) {
        while self.notices.len() > NOTIFICATIONS_MAX {
            let oldest = self
                .notices
                .iter()
                .enumerate()
                .min_by_key(|(_, notice)| (notice.is_unread(), notice.changed_at, notice.id));
            let Some((at, _)) = oldest else { return };
            self.notices.remove(at);
        }
    }
}

/// Rounded up.
fn minutes(ms: Millis) -> u32 {
    u32::try_from(ms.max(0).saturating_add(59_999) / 60_000).unwrap_or(u32::MAX)
}

fn name(person: Option<&Person>) -> &str {
    person.map_or("", |person| &person.name)
}

#[cfg(test)]
mod tests;
