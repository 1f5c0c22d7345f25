//! Rows of `schema/notifications.cql`; the only file that names its tables.

use super::model::{Choices, Cursor, Notice, Shelf, Wants};
use crate::error::{Result, internal};
use crate::store::VersionedRecord as _;
use crate::store::{Change, LIST_ROWS_MAX, Partition, Range, Snapshot, Store, Value, record};
use protocol::limits::ENDPOINTS_MAX;
use protocol::notifications::{Digest, Kind, Quiet, Service};
use protocol::people::Person;
use protocol::{ConversationId, EndpointId, LoginId, Millis, NotificationId, Seq, UserId};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The one partition of keys.
const RING: &str = "vapid";
/// Bytes of a person's id in `people`.
const ID_BYTES: usize = 16;

record! {
    /// See the schema.
    pub(super) struct NoticeRow in "notifications", kind "notice", item id: NotificationId {
        about: String,
        gathers: Uuid,
        link: String,
        text: String,
        from_id: Option<UserId>,
        from_name: Option<String>,
        count: u32,
        people: Vec<u8>,
        seq: u64,
        created_at: i64,
        changed_at: i64,
        read_at: Option<i64>,
        push_at: Option<i64>,
        pushed_at: Option<i64>,
        mailed_at: Option<i64>,
        over_at: Option<i64>,
    }
}

record! {
    /// See the schema.
    pub(super) struct CursorRow in "notifications", kind "cursor", item item: Uuid {
        feed_seq: u64,
        hour_at: i64,
        hour_count: u32,
        summed_at: Option<i64>,
    }
}

record! {
    /// See the schema.
    struct NotifiedRow in "notified_conversations" {
        user_id: UserId,
        conversation_id: ConversationId,
        seq: u64,
    }
}

record! {
    /// See the schema.
    struct SettingsRow in "notification_settings" {
        user_id: UserId,
        zone: Option<String>,
        quiet: Option<bool>,
        quiet_from_min: Option<u32>,
        quiet_until_min: Option<u32>,
        digest: String,
    }
}

record! {
    /// See the schema.
    struct DigestRow in "notification_digests" {
        user_id: UserId,
        due_at: i64,
    }
}

record! {
    /// See the schema.
    struct ChoiceRow in "notification_choices" {
        user_id: UserId,
        about: String,
        app: bool,
        push: bool,
        email: bool,
    }
}

record! {
    /// See the schema.
    pub(super) struct EndpointRow in "push_endpoints" {
        user_id: UserId,
        endpoint_id: EndpointId,
        service: String,
        address: String,
        public_key: Option<Vec<u8>>,
        secret: Option<Vec<u8>>,
        login_id: LoginId,
        created_at: i64,
    }
}

record! {
    /// See the schema.
    struct OwnerRow in "push_owners" {
        endpoint_id: EndpointId,
        user_id: UserId,
    }
}

record! {
    /// See the schema.
    pub(super) struct KeyRow in "push_keys", kind "key", item item: Uuid {
        private_sealed: Vec<u8>,
        public_key: Vec<u8>,
        created_at: i64,
    }
}

pub(super) fn partition(user: UserId) -> Partition {
    Partition::new(NoticeRow::TABLE, [Value::Uuid(user.0)])
}

pub(super) fn keys() -> Partition {
    Partition::new(KeyRow::TABLE, [Value::Text(RING.to_owned())])
}

impl From<&Notice> for NoticeRow {
    fn from(notice: &Notice) -> Self {
        let notice = notice.clone();
        Self {
            id: notice.id,
            about: notice.kind.word().to_owned(),
            gathers: notice.gathers,
            link: notice.link,
            text: notice.text,
            from_id: notice.from.as_ref().map(|person| person.id),
            from_name: notice.from.map(|person| person.name),
            count: notice.count,
            people: notice.people.iter().flat_map(|user| *user.as_bytes()).collect(),
            seq: notice.seq,
            created_at: notice.created_at,
            changed_at: notice.changed_at,
            read_at: notice.read_at,
            push_at: notice.push_at,
            pushed_at: notice.pushed_at,
            mailed_at: notice.mailed_at,
            over_at: notice.over_at,
        }
    }
}

