//! Rules of accounts: what may be registered, which state follows which, and what becomes of a
//! login when a refresh token comes. Pure.

mod coach;
mod profile;
mod tokens;

pub use self::coach::CoachCause;
pub(crate) use self::coach::decide as decide_coach;
pub(crate) use self::profile::{Field, bio, interests, join, note, qualifications, split};
pub(crate) use self::tokens::{Held, Purpose, is_good, make_room as make_room_for_token};

use protocol::limits::{
    EMAIL_BYTES_MAX, NAME_CHARS_MAX, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, USERNAME_CHARS_MAX,
    USERNAME_CHARS_MIN,
};
use protocol::{LoginId, Millis};

pub(crate) mod ratings;

/// Logins of one person; the next one ends the one that was used longest ago.
pub const LOGINS_MAX: usize = 20;
/// A refresh token that was used gives the same answer again for this long.
pub const REPEAT_WINDOW_MS: Millis = 60_000;
/// A login that was not used for this long is over.
pub const LOGIN_IDLE_MAX_MS: Millis = 90 * 24 * 60 * 60 * 1_000;
/// A username is held for a registration under way for this long.
pub(crate) const USERNAME_HOLD_MS: Millis = 10 * 60_000;
/// An e-mail address is held for a change under way for this long.
pub(crate) const EMAIL_HOLD_MS: Millis = 24 * 60 * 60 * 1_000;
/// What is kept of a device's own name.
pub(crate) const DEVICE_CHARS_MAX: usize = 120;
/// The part of an e-mail address before the `@` (RFC 5321 §4.5.3.1.1).
const EMAIL_LOCAL_BYTES_MAX: usize = 64;

/// Why something is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{self:?}")]
pub(crate) enum Refusal {
    EmailWrong,
    EmailLong,
    PasswordShort,
    PasswordLong,
    NameEmpty,
    NameLong,
    NameWrong,
    UsernameWrong,
    EmailTaken,
    UsernameTaken,
    LoginWrong,
    LoginOver,
    Suspended,
    StateWrong,
    ProfileWhose,
    NoSuchPerson,
    TokenOver,
    PasswordWrong,
    VerifiedAlready,
    Unverified,
    NoSuchDevice,
    BioLong,
    InterestsWrong(Field),
    ExpertiseNone,
    QualificationsWrong,
    NoteLong,
    CoachStateWrong,
    NoSuchCoach,
    AdminsOnly,
}

/// An e-mail address in lower case, as handles and comparisons take it.
pub(crate) fn email(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.len() > EMAIL_BYTES_MAX {
        return Err(Refusal::EmailLong);
    }
    let (local, domain) = text.rsplit_once('@').ok_or(Refusal::EmailWrong)?;
    let hidden = |part: &str| part.chars().any(|c| c.is_whitespace() || c.is_control());
    let local_fits = (1..=EMAIL_LOCAL_BYTES_MAX).contains(&local.len()) && !local.contains('@');
    let labels: Vec<&str> = domain.split('.').collect();
    let domain_fits = labels.len() >= 2
        && labels.iter().all(|label| {
            (1..=63).contains(&label.len())
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
    if !local_fits || hidden(local) || !domain_fits {
        return Err(Refusal::EmailWrong);
    }
    Ok(text.to_lowercase())
}

/// A password that may be chosen.
pub(crate) fn password(text: &str) -> Result<(), Refusal> {
    if text.len() > PASSWORD_BYTES_MAX {
        Err(Refusal::PasswordLong)
    } else if text.chars().count() < PASSWORD_CHARS_MIN {
        Err(Refusal::PasswordShort)
    } else {
        Ok(())
    }
}

/// A name that others see.
pub(crate) fn name(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        Err(Refusal::NameEmpty)
    } else if text.chars().count() > NAME_CHARS_MAX {
        Err(Refusal::NameLong)
    } else if text.chars().any(char::is_control) {
        Err(Refusal::NameWrong)
    } else {
        Ok(text.to_owned())
    }
}

/// A username, in lower case.
pub(crate) fn username(text: &str) -> Result<String, Refusal> {
    let text = text.trim().to_lowercase();
    let fits = (USERNAME_CHARS_MIN..=USERNAME_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.'));
    if fits { Ok(text) } else { Err(Refusal::UsernameWrong) }
}

/// What a device calls itself, fit to be shown.
pub(crate) fn device(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(DEVICE_CHARS_MAX).collect()
}

/// The state of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Waits for its e-mail address to be verified.
    PendingVerification,
    /// In use.
    Active,
    /// Paused by a moderator.
    Suspended,
    /// Will be deleted.
    DeletionPending,
    /// Gone; what is left has no name.
    Deleted,
}

/// What moves an account from state to state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The e-mail address is the person's own.
    Verify,
    /// A moderator pauses it.
    Suspend,
    /// A moderator takes that back.
    Restore,
    /// The person, or an admin, wants it gone.
    RequestDeletion,
    /// The person wants to stay after all. See [`Status::kept`] for what it is then.
    Keep,
    /// The time for that came.
    Erase,
}

