//! Sockets of logins that ended. Closing them follows from the commit that ends the logins, so that
//! neither a crash nor a client that hangs up leaves one open; it names the logins, so that one
//! that is made later stays, however often and late it is carried out.

use super::Accounts;
use crate::store::Change;
use protocol::close::CloseCode;
use protocol::{LoginId, UserId};
use serde::{Deserialize, Serialize};

/// The effect of the end of logins: their sockets close.
pub(super) const CLOSE: &str = "account.close";

/// Whose sockets close, of which logins ([`LOGINS_MAX`](super::LOGINS_MAX) at most), and why.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ending {
    user_id: UserId,
    login_ids: Vec<LoginId>,
    code: CloseCode,
}

/// Has the sockets of logins closed, once the commit holds.
pub(super) fn close(
    change: &mut Change,
    user_id: UserId,
    login_ids: Vec<LoginId>,
    code: CloseCode,
) {
    if !login_ids.is_empty() {
        change.effect(CLOSE, &Ending { user_id, login_ids, code });
    }
}

impl Accounts {
    /// Carries out [`CLOSE`].
    pub(super) fn carry_close(&self, ending: Ending) {
        for login_id in ending.login_ids {
            (self.close)(ending.user_id, Some(login_id), ending.code);
        }
    }
}
