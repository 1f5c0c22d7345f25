//! Secrets that stand in mails: what they are good for, for how long, and how many at once.

use protocol::Millis;
use uuid::Uuid;

const HOUR_MS: Millis = 60 * 60 * 1_000;
/// Secrets of one purpose that are good at the same time: who asks again may still use the mail
/// that came first.
const TOKENS_MAX: usize = 3;

/// What a secret is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The address of an account is its person's own.
    Verify,
    /// Another password.
    Reset,
    /// Another address.
    Email,
}

impl Purpose {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Verify, Self::Reset, Self::Email];

    /// The word for it in the store, and in links.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
            Self::Email => "email",
        }
    }

    /// How long it is good.
    pub(crate) const fn ttl_ms(self) -> Millis {
        match self {
            Self::Verify | Self::Email => 48 * HOUR_MS,
            Self::Reset => HOUR_MS,
        }
    }
}

/// A secret that an account knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) id: Uuid,
    pub(crate) purpose: Option<Purpose>,
    pub(crate) created_at: Millis,
    pub(crate) expires_at: Millis,
}

/// Whether a secret is good for this now.
pub(crate) fn is_good(held: &Held, purpose: Purpose, now: Millis) -> bool {
    held.purpose == Some(purpose) && now < held.expires_at
}

/// The secrets that go so that one more has room: those whose time is over, and the oldest of
/// the same purpose.
pub(crate) fn make_room(held: &[Held], purpose: Purpose, now: Millis) -> Vec<Uuid> {
    let (mut same, over): (Vec<Held>, Vec<Held>) = held
        .iter()
        .copied()
        .filter(|held| held.purpose == Some(purpose) || now >= held.expires_at)
        .partition(|held| is_good(held, purpose, now));
    same.sort_by_key(|held| (held.created_at, held.id));
    let surplus = (same.len() + 1).saturating_sub(TOKENS_MAX);
    over.into_iter().chain(same.into_iter().take(surplus)).map(|held| held.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(n: u128, purpose: Purpose, created_at: Millis) -> Held {
        let expires_at = created_at + purpose.ttl_ms();
        Held { id: Uuid::from_u128(n), purpose: Some(purpose), created_at, expires_at }
    }

    #[test]
    fn a_secret_is_good_for_one_thing_and_for_a_while() {
        for purpose in Purpose::ALL {
            let one = held(1, purpose, 0);
            for other in Purpose::ALL {
                assert_eq!(is_good(&one, other, purpose.ttl_ms() - 1), other == purpose);
            }
            assert!(!is_good(&one, purpose, purpose.ttl_ms()));
        }
    }

    #[test]
    fn the_oldest_and_what_is_over_make_room() {
        let mut all: Vec<Held> =
            (1..=3).map(|n| held(n, Purpose::Verify, i64::try_from(n).unwrap())).collect();
        all.push(held(9, Purpose::Reset, 1));
        assert_eq!(make_room(&all, Purpose::Verify, 5), [Uuid::from_u128(1)]);
        assert_eq!(make_room(&all[1..], Purpose::Verify, 5), [] as [Uuid; 0]);
        assert_eq!(make_room(&all, Purpose::Reset, 5), [] as [Uuid; 0]);
        let later = Purpose::Reset.ttl_ms() + 1;
        assert_eq!(make_room(&all, Purpose::Email, later), [Uuid::from_u128(9)]);
    }
}
