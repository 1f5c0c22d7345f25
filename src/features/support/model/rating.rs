//! What a member thinks of how a request was answered: given once it ended, and to be changed for
//! a while. Pure.

use protocol::limits::RATING_EDIT_MS;
use protocol::{Millis, UserId, support};

/// A rating of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rating {
    /// Who answered.
    pub(crate) coach: UserId,
    pub(crate) stars: u8,
    pub(crate) text: Option<String>,
    pub(crate) rated_at: Millis,
    pub(crate) edited_at: Option<Millis>,
    /// Rises with each change.
    pub(crate) revision: u64,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RatingRefusal {
    /// It is not over.
    NotOver,
    /// It was over before anybody answered.
    NobodyAnswered,
    /// The time to change it is over.
    TooLate,
}

/// A rating that is new or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) rating: Rating,
    /// The coach whose rating it was: the request was opened again, and another one answered.
    pub(crate) taken_from: Option<UserId>,
}

/// How a request stands, as far as its rating goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    /// Not over.
    Open,
    /// Over, and who had answered.
    Ended(Option<UserId>),
}

/// Rates a request. `Ok(None)`: it is rated just so already.
pub(crate) fn rate(
    known: Option<&Rating>,
    request: Stands,
    stars: u8,
    text: Option<&str>,
    now: Millis,
) -> Result<Option<Changed>, RatingRefusal> {
    let coach = match request {
        Stands::Open => return Err(RatingRefusal::NotOver),
        Stands::Ended(None) => return Err(RatingRefusal::NobodyAnswered),
        Stands::Ended(Some(coach)) => coach,
    };
    let revision = known.map_or(1, |known| known.revision + 1);
    let text = text.map(str::to_owned);
    let fresh = |text| Rating { coach, stars, text, rated_at: now, edited_at: None, revision };
    let Some(known) = known else {
        return Ok(Some(Changed { rating: fresh(text), taken_from: None }));
    };
    if known.coach != coach {
        let taken_from = Some(known.coach);
        return Ok(Some(Changed { rating: fresh(text), taken_from }));
    }
    if known.stars == stars && known.text == text {
        return Ok(None);
    }
    if now >= known.rated_at + RATING_EDIT_MS {
        return Err(RatingRefusal::TooLate);
    }
    let rated_at = known.rated_at;
    let rating = Rating { coach, stars, text, rated_at, edited_at: Some(now), revision };
    Ok(Some(Changed { rating, taken_from: None }))
}

impl Rating {
    /// As people see it.
    pub(crate) fn wire(&self) -> support::Rating {
        support::Rating {
            stars: self.stars,
            text: self.text.clone(),
            rated_at: self.rated_at,
            edited_at: self.edited_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RatingRefusal::{NobodyAnswered, NotOver, TooLate};
    use uuid::Uuid;

    const FIRST: Millis = 1_000;

    fn coach(n: u128) -> UserId {
        UserId(Uuid::from_u128(n))
    }

    fn known() -> Rating {
        Rating {
            coach: coach(1),
            stars: 4,
            text: None,
            rated_at: FIRST,
            edited_at: None,
            revision: 3,
        }
    }

    /// Each state of a rating and each state of its request.
    #[test]
    fn all_pairs() {
        let last = FIRST + RATING_EDIT_MS - 1;
        let ended = |n| Stands::Ended(Some(coach(n)));
        let fresh = Rating { stars: 5, rated_at: last, revision: 1, ..known() };
        let edited = Rating { stars: 5, edited_at: Some(last), revision: 4, ..known() };
        let moved = Rating { coach: coach(2), stars: 5, rated_at: last, revision: 4, ..known() };
        let late = Rating { rated_at: FIRST - 1, ..known() };
        let new = |rating, taken_from| Ok(Some(Changed { rating, taken_from }));
        for (rating, request, outcome) in [
            (None, Stands::Open, Err(NotOver)),
            (None, Stands::Ended(None), Err(NobodyAnswered)),
            (None, ended(1), new(fresh, None)),
            (Some(known()), Stands::Open, Err(NotOver)),
            (Some(known()), Stands::Ended(None), Err(NobodyAnswered)),
            (Some(known()), ended(1), new(edited, None)),
            (Some(known()), ended(2), new(moved, Some(coach(1)))),
            (Some(late.clone()), Stands::Open, Err(NotOver)),
            (Some(late.clone()), Stands::Ended(None), Err(NobodyAnswered)),
            (Some(late.clone()), ended(1), Err(TooLate)),
        ] {
            assert_eq!(rate(rating.as_ref(), request, 5, None, last), outcome, "{request:?}");
        }
        assert!(rate(Some(&late), ended(2), 5, None, last).unwrap().is_some());
    }

    #[test]
    fn the_same_again_changes_nothing_however_late() {
        let ended = Stands::Ended(Some(coach(1)));
        let late = FIRST + 10 * RATING_EDIT_MS;
        assert_eq!(rate(Some(&known()), ended, 4, None, late), Ok(None));
        assert_eq!(rate(Some(&known()), ended, 4, Some("x"), late), Err(TooLate));
    }
}
