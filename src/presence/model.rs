//! What others see of a person. Pure.

use protocol::Millis;
use protocol::presence::{Declared, Status};

/// A person whose last session dropped without goodbye is offline after this.
pub(super) const GRACE_MS: Millis = 30_000;

/// What is known of a person beyond whether a session is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Known {
    /// What the person said.
    pub(super) declared: Option<Declared>,
    /// The last session dropped, and the person counts as here until then.
    pub(super) grace_until: Option<Millis>,
}

/// What others see.
pub(super) fn status(connected: bool, known: Known, now: Millis) -> Status {
    let here = connected || known.grace_until.is_some_and(|until| until > now);
    match known.declared.unwrap_or(Declared::Online) {
        Declared::Invisible => Status::Offline,
        _ if !here => Status::Offline,
        Declared::Online => Status::Online,
        Declared::Away => Status::Away,
        Declared::Busy => Status::Busy,
    }
}

/// The last session ended.
pub(super) fn dropped(known: Known, goodbye: bool, now: Millis) -> Known {
    Known { grace_until: (!goodbye).then_some(now + GRACE_MS), ..known }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_see_follows_from_sessions_words_and_grace() {
        let declared =
            [None, Some(Declared::Away), Some(Declared::Busy), Some(Declared::Invisible)];
        let here = [Status::Online, Status::Away, Status::Busy, Status::Offline];
        for (declared, here) in declared.into_iter().zip(here) {
            let known = Known { declared, grace_until: None };
            assert_eq!(status(true, known, 0), here);
            assert_eq!(status(false, known, 0), Status::Offline);
            let grace = dropped(known, false, 0);
            assert_eq!(status(false, grace, GRACE_MS - 1), here);
            assert_eq!(status(false, grace, GRACE_MS), Status::Offline);
            assert_eq!(status(false, dropped(known, true, 0), 0), Status::Offline);
        }
    }
}
