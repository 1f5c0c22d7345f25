//! The rows of `topic_log` and `topic_log_static`.

use crate::log::{Entry, Key, OwnedHead, Span};
use protocol::{Millis, Seq, UserId};
use rusqlite::{Connection, OptionalExtension, Row};

/// The end of a topic; default for one without events.
pub(super) fn head(connection: &Connection, topic: &str) -> rusqlite::Result<OwnedHead> {
    let head = connection
        .prepare_cached(
            "SELECT head, head_at, state FROM topic_log_static WHERE topic = ?1 AND bucket = 0",
        )?
        .query_row([topic], |row| {
            Ok(OwnedHead { seq: row.get(0)?, at: row.get(1)?, state: row.get(2)? })
        })
        .optional()?;
    Ok(head.unwrap_or_default())
}

/// Moves the end of a topic. `state`: `None` leaves it.
pub(super) fn set_head(
    connection: &Connection,
    topic: &str,
    seq: Seq,
    at: Millis,
    state: Option<&[u8]>,
) -> rusqlite::Result<()> {
    if state.is_none() && seq > 1 {
        connection
            .prepare_cached(
                "UPDATE topic_log_static SET head = ?2, head_at = ?3
                 WHERE topic = ?1 AND bucket = 0",
            )?
            .execute((topic, seq, at))?;
    } else {
        connection
            .prepare_cached(
                "INSERT INTO topic_log_static (topic, bucket, head, head_at, state)
                 VALUES (?1, 0, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE
                 SET head = excluded.head, head_at = excluded.head_at, state = excluded.state",
            )?
            .execute((topic, seq, at, state.unwrap_or_default()))?;
    }
    Ok(())
}

/// Where a key was used.
pub(super) fn seq_of_key(
    connection: &Connection,
    topic: &str,
    key: &Key,
) -> rusqlite::Result<Option<Seq>> {
    connection
        .prepare_cached(
            "SELECT event_seq FROM topic_log
             WHERE topic = ?1 AND bucket = 0 AND kind = 'key' AND seq = 0 AND key = ?2",
        )?
        .query_row((topic, &key.0), |row| row.get(0))
        .optional()
}

pub(super) fn add_key(
    connection: &Connection,
    topic: &str,
    key: &Key,
    seq: Seq,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO topic_log (topic, bucket, kind, seq, key, event_seq)
             VALUES (?1, 0, 'key', 0, ?2, ?3)",
        )?
        .execute((topic, &key.0, seq))?;
    Ok(())
}

pub(super) fn add_event(
    connection: &Connection,
    topic: &str,
    entry: &Entry,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO topic_log (topic, bucket, kind, seq, key, at, sender, body)
             VALUES (?1, 0, 'event', ?2, x'', ?3, ?4, ?5)",
        )?
        .execute((
            topic,
            entry.seq,
            entry.at,
            entry.sender.as_ref().map(|sender| sender.as_bytes().as_slice()),
            entry.body.as_ref(),
        ))?;
    Ok(())
}

/// Replaces an event at its place; whether there is one.
pub(super) fn redact(
    connection: &Connection,
    topic: &str,
    seq: Seq,
    body: &[u8],
) -> rusqlite::Result<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE topic_log SET body = ?3
             WHERE topic = ?1 AND bucket = 0 AND kind = 'event' AND seq = ?2 AND key = x''",
        )?
        .execute((topic, seq, body))?;
    Ok(changed == 1)
}

/// The event at a place.
pub(super) fn entry(connection: &Connection, topic: &str, seq: Seq) -> rusqlite::Result<Entry> {
    connection
        .prepare_cached(
            "SELECT seq, at, sender, body FROM topic_log
             WHERE topic = ?1 AND bucket = 0 AND kind = 'event' AND seq = ?2 AND key = x''",
        )?
        .query_row((topic, seq), read_entry)
}

/// A part of a topic, oldest first.
pub(super) fn entries(
    connection: &Connection,
    topic: &str,
    span: Span,
    limit: u32,
    bytes: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let (sql, seq, newest_first) = match span {
        Span::After(seq) => (
            "SELECT seq, at, sender, body FROM topic_log
             WHERE topic = ?1 AND bucket = 0 AND kind = 'event' AND seq > ?2
             ORDER BY seq LIMIT ?3",
            seq,
            false,
        ),
        Span::Before(_) | Span::Newest => (
            "SELECT seq, at, sender, body FROM topic_log
             WHERE topic = ?1 AND bucket = 0 AND kind = 'event' AND seq < ?2
             ORDER BY seq DESC LIMIT ?3",
            if let Span::Before(seq) = span { seq } else { Seq::MAX },
            true,
        ),
    };
    // SQLite's integers are signed; no topic gets that long.
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let mut entries = Vec::new();
    let mut room = bytes;
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((topic, seq, limit))?;
    while let Some(row) = rows.next()? {
        let entry = read_entry(row)?;
        let fits = room.checked_sub(entry.body.len());
        if fits.is_none() && !entries.is_empty() {
            break;
        }
        room = fits.unwrap_or(0);
        entries.push(entry);
    }
    if newest_first {
        entries.reverse();
    }
    Ok(entries)
}

fn read_entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let sender: Option<[u8; 16]> = row.get(2)?;
    Ok(Entry {
        seq: row.get(0)?,
        at: row.get(1)?,
        sender: sender.map(|bytes| UserId(uuid::Uuid::from_bytes(bytes))),
        body: row.get::<_, Vec<u8>>(3)?.into(),
    })
}
