//! Passwords: argon2id (RFC 9106), off the async threads, so many at once and no more.

use crate::error::{Result, busy, internal};
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use tokio::sync::Semaphore;

/// Memory of one hash.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over it. Memory and passes are OWASP's first choice for argon2id.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// Hashes that wait for a thread; one more is `busy`. With the threads at work they are done
/// in a second or two.
pub const HASHES_WAITING_MAX: usize = 64;

/// See the module.
pub struct Passwords {
    threads: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Compared with where there is no account, so that this takes the same time.
    decoy: Arc<str>,
}

/// Counts one that waits, and uncounts it however its wait ends.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Passwords {
    /// Half of the cores hash; the others go on serving. Makes one hash, which takes a moment.
    pub fn new() -> Result<Self> {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Self::with_threads((cores / 2).max(1))
    }

    fn with_threads(threads: usize) -> Result<Self> {
        let decoy: Arc<str> = hash("a password that nobody has")?.into();
        Ok(Self { threads: Arc::new(Semaphore::new(threads)), waiting: AtomicUsize::new(0), decoy })
    }

    /// The hash of a password, as a PHC string.
    pub async fn hash(&self, password: String) -> Result<String> {
        self.run(move || hash(&password)).await?
    }

    /// Whether a password fits. `None`, where there is nobody or no password: never, and it
    /// takes as long.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool> {
        let decoy = Arc::clone(&self.decoy);
        self.run(move || match stored {
            Some(stored) => verify(&password, &stored),
            None => verify(&password, &decoy).map(|_| false),
        })
        .await?
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= HASHES_WAITING_MAX {
            return Err(busy());
        }
        let threads = Arc::clone(&self.threads);
        let permit = threads.acquire_owned().await.map_err(|error| internal(&error))?;
        drop(waiting);
        // The permit goes along: a caller that gives up does not free a thread that still works.
        let job = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        job.await.map_err(|error| internal(&error))
    }
}

fn argon2id() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| internal(&error))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String> {
    let hash = argon2id()?.hash_password(password.as_bytes()).map_err(|error| internal(&error))?;
    Ok(hash.to_string())
}

fn verify(password: &str, stored: &str) -> Result<bool> {
    let stored = PasswordHash::new(stored).map_err(|error| internal(&error))?;
    Ok(argon2id()?.verify_password(password.as_bytes(), &stored).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ErrorCode;
    use std::pin::pin;
    use std::task::{Context, Waker};

    fn waits(future: std::pin::Pin<&mut impl Future>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let passwords = Passwords::with_threads(1).unwrap();
        let stored = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(passwords.verify("correct horse".to_owned(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("correct house".to_owned(), Some(stored)).await.unwrap());
        assert!(!passwords.verify("a password that nobody has".to_owned(), None).await.unwrap());
    }

    #[tokio::test]
    async fn nobodys_password_waits_for_a_hash_like_everybodys() {
        let passwords = Passwords::with_threads(1).unwrap();
        let _all = passwords.threads.clone().acquire_owned().await.unwrap();
        assert!(waits(pin!(passwords.verify("a password".to_owned(), None))));
    }

    #[tokio::test]
    async fn as_many_may_wait_as_the_limit_says_and_one_more_is_busy() {
        let passwords = Passwords::with_threads(1).unwrap();
        let _all = passwords.threads.clone().acquire_owned().await.unwrap();
        let mut waiting: Vec<_> =
            (0..HASHES_WAITING_MAX).map(|_| Box::pin(passwords.run(|| ()))).collect();
        for one in &mut waiting {
            assert!(waits(one.as_mut()));
        }
        assert_eq!(passwords.run(|| ()).await.unwrap_err().code, ErrorCode::Busy);
        waiting.pop();
        assert!(waits(pin!(passwords.run(|| ()))), "a place is free again");
    }
}
