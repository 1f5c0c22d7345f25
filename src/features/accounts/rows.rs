//! Rows of `schema/accounts.cql`; with `auth/keys.rs` the only file that names its tables.

pub(super) mod ratings;

use super::model::{Family, Seat, Status};
use crate::auth::Roles;
use crate::error::{Result, internal};
use crate::store::{Partition, Snapshot, Value, VersionedRecord as _, record};
use protocol::accounts::Me;
use protocol::{LoginId, UserId};

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

/// Who has an e-mail address, given in lower case.
pub(super) fn email(email: &str) -> Partition {
    Partition::new(HandleRow::TABLE, [Value::Text(format!("email:{email}"))])
}

/// Who has a username, given in lower case.
pub(super) fn username(username: &str) -> Partition {
    Partition::new(HandleRow::TABLE, [Value::Text(format!("username:{username}"))])
}

/// The one who holds a handle now.
pub(super) fn holder(snapshot: &Snapshot, now: i64) -> Result<Option<UserId>> {
    let held = snapshot.all::<HandleRow>()?;
    let now_held = |row: &&HandleRow| super::model::is_held(row.held_until, now);
    Ok(held.iter().find(now_held).map(|row| row.user_id))
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

    pub(super) fn roles(&self) -> Roles {
        Roles::from_column(&self.roles)
    }

    pub(super) fn into_me(self) -> Me {
        Me {
            id: self.user_id,
            roles: self.roles().words(),
            email: self.email,
            name: self.name,
            username: self.username,
            status: self.status,
            created_at: self.created_at,
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