/// A kind of a newer version is left out.
fn notice(row: NoticeRow) -> Option<Notice> {
    let from = row.from_id.zip(row.from_name).map(|(id, name)| Person { id, name });
    let people = row.people.as_chunks::<ID_BYTES>().0;
    Some(Notice {
        id: row.id,
        kind: Kind::from_word(&row.about)?,
        gathers: row.gathers,
        link: row.link,
        text: row.text,
        from,
        count: row.count,
        people: people.iter().map(|bytes| UserId(Uuid::from_bytes(*bytes))).collect(),
        seq: row.seq,
        created_at: row.created_at,
        changed_at: row.changed_at,
        read_at: row.read_at,
        push_at: row.push_at,
        pushed_at: row.pushed_at,
        mailed_at: row.mailed_at,
        over_at: row.over_at,
    })
}

/// What a person is told, as it is in the store.
pub(super) fn shelf(snapshot: &Snapshot) -> Result<Shelf> {
    let cursor = snapshot.one::<CursorRow>()?.map_or_else(Cursor::default, |row| Cursor {
        feed_seq: row.feed_seq,
        hour_at: row.hour_at,
        hour_count: row.hour_count,
        summed_at: row.summed_at,
    });
    let notices = snapshot.all::<NoticeRow>()?.into_iter().filter_map(notice).collect();
    Ok(Shelf { cursor, notices })
}

/// What is to be written to get from one to the other.
pub(super) fn difference(before: &Shelf, after: &Shelf) -> Change {
    let mut change = Change::new();
    if before.cursor != after.cursor {
        let Cursor { feed_seq, hour_at, hour_count, summed_at } = after.cursor;
        change.write(CursorRow { item: Uuid::nil(), feed_seq, hour_at, hour_count, summed_at });
    }
    for notice in &after.notices {
        if before.get(notice.id) != Some(notice) {
            change.write(NoticeRow::from(notice));
        }
    }
    for notice in before.notices.iter().filter(|notice| after.get(notice.id).is_none()) {
        change.delete::<NoticeRow>(notice.id);
    }
    change
}

fn of_user(user: UserId, limit: usize) -> Range {
    Range {
        partition: vec![Value::Uuid(user.0)],
        after: None,
        descending: false,
        limit: u32::try_from(limit).unwrap_or(u32::MAX),
    }
}

fn digest_word(digest: Digest) -> &'static str {
    match digest {
        Digest::Never => "never",
        Digest::Daily => "daily",
        Digest::Weekly => "weekly",
    }
}

fn digest(word: &str) -> Digest {
    let all = [Digest::Never, Digest::Daily, Digest::Weekly];
    all.into_iter().find(|digest| digest_word(*digest) == word).unwrap_or_default()
}

pub(super) async fn choices(store: &Store, user: UserId) -> Result<Choices> {
    let row = store.get::<SettingsRow>(vec![Value::Uuid(user.0)]).await?;
    let kinds = store.list::<ChoiceRow>(of_user(user, Kind::ALL.len() * 2)).await?;
    let wants = |row: ChoiceRow| {
        let wants = Wants { app: row.app, push: row.push, email: row.email };
        Kind::from_word(&row.about).map(|kind| (kind, wants))
    };
    let kinds: BTreeMap<Kind, Wants> = kinds.into_iter().filter_map(wants).collect();
    let Some(row) = row else { return Ok(Choices { kinds, ..Choices::default() }) };
    let quiet = row.quiet.zip(row.quiet_from_min.zip(row.quiet_until_min));
    Ok(Choices {
        zone: row.zone,
        quiet: quiet.map(|(on, (from_min, until_min))| Quiet { on, from_min, until_min }),
        digest: digest(&row.digest),
        kinds,
    })
}

pub(super) async fn put_choices(store: &Store, user: UserId, choices: &Choices) -> Result<()> {
    let kind = |(kind, wants): (&Kind, &Wants)| ChoiceRow {
        user_id: user,
        about: kind.word().to_owned(),
        app: wants.app,
        push: wants.push,
        email: wants.email,
    };
    store.put(choices.kinds.iter().map(kind).collect()).await?;
    let quiet = choices.quiet;
    let row = SettingsRow {
        user_id: user,
        zone: choices.zone.clone(),
        quiet: quiet.map(|quiet| quiet.on),
        quiet_from_min: quiet.map(|quiet| quiet.from_min),
        quiet_until_min: quiet.map(|quiet| quiet.until_min),
        digest: digest_word(choices.digest).to_owned(),
    };
    store.put(vec![row]).await
}

pub(super) async fn digest_at(store: &Store, user: UserId) -> Result<Option<Millis>> {
    let row = store.get::<DigestRow>(vec![Value::Uuid(user.0)]).await?;
    Ok(row.map(|row| row.due_at))
}

