//! The local outbox: a readable file a mail, for places without a mail server. What is written
//! there is there whole or not at all, and nothing is overwritten half-way. Readable by the
//! owner only: mails hold secrets.

use super::{Mailer, NotSent, Outgoing, message};
use crate::auth::owner_only;
use futures_util::future::BoxFuture;
use lettre::message::Mailbox;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// See the module.
pub struct Folder {
    path: PathBuf,
    from: Mailbox,
}

impl Folder {
    /// In this folder, which is made with the first mail.
    pub fn new(path: PathBuf, from: Mailbox) -> Self {
        Self { path, from }
    }
}

impl Mailer for Folder {
    fn send<'a>(&'a self, mail: &'a Outgoing) -> BoxFuture<'a, Result<(), NotSent>> {
        Box::pin(async move {
            let bytes = message(&self.from, mail)?.formatted();
            let (path, name) = (self.path.clone(), mail.id.to_string());
            let written = tokio::task::spawn_blocking(move || write(&path, &name, &bytes)).await;
            let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
            written.map_err(|error| NotSent::Away(format!("the outbox folder: {error}")))
        })
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let draft = folder.join(format!("{name}.draft"));
    let mut file =
        owner_only(OpenOptions::new().write(true).create(true).truncate(true)).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, folder.join(format!("{name}.eml")))
}
