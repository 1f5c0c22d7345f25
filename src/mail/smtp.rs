//! SMTP (RFC 5321), by `lettre`. A connection a mail: mails are few, and a pool would hide which
//! server answers.

use super::{Mailer, NotSent, OpenError, Outgoing, SEND_TIMEOUT_MS, message};
use futures_util::future::BoxFuture;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use std::time::Duration;

/// See the module.
pub struct Smtp {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    /// To a server: `smtps://user:password@host` (TLS), `smtp://…?tls=required` (STARTTLS) or
    /// `smtp://host:25` (neither).
    pub fn new(url: &str, from: Mailbox) -> Result<Self, OpenError> {
        // The cause may hold the password.
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|_| OpenError::Smtp("this is no address of a mail server".to_owned()))?;
        let server = server.timeout(Some(Duration::from_millis(SEND_TIMEOUT_MS))).build();
        Ok(Self { server, from })
    }
}

impl Mailer for Smtp {
    fn send<'a>(&'a self, mail: &'a Outgoing) -> BoxFuture<'a, Result<(), NotSent>> {
        Box::pin(async move {
            let message = message(&self.from, mail)?;
            self.server.send(message).await.map(|_| ()).map_err(|error| not_sent(&error))
        })
    }
}

/// What a server says may repeat the address, so of its answer only the code is kept.
fn not_sent(error: &Error) -> NotSent {
    if let Some(code) = error.status() {
        let cause = format!("the mail server answers {code}");
        return if error.is_permanent() { NotSent::Refused(cause) } else { NotSent::Away(cause) };
    }
    if error.is_timeout() {
        NotSent::Away("the mail server takes too long".to_owned())
    } else if error.is_tls() {
        NotSent::Away("no secure connection to the mail server".to_owned())
    } else if error.is_client() {
        NotSent::Refused("the mail server does not take such addresses".to_owned())
    } else {
        NotSent::Away("the mail server can't be reached".to_owned())
    }
}
