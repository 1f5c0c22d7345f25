//! The cluster's clock.

use super::Cql;
use crate::error::{Result, internal};
use protocol::Millis;

/// Asks whichever node the driver takes; each has a clock of its own.
const TIME: &str = "SELECT toTimestamp(now()) FROM system.local";

impl Cql {
    /// What a node's clock shows, in Unix milliseconds: a reference for [`crate::clock::Clock`].
    pub async fn time(&self) -> Result<Millis> {
        let rows = self.rows(TIME, vec![], 1).await?;
        let column = rows.first().and_then(|row| row.columns.first()?.as_ref()?.as_cql_timestamp());
        Ok(column.ok_or_else(|| internal(&"a node does not say what time it is"))?.0)
    }
}