impl Status {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::PendingVerification,
        Self::Active,
        Self::Suspended,
        Self::DeletionPending,
        Self::Deleted,
    ];

    /// The word for it, on the wire and in the store.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PendingVerification => "pending_verification",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::DeletionPending => "deletion_pending",
            Self::Deleted => "deleted",
        }
    }

    /// The state that a word means.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// Whether its person may come in.
    pub const fn may_enter(self) -> bool {
        match self {
            Self::PendingVerification | Self::Active => true,
            Self::Suspended | Self::DeletionPending | Self::Deleted => false,
        }
    }

    /// What an account is again that was to be deleted and is not: nobody gets past a
    /// verification or a suspension that way.
    pub(crate) const fn kept(prior: Option<Self>) -> Self {
        match prior {
            Some(prior @ (Self::PendingVerification | Self::Suspended)) => prior,
            Some(Self::Active | Self::DeletionPending | Self::Deleted) | None => Self::Active,
        }
    }

    /// The state after a cause; what is not listed is refused.
    pub(crate) const fn after(self, cause: Cause) -> Result<Self, Refusal> {
        match (self, cause) {
            (Self::PendingVerification, Cause::Verify)
            | (Self::Suspended, Cause::Restore)
            | (Self::DeletionPending, Cause::Keep) => Ok(Self::Active),
            (Self::Active, Cause::Suspend) => Ok(Self::Suspended),
            (
                Self::PendingVerification | Self::Active | Self::Suspended,
                Cause::RequestDeletion,
            ) => Ok(Self::DeletionPending),
            (Self::DeletionPending, Cause::Erase) => Ok(Self::Deleted),
            (
                Self::PendingVerification
                | Self::Active
                | Self::Suspended
                | Self::DeletionPending
                | Self::Deleted,
                _,
            ) => Err(Refusal::StateWrong),
        }
    }
}

/// What the rules know of a login's refresh tokens. While a token is `previous`, its successor
/// was not used: using that makes it `previous` in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Family {
    /// Hash of the token that may be used; `None` where there is none to be used.
    pub(crate) current: Option<Vec<u8>>,
    /// Hash of the one that was used for it, and when.
    pub(crate) previous: Option<(Vec<u8>, Millis)>,
    /// When the login was made, or a token last used.
    pub(crate) last_used_at: Millis,
    /// Whether it ended.
    pub(crate) revoked: bool,
}

/// What becomes of a login whose refresh token comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// The token is used now; its successor takes its place.
    Rotate,
    /// It was used a moment ago, and the answer got lost: the same answer.
    Repeat { at: Millis },
    /// It was used, and by somebody else: the family ends.
    Reused,
    /// The login is over.
    Over,
}

/// A token that is ours (that was checked before) comes to its login.
pub(crate) fn refresh(family: &Family, presented: &[u8], now: Millis) -> Rotation {
    if family.revoked || family.last_used_at + LOGIN_IDLE_MAX_MS <= now {
        return Rotation::Over;
    }
    if family.current.as_deref() == Some(presented) {
        return Rotation::Rotate;
    }
    match &family.previous {
        Some((hash, at)) if hash == presented && now <= at + REPEAT_WINDOW_MS => {
            Rotation::Repeat { at: *at }
        }
        _ => Rotation::Reused,
    }
}

