//! Rows of `schema/conversations.cql`; the only file that names its tables.

use crate::error::Result;
use crate::store::{Maximum, PlainRecord, Range, Store, Value, record};
use protocol::{ConversationId, Millis, Seq, UserId};

/// Conversations of one person that a list looks at.
pub(super) const INBOX_ROWS_MAX: u32 = crate::store::LIST_ROWS_MAX;

record! {
    /// See the schema.
    pub(super) struct InboxRow in "inbox" {
        user_id: UserId,
        conversation_id: ConversationId,
        head_seq: Option<u64>,
        head_at: Option<i64>,
        read_seq: Option<u64>,
        read_others: Option<u64>,
        delivered_seq: Option<u64>,
    }
}

record! {
    /// See the schema.
    pub(super) struct SettingRow in "conversation_settings" {
        user_id: UserId,
        conversation_id: ConversationId,
        setting: String,
        value: i64,
    }
}

pub(super) const MUTED: &str = "muted";
pub(super) const ARCHIVED: &str = "archived";

fn key(user: UserId, conversation: ConversationId) -> Vec<Value> {
    vec![Value::Uuid(user.0), Value::Uuid(conversation.0)]
}

fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The hint that something happened.
pub(super) fn activity(
    user: UserId,
    conversation: ConversationId,
    seq: Seq,
    at: Millis,
) -> Maximum {
    Maximum {
        table: InboxRow::TABLE,
        key: key(user, conversation),
        columns: vec![("head_seq", int(seq)), ("head_at", at)],
    }
}

/// A mark that rises. `read`: the seq, and the messages of others up to it.
pub(super) fn mark(
    user: UserId,
    conversation: ConversationId,
    read: Option<(Seq, u64)>,
    delivered: Seq,
) -> Maximum {
    let mut columns = vec![("delivered_seq", int(delivered))];
    if let Some((seq, others)) = read {
        columns.extend([("read_seq", int(seq)), ("read_others", int(others))]);
    }
    Maximum { table: InboxRow::TABLE, key: key(user, conversation), columns }
}

pub(super) async fn inbox_row(
    store: &Store,
    user: UserId,
    conversation: ConversationId,
) -> Result<InboxRow> {
    let row = store.get::<InboxRow>(key(user, conversation)).await?;
    Ok(row.unwrap_or(InboxRow {
        user_id: user,
        conversation_id: conversation,
        head_seq: None,
        head_at: None,
        read_seq: None,
        read_others: None,
        delivered_seq: None,
    }))
}

fn of_user<R: PlainRecord>(store: &Store, user: UserId) -> impl Future<Output = Result<Vec<R>>> {
    store.list::<R>(Range {
        partition: vec![Value::Uuid(user.0)],
        after: None,
        descending: false,
        limit: INBOX_ROWS_MAX,
    })
}

pub(super) async fn inbox(store: &Store, user: UserId) -> Result<Vec<InboxRow>> {
    of_user(store, user).await
}

/// One's conversations behind a place, in the order of their ids.
pub(super) async fn inbox_after(
    store: &Store,
    user: UserId,
    after: Option<ConversationId>,
) -> Result<Vec<InboxRow>> {
    let range = Range {
        partition: vec![Value::Uuid(user.0)],
        after: after.map(|id| vec![Value::Uuid(id.0)]),
        descending: false,
        limit: INBOX_ROWS_MAX,
    };
    store.list(range).await
}

/// What a person chose for their conversations is forgotten.
pub(super) async fn forget_settings(store: &Store, rows: &[SettingRow]) -> Result<()> {
    let key = |row: &SettingRow| {
        let mut key = key(row.user_id, row.conversation_id);
        key.push(Value::Text(row.setting.clone()));
        key
    };
    store.remove::<SettingRow>(rows.iter().map(key).collect()).await
}

pub(super) async fn settings(store: &Store, user: UserId) -> Result<Vec<SettingRow>> {
    of_user(store, user).await
}

pub(super) async fn settings_of(
    store: &Store,
    user: UserId,
    conversation: ConversationId,
) -> Result<Vec<SettingRow>> {
    let mut found = Vec::new();
    for setting in [MUTED, ARCHIVED] {
        let mut key = key(user, conversation);
        key.push(Value::Text(setting.to_owned()));
        found.extend(store.get::<SettingRow>(key).await?);
    }
    Ok(found)
}

pub(super) async fn set(
    store: &Store,
    user: UserId,
    conversation: ConversationId,
    setting: &str,
    value: Option<i64>,
) -> Result<()> {
    let setting = setting.to_owned();
    if let Some(value) = value {
        let row = SettingRow { user_id: user, conversation_id: conversation, setting, value };
        store.put(vec![row]).await
    } else {
        let mut key = key(user, conversation);
        key.push(Value::Text(setting));
        store.remove::<SettingRow>(vec![key]).await
    }
}
