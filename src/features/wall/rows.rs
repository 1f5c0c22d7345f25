//! Rows of `schema/wall.cql`; the only file that names its tables.

use super::model::Words;
use super::model::count::{SHELVES, Tally};
use super::model::place::Place;
use super::model::plan::{Plan, Stage};
use crate::error::{Result, internal};
use crate::store::{Maximum, Partition, PlainRecord, Range, Snapshot, Store, Value};
use crate::store::{VersionedRecord, record};
use protocol::{CategoryId, ClientId, CommentId, GroupId, Millis, PostId, Seq, UserId};
use uuid::Uuid;

record! {
    /// See the schema.
    struct IndexedRow in "wall_indexed" {
        group_id: GroupId,
        seq: Option<u64>,
    }
}

record! {
    /// See the schema.
    pub(super) struct PostRow in "posts_of_group" {
        group_id: GroupId,
        created_at: i64,
        seq: u64,
        post_id: PostId,
        author_id: UserId,
    }
}

record! {
    /// See the schema.
    pub(super) struct PostPlaceRow in "post_places" {
        post_id: PostId,
        group_id: GroupId,
        seq: u64,
        author_id: UserId,
        created_at: i64,
    }
}

record! {
    /// See the schema.
    pub(super) struct BranchRow in "comment_branches" {
        post_id: PostId,
        parent_id: Uuid,
        seq: u64,
        comment_id: CommentId,
        author_id: UserId,
    }
}

record! {
    /// See the schema.
    pub(super) struct CommentPlaceRow in "comment_places" {
        comment_id: CommentId,
        group_id: GroupId,
        post_id: PostId,
        parent_id: Option<CommentId>,
        seq: u64,
        author_id: UserId,
    }
}

record! {
    /// See the schema.
    struct TallyRow in "wall_tallies", kind "tally", item item: Uuid {
        count: u64,
        upto_seq: u64,
        deleted: bool,
        gone_seq: Option<u64>,
    }
}

record! {
    /// See the schema.
    pub(super) struct ShelfRow in "wall_tallies", kind "likes", item shelf: Uuid {
        count: u64,
        shelf_version: u64,
    }
}

record! {
    /// See the schema.
    pub(super) struct LikeRow in "likes", kind "like", item user_id: UserId {
        liked: bool,
        since_at: i64,
    }
}

record! {
    /// See the schema.
    pub(super) struct LikerRow in "likers" {
        target_id: Uuid,
        user_id: UserId,
        since_at: i64,
    }
}

record! {
    /// See the schema.
    pub(super) struct LikeOfUserRow in "likes_of_user" {
        user_id: UserId,
        target_id: Uuid,
        since_at: i64,
    }
}

record! {
    /// See the schema.
    struct MarkRow in "group_marks" {
        user_id: UserId,
        group_id: GroupId,
        read_seq: Option<u64>,
    }
}

record! {
    /// See the schema.
    pub(super) struct PlanRow in "planned_posts", kind "plan", item item: Uuid {
        group_id: GroupId,
        author_id: UserId,
        client_id: ClientId,
        state: String,
        category_id: Option<CategoryId>,
        text: Option<String>,
        link: Option<String>,
        created_at: i64,
        publish_at: Option<i64>,
    }
}

record! {
    /// See the schema.
    pub(super) struct PlanOfUserRow in "plans_of_user" {
        user_id: UserId,
        post_id: PostId,
        group_id: GroupId,
    }
}