/// A login, as far as making room goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) login_id: LoginId,
    pub(crate) last_used_at: Millis,
    pub(crate) revoked: bool,
}

/// The logins that go so that one more has room: ended ones first, then the longest unused.
pub(crate) fn make_room(mut seats: Vec<Seat>) -> Vec<LoginId> {
    seats.sort_by_key(|seat| (!seat.revoked, seat.last_used_at, seat.login_id));
    let over = (seats.len() + 1).saturating_sub(LOGINS_MAX);
    seats.into_iter().take(over).map(|seat| seat.login_id).collect()
}

/// Whether a handle that is held until a time (for good: `None`) has an owner now.
pub(crate) fn is_held(held_until: Option<Millis>, now: Millis) -> bool {
    held_until.is_none_or(|until| now < until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn email_addresses_that_fit_are_lower_cased() {
        let longest = format!(
            "{}@{}.{}.{}.de",
            "a".repeat(64),
            "b".repeat(63),
            "c".repeat(63),
            "d".repeat(57)
        );
        assert_eq!(longest.len(), EMAIL_BYTES_MAX - 1);
        for (text, kept) in [
            ("anna@example.org", "anna@example.org"),
            (" Anna.B+x@Example.ORG ", "anna.b+x@example.org"),
            ("löwe@exämple.org", "löwe@exämple.org"),
            (longest.as_str(), longest.as_str()),
        ] {
            assert_eq!(email(text).as_deref(), Ok(kept));
        }
    }

    #[test]
    fn email_addresses_that_do_not_fit_are_refused() {
        for text in [
            "",
            "anna",
            "@example.org",
            "anna@",
            "anna@example",
            "anna@.org",
            "anna@example.",
            "anna@exam ple.org",
            "an na@example.org",
            "anna@b@example.org",
            "anna@-a.org",
            "anna@a-.org",
            "anna@exa_mple.org",
            "an\nna@example.org",
        ] {
            assert_eq!(email(text), Err(Refusal::EmailWrong), "{text:?}");
        }
        let local = |bytes: usize| format!("{}@example.org", "a".repeat(bytes));
        assert!(email(&local(64)).is_ok());
        assert_eq!(email(&local(65)), Err(Refusal::EmailWrong));
        let long = |bytes: usize| format!("a@{}.org", vec!["b"; bytes].join("."));
        assert!(email(&long(124)).is_ok_and(|text| text.len() == 253));
        assert_eq!(email(&format!("a@{}", "b".repeat(253))), Err(Refusal::EmailLong));
        assert_eq!(email(&format!("a@{}", "b".repeat(252))), Err(Refusal::EmailWrong));
    }

    #[test]
    fn passwords_at_their_limits() {
        assert_eq!(password(&"ä".repeat(9)), Err(Refusal::PasswordShort));
        assert_eq!(password(&"ä".repeat(10)), Ok(()));
        assert_eq!(password(&"a".repeat(256)), Ok(()));
        assert_eq!(password(&"a".repeat(257)), Err(Refusal::PasswordLong));
    }

    #[test]
    fn names_at_their_limits() {
        assert_eq!(name(" \t"), Err(Refusal::NameEmpty));
        assert_eq!(name(" Ö ").as_deref(), Ok("Ö"));
        assert!(name(&"ö".repeat(80)).is_ok());
        assert_eq!(name(&"ö".repeat(81)), Err(Refusal::NameLong));
        assert_eq!(name("An\nna"), Err(Refusal::NameWrong));
    }

    #[test]
    fn usernames_at_their_limits() {
        assert_eq!(username("An_na.7").as_deref(), Ok("an_na.7"));
        assert!(username("abc").is_ok() && username(&"a".repeat(32)).is_ok());
        for text in ["", "ab", &"a".repeat(33), "an na", "änna", "an-na", "anna@x"] {
            assert_eq!(username(text), Err(Refusal::UsernameWrong), "{text:?}");
        }
    }

    #[test]
    fn device_names_are_made_fit() {
        assert_eq!(device("Fire\nfox"), "Firefox");
        assert_eq!(device(&"x".repeat(500)).len(), DEVICE_CHARS_MAX);
    }

    #[test]
    fn each_state_allows_what_is_listed_and_nothing_else() {
        use Cause::{Erase, Keep, RequestDeletion, Restore, Suspend, Verify};
        use Status::{Active, Deleted, DeletionPending, PendingVerification, Suspended};
        let listed = [
            (PendingVerification, Verify, Active),
            (Active, Suspend, Suspended),
            (Suspended, Restore, Active),
            (PendingVerification, RequestDeletion, DeletionPending),
            (Active, RequestDeletion, DeletionPending),
            (Suspended, RequestDeletion, DeletionPending),
            (DeletionPending, Keep, Active),
            (DeletionPending, Erase, Deleted),
        ];
        for status in Status::ALL {
            assert_eq!(Status::from_word(status.word()), Some(status));
            for cause in [Verify, Suspend, Restore, RequestDeletion, Keep, Erase] {
                let wanted = listed.iter().find(|(from, by, _)| (*from, *by) == (status, cause));
                let wanted = wanted.map(|(_, _, to)| *to).ok_or(Refusal::StateWrong);
                assert_eq!(status.after(cause), wanted, "{status:?} {cause:?}");
            }
        }
        let enter: Vec<_> = Status::ALL.into_iter().filter(|status| status.may_enter()).collect();
        assert_eq!(enter, [PendingVerification, Active]);
        for status in Status::ALL {
            let stays = matches!(status, PendingVerification | Suspended);
            assert_eq!(Status::kept(Some(status)), if stays { status } else { Active });
        }
    }

    fn family() -> Family {
        Family {
            current: Some(vec![2]),
            previous: Some((vec![1], 1_000)),
            last_used_at: 1_000,
            revoked: false,
        }
    }

    #[test]
    fn a_refresh_token_is_used_once_and_repeated_for_a_minute() {
        let end = 1_000 + REPEAT_WINDOW_MS;
        for (presented, now, wanted) in [
            (2, 1_000, Rotation::Rotate),
            (2, 1_000 + LOGIN_IDLE_MAX_MS - 1, Rotation::Rotate),
            (2, 1_000 + LOGIN_IDLE_MAX_MS, Rotation::Over),
            (1, 1_000, Rotation::Repeat { at: 1_000 }),
            (1, end, Rotation::Repeat { at: 1_000 }),
            (1, end + 1, Rotation::Reused),
            (0, 1_000, Rotation::Reused),
        ] {
            assert_eq!(refresh(&family(), &[presented], now), wanted, "{presented} at {now}");
        }
    }

    #[test]
    fn a_login_that_ended_stays_over_whatever_comes() {
        let ended = Family { revoked: true, ..family() };
        for presented in 0..3 {
            assert_eq!(refresh(&ended, &[presented], 1_000), Rotation::Over);
        }
    }

    #[test]
    fn a_login_without_refresh_tokens_takes_none() {
        let none = Family { current: None, previous: None, ..family() };
        assert_eq!(refresh(&none, &[2], 1_000), Rotation::Reused);
    }

    #[test]
    fn the_oldest_login_makes_room_and_ended_ones_first() {
        let seat = |n: u8, revoked| Seat {
            login_id: LoginId(Uuid::from_bytes([n; 16])),
            last_used_at: i64::from(n),
            revoked,
        };
        let many = |count: u8| (0..count).map(|n| seat(n, false)).collect::<Vec<_>>();
        assert_eq!(make_room(many(19)), []);
        assert_eq!(make_room(many(20)), [seat(0, false).login_id]);
        assert_eq!(make_room(many(22)).len(), 3);
        let mut seats = many(20);
        seats[7].revoked = true;
        assert_eq!(make_room(seats), [seat(7, true).login_id]);
    }

    #[test]
    fn a_handle_is_held_until_its_time_and_then_for_good() {
        assert!(is_held(None, i64::MAX));
        assert!(is_held(Some(10), 9));
        assert!(!is_held(Some(10), 10));
    }
}
