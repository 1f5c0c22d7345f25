//! What goes wrong, in the words of the protocol. Features have enums of their own and map
//! them to these by a total `match`.

use protocol::{Error, ErrorCode};

/// What a command ends with.
pub type Result<T> = std::result::Result<T, Error>;

/// The store is away or refuses to write: nothing was lost or half done.
pub fn unavailable() -> Error {
    Error::new(
        ErrorCode::Unavailable,
        "We can't reach our records just now. Nothing was lost; please try again in a moment.",
    )
    .retry_after_ms(1_000)
}

/// Too many at once on one thing.
pub fn busy() -> Error {
    Error::new(ErrorCode::Busy, "Too much is going on at once here. Please try again.")
        .retry_after_ms(200)
}

/// Not there, or not for the caller to know of.
pub fn not_found(what: &str) -> Error {
    Error::new(ErrorCode::NotFound, format!("There is no such {what}."))
}

/// Known, and not allowed.
pub fn forbidden(message: &str) -> Error {
    Error::new(ErrorCode::Forbidden, message)
}

/// The thing's state does not allow this now.
pub fn conflict(message: &str) -> Error {
    Error::new(ErrorCode::Conflict, message)
}

/// Our fault. The cause is logged, never shown.
pub fn internal(cause: &dyn std::fmt::Display) -> Error {
    tracing::error!(%cause, "internal error");
    Error::new(ErrorCode::Internal, "Something went wrong on our side.")
}