fn int(value: u64) -> Value {
    Value::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

fn page_of(partition: Vec<Value>, after: Option<Vec<Value>>, limit: u32) -> Range {
    Range { partition, after, descending: false, limit }
}

/// How far the log of a group was carried into rows.
pub(super) async fn indexed(store: &Store, group: GroupId) -> Result<Seq> {
    let row = store.get::<IndexedRow>(vec![Value::Uuid(group.0)]).await?;
    Ok(row.and_then(|row| row.seq).unwrap_or(0))
}

pub(super) async fn raise_indexed(store: &Store, group: GroupId, seq: Seq) -> Result<()> {
    let columns = vec![("seq", i64::try_from(seq).unwrap_or(i64::MAX))];
    let (table, key) = (IndexedRow::TABLE, vec![Value::Uuid(group.0)]);
    store.raise(vec![Maximum { table, key, columns }]).await
}

/// Rows of posts, newest first: those whose (time, seq) is smaller than `before`.
pub(super) async fn posts(
    store: &Store,
    group: GroupId,
    before: Option<(Millis, Seq)>,
    limit: u32,
) -> Result<Vec<PostRow>> {
    let range = Range {
        partition: vec![Value::Uuid(group.0)],
        after: before.map(|(at, seq)| vec![Value::Int(at), int(seq)]),
        descending: true,
        limit,
    };
    store.list(range).await
}

impl PostRow {
    pub(super) const fn place(&self) -> Place {
        Place { at: self.created_at, group: self.group_id, seq: self.seq }
    }
}

pub(super) async fn post_place(store: &Store, post: PostId) -> Result<Option<PostPlaceRow>> {
    store.get(vec![Value::Uuid(post.0)]).await
}

pub(super) async fn comment_place(
    store: &Store,
    comment: CommentId,
) -> Result<Option<CommentPlaceRow>> {
    store.get(vec![Value::Uuid(comment.0)]).await
}

/// A deleted post leaves the wall; its place stays known.
pub(super) async fn take_off(store: &Store, place: &PostPlaceRow) -> Result<()> {
    let key = vec![Value::Uuid(place.group_id.0), Value::Int(place.created_at), int(place.seq)];
    store.remove::<PostRow>(vec![key]).await
}

/// A branch, oldest first.
pub(super) async fn branch(
    store: &Store,
    post: PostId,
    parent: Option<CommentId>,
    after: Seq,
    limit: u32,
) -> Result<Vec<BranchRow>> {
    let parent = parent.map_or(Uuid::nil(), Uuid::from);
    let partition = vec![Value::Uuid(post.0), Value::Uuid(parent)];
    store.list(page_of(partition, Some(vec![int(after)]), limit)).await
}

/// What is counted of a post or comment.
pub(super) fn tallies(target: Uuid) -> Partition {
    Partition::new(TallyRow::TABLE, [Value::Uuid(target)])
}

pub(super) fn tally(snapshot: &Snapshot) -> Result<Tally> {
    let row = snapshot.one::<TallyRow>()?;
    Ok(row.map_or_else(Tally::default, |row| Tally {
        count: row.count,
        upto: row.upto_seq,
        deleted: row.deleted,
        gone: row.gone_seq,
    }))
}

pub(super) fn tally_row(tally: Tally) -> impl VersionedRecord {
    let Tally { count, upto, deleted, gone } = tally;
    TallyRow { item: Uuid::nil(), count, upto_seq: upto, deleted, gone_seq: gone }
}

/// The likes of all shelves.
pub(super) fn likes(snapshot: &Snapshot) -> Result<u64> {
    Ok(snapshot.all::<ShelfRow>()?.iter().map(|row| row.count).sum())
}

/// The name of a shelf in the tallies.
pub(super) fn shelf_item(shelf: u8) -> Uuid {
    Uuid::from_u128(u128::from(shelf))
}

pub(super) fn shelf(target: Uuid, shelf: u8) -> Partition {
    debug_assert!(shelf < SHELVES, "there is no such shelf");
    Partition::new(LikeRow::TABLE, [Value::Uuid(target), Value::Int(i64::from(shelf))])
}

/// Who likes something, by id.
pub(super) async fn likers(
    store: &Store,
    target: Uuid,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<UserId>> {
    let after = after.map(|user| vec![Value::Uuid(user.0)]);
    let rows = store.list::<LikerRow>(page_of(vec![Value::Uuid(target)], after, limit)).await?;
    Ok(rows.into_iter().map(|row| row.user_id).collect())
}

pub(super) async fn is_liked(store: &Store, target: Uuid, user: UserId) -> Result<bool> {
    let key = vec![Value::Uuid(target), Value::Uuid(user.0)];
    Ok(store.get::<LikerRow>(key).await?.is_some())
}

pub(super) async fn likes_of(
    store: &Store,
    user: UserId,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<LikeOfUserRow>> {
    let after = after.map(|target| vec![Value::Uuid(target)]);
    store.list(page_of(vec![Value::Uuid(user.0)], after, limit)).await
}

/// Brings both lists in line with a like.
pub(super) async fn project_like(
    store: &Store,
    target_id: Uuid,
    user_id: UserId,
    since_at: Option<Millis>,
) -> Result<()> {
    if let Some(since_at) = since_at {
        store.put(vec![LikerRow { target_id, user_id, since_at }]).await?;
        store.put(vec![LikeOfUserRow { user_id, target_id, since_at }]).await
    } else {
        let (target, user) = (Value::Uuid(target_id), Value::Uuid(user_id.0));
        store.remove::<LikerRow>(vec![vec![target.clone(), user.clone()]]).await?;
        store.remove::<LikeOfUserRow>(vec![vec![user, target]]).await
    }
}

pub(super) async fn read_mark(store: &Store, user: UserId, group: GroupId) -> Result<Seq> {
    let row = store.get::<MarkRow>(vec![Value::Uuid(user.0), Value::Uuid(group.0)]).await?;
    Ok(row.and_then(|row| row.read_seq).unwrap_or(0))
}

pub(super) async fn raise_mark(
    store: &Store,
    user: UserId,
    group: GroupId,
    seq: Seq,
) -> Result<()> {
    let columns = vec![("read_seq", i64::try_from(seq).unwrap_or(i64::MAX))];
    let key = vec![Value::Uuid(user.0), Value::Uuid(group.0)];
    store.raise(vec![Maximum { table: MarkRow::TABLE, key, columns }]).await
}

pub(super) fn plan_partition(post: PostId) -> Partition {
    Partition::new(PlanRow::TABLE, [Value::Uuid(post.0)])
}

pub(super) fn plan(post_id: PostId, snapshot: &Snapshot) -> Result<Option<Plan>> {
    let Some(row) = snapshot.one::<PlanRow>()? else { return Ok(None) };
    let stage = match (row.state.as_str(), row.publish_at) {
        ("draft", _) => Stage::Draft,
        ("scheduled", Some(at)) => Stage::Scheduled(at),
        ("published", _) => Stage::Published,
        ("discarded", _) => Stage::Discarded,
        (other, _) => return Err(internal(&format_args!("no plan is {other:?}"))),
    };
    let (link, category_id) = (row.link, row.category_id);
    Ok(Some(Plan {
        post_id,
        group_id: row.group_id,
        author_id: row.author_id,
        client_id: row.client_id,
        created_at: row.created_at,
        stage,
        words: row.text.map(|text| Words { text, link, category_id }),
    }))
}

pub(super) fn plan_row(plan: &Plan) -> PlanRow {
    let (state, publish_at) = match plan.stage {
        Stage::Draft => ("draft", None),
        Stage::Scheduled(at) => ("scheduled", Some(at)),
        Stage::Published => ("published", None),
        Stage::Discarded => ("discarded", None),
    };
    let words = plan.words.as_ref();
    PlanRow {
        item: Uuid::nil(),
        group_id: plan.group_id,
        author_id: plan.author_id,
        client_id: plan.client_id,
        state: state.to_owned(),
        category_id: words.and_then(|words| words.category_id),
        text: words.map(|words| words.text.clone()),
        link: words.and_then(|words| words.link.clone()),
        created_at: plan.created_at,
        publish_at,
    }
}

pub(super) async fn plans_of(store: &Store, user: UserId) -> Result<Vec<PlanOfUserRow>> {
    let partition = vec![Value::Uuid(user.0)];
    store.list(page_of(partition, None, crate::store::LIST_ROWS_MAX)).await
}

/// Brings an author's list in line with a plan.
pub(super) async fn project_plan(store: &Store, plan: &Plan) -> Result<()> {
    let (user_id, post_id, group_id) = (plan.author_id, plan.post_id, plan.group_id);
    match plan.stage {
        Stage::Draft | Stage::Scheduled(_) => {
            store.put(vec![PlanOfUserRow { user_id, post_id, group_id }]).await
        }
        Stage::Published | Stage::Discarded => {
            let key = vec![Value::Uuid(user_id.0), Value::Uuid(post_id.0)];
            store.remove::<PlanOfUserRow>(vec![key]).await
        }
    }
}
