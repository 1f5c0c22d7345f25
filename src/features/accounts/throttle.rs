//! Rates of logins and registrations, per account and per address. Kept in this node's memory,
//! and counted with the other nodes where there are any; while they can't be asked, what this
//! node counted holds.

use super::Rates;
use crate::error::Result;
use crate::rates::{Counter, Quota as Shared};
use crate::words::accounts as words;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use protocol::{Error, ErrorCode, UserId};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Keys that a limiter remembers before it forgets those that are at rest.
const KEYS_MAX: usize = 100_000;

/// See the module.
pub(super) struct Throttle {
    logins_of_account: Limiter<Uuid>,
    logins_from_address: Limiter<IpAddr>,
    registrations_from_address: Limiter<IpAddr>,
    mails_of_account: Limiter<Uuid>,
    mails_from_address: Limiter<IpAddr>,
    counter: Option<Arc<Counter>>,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

impl Throttle {
    pub(super) fn new(rates: &Rates, counter: Option<Arc<Counter>>) -> Self {
        Self {
            logins_of_account: Limiter::new(rates.logins_per_account_per_min, MINUTE),
            logins_from_address: Limiter::new(rates.logins_per_address_per_min, MINUTE),
            registrations_from_address: Limiter::new(
                rates.registrations_per_address_per_hour,
                HOUR,
            ),
            mails_of_account: Limiter::new(rates.mails_per_account_per_hour, HOUR),
            mails_from_address: Limiter::new(rates.mails_per_address_per_hour, HOUR),
            counter,
        }
    }

    /// One more login for an address (in lower case) from a network address.
    pub(super) async fn login(&self, email: &str, address: IpAddr) -> Result<()> {
        let network = network(address);
        self.logins_from_address.take(&network)?;
        // What is tried may be long, and is none of our business once it was tried.
        let account = crate::id::derived("login throttle", &[email.as_bytes()]);
        self.logins_of_account.take(&account)?;
        let (from_address, of_account) = futures_util::join!(
            self.count("login.address", id(network), &self.logins_from_address),
            self.count("login.account", account, &self.logins_of_account),
        );
        from_address.and(of_account)
    }

    /// One more registration from a network address.
    pub(super) async fn registration(&self, address: IpAddr) -> Result<()> {
        let network = network(address);
        self.registrations_from_address.take(&network)?;
        self.count("registration", id(network), &self.registrations_from_address).await
    }

    /// One more mail to an address (in lower case) that somebody asked for.
    pub(super) async fn mail(&self, email: &str, address: IpAddr) -> Result<()> {
        let network = network(address);
        self.mails_from_address.take(&network)?;
        let account = crate::id::derived("mail throttle", &[email.as_bytes()]);
        self.mails_of_account.take(&account)?;
        let (from_address, of_account) = futures_util::join!(
            self.count("mail.address", id(network), &self.mails_from_address),
            self.count("mail.account", account, &self.mails_of_account),
        );
        from_address.and(of_account)
    }

    /// One more archive of all data of a person.
    pub(super) async fn archive(&self, user_id: UserId) -> Result<()> {
        let account = crate::id::derived("archive throttle", &[user_id.as_bytes()]);
        self.mails_of_account.take(&account)?;
        self.count("archive", account, &self.mails_of_account).await
    }

    /// One more secret of a mail from a network address: as often as logins may be tried.
    pub(super) async fn secret(&self, address: IpAddr) -> Result<()> {
        let network = network(address);
        self.logins_from_address.take(&network)?;
        self.count("login.address", id(network), &self.logins_from_address).await
    }

