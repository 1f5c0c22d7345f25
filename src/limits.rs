//! Numbers that bound what people ask: rates, which are settings (`--limits off` lifts them), and
//! the length of a page. Sizes are not here: those are the protocol's.

use crate::error::Result;
use crate::words::NO_PLACE;
use dashmap::DashMap;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use protocol::limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use protocol::{Command, Error, ErrorCode, Millis, UserId};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// People whose rates are remembered; beyond it, those at rest are forgotten.
const PEOPLE_MAX: usize = 50_000;
/// What may come at once, in seconds of the long run.
const BURST_SECONDS: NonZeroU32 = match NonZeroU32::new(10) {
    Some(seconds) => seconds,
    None => NonZeroU32::MIN,
};

/// What a person may do in a second, with how much at once. `None` lifts a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// In the long run, in one second.
    pub per_second: NonZeroU32,
    /// At once.
    pub burst: NonZeroU32,
}

/// Refusals of one person that still are an accident.
const REFUSALS: Allowed = Allowed::new(10, 100);

impl Allowed {
    const fn new(per_second: u32, burst: u32) -> Self {
        let (Some(per_second), Some(burst)) = (NonZeroU32::new(per_second), NonZeroU32::new(burst))
        else {
            return Self { per_second: NonZeroU32::MIN, burst: NonZeroU32::MIN };
        };
        Self { per_second, burst }
    }

    /// As much at once as in ten seconds.
    pub fn with_burst(per_second: NonZeroU32) -> Self {
        Self { per_second, burst: per_second.saturating_mul(BURST_SECONDS) }
    }
}

struct Rate {
    limiter: DefaultKeyedRateLimiter<UserId>,
    allowed: Allowed,
}

/// What a person did on a node in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Who.
    pub user: UserId,
    /// Commands of any kind.
    pub commands: u32,
    /// What others get to read.
    pub writes: u32,
}

/// The rates of all people on this node.
pub struct Rates {
    commands: Option<Rate>,
    writes: Option<Rate>,
    refusals: Rate,
    /// What people did since the last look, where other nodes are to hear of it.
    tally: Option<DashMap<UserId, (u32, u32)>>,
}

impl Rate {
    fn new(allowed: Allowed) -> Self {
        let quota = Quota::per_second(allowed.per_second).allow_burst(allowed.burst);
        Self { limiter: RateLimiter::keyed(quota), allowed }
    }

    /// Whether that is more than half of the rate.
    fn is_much(&self, used_in_a_second: u32) -> bool {
        used_in_a_second > self.allowed.per_second.get() / 2
    }

    /// Takes as much as was used elsewhere, or what there is.
    fn charge(&self, user: UserId, used: u32) {
        let mut left = used.min(self.allowed.burst.get());
        let mut part = left;
        while let Some(count) = NonZeroU32::new(part.min(left)) {
            if matches!(self.limiter.check_key_n(&user, count), Ok(Ok(()))) {
                left -= count.get();
            } else {
                part = count.get() / 2;
            }
        }
    }

    fn check(&self, user: UserId) -> Result<()> {
        if self.limiter.len() > PEOPLE_MAX {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&user).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            let ms = u64::try_from(wait.max(Duration::from_millis(1)).as_millis()).unwrap_or(0);
            Error::new(ErrorCode::RateLimited, "That was a lot at once. Please wait a moment.")
                .retry_after_ms(ms.max(1))
        })
    }
}

impl Rates {
    /// `commands`: of any kind; `writes`: what others get to read.
    pub fn new(commands: Option<Allowed>, writes: Option<Allowed>) -> Self {
        Self {
            commands: commands.map(Rate::new),
            writes: writes.map(Rate::new),
            refusals: Rate::new(REFUSALS),
            tally: None,
        }
    }

    /// From now on, keeps count of what other nodes are to hear of.
    #[must_use]
    pub fn tallied(self) -> Self {
        Self { tally: Some(DashMap::new()), ..self }
    }

    /// Counts a command, or says when to come back.
    pub fn check(&self, user: UserId, command: &Command) -> Result<()> {
        if let Some(rate) = &self.commands {
            rate.check(user)?;
        }
        let is_write = is_write(command);
        if let Some(rate) = &self.writes
            && is_write
        {
            rate.check(user)?;
        }
        if let Some(tally) = &self.tally
            && tally.len() < PEOPLE_MAX
        {
            let mut used = tally.entry(user).or_default();
            used.0 = used.0.saturating_add(1);
            used.1 = used.1.saturating_add(u32::from(is_write));
        }
        Ok(())
    }

    /// Those who used more than half of a rate since the last call. Call it once a second.
    pub fn busy(&self) -> Vec<Usage> {
        let Some(tally) = &self.tally else { return Vec::new() };
        let much = |rate: &Option<Rate>, used| rate.as_ref().is_some_and(|rate| rate.is_much(used));
        let mut busy = Vec::new();
        tally.retain(|&user, &mut (commands, writes)| {
            if much(&self.commands, commands) || much(&self.writes, writes) {
                busy.push(Usage { user, commands, writes });
            }
            false
        });
        busy
    }

