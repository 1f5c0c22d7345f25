//! Rows of `schema/accounts.cql`; with `auth/keys.rs` the only file that names its tables.

pub(super) mod ratings;

use super::model::{self, Family, Held, Purpose, Seat, Status};
use crate::auth::Roles;
use crate::error::{Result, internal};
use crate::store::{Partition, Range, Snapshot, Store, Value, VersionedRecord as _, record};
use protocol::accounts::Me;
use protocol::coaches::CoachState;
use protocol::people::Profile;
use protocol::{LoginId, MediaId, UserId};
use uuid::Uuid;

record! {
    /// See the schema.
    pub(super) struct AccountRow in "accounts", kind "account", item user_id: UserId {
        email: String,
        name: String,
        username: Option<String>,
        password_hash: Option<String>,
        roles: String,
        status: String,
        created_at: i64,
        last_login_at: Option<i64>,
        delete_at: Option<i64>,
        prior: Option<String>,
    }
}

record! {
    /// What a person says of themselves; absent until they say something.
    pub(super) struct ProfileRow in "accounts", kind "profile", item user_id: UserId {
        bio: Option<String>,
        picture: Option<MediaId>,
        interests: Option<String>,
        expertise: Option<String>,
    }
}

record! {
    /// A secret that stands in a mail.
    pub(super) struct TokenRow in "accounts", kind "token", item token_id: Uuid {
        purpose: String,
        token_hash: Vec<u8>,
        email: String,
        created_at: i64,
        expires_at: i64,
    }
}

record! {
    /// See the schema.
    pub(super) struct LoginRow in "accounts", kind "login", item login_id: LoginId {
        device: String,
        refresh_hash: Option<Vec<u8>>,
        previous_hash: Option<Vec<u8>>,
        rotated_at: Option<i64>,
        created_at: i64,
        last_used_at: i64,
        revoked_at: Option<i64>,
    }
}

record! {
    /// See the schema.
    pub(super) struct HandleRow in "handles", kind "handle", item user_id: UserId {
        held_until: Option<i64>,
        created_at: i64,
    }
}

/// A person's account, whole.
pub(super) fn account(user_id: UserId) -> Partition {
    Partition::new(AccountRow::TABLE, [Value::Uuid(user_id.0)])
}

/// The handle of an e-mail address, given in lower case.
pub(super) fn email_handle(email: &str) -> String {
    format!("email:{email}")
}

/// The handle of a username, given in lower case.
pub(super) fn username_handle(username: &str) -> String {
    format!("username:{username}")
}

/// Who has a handle.
pub(super) fn handle(handle: &str) -> Partition {
    Partition::new(HandleRow::TABLE, [Value::Text(handle.to_owned())])
}

/// Who has an e-mail address, given in lower case.
pub(super) fn email(email: &str) -> Partition {
    handle(&email_handle(email))
}

/// Who has a username, given in lower case.
pub(super) fn username(username: &str) -> Partition {
    handle(&username_handle(username))
}

/// The one who holds a handle now.
pub(super) fn holder(snapshot: &Snapshot, now: i64) -> Result<Option<UserId>> {
    let held = snapshot.all::<HandleRow>()?;
    let now_held = |row: &&HandleRow| model::is_held(row.held_until, now);
    Ok(held.iter().find(now_held).map(|row| row.user_id))
}

/// Whether a handle is somebody's for good.
pub(super) fn own(snapshot: &Snapshot, user_id: UserId) -> Result<bool> {
    let held = snapshot.all::<HandleRow>()?;
    Ok(held.iter().any(|row| row.user_id == user_id && row.held_until.is_none()))
}

/// An account with what its person says of themselves.
#[derive(Debug, Clone)]
pub(super) struct Whole {
    pub(super) account: AccountRow,
    pub(super) profile: ProfileRow,
}

/// The same from a partition; `None` where there is no account.
pub(super) fn whole(snapshot: &Snapshot) -> Result<Option<Whole>> {
    let Some(account) = snapshot.one::<AccountRow>()? else { return Ok(None) };
    let user_id = account.user_id;
    let profile = snapshot.one::<ProfileRow>()?.unwrap_or(ProfileRow {
        user_id,
        bio: None,
        picture: None,
        interests: None,
        expertise: None,
    });
    Ok(Some(Whole { account, profile }))
}

/// The login of that name.
pub(super) fn login(snapshot: &Snapshot, login_id: LoginId) -> Result<Option<LoginRow>> {
    Ok(snapshot.all::<LoginRow>()?.into_iter().find(|row| row.login_id == login_id))
}

