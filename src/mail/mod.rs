//! Mails: to a person's e-mail address, at least once.
//!
//! **How to send one.** A mail is an effect of a commit:
//!
//! ```ignore
//! let letter = self.post.enclose(&Mail { to, subject, text })?; // before `decide`
//! …
//! change.group();                                               // waits for nothing else
//! change.effect(mail::SEND, &letter);                           // in the same commit
//! ```
//!
//! `enclose` seals it, so neither an address nor what is written stands readable in the store.
//! Subject and text are words of `crate::words`; text is plain, lines end with `\n`. Where there
//! is no commit that it follows from, [`Post::send`] takes it under a key of its own.
//!
//! Carried out, the effect becomes a row of `mails` and a timer, so nothing that follows from the
//! same partition waits for a mail server. The timer gives the mail to the [`Mailer`]: SMTP where
//! `mail.smtp_url` names a server, else files in `<data>/outbox`. A server that is away is tried
//! again, less and less often, for three days; what it refuses for good is left out, with a line
//! in the log that names the mail by its id. The `Message-ID` follows from the effect's key: a mail
//! that is sent twice, after a crash at the wrong moment, is known as the same by who receives it.
//!
//! Does not know: whom it writes to, and why. No address and no text gets into a log.

mod folder;
mod rows;
mod smtp;

pub use folder::Folder;
pub use smtp::Smtp;

use crate::auth::{MasterKey, Seal};
use crate::clock::Clock;
use crate::config::Settings;
use crate::error::Result;
use crate::store::{OutKey, Store};
use crate::timers::{Timer, Timers};
use futures_util::future::BoxFuture;
use lettre::Message;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, SinglePart};
use protocol::{Blob, Format, Millis};
use rows::MailRow;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// The effect that sends a mail; its body is a [`Letter`].
pub const SEND: &str = "mail.send";
/// The timer that gives a mail to the mailer; its subject is the mail's id.
pub const MAIL_TIMER: &str = "mail";
/// A mail that could not be sent for this long is given up.
pub const MAIL_AGE_MAX_MS: Millis = 3 * 24 * 60 * 60 * 1_000;
/// Between two tries, at least.
pub const RETRY_MS_MIN: Millis = 10_000;
/// Between two tries, at most.
pub const RETRY_MS_MAX: Millis = 60 * 60 * 1_000;
/// A mailer that takes longer is away. Shorter than a timer may take.
pub const SEND_TIMEOUT_MS: u64 = 20_000;
/// The text of a mail.
pub const TEXT_BYTES_MAX: usize = 64 * 1_024;

/// A mail, as a feature writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The address, without a name.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text, at most [`TEXT_BYTES_MAX`].
    pub text: String,
}

/// A mail, sealed: what stands in a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter(Blob);

/// A mail on its way.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Always the same for the same cause.
    pub id: Uuid,
    /// When it was written.
    pub at: Millis,
    /// The mail.
    pub mail: Mail,
}

/// Why a mail was not sent. Says nothing of what it held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// It never will be: the address is none, or the server says so.
    #[error("it is refused for good: {0}")]
    Refused(String),
    /// Later, perhaps.
    #[error("not now: {0}")]
    Away(String),
}

/// Sends mails: to a server, or into a folder.
pub trait Mailer: Send + Sync {
    /// Sends one. May be asked twice for the same id.
    fn send<'a>(&'a self, mail: &'a Outgoing) -> BoxFuture<'a, std::result::Result<(), NotSent>>;
}

/// Why there is no mailer.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The sender's address.
    #[error("mail.from is no address such as `Sanctuary <mail@example.org>`")]
    From,
    /// The server.
    #[error("mail.smtp_url: {0}")]
    Smtp(String),
}

/// The mailer that the settings name.
pub fn mailer(settings: &Settings) -> std::result::Result<Arc<dyn Mailer>, OpenError> {
    let from: Mailbox = settings.mail_from.parse().map_err(|_| OpenError::From)?;
    match &settings.mail_smtp_url {
        Some(url) => Ok(Arc::new(Smtp::new(url, from)?)),
        None => Ok(Arc::new(Folder::new(settings.data.join("outbox"), from))),
    }
}

/// See the module.
pub struct Post {
    store: Arc<Store>,
    timers: Arc<dyn Timers>,
    mailer: Arc<dyn Mailer>,
    seal: Seal,
    clock: Clock,
}

impl Post {
    /// Over the store, the timers and a mailer.
    pub fn new(
        store: Arc<Store>,
        timers: Arc<dyn Timers>,
        mailer: Arc<dyn Mailer>,
        master: &MasterKey,
        clock: Clock,
    ) -> Arc<Self> {
        metrics::describe_counter!(
            "sanctuary_mails_total",
            "Mails, by outcome (sent, later, refused, given_up)"
        );
        Arc::new(Self { store, timers, mailer, seal: master.seal("mails"), clock })
    }

    /// Seals a mail, to be put into a commit as [`SEND`].
    pub fn enclose(&self, mail: &Mail) -> Result<Letter> {
        let mut mail = mail.clone();
        if mail.text.len() > TEXT_BYTES_MAX {
            let end = (0..=TEXT_BYTES_MAX).rev().find(|&at| mail.text.is_char_boundary(at));
            mail.text.truncate(end.unwrap_or(0));
        }
        self.seal.close(&[], &Format::MessagePack.encode(&mail)).map(|sealed| Letter(Blob(sealed)))
    }

    /// Carries out [`SEND`].
    pub async fn carry(&self, cause: &OutKey, letter: Letter) -> Result<()> {
        let parts: [&[u8]; 3] =
            [&cause.partition.to_bytes(), &cause.version.to_be_bytes(), &cause.index.to_be_bytes()];
        self.take(crate::id::derived("mail", &parts), letter).await
    }