/// `None`: never.
pub(super) async fn put_digest_at(
    store: &Store,
    user_id: UserId,
    due_at: Option<Millis>,
) -> Result<()> {
    match due_at {
        Some(due_at) => store.put(vec![DigestRow { user_id, due_at }]).await,
        None => store.remove::<DigestRow>(vec![vec![Value::Uuid(user_id.0)]]).await,
    }
}

pub(super) async fn endpoints(store: &Store, user: UserId) -> Result<Vec<EndpointRow>> {
    store.list(of_user(user, ENDPOINTS_MAX * 2)).await
}

pub(super) async fn endpoint(
    store: &Store,
    user: UserId,
    id: EndpointId,
) -> Result<Option<EndpointRow>> {
    store.get(vec![Value::Uuid(user.0), Value::Uuid(id.0)]).await
}

/// Whose it is first: nobody else gets what is meant for this person in between.
pub(super) async fn put_endpoint(store: &Store, row: EndpointRow) -> Result<()> {
    let owner = OwnerRow { endpoint_id: row.endpoint_id, user_id: row.user_id };
    store.put(vec![owner]).await?;
    store.put(vec![row]).await
}

pub(super) async fn owner(store: &Store, id: EndpointId) -> Result<Option<UserId>> {
    let row = store.get::<OwnerRow>(vec![Value::Uuid(id.0)]).await?;
    Ok(row.map(|row| row.user_id))
}

/// The owner's row stays: it may say that it is somebody else's by now.
pub(super) async fn remove_endpoint(store: &Store, user: UserId, id: EndpointId) -> Result<()> {
    store.remove::<EndpointRow>(vec![vec![Value::Uuid(user.0), Value::Uuid(id.0)]]).await
}

fn notified_key(user: UserId, conversation: ConversationId) -> Vec<Value> {
    vec![Value::Uuid(user.0), Value::Uuid(conversation.0)]
}

pub(super) async fn put_notified(
    store: &Store,
    user_id: UserId,
    conversation_id: ConversationId,
    seq: Seq,
) -> Result<()> {
    store.put(vec![NotifiedRow { user_id, conversation_id, seq }]).await
}

pub(super) async fn notified(
    store: &Store,
    user: UserId,
    conversation: ConversationId,
) -> Result<Option<Seq>> {
    let row = store.get::<NotifiedRow>(notified_key(user, conversation)).await?;
    Ok(row.map(|row| row.seq))
}

pub(super) async fn remove_notified(
    store: &Store,
    user: UserId,
    conversation: ConversationId,
) -> Result<()> {
    store.remove::<NotifiedRow>(vec![notified_key(user, conversation)]).await
}

/// The service of a device; one of a newer version is an error.
pub(super) fn service(row: &EndpointRow) -> Result<Service> {
    Service::from_word(&row.service).ok_or_else(|| internal(&"a push service that nobody knows"))
}

/// All that somebody chose, and when their digest is due.
pub(super) async fn forget_choices(store: &Store, user: UserId) -> Result<()> {
    let key = || vec![Value::Uuid(user.0)];
    store.remove::<DigestRow>(vec![key()]).await?;
    store.remove::<SettingsRow>(vec![key()]).await?;
    loop {
        let rows = store.list::<ChoiceRow>(of_user(user, LIST_ROWS_MAX as usize)).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let key = |row: ChoiceRow| vec![Value::Uuid(user.0), Value::Text(row.about)];
        store.remove::<ChoiceRow>(rows.into_iter().map(key).collect()).await?;
    }
}

/// All devices of somebody. Whose each is goes first: nothing is given to a device that is
/// nobody's, and one that is left is found again. What is somebody else's by now stays theirs.
pub(super) async fn forget_endpoints(store: &Store, user: UserId) -> Result<()> {
    loop {
        let rows = endpoints(store, user).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            if owner(store, row.endpoint_id).await? == Some(user) {
                store.remove::<OwnerRow>(vec![vec![Value::Uuid(row.endpoint_id.0)]]).await?;
            }
            remove_endpoint(store, user, row.endpoint_id).await?;
        }
    }
}

/// Of which conversations somebody was told.
pub(super) async fn forget_notified(store: &Store, user: UserId) -> Result<()> {
    loop {
        let rows = store.list::<NotifiedRow>(of_user(user, LIST_ROWS_MAX as usize)).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let key = |row: NotifiedRow| notified_key(user, row.conversation_id);
        store.remove::<NotifiedRow>(rows.into_iter().map(key).collect()).await?;
    }
}
