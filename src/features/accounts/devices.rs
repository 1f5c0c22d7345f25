//! The devices that a person is logged in on.

use super::Accounts;
use super::logins::end_one;
use super::model::Refusal;
use super::rows::{self, LoginRow};
use crate::auth::Caller;
use crate::error::Result;
use crate::store::Change;
use protocol::LoginId;
use protocol::accounts::{Device, Devices};
use protocol::session::{Done, RevokeReason};

impl Accounts {
    /// `GET /v1/auth/devices`
    pub async fn devices(&self, caller: &Caller) -> Result<Devices> {
        let snapshot = self.store.load(rows::account(caller.user_id)).await?;
        let mut logins = snapshot.all::<LoginRow>()?;
        logins.retain(|login| login.revoked_at.is_none());
        logins.sort_by_key(|login| std::cmp::Reverse((login.last_used_at, login.login_id)));
        let device = |login: LoginRow| Device {
            id: login.login_id,
            name: login.device,
            current: login.login_id == caller.login_id,
            created_at: login.created_at,
            last_used_at: login.last_used_at,
        };
        Ok(Devices { items: logins.into_iter().map(device).collect() })
    }

    /// `DELETE /v1/auth/devices/{id}`: ends the login on a device.
    pub async fn remove_device(&self, caller: &Caller, login_id: LoginId) -> Result<Done> {
        let (user_id, now) = (caller.user_id, self.clock.now());
        self.store
            .decide(rows::account(user_id), |snapshot| {
                let login = rows::login(snapshot, login_id)?.ok_or(Refusal::NoSuchDevice)?;
                let mut change = Change::new();
                if login.revoked_at.is_none() {
                    end_one(&mut change, user_id, login, RevokeReason::DeviceRemoved, now);
                }
                Ok((change, ()))
            })
            .await?;
        Ok(Done {})
    }
}
