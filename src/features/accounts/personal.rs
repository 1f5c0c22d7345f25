//! What a place holds of a person: all of it in one archive, and all of it gone.
//!
//! Each feature that keeps something about people implements [`Personal`] and stands in the list
//! of `dispatch::Features::personal`. A new feature adds one line there.

use super::Accounts;
use super::model::Refusal;
use super::rows;
use crate::auth::Caller;
use crate::error::{Result, busy, internal};
use crate::words::accounts as words;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use protocol::{Error, ErrorCode, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::{Cursor, Write as _};
use std::sync::{Arc, OnceLock, Weak};
use tokio::sync::Semaphore;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The effect that has one feature forget a person; its body is [`Erase`].
pub(crate) const ERASE: &str = "account.erase";
/// Bytes of one archive.
pub const EXPORT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Archives that are made at the same time on a node.
pub const EXPORTS_MAX: usize = 2;

/// Body of [`ERASE`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Erase {
    pub(super) user_id: UserId,
    /// A [`Personal::name`].
    pub(super) part: String,
}

/// One file of an archive.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Its name, without folder and ending.
    pub name: &'static str,
    /// What it holds.
    pub data: Value,
}

/// What a feature keeps about people.
pub trait Personal: Send + Sync {
    /// The feature: the folder of its files in the archive.
    fn name(&self) -> &'static str;

    /// All that it holds of a person, as they may read it: what others wrote is theirs.
    fn sections(&self, user_id: UserId) -> BoxFuture<'_, Result<Vec<Section>>>;

    /// Forgets a person. What they wrote to others stays, and is by a "deleted member". May be
    /// asked again, also after half of it was done; an error: again, later.
    fn erase(&self, user_id: UserId) -> BoxFuture<'_, Result<()>>;
}

/// Those who keep something about people, and how many archives may be made.
pub(super) struct Keepers {
    list: OnceLock<Vec<Weak<dyn Personal>>>,
    room: Semaphore,
}

impl Default for Keepers {
    fn default() -> Self {
        Self { list: OnceLock::new(), room: Semaphore::new(EXPORTS_MAX) }
    }
}

impl Keepers {
    fn all(&self) -> Vec<Arc<dyn Personal>> {
        self.list.get().into_iter().flatten().filter_map(Weak::upgrade).collect()
    }
}

impl Accounts {
    /// Who keeps something about people. Once, at wiring time.
    pub fn personal_with(&self, keepers: &[Arc<dyn Personal>]) {
        let _ = self.keepers.list.set(keepers.iter().map(Arc::downgrade).collect());
    }

    pub(super) fn personal_names(&self) -> Vec<String> {
        self.keepers.all().iter().map(|keeper| keeper.name().to_owned()).collect()
    }

    /// `GET /v1/me/export`: a zip archive, a JSON file a section.
    pub async fn export(&self, caller: &Caller) -> Result<Vec<u8>> {
        self.throttle.archive(caller.user_id).await?;
        let _room = self
            .keepers
            .room
            .try_acquire()
            .map_err(|_| Error { message: words::EXPORT_BUSY.to_owned(), ..busy() })?;
        let mut files = Vec::new();
        let mut bytes = 0;
        for keeper in self.keepers.all() {
            for section in keeper.sections(caller.user_id).await? {
                let text = serde_json::to_vec_pretty(&section.data).map_err(|e| internal(&e))?;
                bytes += text.len();
                if bytes > EXPORT_BYTES_MAX {
                    return Err(Error::new(ErrorCode::TooLarge, words::EXPORT_LARGE));
                }
                files.push((format!("{}/{}.json", keeper.name(), section.name), text));
            }
        }
        let packed = tokio::task::spawn_blocking(move || pack(&files)).await;
        packed.map_err(|error| internal(&error))?.map_err(|error| internal(&error))
    }

    /// Carries out [`ERASE`].
    pub(super) async fn carry_erase(&self, erase: Erase) -> Result<()> {
        let keepers = self.keepers.all();
        let Some(keeper) = keepers.iter().find(|keeper| keeper.name() == erase.part) else {
            // A node of another version knows it.
            return Err(internal(&format_args!("nobody forgets people for {:?}", erase.part)));
        };
        keeper.erase(erase.user_id).await
    }

    async fn own_sections(&self, user_id: UserId) -> Result<Vec<Section>> {
        let snapshot = self.store.load(rows::account(user_id)).await?;
        let whole = rows::whole(&snapshot)?.ok_or(Refusal::NoSuchPerson)?;
        let last_login_at = whole.account.last_login_at;
        let logins: Vec<Value> = snapshot
            .all::<rows::LoginRow>()?
            .into_iter()
            .map(|login| {
                json!({
                    "device": login.device,
                    "created_at": login.created_at,
                    "last_used_at": login.last_used_at,
                    "ended_at": login.revoked_at,
                })
            })
            .collect();
        let account = json!({ "account": whole.into_me(), "last_login_at": last_login_at });
        let mut sections = vec![
            Section { name: "account", data: account },
            Section { name: "logins", data: Value::Array(logins) },
        ];
        if let Some(application) = self.find_application(user_id).await? {
            let rating = self.rating_of(user_id).await?;
            let data = json!({ "application": application, "rating": rating });
            sections.push(Section { name: "coach", data });
        }
        Ok(sections)
    }
}

impl Personal for Accounts {
    fn name(&self) -> &'static str {
        "accounts"
    }

    fn sections(&self, user_id: UserId) -> BoxFuture<'_, Result<Vec<Section>>> {
        self.own_sections(user_id).boxed()
    }

    /// The account itself went with the commit.
    fn erase(&self, user_id: UserId) -> BoxFuture<'_, Result<()>> {
        self.forget_coach(user_id).boxed()
    }
}

/// Not compressed: such archives are small, and whoever keeps one can pack it.
fn pack(files: &[(String, Vec<u8>)]) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, text) in files {
        archive.start_file(name.as_str(), options)?;
        archive.write_all(text)?;
    }
    Ok(archive.finish()?.into_inner())
}