    /// Takes a mail that follows from no commit. Once for each key, unless it was sent already.
    pub async fn send(&self, key: &[&[u8]], mail: &Mail) -> Result<()> {
        self.take(crate::id::derived("mail of a key", key), self.enclose(mail)?).await
    }

    /// The row first: a timer that finds none has nothing to do.
    async fn take(&self, mail_id: Uuid, Letter(sealed): Letter) -> Result<()> {
        let now = self.clock.now();
        rows::put(&self.store, MailRow { mail_id, sealed: sealed.0, created_at: now }).await?;
        self.timers.set(vec![timer(mail_id, now)]).await
    }

    /// Fires [`MAIL_TIMER`].
    pub async fn deliver(&self, subject: &[u8]) -> Result<()> {
        let Ok(mail_id) = Uuid::from_slice(subject) else { return Ok(()) };
        let Some(row) = rows::get(&self.store, mail_id).await? else { return Ok(()) };
        let opened = self.seal.open(&[], &row.sealed);
        let Some(mail) = opened.and_then(|bytes| Format::MessagePack.decode(&bytes).ok()) else {
            tracing::error!(mail = %mail_id, "a mail can't be read with this master key, and is left out");
            return self.done(mail_id, "refused").await;
        };
        let outgoing = Outgoing { id: mail_id, at: row.created_at, mail };
        let limit = Duration::from_millis(SEND_TIMEOUT_MS);
        let sent = tokio::time::timeout(limit, self.mailer.send(&outgoing)).await;
        let now = self.clock.now();
        match sent.unwrap_or_else(|_| Err(NotSent::Away("it takes too long".to_owned()))) {
            Ok(()) => self.done(mail_id, "sent").await,
            Err(NotSent::Refused(cause)) => {
                tracing::warn!(mail = %mail_id, %cause, "a mail is refused for good");
                self.done(mail_id, "refused").await
            }
            Err(NotSent::Away(cause)) if now - row.created_at >= MAIL_AGE_MAX_MS => {
                tracing::error!(mail = %mail_id, %cause, "a mail could not be sent, and is given up");
                self.done(mail_id, "given_up").await
            }
            Err(NotSent::Away(cause)) => {
                tracing::warn!(mail = %mail_id, %cause, "a mail is tried again later");
                metrics::counter!("sanctuary_mails_total", "outcome" => "later").increment(1);
                let pause = pause_ms(now - row.created_at);
                self.timers.set(vec![timer(mail_id, now + pause)]).await
            }
        }
    }

    async fn done(&self, mail_id: Uuid, outcome: &'static str) -> Result<()> {
        metrics::counter!("sanctuary_mails_total", "outcome" => outcome).increment(1);
        rows::remove(&self.store, mail_id).await
    }
}

/// How long a mail of this age waits for its next try.
fn pause_ms(age_ms: Millis) -> Millis {
    (age_ms / 2).clamp(RETRY_MS_MIN, RETRY_MS_MAX)
}

fn timer(mail_id: Uuid, due_at: Millis) -> Timer {
    Timer { due_at, kind: MAIL_TIMER.to_owned(), subject: mail_id.as_bytes().to_vec() }
}

/// A mail as RFC 5322 has it.
fn message(from: &Mailbox, outgoing: &Outgoing) -> std::result::Result<Message, NotSent> {
    let Outgoing { id, at, mail } = outgoing;
    // The causes that lettre gives may name the address.
    let to = mail.to.parse().map_err(|_| NotSent::Refused("no e-mail address".to_owned()))?;
    let since = Duration::from_millis(u64::try_from(*at).unwrap_or(0));
    let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(mail.text.clone());
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(mail.subject.replace(['\r', '\n'], " "))
        .date(SystemTime::UNIX_EPOCH + since)
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .singlepart(text)
        .map_err(|_| NotSent::Refused("it can't be written".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(to: &str, subject: &str) -> Outgoing {
        let mail = Mail {
            to: to.to_owned(),
            subject: subject.to_owned(),
            text: "Grüße\nund Ruhe\n".to_owned(),
        };
        Outgoing { id: Uuid::from_u128(7), at: 1_800_000_000_000, mail }
    }

    fn from() -> Mailbox {
        "Sanctuary <mail@example.org>".parse().unwrap()
    }

    #[test]
    fn a_message_says_who_when_and_what_and_is_the_same_again() {
        let write = || message(&from(), &outgoing("anna@example.net", "Hello")).unwrap();
        let text = String::from_utf8(write().formatted()).unwrap();
        for line in [
            "From: Sanctuary <mail@example.org>\r\n",
            "To: anna@example.net\r\n",
            "Subject: Hello\r\n",
            "Message-ID: <00000000-0000-0000-0000-000000000007@example.org>\r\n",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert_eq!(text.as_bytes(), write().formatted());
    }

    #[test]
    fn nothing_that_is_written_makes_a_header_of_its_own() {
        let message =
            message(&from(), &outgoing("anna@example.net", "Hi\r\nBcc: b@x.org")).unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        assert!(!text.contains("\nBcc:"), "{text}");
        for to in ["anna", "anna@example.net\r\nBcc: b@x.org", "a@x.org, b@x.org", ""] {
            let refused = super::message(&from(), &outgoing(to, "Hi")).unwrap_err();
            assert!(matches!(&refused, NotSent::Refused(cause) if !cause.contains('@')), "{to:?}");
        }
    }

    #[test]
    fn tries_become_rarer() {
        assert_eq!(pause_ms(0), RETRY_MS_MIN);
        assert_eq!(pause_ms(60_000), 30_000);
        assert_eq!(pause_ms(MAIL_AGE_MAX_MS), RETRY_MS_MAX);
    }
}