    /// The same, of all nodes.
    async fn count<K: Hash + Eq + Clone>(
        &self,
        name: &str,
        id: Uuid,
        limiter: &Limiter<K>,
    ) -> Result<()> {
        let (Some(counter), Some(quota)) = (&self.counter, limiter.shared) else { return Ok(()) };
        match counter.take(name, id, quota).await {
            None => Ok(()),
            Some(wait) => Err(too_many(wait)),
        }
    }
}

/// A network address as a key that others may keep: it does not tell the address.
fn id(network: IpAddr) -> Uuid {
    crate::id::derived("network throttle", &[network.to_string().as_bytes()])
}

fn too_many(wait: Duration) -> Error {
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    metrics::counter!("sanctuary_logins_throttled_total").increment(1);
    Error::new(ErrorCode::RateLimited, words::TRIES_MANY).retry_after_ms(wait_ms)
}

/// A person has an IPv4 address, or the 2⁶⁴ addresses of an IPv6 network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let prefix = v6.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(prefix))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A rate for each key; none where limits are off.
struct Limiter<K: Hash + Eq + Clone> {
    here: Option<DefaultKeyedRateLimiter<K>>,
    shared: Option<Shared>,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(rate: Option<NonZeroU32>, period: Duration) -> Self {
        let quota = |count: NonZeroU32| {
            let one = Quota::with_period(period / count.get())?;
            Some(RateLimiter::keyed(one.allow_burst(count)))
        };
        let shared = rate.map(|count| Shared { count, period });
        Self { here: rate.and_then(quota), shared }
    }

    fn take(&self, key: &K) -> Result<()> {
        let Some(limiter) = &self.here else { return Ok(()) };
        if limiter.len() >= KEYS_MAX {
            limiter.retain_recent();
        }
        limiter
            .check_key(key)
            .map_err(|not_until| too_many(not_until.wait_time_from(DefaultClock::default().now())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(account: u32, address: u32, registrations: u32) -> Throttle {
        let rates = Rates {
            logins_per_account_per_min: NonZeroU32::new(account),
            logins_per_address_per_min: NonZeroU32::new(address),
            registrations_per_address_per_hour: NonZeroU32::new(registrations),
            mails_per_account_per_hour: NonZeroU32::new(account),
            mails_per_address_per_hour: NonZeroU32::new(address),
        };
        Throttle::new(&rates, None)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn an_account_and_an_address_have_a_rate_each() {
        let throttle = throttle(2, 3, 1);
        let here = address("192.0.2.1");
        for _ in 0..2 {
            throttle.login("anna@example.org", here).await.unwrap();
        }
        let elsewhere = address("192.0.2.2");
        let error = throttle.login("anna@example.org", elsewhere).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::RateLimited);
        assert!(error.retry_after_ms.is_some_and(|ms| (1..=30_000).contains(&ms)));
        throttle.login("ben@example.org", here).await.unwrap();
        throttle.login("ben@example.org", here).await.unwrap_err();
        throttle.registration(here).await.unwrap();
        throttle.registration(here).await.unwrap_err();
        throttle.registration(elsewhere).await.unwrap();
    }

    #[tokio::test]
    async fn mails_have_a_rate_for_who_gets_them_and_for_who_asks() {
        let throttle = throttle(2, 3, 1);
        let here = address("192.0.2.1");
        for _ in 0..2 {
            throttle.mail("anna@example.org", here).await.unwrap();
        }
        throttle.mail("anna@example.org", address("192.0.2.2")).await.unwrap_err();
        throttle.mail("ben@example.org", here).await.unwrap();
        throttle.mail("cy@example.org", here).await.unwrap_err();
    }

    #[tokio::test]
    async fn without_rates_nothing_is_throttled() {
        let throttle = throttle(0, 0, 0);
        for _ in 0..1_000 {
            throttle.login("anna@example.org", address("192.0.2.1")).await.unwrap();
        }
    }

    #[test]
    fn a_network_counts_as_one_address() {
        assert_eq!(network(address("2001:db8:1:2:3:4:5:6")), address("2001:db8:1:2::"));
        assert_eq!(network(address("::ffff:192.0.2.1")), address("192.0.2.1"));
        assert_eq!(network(address("192.0.2.1")), address("192.0.2.1"));
    }
}
