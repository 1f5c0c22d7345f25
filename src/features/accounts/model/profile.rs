//! What people may say of themselves.

use super::Refusal;
use protocol::limits::{
    BIO_CHARS_MAX, INTEREST_CHARS_MAX, INTERESTS_MAX, QUALIFICATIONS_CHARS_MAX, REASON_CHARS_MAX,
};

/// A list of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// What one likes to talk about.
    Interests,
    /// What one knows well.
    Expertise,
}

impl Field {
    /// Its name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Interests => "interests",
            Self::Expertise => "expertise",
        }
    }
}

fn within(text: &str, chars_max: usize, otherwise: Refusal) -> Result<String, Refusal> {
    let text = text.trim();
    if text.chars().count() > chars_max { Err(otherwise) } else { Ok(text.to_owned()) }
}

/// What one says of oneself.
pub(crate) fn bio(text: &str) -> Result<String, Refusal> {
    within(text, BIO_CHARS_MAX, Refusal::BioLong)
}

/// What a coach learned.
pub(crate) fn qualifications(text: &str) -> Result<String, Refusal> {
    let text = within(text, QUALIFICATIONS_CHARS_MAX, Refusal::QualificationsWrong)?;
    if text.is_empty() { Err(Refusal::QualificationsWrong) } else { Ok(text) }
}

/// The note of those who decide.
pub(crate) fn note(text: &str) -> Result<String, Refusal> {
    within(text, REASON_CHARS_MAX, Refusal::NoteLong)
}

/// Interests or fields of expertise; the same one twice is one.
pub(crate) fn interests(field: Field, items: &[String]) -> Result<Vec<String>, Refusal> {
    if items.len() > INTERESTS_MAX {
        return Err(Refusal::InterestsWrong(field));
    }
    let mut kept: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let item = within(item, INTEREST_CHARS_MAX, Refusal::InterestsWrong(field))?;
        if item.is_empty() || item.chars().any(char::is_control) {
            return Err(Refusal::InterestsWrong(field));
        }
        if !kept.iter().any(|other| other.to_lowercase() == item.to_lowercase()) {
            kept.push(item);
        }
    }
    Ok(kept)
}

/// A list as a column: no item holds a line break.
pub(crate) fn join(items: &[String]) -> Option<String> {
    (!items.is_empty()).then(|| items.join("\n"))
}

/// The list of a column.
pub(crate) fn split(column: Option<&str>) -> Vec<String> {
    column.unwrap_or_default().lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_at_their_limits() {
        assert!(bio(&"ö".repeat(BIO_CHARS_MAX)).is_ok());
        assert_eq!(bio(&"ö".repeat(BIO_CHARS_MAX + 1)), Err(Refusal::BioLong));
        assert!(qualifications(&"x".repeat(QUALIFICATIONS_CHARS_MAX)).is_ok());
        for text in [" ", &"x".repeat(QUALIFICATIONS_CHARS_MAX + 1)] {
            assert_eq!(qualifications(text), Err(Refusal::QualificationsWrong));
        }
        assert!(note(&"x".repeat(REASON_CHARS_MAX)).is_ok());
        assert_eq!(note(&"x".repeat(REASON_CHARS_MAX + 1)), Err(Refusal::NoteLong));
    }

    #[test]
    fn lists_at_their_limits_come_back_as_they_went() {
        let wrong = Err(Refusal::InterestsWrong(Field::Expertise));
        let list = |items: &[&str]| {
            let items: Vec<String> = items.iter().map(|&item| item.to_owned()).collect();
            interests(Field::Expertise, &items)
        };
        let kept = list(&[" sleep ", "Sleep", "grief"]).unwrap();
        assert_eq!(kept, ["sleep", "grief"]);
        assert_eq!(split(join(&kept).as_deref()), kept);
        assert_eq!(split(join(&[]).as_deref()), [] as [String; 0]);
        assert_eq!(list(&["a\nb"]), wrong);
        assert_eq!(list(&[""]), wrong);
        assert!(list(&[&"x".repeat(INTEREST_CHARS_MAX)]).is_ok());
        assert_eq!(list(&[&"x".repeat(INTEREST_CHARS_MAX + 1)]), wrong);
        assert!(list(&vec!["x"; INTERESTS_MAX]).is_ok());
        assert_eq!(list(&vec!["x"; INTERESTS_MAX + 1]), wrong);
    }
}
