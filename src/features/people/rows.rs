//! Rows of `schema/people.cql`; the only file that names its tables.

use super::model::{Follow, Friends, Pair, Side, Stance, Two};
use crate::error::{Result, internal};
use crate::store::{
    LIST_ROWS_MAX, Partition, Range, Snapshot, Store, Value, VersionedRecord as _, record,
};
use protocol::UserId;
use protocol::people::{Audience, Privacy};
use uuid::Uuid;

record! {
    /// See the schema.
    pub(super) struct PairRow in "relations", kind "pair", item item: Uuid {
        low_follow: String,
        high_follow: String,
        low_blocks: bool,
        high_blocks: bool,
        low_mutes: bool,
        high_mutes: bool,
        friends: String,
        friends_by: Option<UserId>,
        friends_at: i64,
    }
}

record! {
    /// See the schema.
    pub(super) struct BarRow in "people_bars" {
        user_id: UserId,
        bar: String,
        other_id: UserId,
    }
}

record! {
    /// See the schema.
    pub(super) struct CircleRow in "people_circles" {
        user_id: UserId,
        list: String,
        other_id: UserId,
    }
}

record! {
    /// See the schema.
    pub(super) struct PrivacyRow in "privacy", kind "privacy", item item: Uuid {
        profile: String,
        messages: String,
        presence: String,
        last_seen: String,
        read_receipts: bool,
    }
}

record! {
    /// See the schema.
    pub(super) struct IndexedRow in "people_indexed" {
        user_id: UserId,
        terms: String,
    }
}

record! {
    /// See the schema.
    pub(super) struct IndexRow in "people_index" {
        shelf: String,
        term: String,
        user_id: UserId,
    }
}

/// All lists of one person.
pub(super) const CIRCLES: [&str; 6] = [FRIENDS, INCOMING, OUTGOING, FOLLOWING, FOLLOWERS, REQUESTS];

pub(super) const BLOCKED: &str = "blocked";
pub(super) const BLOCKED_BY: &str = "blocked_by";
pub(super) const MUTED: &str = "muted";
pub(super) const WAITING: &str = "waiting";

pub(super) const FRIENDS: &str = "friends";
pub(super) const INCOMING: &str = "incoming";
pub(super) const OUTGOING: &str = "outgoing";
pub(super) const FOLLOWING: &str = "following";
pub(super) const FOLLOWERS: &str = "followers";
pub(super) const REQUESTS: &str = "requests";

/// Characters that all terms of one partition of the index begin with.
pub(super) const SHELF_CHARS: usize = 2;

pub(super) fn relation(two: Two) -> Partition {
    Partition::new(PairRow::TABLE, [Value::Uuid(two.low.0), Value::Uuid(two.high.0)])
}

fn follow_word(follow: Follow) -> String {
    match follow {
        Follow::No => "no",
        Follow::Asked => "asked",
        Follow::Yes => "yes",
        Follow::Approved => "approved",
    }
    .to_owned()
}

fn follow(word: &str) -> Result<Follow> {
    match word {
        "no" => Ok(Follow::No),
        "asked" => Ok(Follow::Asked),
        "yes" => Ok(Follow::Yes),
        "approved" => Ok(Follow::Approved),
        other => Err(internal(&format_args!("no way of following is named {other:?}"))),
    }
}

fn friends_words(friends: Friends, two: Two) -> (String, Option<UserId>) {
    let (word, by) = match friends {
        Friends::No => ("no", None),
        Friends::Pending(by) => ("pending", Some(by)),
        Friends::Yes => ("yes", None),
        Friends::Declined(by) => ("declined", Some(by)),
        Friends::Cancelled => ("cancelled", None),
        Friends::Removed => ("removed", None),
    };
    (word.to_owned(), by.map(|side| two.at(side)))
}

fn friends(word: &str, by: Option<UserId>, two: Two) -> Result<Friends> {
    let side = if by == Some(two.low) { Side::Low } else { Side::High };
    match word {
        "no" => Ok(Friends::No),
        "pending" => Ok(Friends::Pending(side)),
        "yes" => Ok(Friends::Yes),
        "declined" => Ok(Friends::Declined(side)),
        "cancelled" => Ok(Friends::Cancelled),
        "removed" => Ok(Friends::Removed),
        other => Err(internal(&format_args!("no friendship is named {other:?}"))),
    }
}

