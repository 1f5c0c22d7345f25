//! `exchange.list` and `exchange.ledger`: one's own sessions, and the time given and received.

use super::commands::seen_by;
use super::model::Session;
use super::rows::{self, Place};
use super::{Exchange, view};
use crate::auth::Caller;
use crate::error::Result;
use crate::limits;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use protocol::ExchangeId;
use protocol::exchange::{Entry, GetLedger, Ledger, List, Sessions};
use protocol::people::Person;

/// Sessions that one list reads at the same time.
const READS_AT_ONCE: usize = 16;

impl Exchange {
    /// `exchange.list`
    pub async fn list(&self, caller: &Caller, list: List) -> Result<Sessions> {
        let limit = limits::page(list.limit)?;
        let after = limits::place_in_time(list.after.as_deref())?;
        let places = rows::own(&self.store, caller.user_id, after, limit).await?;
        let found = self.all(places.iter().map(|(_, id)| *id)).await?;
        let wanted = |created_at, session: &Session| {
            // A second try to make it left a row of its own.
            session.created_at == created_at
                && seen_by(session, caller.user_id)
                && list.open.is_none_or(|open| open != session.state.is_end())
        };
        let items = places
            .iter()
            .zip(found)
            .filter_map(|((created_at, _), session)| {
                session.filter(|session| wanted(*created_at, session))
            })
            .filter_map(|session| view::session(&session))
            .collect();
        Ok(Sessions { items, next: next(&places, limit) })
    }

    /// `exchange.ledger`
    pub async fn ledger(&self, caller: &Caller, get: GetLedger) -> Result<Ledger> {
        let limit = limits::page(get.limit)?;
        let after = limits::place_in_time(get.after.as_deref())?;
        let snapshot = self.store.load(rows::calendar_partition(caller.user_id)).await?;
        let calendar = rows::calendar(&snapshot)?;
        let rows = rows::ledger(&self.store, caller.user_id, after, limit).await?;
        let places: Vec<Place> =
            rows.iter().map(|row| (row.completed_at, row.exchange_id)).collect();
        Ok(Ledger {
            given_min: calendar.given_min,
            received_min: calendar.received_min,
            items: rows.into_iter().map(entry).collect(),
            next: next(&places, limit),
        })
    }

    /// Sessions and offers as they are now, in the order asked.
    pub(super) async fn all(
        &self,
        ids: impl Iterator<Item = ExchangeId>,
    ) -> Result<Vec<Option<Session>>> {
        let ids: Vec<ExchangeId> = ids.collect();
        stream::iter(ids)
            .map(|id| async move { self.find(id).await })
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await
    }
}

pub(super) fn entry(row: rows::LedgerRow) -> Entry {
    Entry {
        exchange_id: row.exchange_id,
        with: Person { id: row.with_id, name: row.with_name },
        given_min: row.given_min,
        received_min: row.received_min,
        completed_at: row.completed_at,
    }
}

/// Where the next page begins, if there may be one.
pub(super) fn next(places: &[Place], limit: u32) -> Option<String> {
    let full = places.len() == limit as usize;
    places.last().filter(|_| full).map(|(at, id)| format!("{at}.{id}"))
}