    /// Counts what a person did on another node.
    pub fn charge(&self, usage: &Usage) {
        let both = [(&self.commands, usage.commands), (&self.writes, usage.writes)];
        for (rate, used) in both {
            if let Some(rate) = rate {
                rate.charge(usage.user, used);
            }
        }
    }
}

impl Rates {
    /// Counts a refusal; true where a person goes on and on regardless.
    pub fn is_reckless(&self, user: UserId) -> bool {
        self.refusals.check(user).is_err()
    }
}

/// The length of a page: what was asked for, or the default.
pub fn page(wanted: Option<u32>) -> Result<u32> {
    match wanted.unwrap_or(PAGE_ITEMS_DEFAULT) {
        limit @ 1..=PAGE_ITEMS_MAX => Ok(limit),
        _ => Err(Error::invalid("limit", format!("A page has 1 to {PAGE_ITEMS_MAX} items."))),
    }
}

/// Where a page begins: the `next` of the page before, as its list wrote it.
pub fn place<T>(after: Option<&str>, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>> {
    let Some(text) = after else { return Ok(None) };
    read(text).map(Some).ok_or_else(|| Error::invalid("after", NO_PLACE))
}

/// The same in a list by id, or by whatever says itself how it reads.
pub fn place_at<T: FromStr>(after: Option<&str>) -> Result<Option<T>> {
    place(after, |text| text.parse().ok())
}

/// The same in a list by time and id.
pub fn place_in_time<I: FromStr>(after: Option<&str>) -> Result<Option<(Millis, I)>> {
    place(after, |text| {
        let (at, id) = text.split_once('.')?;
        Some((at.parse().ok()?, id.parse().ok()?))
    })
}

/// Whether others get to read what the command writes.
fn is_write(command: &Command) -> bool {
    matches!(
        command,
        Command::ConversationSend(_)
            | Command::ConversationEdit(_)
            | Command::ConversationReact(_)
            | Command::ConversationOpen(_)
            | Command::FollowAdd(_)
            | Command::FriendRequest(_)
            | Command::PostCreate(_)
            | Command::PostEdit(_)
            | Command::CommentCreate(_)
            | Command::CommentEdit(_)
            | Command::LikeSet(_)
            | Command::GroupCreate(_)
            | Command::GroupUpdate(_)
            | Command::GroupJoin(_)
            | Command::GroupInvite(_)
            | Command::CategoryCreate(_)
            | Command::CategoryUpdate(_)
            | Command::SupportRequest(_)
            | Command::ExchangeRequest(_)
            | Command::ExchangePost(_)
            | Command::ExchangeCounter(_)
            | Command::ExchangeNote(_)
            | Command::SupportRate(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::session::Ping;
    use uuid::Uuid;

    fn rates(per_second: u32) -> Rates {
        let per_second = NonZeroU32::new(per_second).unwrap();
        Rates::new(Some(Allowed::with_burst(per_second)), None).tallied()
    }

    fn ping() -> Command {
        Command::Ping(Ping { payload: None })
    }

    fn let_through(rates: &Rates, user: UserId, tries: u32) -> u32 {
        (0..tries).map(|_| u32::from(rates.check(user, &ping()).is_ok())).sum()
    }

    #[test]
    fn who_used_more_than_half_of_a_rate_is_told_of_once() {
        let rates = rates(10);
        let (busy, calm) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
        assert_eq!(let_through(&rates, busy, 6), 6);
        assert_eq!(let_through(&rates, calm, 5), 5);
        assert_eq!(rates.busy(), [Usage { user: busy, commands: 6, writes: 0 }]);
        assert_eq!(rates.busy(), []);
    }

    #[test]
    fn what_was_used_elsewhere_is_charged_here() {
        // One an hour would be too slow to matter: with one a second, a busy machine may see
        // one more.
        let user = UserId(Uuid::from_u128(1));
        let rates = rates(1);
        rates.charge(&Usage { user, commands: 7, writes: 9 });
        assert!((3..=4).contains(&let_through(&rates, user, 10)));
        // More than there is takes what there is, and nobody's debts last.
        let other = UserId(Uuid::from_u128(2));
        rates.charge(&Usage { user: other, commands: u32::MAX, writes: 0 });
        assert!(let_through(&rates, other, 10) <= 1);
        assert_eq!(rates.busy().len(), 1, "what is charged is not told again");
    }

    #[test]
    fn without_a_tally_nothing_is_kept() {
        let rates = Rates::new(Some(Allowed::new(1, 10)), None);
        let_through(&rates, UserId(Uuid::nil()), 10);
        assert_eq!(rates.busy(), []);
    }
}
