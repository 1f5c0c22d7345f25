//! Numbers that bound what people ask: rates, which are settings (`--limits off` lifts them), and
//! the length of a page. Sizes are not here: those are the protocol's.

use crate::error::Result;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use protocol::limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use protocol::{Command, Error, ErrorCode, UserId};
use std::num::NonZeroU32;
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
}

/// The rates of all people on this node.
pub struct Rates {
    commands: Option<Rate>,
    writes: Option<Rate>,
    refusals: Rate,
}

impl Rate {
    fn new(allowed: Allowed) -> Self {
        let quota = Quota::per_second(allowed.per_second).allow_burst(allowed.burst);
        Self { limiter: RateLimiter::keyed(quota) }
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
        }
    }

    /// Counts a command, or says when to come back.
    pub fn check(&self, user: UserId, command: &Command) -> Result<()> {
        if let Some(rate) = &self.commands {
            rate.check(user)?;
        }
        if let Some(rate) = &self.writes
            && is_write(command)
        {
            rate.check(user)?;
        }
        Ok(())
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

/// Whether others get to read what the command writes.
fn is_write(command: &Command) -> bool {
    matches!(
        command,
        Command::ConversationSend(_)
            | Command::ConversationEdit(_)
            | Command::ConversationReact(_)
            | Command::ConversationOpen(_)
            | Command::PostCreate(_)
            | Command::GroupCreate(_)
            | Command::SupportRequest(_)
    )
}