pub(super) fn pair(snapshot: &Snapshot, two: Two) -> Result<Pair> {
    let Some(row) = snapshot.one::<PairRow>()? else { return Ok(Pair::default()) };
    let low = follow(&row.low_follow)?;
    let high = follow(&row.high_follow)?;
    Ok(Pair {
        low: Stance { follow: low, blocks: row.low_blocks, mutes: row.low_mutes },
        high: Stance { follow: high, blocks: row.high_blocks, mutes: row.high_mutes },
        friends: friends(&row.friends, row.friends_by, two)?,
        friends_at: row.friends_at,
    })
}

pub(super) fn pair_row(pair: Pair, two: Two) -> PairRow {
    let Pair { low, high, friends, friends_at } = pair;
    let (friends, friends_by) = friends_words(friends, two);
    PairRow {
        item: Uuid::nil(),
        low_follow: follow_word(low.follow),
        high_follow: follow_word(high.follow),
        low_blocks: low.blocks,
        high_blocks: high.blocks,
        low_mutes: low.mutes,
        high_mutes: high.mutes,
        friends,
        friends_by,
        friends_at,
    }
}

pub(super) fn privacy_of(user: UserId) -> Partition {
    Partition::new(PrivacyRow::TABLE, [Value::Uuid(user.0)])
}

/// The row of somebody who chose something.
pub(super) fn chosen(snapshot: &Snapshot) -> Result<Option<Uuid>> {
    Ok(snapshot.one::<PrivacyRow>()?.map(|row| row.item))
}

fn audience_word(audience: Audience) -> String {
    match audience {
        Audience::Everyone => "everyone",
        Audience::Members => "members",
        Audience::Connections => "connections",
        Audience::Nobody => "nobody",
    }
    .to_owned()
}

fn audience(word: &str) -> Result<Audience> {
    match word {
        "everyone" => Ok(Audience::Everyone),
        "members" => Ok(Audience::Members),
        "connections" => Ok(Audience::Connections),
        "nobody" => Ok(Audience::Nobody),
        other => Err(internal(&format_args!("no audience is named {other:?}"))),
    }
}

pub(super) fn privacy(snapshot: &Snapshot) -> Result<Privacy> {
    let Some(row) = snapshot.one::<PrivacyRow>()? else { return Ok(super::model::PRIVACY) };
    Ok(Privacy {
        profile: audience(&row.profile)?,
        messages: audience(&row.messages)?,
        presence: audience(&row.presence)?,
        last_seen: audience(&row.last_seen)?,
        read_receipts: row.read_receipts,
    })
}

pub(super) fn privacy_row(privacy: Privacy) -> PrivacyRow {
    PrivacyRow {
        item: Uuid::nil(),
        profile: audience_word(privacy.profile),
        messages: audience_word(privacy.messages),
        presence: audience_word(privacy.presence),
        last_seen: audience_word(privacy.last_seen),
        read_receipts: privacy.read_receipts,
    }
}

/// A page of somebody's bars, in order of (bar, person).
pub(super) async fn bars(
    store: &Store,
    user: UserId,
    after: Option<(&str, UserId)>,
) -> Result<Vec<BarRow>> {
    let after = after.map(|(bar, id)| vec![Value::Text(bar.to_owned()), Value::Uuid(id.0)]);
    let partition = vec![Value::Uuid(user.0)];
    store.list(Range { partition, after, descending: false, limit: LIST_ROWS_MAX }).await
}