impl AccountRow {
    pub(super) fn status(&self) -> Result<Status> {
        let word = &self.status;
        let unknown = || internal(&format_args!("no account status is named {word:?}"));
        Status::from_word(word).ok_or_else(unknown)
    }

    /// Whether a handle is this account's now.
    pub(super) fn has(&self, handle: &str) -> bool {
        handle == email_handle(&self.email)
            || self.username.as_ref().is_some_and(|name| handle == username_handle(name))
    }

    pub(super) fn roles(&self) -> Roles {
        Roles::from_column(&self.roles)
    }
}

impl Whole {
    pub(super) fn into_me(self) -> Me {
        let Self { account, profile } = self;
        Me {
            id: account.user_id,
            roles: account.roles().words(),
            email: account.email,
            name: account.name,
            username: account.username,
            status: account.status,
            created_at: account.created_at,
            bio: profile.bio,
            picture: profile.picture,
            interests: model::split(profile.interests.as_deref()),
            expertise: model::split(profile.expertise.as_deref()),
            delete_at: account.delete_at,
        }
    }

    pub(super) fn into_profile(self) -> Profile {
        let Self { account, profile } = self;
        Profile {
            id: account.user_id,
            roles: account.roles().words(),
            name: account.name,
            username: account.username,
            bio: profile.bio,
            picture: profile.picture,
            interests: model::split(profile.interests.as_deref()),
            expertise: model::split(profile.expertise.as_deref()),
        }
    }
}

impl TokenRow {
    pub(super) fn held(&self) -> Held {
        Held {
            id: self.token_id,
            purpose: Purpose::ALL.into_iter().find(|purpose| purpose.word() == self.purpose),
            created_at: self.created_at,
            expires_at: self.expires_at,
        }
    }
}

impl LoginRow {
    pub(super) fn family(&self) -> Family {
        Family {
            current: self.refresh_hash.clone(),
            previous: self.previous_hash.clone().zip(self.rotated_at),
            last_used_at: self.last_used_at,
            revoked: self.revoked_at.is_some(),
        }
    }

    pub(super) fn seat(&self) -> Seat {
        Seat {
            login_id: self.login_id,
            last_used_at: self.last_used_at,
            revoked: self.revoked_at.is_some(),
        }
    }
}

record! {
    /// See the schema.
    pub(super) struct CoachRow in "coaches", kind "coach", item user_id: UserId {
        state: String,
        qualifications: String,
        expertise: Option<String>,
        bio: Option<String>,
        applied_at: i64,
        decided_at: Option<i64>,
        decided_by: Option<UserId>,
        note: Option<String>,
    }
}

record! {
    /// See the schema.
    pub(super) struct CoachListRow in "coach_directory" {
        shelf: i64,
        user_id: UserId,
        state: String,
        expertise: Option<String>,
    }
}

/// The one partition of the directory.
const SHELF: i64 = 0;

/// A coach's application.
pub(super) fn coach(user_id: UserId) -> Partition {
    Partition::new(CoachRow::TABLE, [Value::Uuid(user_id.0)])
}

/// The word of a coach's state, as it is on the wire.
pub(super) const fn coach_word(state: CoachState) -> &'static str {
    match state {
        CoachState::Pending => "pending",
        CoachState::Approved => "approved",
        CoachState::Rejected => "rejected",
        CoachState::Suspended => "suspended",
    }
}

/// The state that a word means.
pub(super) fn coach_state(word: &str) -> Result<CoachState> {
    let all =
        [CoachState::Pending, CoachState::Approved, CoachState::Rejected, CoachState::Suspended];
    let unknown = || internal(&format_args!("no state of a coach is named {word:?}"));
    all.into_iter().find(|state| coach_word(*state) == word).ok_or_else(unknown)
}

/// The directory behind a coach, in order.
pub(super) async fn coaches(
    store: &Store,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<CoachListRow>> {
    let range = Range {
        partition: vec![Value::Int(SHELF)],
        after: after.map(|id| vec![Value::Uuid(id.0)]),
        descending: false,
        limit,
    };
    store.list(range).await
}

/// Brings the directory in line with an application.
pub(super) async fn list_coach(
    store: &Store,
    user_id: UserId,
    coach: Option<&CoachRow>,
) -> Result<()> {
    if let Some(coach) = coach {
        let (state, expertise) = (coach.state.clone(), coach.expertise.clone());
        return store.put(vec![CoachListRow { shelf: SHELF, user_id, state, expertise }]).await;
    }
    let key = vec![Value::Int(SHELF), Value::Uuid(user_id.0)];
    store.remove::<CoachListRow>(vec![key]).await
}
