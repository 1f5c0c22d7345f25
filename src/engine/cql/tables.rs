//! What a keyspace lacks, as statements. Pure.

use super::OpenError;
use crate::engine::schema::{Column, Kind, Schema, Table, Type};

/// A column that a keyspace has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Present {
    pub(super) table: String,
    pub(super) column: String,
    /// `partition_key`, `clustering`, `static` or `regular`.
    pub(super) kind: String,
    /// Within its kind of key; -1 beside keys.
    pub(super) position: i32,
    pub(super) holds: String,
    /// `asc`, `desc` or `none`.
    pub(super) order: String,
}

/// What is to be run, in order: tables that are missing, columns that are missing.
pub(super) fn missing(
    keyspace: &str,
    schema: &Schema,
    present: &[Present],
) -> Result<Vec<String>, OpenError> {
    let mut steps = Vec::new();
    for table in schema.tables() {
        let found: Vec<&Present> =
            present.iter().filter(|column| column.table == table.name).collect();
        if found.is_empty() {
            steps.push(create(keyspace, table));
        } else {
            steps.extend(columns(keyspace, table, &found)?);
        }
    }
    Ok(steps)
}

const fn cql_type(holds: Type) -> &'static str {
    match holds {
        Type::Uuid => "uuid",
        Type::Text => "text",
        Type::Bigint => "bigint",
        Type::Int => "int",
        Type::Boolean => "boolean",
        Type::Blob => "blob",
    }
}

fn columns(keyspace: &str, table: &Table, found: &[&Present]) -> Result<Vec<String>, OpenError> {
    let order = if table.descending { "desc" } else { "asc" };
    let kinds = [
        (&table.partition, "partition_key", "none"),
        (&table.clustering, "clustering", order),
        (&table.statics, "static", "none"),
        (&table.regular, "regular", "none"),
    ];
    let differs = |column: &str| OpenError::Differs {
        table: table.name.to_owned(),
        column: column.to_owned(),
    };
    let mut steps = Vec::new();
    for (columns, kind, order) in kinds {
        let is_key = matches!(kind, "partition_key" | "clustering");
        for (place, column) in (0..).zip(columns) {
            match found.iter().find(|present| present.column == column.name) {
                Some(present) => {
                    let fits = present.kind == kind
                        && present.holds == cql_type(column.holds)
                        && (!is_key || (present.position == place && present.order == order));
                    if !fits {
                        return Err(differs(column.name));
                    }
                }
                None if is_key => return Err(differs(column.name)),
                None => steps.push(format!(
                    "ALTER TABLE \"{keyspace}\".\"{}\" ADD \"{}\" {}{}",
                    table.name,
                    column.name,
                    cql_type(column.holds),
                    if kind == "static" { " static" } else { "" },
                )),
            }
        }
        let more = found.iter().find(|present| {
            is_key && present.kind == kind && columns.iter().all(|c| c.name != present.column)
        });
        if let Some(more) = more {
            return Err(differs(&more.column));
        }
    }
    Ok(steps)
}

fn create(keyspace: &str, table: &Table) -> String {
    let typed =
        |column: &Column, end: &str| format!("\"{}\" {}{end}", column.name, cql_type(column.holds));
    let quoted = |columns: &[Column], end: &str| {
        let names: Vec<_> =
            columns.iter().map(|column| format!("\"{}\"{end}", column.name)).collect();
        names.join(", ")
    };
    let mut parts: Vec<String> = table.key().map(|column| typed(column, "")).collect();
    parts.extend(table.statics.iter().map(|column| typed(column, " static")));
    parts.extend(table.regular.iter().map(|column| typed(column, "")));
    let mut key = format!("({})", quoted(&table.partition, ""));
    if !table.clustering.is_empty() {
        key = format!("{key}, {}", quoted(&table.clustering, ""));
    }
    parts.push(format!("PRIMARY KEY ({key})"));
    let mut options = Vec::new();
    if table.descending {
        options.push(format!("CLUSTERING ORDER BY ({})", quoted(&table.clustering, " DESC")));
    }
    if let Some(ttl_s) = table.ttl_s {
        options.push(format!("default_time_to_live = {ttl_s}"));
    }
    if is_queue(table) {
        options.push(format!("gc_grace_seconds = {QUEUE_GC_GRACE_S}"));
    }
    let options = match options.as_slice() {
        [] => String::new(),
        some => format!(" WITH {}", some.join(" AND ")),
    };
    format!(
        "CREATE TABLE IF NOT EXISTS \"{keyspace}\".\"{}\" ({}){options}",
        table.name,
        parts.join(", ")
    )
}

