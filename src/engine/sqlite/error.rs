//! What SQLite's errors mean to a caller.

use protocol::Error;
use rusqlite::ffi::ErrorCode;

/// Not the statement's fault: the disk, the file or the memory.
pub(super) fn is_of_the_disk(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::NotADatabase
        )
    )
}

/// Logged here, and in the words of the protocol.
pub(super) fn of(error: &rusqlite::Error) -> Error {
    if is_of_the_disk(error) {
        tracing::error!(%error, "the store can't be read");
        crate::error::unavailable()
    } else {
        crate::error::internal(error)
    }
}
