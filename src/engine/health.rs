//! Whether the store takes writes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The last failure, until a write succeeds.
#[derive(Debug, Default)]
pub(crate) struct Health {
    failing: AtomicBool,
    cause: Mutex<String>,
}

impl Health {
    pub(crate) fn good(&self) {
        if self.failing.load(Ordering::Relaxed) {
            self.failing.store(false, Ordering::SeqCst);
            tracing::info!("the store takes writes again");
        }
    }

    pub(crate) fn bad(&self, cause: &str) {
        cause.clone_into(&mut self.cause.lock().unwrap_or_else(PoisonError::into_inner));
        self.failing.store(true, Ordering::SeqCst);
    }

    pub(crate) fn state(&self) -> Result<(), String> {
        if self.failing.load(Ordering::SeqCst) {
            Err(self.cause.lock().unwrap_or_else(PoisonError::into_inner).clone())
        } else {
            Ok(())
        }
    }
}
