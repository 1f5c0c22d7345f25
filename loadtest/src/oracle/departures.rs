//! Who was shown as gone: everybody who stayed away, in time, and nobody else.
//!
//! Times are since the beginning of the run.

use super::Fault;
use protocol::UserId;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Whoever is back within this after a loss is never shown as gone (features.md, presence).
const GRACE: Duration = Duration::from_secs(30);

/// Whoever came for the first time is shown as here within this; until then a watcher who saw
/// nobody may be told once more that nobody is here (it was uncertain, and is sure now).
const APPEARS: Duration = Duration::from_secs(10);

/// What one watcher was told of one person.
#[derive(Debug, Default)]
struct Told {
    /// The newest status.
    offline: Option<bool>,
    /// When that was told.
    at: Duration,
    /// The first `offline` since the person's loss.
    since_loss: Option<Duration>,
}

#[derive(Debug, Default)]
struct Person {
    /// When the session was lost, while there is none.
    lost: Option<Duration>,
    /// When the newest session was opened.
    here: Duration,
    /// Was away for longer than the grace.
    long_away: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    /// Those who do not come back.
    silent: HashSet<UserId>,
    people: HashMap<UserId, Person>,
    told: HashMap<(UserId, UserId), Told>,
}

impl Departures {
    /// `silent` do not come back once they lose their session.
    pub(crate) fn new(silent: HashSet<UserId>) -> Self {
        Self { silent, ..Self::default() }
    }

    /// A person lost their session.
    pub(crate) fn lost(&mut self, person: UserId, at: Duration) {
        self.people.entry(person).or_default().lost = Some(at);
    }

    /// A person has a session, again or for the first time.
    pub(crate) fn here(&mut self, person: UserId, at: Duration) {
        let person = self.people.entry(person).or_default();
        person.here = at;
        if person.lost.take().is_some_and(|lost| at.saturating_sub(lost) >= GRACE) {
            person.long_away = true;
        }
    }

    /// A watcher asked anew: the answer is what is shown now, and not news.
    pub(crate) fn shown(&mut self, watcher: UserId, person: UserId, offline: bool, at: Duration) {
        let told = self.told.entry((watcher, person)).or_default();
        (told.offline, told.at) = (Some(offline), at);
        let lost = self.people.get(&person).is_some_and(|person| person.lost.is_some());
        if offline && lost && self.silent.contains(&person) {
            told.since_loss.get_or_insert(at);
        }
    }

    /// A watcher was told of a change. How long after the person's loss, if they are now gone
    /// and had lost their session.
    pub(crate) fn changed(
        &mut self,
        watcher: UserId,
        person: UserId,
        offline: bool,
        at: Duration,
    ) -> Result<Option<Duration>, Fault> {
        let known = self.people.entry(person).or_default();
        let told = self.told.entry((watcher, person)).or_default();
        let was_shown = told.offline == Some(false);
        (told.offline, told.at) = (Some(offline), at);
        if !offline {
            return Ok(None);
        }
        match known.lost {
            Some(lost) => {
                let first = told.since_loss.is_none();
                told.since_loss.get_or_insert(at);
                Ok(first.then(|| at.saturating_sub(lost)))
            }
            None if known.long_away => Ok(None),
            None if !was_shown && at.saturating_sub(known.here) < APPEARS => Ok(None),
            None => Err(falsely_gone(person, watcher, known.here, at)),
        }
    }

    /// How many of those who stay away have lost their session.
    pub(crate) fn lost_count(&self) -> usize {
        let lost = |user: &&UserId| self.people.get(user).is_some_and(|p| p.lost.is_some());
        self.silent.iter().filter(lost).count()
    }

    /// Whether every watcher heard of everyone who stays away.
    pub(crate) fn all_told(&self) -> bool {
        self.told
            .iter()
            .all(|((_, person), told)| !self.silent.contains(person) || told.since_loss.is_some())
    }

