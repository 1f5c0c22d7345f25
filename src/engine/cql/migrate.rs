//! Brings a keyspace to the schema: makes what is missing, one node at a time.
//!
//! A node that finds all there asks for nothing. One that finds something missing takes the lock,
//! looks again, and changes the schema step by step while it holds it. The lock is a row with a
//! holder and a time to live, so a node that dies in between holds nobody up for long.

use super::tables::{Present, missing};
use super::{OpenError, Options};
use crate::id;
use scylla::client::session::Session;
use scylla::statement::Consistency;
use scylla::statement::unprepared::Statement;
use scylla::value::{CqlValue, Row};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A holder that shows no life for so long loses the lock.
pub const LOCK_TTL_S: i32 = 90;
/// A node waits so long for the lock before it gives up.
pub const LOCK_WAIT_MS: u64 = 180_000;
/// Between two tries to take the lock.
pub const LOCK_AGAIN_MS: u64 = 500;
/// A change of the schema may take so long.
pub const CHANGE_TIMEOUT_MS: u64 = 60_000;

/// Written conditionally only: who changes the schema.
const LOCKS: &str = "engine_locks";
/// Written plainly only: whether writes are taken.
const PROBES: &str = "engine_probes";

/// The statement that shows whether the cluster takes writes; its mark is the node.
pub(super) fn probe() -> String {
    format!("INSERT INTO {PROBES} (node) VALUES (?) USING TTL 60")
}

/// See the module.
pub(super) async fn run(session: &Session, options: &Options) -> Result<(), OpenError> {
    let migration = Migration { session, options, holder: id::fresh() };
    migration.own().await?;
    let looked = migration.look().await?;
    if missing(&options.keyspace, &options.schema, &looked)?.is_empty() {
        return Ok(());
    }
    migration.lock().await?;
    let changed = migration.change().await;
    migration.unlock().await;
    changed?;
    session.refresh_metadata().await.map_err(|cause| failed("metadata", &cause))
}

struct Migration<'a> {
    session: &'a Session,
    options: &'a Options,
    holder: Uuid,
}

fn failed(what: &str, cause: &dyn std::fmt::Display) -> OpenError {
    OpenError::Migrate { what: what.to_owned(), cause: cause.to_string() }
}

fn text(row: &Row, place: usize) -> String {
    row.columns.get(place).and_then(|cell| cell.as_ref()?.as_text()).cloned().unwrap_or_default()
}