/// Rows of these tables are written, read a few times and deleted, and a row that came back (from
/// a replica that was away for longer than this and missed the deletion) does no harm: old
/// minutes of timers are not read again, and firing twice is harmless. So what was deleted need
/// not be remembered for the usual ten days; for three hours, since replicas that were away for
/// less are told by hints.
pub(super) const QUEUE_GC_GRACE_S: u32 = 3 * 3_600;

fn is_queue(table: &Table) -> bool {
    table.kind == Kind::Plain && table.name == crate::engine::schema::TIMERS
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "-- kind: versioned
        CREATE TABLE boxes (a uuid, b int, version bigint static, kind text, item uuid,
            effect text, body blob, PRIMARY KEY ((a, b), kind, item));";

    fn schema(text: &'static str) -> Schema {
        Schema::read(&[("test.cql", text)]).unwrap()
    }

    fn present() -> Vec<Present> {
        let columns = [
            ("a", "partition_key", 0, "uuid", "none"),
            ("b", "partition_key", 1, "int", "none"),
            ("kind", "clustering", 0, "text", "asc"),
            ("item", "clustering", 1, "uuid", "asc"),
            ("version", "static", -1, "bigint", "none"),
            ("effect", "regular", -1, "text", "none"),
            ("body", "regular", -1, "blob", "none"),
            ("of_a_later_version", "regular", -1, "text", "none"),
        ];
        columns
            .into_iter()
            .map(|(column, kind, position, holds, order)| Present {
                table: "boxes".to_owned(),
                column: column.to_owned(),
                kind: kind.to_owned(),
                position,
                holds: holds.to_owned(),
                order: order.to_owned(),
            })
            .collect()
    }

    #[test]
    fn a_table_that_is_missing_is_created() {
        let steps = missing("k", &schema(TABLE), &[]).unwrap();
        assert_eq!(
            steps,
            ["CREATE TABLE IF NOT EXISTS \"k\".\"boxes\" (\"a\" uuid, \"b\" int, \"kind\" text, \
              \"item\" uuid, \"version\" bigint static, \"effect\" text, \"body\" blob, \
              PRIMARY KEY ((\"a\", \"b\"), \"kind\", \"item\"))"]
        );
    }

    #[test]
    fn order_and_time_to_live_are_options() {
        let text = "-- kind: plain
            CREATE TABLE t (a uuid, b int, PRIMARY KEY (a, b))
            WITH CLUSTERING ORDER BY (b DESC) AND default_time_to_live = 60;";
        let steps = missing("k", &schema(text), &[]).unwrap();
        assert!(
            steps[0]
                .ends_with(" WITH CLUSTERING ORDER BY (\"b\" DESC) AND default_time_to_live = 60")
        );
    }

    #[test]
    fn what_is_there_is_left_and_columns_are_added() {
        assert!(missing("k", &schema(TABLE), &present()).unwrap().is_empty());
        for (gone, added) in [("body", "\"body\" blob"), ("version", "\"version\" bigint static")] {
            let mut present = present();
            present.retain(|column| column.column != gone);
            let steps = missing("k", &schema(TABLE), &present).unwrap();
            assert_eq!(steps, [format!("ALTER TABLE \"k\".\"boxes\" ADD {added}")]);
        }
    }

    #[test]
    fn another_key_or_type_is_refused() {
        let changes: [(&str, fn(&mut Present)); 5] = [
            ("a", |column| column.holds = "text".to_owned()),
            ("b", |column| column.position = 0),
            ("item", |column| column.order = "desc".to_owned()),
            ("version", |column| column.kind = "regular".to_owned()),
            ("body", |column| column.holds = "text".to_owned()),
        ];
        for (name, change) in changes {
            let mut present = present();
            change(present.iter_mut().find(|column| column.column == name).unwrap());
            let error = missing("k", &schema(TABLE), &present).unwrap_err();
            assert!(matches!(error, OpenError::Differs { column, .. } if column == name));
        }
        let mut longer = present();
        longer.push(Present {
            column: "c".to_owned(),
            kind: "clustering".to_owned(),
            position: 2,
            ..longer[3].clone()
        });
        assert!(missing("k", &schema(TABLE), &longer).is_err());
    }
}
