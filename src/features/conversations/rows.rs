//! Rows of `schema/conversations.cql`; the only file that names its tables.

use crate::error::Result;
use crate::store::{Maximum, PlainRecord, Range, Store, Value, record};
use protocol::{ConversationId, Millis, Seq, UserId};
use std::collections::HashMap;

/// Rows of one person that are read at a time.
const PAGE_ROWS: u32 = crate::store::LIST_ROWS_MAX;
/// Conversations, and choices about them, of one person that are read at all: far more than anybody
/// has. Of more, those with the highest ids are in no list and are not repaired; they are pushed, and
/// can be read.
pub(super) const INBOX_ROWS_MAX: usize = 200_000;

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

/// A row that stands in its person's partition.
trait OfPerson: PlainRecord {
    /// Where, behind the person.
    fn place(&self) -> Vec<Value>;
}

impl OfPerson for InboxRow {
    fn place(&self) -> Vec<Value> {
        vec![Value::Uuid(self.conversation_id.0)]
    }
}

impl OfPerson for SettingRow {
    fn place(&self) -> Vec<Value> {
        vec![Value::Uuid(self.conversation_id.0), Value::Text(self.setting.clone())]
    }
}

/// Hands over the rows of a person, a page at a time, so that no more of them are held than wanted:
/// pages until there are `rows_max` rows.
async fn each_of<R: OfPerson>(
    store: &Store,
    user: UserId,
    rows_max: usize,
    mut each: impl FnMut(Vec<R>) + Send,
) -> Result<()> {
    let (mut after, mut read) = (None, 0);
    loop {
        let range = Range {
            partition: vec![Value::Uuid(user.0)],
            after,
            descending: false,
            limit: PAGE_ROWS,
        };
        let page = store.list::<R>(range).await?;
        let rows = page.len();
        after = page.last().map(OfPerson::place);
        read += rows;
        each(page);
        if rows < PAGE_ROWS as usize {
            return Ok(());
        }
        if read >= rows_max {
            metrics::counter!("sanctuary_inboxes_cut_total").increment(1);
            return Ok(());
        }
    }
}

/// A person's conversations, a page at a time, in the order of their ids.
pub(super) async fn each_inbox(
    store: &Store,
    user: UserId,
    rows_max: usize,
    each: impl FnMut(Vec<InboxRow>) + Send,
) -> Result<()> {
    each_of(store, user, rows_max, each).await
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

/// All that a person chose, by conversation.
pub(super) async fn settings(
    store: &Store,
    user: UserId,
) -> Result<HashMap<ConversationId, Vec<SettingRow>>> {
    let mut chosen: HashMap<_, Vec<SettingRow>> = HashMap::new();
    each_of(store, user, INBOX_ROWS_MAX, |page: Vec<SettingRow>| {
        for row in page {
            chosen.entry(row.conversation_id).or_default().push(row);
        }
    })
    .await?;
    Ok(chosen)
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
