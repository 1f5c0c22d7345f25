//! What a table of each kind must look like, so that both engines can keep it.

use super::{Column, Kind, Table, Type};

const VERSIONED: [Column; 2] =
    [Column { name: "effect", holds: Type::Text }, Column { name: "body", holds: Type::Blob }];
const VERSIONED_CLUSTERING: [Column; 2] =
    [Column { name: "kind", holds: Type::Text }, Column { name: "item", holds: Type::Uuid }];
const VERSION: Column = Column { name: "version", holds: Type::Bigint };

/// Whether a table is one of its kind; `other` is an earlier table of the same name.
pub(super) fn table(table: &Table, other: Option<&Table>) -> Result<(), String> {
    let name = table.name;
    if other.is_some() {
        return Err(format!("table {name} is there already"));
    }
    if table.ttl_s.is_some() && table.kind != Kind::Plain {
        return Err(format!("table {name}: only plain tables have rows that end"));
    }
    if !table.statics.is_empty() && matches!(table.kind, Kind::Plain | Kind::Maxima) {
        return Err(format!("table {name}: only versioned tables and logs have static columns"));
    }
    match table.kind {
        Kind::Versioned => versioned(table),
        Kind::Maxima => match table.regular.iter().find(|column| column.holds != Type::Bigint) {
            Some(column) => Err(format!("table {name}: {} is no maximum; use bigint", column.name)),
            None if table.regular.is_empty() => {
                Err(format!("table {name} has no column that rises"))
            }
            None => Ok(()),
        },
        Kind::Plain | Kind::Log => Ok(()),
    }
}

fn versioned(table: &Table) -> Result<(), String> {
    let name = table.name;
    if table.statics != [VERSION] {
        return Err(format!("table {name}: its one static column is `version bigint static`"));
    }
    if table.clustering != VERSIONED_CLUSTERING || table.descending {
        return Err(format!(
            "table {name}: the primary key is ((…), kind, item), kind text, item uuid"
        ));
    }
    for column in VERSIONED {
        if !table.regular.contains(&column) {
            return Err(format!("table {name}: an outbox needs `effect text` and `body blob`"));
        }
    }
    Ok(())
}
