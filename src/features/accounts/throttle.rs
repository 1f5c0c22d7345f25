//! Rates of logins and registrations, per account and per address. Kept in this node's memory.

use super::Rates;
use crate::error::Result;
use crate::words::accounts as words;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use protocol::{Error, ErrorCode};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use uuid::Uuid;

/// Keys that a limiter remembers before it forgets those that are at rest.
const KEYS_MAX: usize = 100_000;

/// See the module.
pub(super) struct Throttle {
    logins_of_account: Limiter<Uuid>,
    logins_from_address: Limiter<IpAddr>,
    registrations_from_address: Limiter<IpAddr>,
}

impl Throttle {
    pub(super) fn new(rates: &Rates) -> Self {
        Self {
            logins_of_account: Limiter::new(rates.logins_per_account_per_min, Quota::per_minute),
            logins_from_address: Limiter::new(rates.logins_per_address_per_min, Quota::per_minute),
            registrations_from_address: Limiter::new(
                rates.registrations_per_address_per_hour,
                Quota::per_hour,
            ),
        }
    }

    /// One more login for an address (in lower case) from a network address.
    pub(super) fn login(&self, email: &str, address: IpAddr) -> Result<()> {
        self.logins_from_address.take(&network(address))?;
        // What is tried may be long, and is none of our business once it was tried.
        self.logins_of_account.take(&crate::id::derived("login throttle", &[email.as_bytes()]))
    }

    /// One more registration from a network address.
    pub(super) fn registration(&self, address: IpAddr) -> Result<()> {
        self.registrations_from_address.take(&network(address))
    }
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
struct Limiter<K: Hash + Eq + Clone>(Option<DefaultKeyedRateLimiter<K>>);

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(rate: Option<NonZeroU32>, quota: fn(NonZeroU32) -> Quota) -> Self {
        Self(rate.map(|rate| RateLimiter::keyed(quota(rate))))
    }

    fn take(&self, key: &K) -> Result<()> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        if limiter.len() >= KEYS_MAX {
            limiter.retain_recent();
        }
        limiter.check_key(key).map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
            metrics::counter!("sanctuary_logins_throttled_total").increment(1);
            Error::new(ErrorCode::RateLimited, words::TRIES_MANY).retry_after_ms(wait_ms)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(account: u32, address: u32, registrations: u32) -> Throttle {
        Throttle::new(&Rates {
            logins_per_account_per_min: NonZeroU32::new(account),
            logins_per_address_per_min: NonZeroU32::new(address),
            registrations_per_address_per_hour: NonZeroU32::new(registrations),
        })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_account_and_an_address_have_a_rate_each() {
        let throttle = throttle(2, 3, 1);
        let here = address("192.0.2.1");
        for _ in 0..2 {
            throttle.login("anna@example.org", here).unwrap();
        }
        let elsewhere = address("192.0.2.2");
        let error = throttle.login("anna@example.org", elsewhere).unwrap_err();
        assert_eq!(error.code, ErrorCode::RateLimited);
        assert!(error.retry_after_ms.is_some_and(|ms| (1..=30_000).contains(&ms)));
        throttle.login("ben@example.org", here).unwrap();
        throttle.login("ben@example.org", here).unwrap_err();
        throttle.registration(here).unwrap();
        throttle.registration(here).unwrap_err();
        throttle.registration(elsewhere).unwrap();
    }

    #[test]
    fn without_rates_nothing_is_throttled() {
        let throttle = throttle(0, 0, 0);
        for _ in 0..1_000 {
            throttle.login("anna@example.org", address("192.0.2.1")).unwrap();
        }
    }

    #[test]
    fn a_network_counts_as_one_address() {
        assert_eq!(network(address("2001:db8:1:2:3:4:5:6")), address("2001:db8:1:2::"));
        assert_eq!(network(address("::ffff:192.0.2.1")), address("192.0.2.1"));
        assert_eq!(network(address("192.0.2.1")), address("192.0.2.1"));
    }
}
