//! What somebody is here, for features that ask about others than the caller.

use super::Accounts;
use crate::auth::{Role, Roles};
use crate::error::Result;
use protocol::UserId;

impl Accounts {
    /// Whether there is such a person, and they have a role.
    pub(crate) async fn holds(&self, user_id: UserId, role: Role) -> Result<bool> {
        let account = self.account(user_id).await?;
        Ok(account.is_some_and(|account| Roles::from_column(&account.roles).has(role)))
    }
}
