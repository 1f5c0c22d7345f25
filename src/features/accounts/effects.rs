//! What follows from commits of accounts, and who carries it out.

use super::Accounts;
use super::coaches::COACH;
use super::handles::HANDLES;
use super::personal::ERASE;
use super::register::ACCOUNT_CREATE;
use super::sockets::CLOSE;
use crate::error::{Result, internal};
use protocol::Format;
use serde::de::DeserializeOwned;

/// All effects of accounts.
pub const EFFECTS: [&str; 5] = [ACCOUNT_CREATE, HANDLES, ERASE, COACH, CLOSE];

impl Accounts {
    /// Carries out an effect; may be asked again for the same one.
    pub async fn carry(&self, effect: &str, body: &[u8]) -> Result<()> {
        match effect {
            ACCOUNT_CREATE => match read(effect, body) {
                Some(new) => self.carry_create(new).await,
                None => Ok(()),
            },
            HANDLES => match read(effect, body) {
                Some(moved) => self.carry_handles(moved).await,
                None => Ok(()),
            },
            ERASE => match read(effect, body) {
                Some(erase) => self.carry_erase(erase).await,
                None => Ok(()),
            },
            COACH => match read(effect, body) {
                Some(user_id) => self.carry_coach(user_id).await,
                None => Ok(()),
            },
            CLOSE => {
                if let Some(ending) = read(effect, body) {
                    self.carry_close(ending);
                }
                Ok(())
            }
            other => Err(internal(&format_args!("accounts know no effect {other:?}"))),
        }
    }
}

/// What does not read now will not read better the next time, and what follows waits for it.
fn read<T: DeserializeOwned>(effect: &str, body: &[u8]) -> Option<T> {
    let read = Format::MessagePack.decode(body).ok();
    if read.is_none() {
        tracing::error!("an effect {effect} can't be read, and is left out");
    }
    read
}