impl Migration<'_> {
    async fn rows(
        &self,
        what: &str,
        statement: impl Into<Statement>,
        values: Vec<CqlValue>,
    ) -> Result<Vec<Row>, OpenError> {
        let mut statement = statement.into();
        statement.set_request_timeout(Some(Duration::from_millis(CHANGE_TIMEOUT_MS)));
        let answer = self.session.query_unpaged(statement, values).await;
        let answer = answer.map_err(|cause| failed(what, &cause))?;
        if !answer.is_rows() {
            return Ok(Vec::new());
        }
        let rows = answer.into_rows_result().map_err(|cause| failed(what, &cause))?;
        let rows = rows.rows::<Row>().map_err(|cause| failed(what, &cause))?;
        rows.collect::<Result<_, _>>().map_err(|cause| failed(what, &cause))
    }

    /// The keyspace, and the tables that are needed before there is a lock. Several nodes may make
    /// them at once: a keyspace is known by its name, and a table gets the id that its name says,
    /// so it is the same table whoever makes it.
    async fn own(&self) -> Result<(), OpenError> {
        let Options { keyspace, replication, tablets, .. } = self.options;
        let found = self
            .rows(
                "list of keyspaces",
                "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?",
                vec![CqlValue::Text(keyspace.clone())],
            )
            .await?;
        if found.is_empty() {
            let tablets = if self.has_tablets().await? {
                format!(" AND tablets = {{'enabled': {tablets}}}")
            } else {
                String::new()
            };
            let make = format!(
                "CREATE KEYSPACE IF NOT EXISTS \"{keyspace}\" WITH replication = {replication} \
                 AND durable_writes = true{tablets}"
            );
            self.rows(&format!("keyspace {keyspace}"), make, vec![]).await?;
        }
        let own = self
            .rows(
                "list of tables",
                "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? \
                 AND table_name IN (?, ?)",
                vec![
                    CqlValue::Text(keyspace.clone()),
                    CqlValue::Text(LOCKS.to_owned()),
                    CqlValue::Text(PROBES.to_owned()),
                ],
            )
            .await?;
        for (name, columns) in
            [(LOCKS, "name text PRIMARY KEY, holder uuid"), (PROBES, "node uuid PRIMARY KEY")]
        {
            if own.iter().all(|row| text(row, 0) != name) {
                let id: Uuid = id::derived("cql-table", &[keyspace.as_bytes(), name.as_bytes()]);
                let make = format!(
                    "CREATE TABLE IF NOT EXISTS \"{keyspace}\".{name} ({columns}) WITH ID = {id}"
                );
                self.rows(&format!("table {name}"), make, vec![]).await?;
            }
        }
        Ok(())
    }

    /// Whether keyspaces have the option: a server with tablets says of each how many it began with.
    async fn has_tablets(&self) -> Result<bool, OpenError> {
        let found = self
            .rows(
                "list of columns",
                "SELECT column_name FROM system_schema.columns WHERE \
                 keyspace_name = 'system_schema' AND table_name = 'scylla_keyspaces' \
                 AND column_name = 'initial_tablets'",
                vec![],
            )
            .await?;
        Ok(!found.is_empty())
    }

    async fn look(&self) -> Result<Vec<Present>, OpenError> {
        let rows = self
            .rows(
                "list of columns",
                "SELECT table_name, column_name, kind, position, type, clustering_order \
                 FROM system_schema.columns WHERE keyspace_name = ?",
                vec![CqlValue::Text(self.options.keyspace.clone())],
            )
            .await?;
        let present = |row: &Row| Present {
            table: text(row, 0),
            column: text(row, 1),
            kind: text(row, 2),
            position: row.columns.get(3).and_then(|cell| cell.as_ref()?.as_int()).unwrap_or(-1),
            holds: text(row, 4),
            order: text(row, 5).to_lowercase(),
        };
        Ok(rows.iter().map(present).collect())
    }

    async fn change(&self) -> Result<(), OpenError> {
        let Options { keyspace, schema, .. } = self.options;
        for step in missing(keyspace, schema, &self.look().await?)? {
            self.renew().await?;
            tracing::info!(step, "the schema is brought up to date");
            self.rows("schema", step, vec![]).await?;
        }
        let agreed = self.session.await_schema_agreement().await;
        agreed.map(|_| ()).map_err(|cause| failed("agreement on the schema", &cause))
    }

    fn table(&self) -> String {
        format!("\"{}\".{LOCKS}", self.options.keyspace)
    }

    /// Whether a conditional statement about the lock applied. Of one that failed nothing is
    /// known: the row says who holds it.
    async fn applied(&self, statement: String, values: Vec<CqlValue>) -> bool {
        match self.rows("lock", statement, values).await {
            Ok(rows) => rows.first().is_some_and(|row| {
                row.columns.first().and_then(|cell| cell.as_ref()?.as_boolean()) == Some(true)
            }),
            Err(error) => {
                tracing::warn!(%error, "the lock of the schema is not certain");
                let mut read = Statement::new(format!(
                    "SELECT holder FROM {} WHERE name = 'schema'",
                    self.table()
                ));
                read.set_consistency(Consistency::LocalSerial);
                let holder = self.rows("lock", read, vec![]).await.unwrap_or_default();
                holder.first().and_then(|row| row.columns.first()?.as_ref()?.as_uuid())
                    == Some(self.holder)
            }
        }
    }

    async fn lock(&self) -> Result<(), OpenError> {
        let insert = format!(
            "INSERT INTO {} (name, holder) VALUES ('schema', ?) IF NOT EXISTS USING TTL {LOCK_TTL_S}",
            self.table()
        );
        let give_up = Instant::now() + Duration::from_millis(LOCK_WAIT_MS);
        while !self.applied(insert.clone(), vec![CqlValue::Uuid(self.holder)]).await {
            if Instant::now() >= give_up {
                return Err(OpenError::Locked);
            }
            tokio::time::sleep(Duration::from_millis(LOCK_AGAIN_MS)).await;
        }
        Ok(())
    }

    async fn renew(&self) -> Result<(), OpenError> {
        let update = format!(
            "UPDATE {} USING TTL {LOCK_TTL_S} SET holder = ? WHERE name = 'schema' IF holder = ?",
            self.table()
        );
        let me = CqlValue::Uuid(self.holder);
        if self.applied(update, vec![me.clone(), me]).await {
            Ok(())
        } else {
            Err(OpenError::Locked)
        }
    }

    async fn unlock(&self) {
        let delete = format!("DELETE FROM {} WHERE name = 'schema' IF holder = ?", self.table());
        // One that stays ends by itself.
        self.applied(delete, vec![CqlValue::Uuid(self.holder)]).await;
    }
}
