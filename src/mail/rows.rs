//! Rows of `schema/mail.cql`; the only file that names its table.

use crate::error::Result;
use crate::store::{Store, Value, record};
use uuid::Uuid;

record! {
    /// See the schema.
    pub(super) struct MailRow in "mails" {
        mail_id: Uuid,
        sealed: Vec<u8>,
        created_at: i64,
    }
}

pub(super) async fn put(store: &Store, row: MailRow) -> Result<()> {
    store.put(vec![row]).await
}

pub(super) async fn get(store: &Store, mail_id: Uuid) -> Result<Option<MailRow>> {
    store.get(vec![Value::Uuid(mail_id)]).await
}

pub(super) async fn remove(store: &Store, mail_id: Uuid) -> Result<()> {
    store.remove::<MailRow>(vec![vec![Value::Uuid(mail_id)]]).await
}
