//! What exchange holds of a person: their sessions and offers with what they noted, and the time
//! they gave and received. Who is forgotten leaves what is still ahead as anybody would; what was
//! stays with the other side, without the name.

use super::model::calendar::Calendar;
use super::model::{Session, State};
use super::rows::{self, Place};
use super::{Exchange, lists, view};
use crate::error::Result;
use crate::features::accounts::{Personal, Section};
use crate::store::LIST_ROWS_MAX;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use protocol::{ExchangeId, UserId};
use serde_json::{Value, json};

/// Sessions of one person that end at the same time.
const ENDS_AT_ONCE: usize = 8;

impl Personal for Exchange {
    fn name(&self) -> &'static str {
        "exchange"
    }

    fn sections(&self, user_id: UserId) -> BoxFuture<'_, Result<Vec<Section>>> {
        async move {
            let (sessions, offers) = self.all_of(user_id).await?;
            Ok(vec![
                Section { name: "sessions", data: Value::Array(sessions) },
                Section { name: "offers", data: Value::Array(offers) },
                Section { name: "ledger", data: self.whole_ledger(user_id).await? },
            ])
        }
        .boxed()
    }

    fn erase(&self, user_id: UserId) -> BoxFuture<'_, Result<()>> {
        async move {
            loop {
                let places = rows::own(&self.store, user_id, None, LIST_ROWS_MAX).await?;
                if places.is_empty() {
                    break;
                }
                stream::iter(places.clone())
                    .map(|(_, id)| self.vanish(id, user_id))
                    .buffer_unordered(ENDS_AT_ONCE)
                    .try_collect::<()>()
                    .await?;
                rows::unlist(&self.store, user_id, &places).await?;
            }
            loop {
                let rows = rows::ledger(&self.store, user_id, None, LIST_ROWS_MAX).await?;
                if rows.is_empty() {
                    break;
                }
                rows::unledger(&self.store, user_id, &rows).await?;
            }
            // What is carried out late for a time that is not here changes nothing.
            self.on_calendar(user_id, |calendar| *calendar = Calendar::default()).await
        }
        .boxed()
    }
}

impl Exchange {
    /// Sessions and open offers.
    async fn all_of(&self, user: UserId) -> Result<(Vec<Value>, Vec<Value>)> {
        let (mut sessions, mut offers) = (Vec::new(), Vec::new());
        let mut after: Option<Place> = None;
        loop {
            let places = rows::own(&self.store, user, after, LIST_ROWS_MAX).await?;
            for &(created_at, id) in &places {
                let snapshot = self.store.load(rows::session_partition(id)).await?;
                let Some(session) = rows::session(id, &snapshot)? else { continue };
                // A second try to make it left a row of its own.
                if session.created_at != created_at || !session.is_side(user) {
                    continue;
                }
                match wire(&session) {
                    Some(session) => sessions.push(json!({
                        "session": session,
                        "own_note": rows::note(&snapshot, Some(user))?,
                        "shared_note": rows::note(&snapshot, None)?,
                    })),
                    // One takes it only for as long as the calendars are looked at.
                    None if session.requester.id == user => {
                        offers.push(json!({
                            "offer": view::offer(&session),
                            "open": session.state == State::Open,
                        }));
                    }
                    None => {}
                }
            }
            if places.len() < LIST_ROWS_MAX as usize {
                return Ok((sessions, offers));
            }
            after = places.last().copied();
        }
    }

    async fn whole_ledger(&self, user: UserId) -> Result<Value> {
        let snapshot = self.store.load(rows::calendar_partition(user)).await?;
        let calendar = rows::calendar(&snapshot)?;
        let mut entries = Vec::new();
        let mut after: Option<(i64, ExchangeId)> = None;
        loop {
            let rows = rows::ledger(&self.store, user, after, LIST_ROWS_MAX).await?;
            after = rows.last().map(|row| (row.completed_at, row.exchange_id));
            let more = rows.len() == LIST_ROWS_MAX as usize;
            entries.extend(rows.into_iter().map(lists::entry));
            if !more {
                break;
            }
        }
        Ok(json!({
            "given_min": calendar.given_min,
            "received_min": calendar.received_min,
            "entries": entries,
        }))
    }
}

/// A session that two are part of: an offer that nobody took is none yet.
fn wire(session: &Session) -> Option<protocol::exchange::Session> {
    view::session(session).filter(|_| session.state != State::Open)
}
