//! The socket edge: from the TCP accept to a frame, and back.
//!
//! Knows frames, limits, queues and close codes. Does not know what a command does: that is
//! [`Commands`].

mod connection;
mod edge;
mod open_commands;
mod reader;
mod server;
mod stream;
mod tls;
mod upgrade;
mod wheel;

pub use edge::{Edge, EdgeConfig};
pub use server::Server;
pub use tls::TlsFiles;

use crate::error::Result;
use crate::hub::Link;
use futures_util::future::BoxFuture;
use protocol::{Answer, Command};
use std::sync::Arc;

/// What the edge asks of the rest; implemented in `dispatch.rs`.
pub trait Commands: Send + Sync + 'static {
    /// Runs a command of a connection. The edge polls it at once, in the order of arrival, so
    /// that sends keep their order; at most [`protocol::limits::OPEN_COMMANDS_MAX`] are open.
    /// Before a session is open only `session.open` comes here. `bearer`: the token of the
    /// upgrade's `Authorization`, if there was one.
    fn run(
        &self,
        link: Arc<Link>,
        bearer: Option<Arc<str>>,
        command: Command,
    ) -> BoxFuture<'static, Result<Answer>>;

    /// The connection ended, after the hub forgot it; also one that never opened a session.
    /// `goodbye`: by `session.close`.
    fn closed(&self, link: &Arc<Link>, goodbye: bool);
}