/// A page of those behind one bar.
pub(super) async fn behind_bar(
    store: &Store,
    user: UserId,
    bar: &str,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<UserId>> {
    // The nil id is nobody's, so the range begins with the first.
    let after = after.map_or(Uuid::nil(), |id| id.0);
    let range = Range {
        partition: vec![Value::Uuid(user.0)],
        after: Some(vec![Value::Text(bar.to_owned()), Value::Uuid(after)]),
        descending: false,
        limit,
    };
    let rows = store.list::<BarRow>(range).await?;
    Ok(rows.into_iter().take_while(|row| row.bar == bar).map(|row| row.other_id).collect())
}

/// A page of one list.
pub(super) async fn circle(
    store: &Store,
    user: UserId,
    list: &str,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<UserId>> {
    let range = Range {
        partition: vec![Value::Uuid(user.0), Value::Text(list.to_owned())],
        after: after.map(|id| vec![Value::Uuid(id.0)]),
        descending: false,
        limit,
    };
    Ok(store.list::<CircleRow>(range).await?.into_iter().map(|row| row.other_id).collect())
}

pub(super) fn bar(user_id: UserId, bar: &str, other_id: UserId) -> BarRow {
    BarRow { user_id, bar: bar.to_owned(), other_id }
}

pub(super) async fn put_bars(store: &Store, rows: Vec<BarRow>) -> Result<()> {
    if rows.is_empty() { Ok(()) } else { store.put(rows).await }
}

pub(super) async fn remove_bars(store: &Store, rows: &[BarRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let key = |row: &BarRow| {
        vec![Value::Uuid(row.user_id.0), Value::Text(row.bar.clone()), Value::Uuid(row.other_id.0)]
    };
    store.remove::<BarRow>(rows.iter().map(key).collect()).await
}

pub(super) async fn put_circles(store: &Store, rows: Vec<CircleRow>) -> Result<()> {
    if rows.is_empty() { Ok(()) } else { store.put(rows).await }
}

pub(super) async fn remove_circles(store: &Store, rows: &[CircleRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let key = |row: &CircleRow| {
        vec![Value::Uuid(row.user_id.0), Value::Text(row.list.clone()), Value::Uuid(row.other_id.0)]
    };
    store.remove::<CircleRow>(rows.iter().map(key).collect()).await
}

/// Takes these off one of somebody's lists, bars included.
pub(super) async fn remove_listed(
    store: &Store,
    user: UserId,
    list: &str,
    others: &[UserId],
) -> Result<()> {
    if CIRCLES.contains(&list) {
        let row = |&other_id: &UserId| CircleRow { user_id: user, list: list.to_owned(), other_id };
        remove_circles(store, &others.iter().map(row).collect::<Vec<_>>()).await
    } else {
        let row = |&other: &UserId| bar(user, list, other);
        remove_bars(store, &others.iter().map(row).collect::<Vec<_>>()).await
    }
}

/// The partition of a term, or of a search that begins so.
fn shelf(term: &str) -> String {
    term.chars().take(SHELF_CHARS).collect()
}

/// As it stands in the index.
fn kept(term: &str) -> String {
    format!("{term} ")
}

pub(super) async fn indexed(store: &Store, user: UserId) -> Result<Vec<String>> {
    let row = store.get::<IndexedRow>(vec![Value::Uuid(user.0)]).await?;
    Ok(row.map_or_else(Vec::new, |row| row.terms.lines().map(str::to_owned).collect()))
}

/// Of somebody without terms there is no row.
pub(super) async fn set_indexed(store: &Store, user_id: UserId, terms: &[String]) -> Result<()> {
    if terms.is_empty() {
        return store.remove::<IndexedRow>(vec![vec![Value::Uuid(user_id.0)]]).await;
    }
    store.put(vec![IndexedRow { user_id, terms: terms.join("\n") }]).await
}

/// Of people who stand in the index for the first time.
pub(super) async fn put_new(store: &Store, people: &[(UserId, Vec<String>)]) -> Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    let indexed = |(user_id, terms): &(UserId, Vec<String>)| IndexedRow {
        user_id: *user_id,
        terms: terms.join("\n"),
    };
    store.put(people.iter().map(indexed).collect()).await?;
    let of_person = |(user_id, terms): &(UserId, Vec<String>)| {
        let user_id = *user_id;
        let row = |term: &String| IndexRow { shelf: shelf(term), term: kept(term), user_id };
        terms.iter().map(row).collect::<Vec<_>>()
    };
    store.put(people.iter().flat_map(of_person).collect()).await
}

pub(super) async fn put_terms(store: &Store, user_id: UserId, terms: &[String]) -> Result<()> {
    if terms.is_empty() {
        return Ok(());
    }
    let row = |term: &String| IndexRow { shelf: shelf(term), term: kept(term), user_id };
    store.put(terms.iter().map(row).collect()).await
}

pub(super) async fn remove_terms(store: &Store, user: UserId, terms: &[&String]) -> Result<()> {
    if terms.is_empty() {
        return Ok(());
    }
    let key = |term: &&String| {
        vec![Value::Text(shelf(term)), Value::Text(kept(term)), Value::Uuid(user.0)]
    };
    store.remove::<IndexRow>(terms.iter().map(key).collect()).await
}

/// Terms that begin so, with whose they are, in order, behind a place.
pub(super) async fn find(
    store: &Store,
    begins: &str,
    after: Option<&(String, UserId)>,
    limit: u32,
) -> Result<Vec<(String, UserId)>> {
    let after = match after {
        Some((term, user)) => vec![Value::Text(kept(term)), Value::Uuid(user.0)],
        // What equals it has a space behind it, and so comes after it.
        None => vec![Value::Text(begins.to_owned())],
    };
    let partition = vec![Value::Text(shelf(begins))];
    let range = Range { partition, after: Some(after), descending: false, limit };
    let rows = store.list::<IndexRow>(range).await?.into_iter();
    let found = rows.take_while(|row| row.term.starts_with(begins));
    Ok(found
        .map(|row| (row.term.strip_suffix(' ').unwrap_or(&row.term).to_owned(), row.user_id))
        .collect())
}
