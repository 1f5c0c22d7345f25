//! What a refusal is on the wire: code, field and words.

use super::model::Refusal;
use crate::words::accounts as words;
use protocol::{Error, ErrorCode};

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let taken = |field: &str, message: &str| {
            Self::new(ErrorCode::Conflict, message).detail(serde_json::json!({ "field": field }))
        };
        match refusal {
            Refusal::EmailWrong => Self::invalid("email", words::EMAIL_WRONG),
            Refusal::EmailLong => Self::invalid("email", words::EMAIL_LONG),
            Refusal::PasswordShort => Self::invalid("password", words::PASSWORD_SHORT),
            Refusal::PasswordLong => Self::invalid("password", words::PASSWORD_LONG),
            Refusal::NameEmpty => Self::invalid("name", words::NAME_EMPTY),
            Refusal::NameLong => Self::invalid("name", words::NAME_LONG),
            Refusal::NameWrong => Self::invalid("name", words::NAME_WRONG),
            Refusal::UsernameWrong => Self::invalid("username", words::USERNAME_WRONG),
            Refusal::EmailTaken => taken("email", words::EMAIL_TAKEN),
            Refusal::UsernameTaken => taken("username", words::USERNAME_TAKEN),
            Refusal::LoginWrong => Self::new(ErrorCode::Unauthenticated, words::LOGIN_WRONG),
            Refusal::LoginOver => Self::new(ErrorCode::Unauthenticated, words::LOGIN_OVER),
            Refusal::Suspended => Self::new(ErrorCode::Forbidden, words::SUSPENDED),
            Refusal::StateWrong => Self::new(ErrorCode::Conflict, words::STATE_WRONG),
            Refusal::ProfileWhose => Self::invalid("user_id", words::PROFILE_WHOSE),
            Refusal::NoSuchPerson => crate::error::not_found("person"),
            Refusal::TokenOver => Self::invalid("token", words::TOKEN_OVER),
            Refusal::PasswordWrong => Self::new(ErrorCode::Forbidden, words::PASSWORD_WRONG),
            Refusal::VerifiedAlready => Self::new(ErrorCode::Conflict, words::VERIFIED_ALREADY),
            Refusal::Unverified => Self::new(ErrorCode::Forbidden, words::UNVERIFIED)
                .detail(serde_json::json!({ "reason": "unverified" })),
            Refusal::NoSuchDevice => crate::error::not_found(words::DEVICE),
            Refusal::BioLong => Self::invalid("bio", words::BIO_LONG),
            Refusal::InterestsWrong(field) => Self::invalid(field.name(), words::INTERESTS_WRONG),
            Refusal::ExpertiseNone => Self::invalid("expertise", words::EXPERTISE_NONE),
            Refusal::QualificationsWrong => {
                Self::invalid("qualifications", words::QUALIFICATIONS_WRONG)
            }
            Refusal::NoteLong => Self::invalid("note", words::NOTE_LONG),
            Refusal::CoachStateWrong => Self::new(ErrorCode::Conflict, words::COACH_STATE_WRONG),
            Refusal::NoSuchCoach => crate::error::not_found("coach"),
            Refusal::AdminsOnly => Self::new(ErrorCode::Forbidden, words::ADMINS_ONLY),
        }
    }
}
