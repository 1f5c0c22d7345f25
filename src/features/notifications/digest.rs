//! The digest: what was not read is mailed, once, at the time a person chose.

use super::model::{Choices, Notice, quiet};
use super::{Decided, Notifications, rows};
use crate::error::Result;
use crate::mail::Mail;
use crate::timers::Timer;
use crate::words::{mails, notifications as words};
use protocol::{Millis, UserId};
use std::fmt::Write as _;
use uuid::Uuid;

/// A person's digest is due. Subject: the person's id, and the time, which has to be the one that
/// holds now.
pub const DIGEST_TIMER: &str = "notification.digest";

fn timer(user: UserId, due_at: Millis) -> Timer {
    let subject = [user.as_bytes().as_slice(), &due_at.to_be_bytes()].concat();
    Timer { due_at, kind: DIGEST_TIMER.to_owned(), subject }
}

fn read(subject: &[u8]) -> Option<(UserId, Millis)> {
    let (user, due_at) = subject.split_first_chunk::<16>()?;
    Some((UserId(Uuid::from_bytes(*user)), Millis::from_be_bytes(due_at.try_into().ok()?)))
}

impl Notifications {
    /// The next digest, as the person chose.
    pub(super) async fn plan_digest(&self, user: UserId, choices: &Choices) -> Result<()> {
        let now = self.clock.now();
        let next = quiet::next_digest(choices.zone.as_deref(), choices.digest, now);
        if let Some(at) = next {
            self.timers.set(vec![timer(user, at)]).await?;
        }
        rows::put_digest_at(&self.store, user, next).await
    }

    /// Fires [`DIGEST_TIMER`]. A crash before the next one is planned brings it again; what was
    /// mailed is not mailed again.
    pub(crate) async fn digest_due(&self, subject: &[u8]) -> Result<()> {
        let Some((user, due_at)) = read(subject) else { return Ok(()) };
        if rows::digest_at(&self.store, user).await? != Some(due_at) {
            return Ok(());
        }
        let choices = rows::choices(&self.store, user).await?;
        if let Some((address, name)) = self.accounts.mail_address(user).await? {
            let shelf = self.caught_up(user).await?;
            let unread = shelf.notices.iter().filter(|notice| notice.is_unread());
            let refused = self.refused(user, unread).await?;
            self.change(user, |shelf| {
                let waiting = shelf.mail(&choices, &refused, self.clock.now());
                let mail = (!waiting.is_empty())
                    .then(|| self.post.enclose(&mail(&address, &name, &waiting)))
                    .transpose()?;
                Ok(((), Decided { timers: Vec::new(), mail }))
            })
            .await?;
        }
        self.plan_digest(user, &choices).await
    }
}

/// Oldest first.
fn mail(address: &str, name: &str, waiting: &[Notice]) -> Mail {
    let mut waiting: Vec<&Notice> = waiting.iter().collect();
    waiting.sort_by_key(|notice| (notice.changed_at, notice.id));
    let mut text = format!("{}\n", words::digest_greeting(name));
    for notice in &waiting {
        let _ = writeln!(text, "- {}", notice.text.replace(['\n', '\r'], " "));
    }
    let _ = write!(text, "\n{}{}", words::DIGEST_END, mails::END);
    Mail { to: address.to_owned(), subject: words::DIGEST_SUBJECT.to_owned(), text }
}
