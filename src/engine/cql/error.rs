//! What errors of the driver mean: ours, or the store's.

use scylla::errors::{DbError, ExecutionError, PrepareError, RequestAttemptError};

/// A request that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) cause: String,
    ours: bool,
}

impl Failure {
    /// Of a request. Only what the server or the driver could not understand is ours, and did
    /// certainly not happen; after anything else the outcome is not known (law 3).
    pub(super) fn of(error: &ExecutionError) -> Self {
        let ours = match error {
            ExecutionError::BadQuery(_) => true,
            ExecutionError::LastAttemptError(attempt) => is_ours(attempt),
            ExecutionError::PrepareError(error) => prepare_is_ours(error),
            _ => false,
        };
        Self { cause: error.to_string(), ours }
    }

    /// Of a preparation, which changes nothing.
    pub(super) fn of_prepare(error: &PrepareError) -> Self {
        Self { cause: error.to_string(), ours: prepare_is_ours(error) }
    }

    /// Whether trying again would be refused again.
    pub(super) const fn is_ours(&self) -> bool {
        self.ours
    }
}

fn prepare_is_ours(error: &PrepareError) -> bool {
    match error {
        PrepareError::AllAttemptsFailed { first_attempt } => is_ours(first_attempt),
        _ => false,
    }
}

fn is_ours(attempt: &RequestAttemptError) -> bool {
    match attempt {
        RequestAttemptError::SerializationError(_)
        | RequestAttemptError::CqlRequestSerialization(_) => true,
        RequestAttemptError::DbError(error, _) => matches!(
            error,
            DbError::SyntaxError
                | DbError::Invalid
                | DbError::AuthenticationError
                | DbError::Unauthorized
        ),
        _ => false,
    }
}
