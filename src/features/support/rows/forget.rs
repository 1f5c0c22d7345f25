//! What is left in `schema/support.cql` of somebody who is forgotten.

use super::{HistoryRow, SettingsRow, ids};
use crate::error::Result;
use crate::store::{LIST_ROWS_MAX, Range, Store, Value};
use protocol::UserId;
use std::collections::BTreeSet;

fn key(row: &HistoryRow) -> Vec<Value> {
    vec![Value::Uuid(row.user_id.0), Value::Int(row.ended_at), Value::Uuid(row.request_id.0)]
}

/// One's own list goes; in the lists of others one has no name. Each page is gone before the next
/// is read, so half of it done is no harm.
pub(in crate::features::support) async fn history(
    store: &Store,
    user: UserId,
    gone: &str,
) -> Result<()> {
    loop {
        let range = Range {
            partition: vec![Value::Uuid(user.0)],
            after: None,
            descending: false,
            limit: LIST_ROWS_MAX,
        };
        let own: Vec<HistoryRow> = store.list(range).await?;
        if own.is_empty() {
            return Ok(());
        }
        let mut others = Vec::new();
        for row in &own {
            let answered = ids(row.answered.as_deref()).into_iter().chain(row.coach_id);
            let people: BTreeSet<UserId> = answered.chain([row.member_id]).collect();
            for other in people.into_iter().filter(|other| *other != user) {
                let theirs = HistoryRow { user_id: other, ..row.clone() };
                let Some(mut theirs) = store.get::<HistoryRow>(key(&theirs)).await? else {
                    continue;
                };
                if theirs.member_id == user {
                    gone.clone_into(&mut theirs.member_name);
                }
                if theirs.coach_id == Some(user) {
                    theirs.coach_name = Some(gone.to_owned());
                }
                others.push(theirs);
            }
        }
        store.put(others).await?;
        store.remove::<HistoryRow>(own.iter().map(key).collect()).await?;
    }
}

/// What a coach chose for all desks.
pub(in crate::features::support) async fn settings(store: &Store, coach: UserId) -> Result<()> {
    store.remove::<SettingsRow>(vec![vec![Value::Uuid(coach.0)]]).await
}
