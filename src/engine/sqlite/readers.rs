//! The readers: a few threads with connections of their own, which read while the writer writes.

use super::{READER_CACHE_KIB, configure};
use crate::error::{Result, unavailable};
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// Reads that wait; more wait at the caller.
pub const QUEUE_READS_MAX: usize = 4_096;

/// Something to read, in a transaction of its own.
pub(super) type Read = Box<dyn FnOnce(&Connection) + Send>;

pub(super) struct Readers {
    queue: mpsc::Sender<Read>,
}

impl Readers {
    pub(super) fn start(
        path: &Path,
        count: usize,
    ) -> std::result::Result<(Self, Vec<JoinHandle<()>>), std::io::Error> {
        let (queue, reads) = mpsc::channel::<Read>(QUEUE_READS_MAX);
        let reads = Arc::new(Mutex::new(reads));
        let mut threads = Vec::new();
        for n in 0..count {
            let connection = Connection::open(path)
                .and_then(|connection| {
                    configure(&connection, READER_CACHE_KIB)?;
                    connection.execute_batch("PRAGMA query_only = ON")?;
                    Ok(connection)
                })
                .map_err(std::io::Error::other)?;
            let reads = Arc::clone(&reads);
            let thread = std::thread::Builder::new().name(format!("store-read-{n}"));
            threads.push(thread.spawn(move || {
                // One waits for the next read while the others work.
                let next = || reads.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                while let Some(read) = next() {
                    read(&connection);
                }
            })?);
        }
        Ok((Self { queue }, threads))
    }

    pub(super) async fn push(&self, read: Read) -> Result<()> {
        self.queue.send(read).await.map_err(|_| unavailable())
    }
}