    /// What is wrong at the end: who is still shown as here, was shown too late, or is here and
    /// shown as gone.
    pub(crate) fn faults(&self, within: Duration) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (&(watcher, person), told) in &self.told {
            let known = self.people.get(&person);
            let lost = known.and_then(|person| person.lost);
            if !self.silent.contains(&person) {
                if lost.is_none() && told.offline == Some(true) {
                    let here = known.map_or(Duration::ZERO, |person| person.here);
                    faults.push(falsely_gone(person, watcher, here, told.at));
                }
                continue;
            }
            let Some(lost) = lost else { continue };
            match told.since_loss {
                None => faults.push(Fault::StillShown { person, watcher }),
                Some(at) if at.saturating_sub(lost) > within => {
                    let after_ms = at.saturating_sub(lost).as_millis();
                    faults.push(Fault::ShownLate { person, watcher, after_ms });
                }
                Some(_) => {}
            }
        }
        faults
    }
}

fn falsely_gone(person: UserId, watcher: UserId, here: Duration, at: Duration) -> Fault {
    let here_ms = at.saturating_sub(here).as_millis();
    Fault::FalselyGone { person, watcher, at_ms: at.as_millis(), here_ms }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const ADA: UserId = UserId(Uuid::from_u128(1));
    const BEN: UserId = UserId(Uuid::from_u128(2));
    const WITHIN: Duration = Duration::from_secs(50);

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Ben watches Ada, who does not come back once she is gone.
    fn watched() -> Departures {
        let mut departures = Departures::new(HashSet::from([ADA]));
        departures.here(ADA, s(0));
        departures.shown(BEN, ADA, false, s(1));
        departures
    }

    #[test]
    fn whoever_stays_away_is_shown_as_gone_in_time() {
        let mut departures = watched();
        departures.lost(ADA, s(10));
        assert!(!departures.all_told());
        assert_eq!(departures.changed(BEN, ADA, true, s(55)), Ok(Some(s(45))));
        assert!(departures.all_told());
        assert_eq!(departures.faults(WITHIN), vec![]);
    }

    #[test]
    fn whoever_is_never_shown_as_gone_is_found() {
        let mut departures = watched();
        departures.lost(ADA, s(10));
        let still = Fault::StillShown { person: ADA, watcher: BEN };
        assert_eq!(departures.faults(WITHIN), vec![still]);
    }

    #[test]
    fn whoever_is_shown_as_gone_late_is_found() {
        let mut departures = watched();
        departures.lost(ADA, s(10));
        assert_eq!(departures.changed(BEN, ADA, true, s(61)), Ok(Some(s(51))));
        let late = Fault::ShownLate { person: ADA, watcher: BEN, after_ms: 51_000 };
        assert_eq!(departures.faults(WITHIN), vec![late]);
    }

    #[test]
    fn whoever_is_here_is_never_shown_as_gone() {
        let mut departures = watched();
        departures.here(BEN, s(0));
        departures.shown(ADA, BEN, false, s(1));
        departures.lost(BEN, s(10));
        departures.here(BEN, s(12));
        let gone = Fault::FalselyGone { person: BEN, watcher: ADA, at_ms: 20_000, here_ms: 8_000 };
        assert_eq!(departures.changed(ADA, BEN, true, s(20)), Err(gone.clone()));
        assert_eq!(departures.faults(WITHIN), vec![gone]);
    }

    #[test]
    fn whoever_just_came_may_not_be_seen_yet_and_is_seen_soon() {
        let mut departures = watched();
        departures.shown(ADA, BEN, true, s(1));
        departures.here(BEN, s(2));
        assert_eq!(departures.changed(ADA, BEN, true, s(3)), Ok(None));
        assert_eq!(departures.changed(ADA, BEN, false, s(4)), Ok(None));
        assert!(departures.changed(ADA, BEN, true, s(5)).is_err());
        departures.shown(ADA, BEN, true, s(6));
        assert!(departures.changed(ADA, BEN, true, s(12)).is_err());
    }

    #[test]
    fn whoever_was_away_for_long_may_be_shown_as_gone_for_a_while() {
        let mut departures = watched();
        departures.lost(BEN, s(10));
        departures.here(BEN, s(45));
        assert_eq!(departures.changed(ADA, BEN, true, s(46)), Ok(None));
        assert_eq!(departures.changed(ADA, BEN, false, s(47)), Ok(None));
        assert_eq!(departures.faults(WITHIN), vec![]);
    }

    #[test]
    fn a_watcher_who_asks_anew_sees_who_is_gone() {
        let mut departures = watched();
        departures.lost(ADA, s(10));
        departures.shown(BEN, ADA, true, s(50));
        assert_eq!(departures.faults(WITHIN), vec![]);
    }
}
