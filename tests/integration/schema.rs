//! What the schema's reader knows, and what it says about the rest.

use sanctuary::engine::schema::{Kind, Schema, Type};

fn read(text: &'static str) -> Result<Schema, String> {
    Schema::read(&[("test.cql", text)]).map_err(|error| error.to_string())
}

#[test]
fn the_embedded_schema_can_be_read() {
    let schema = Schema::embedded().as_ref().unwrap();
    let log = schema.table("topic_log").unwrap();
    assert_eq!(log.kind, Kind::Log);
    assert_eq!(log.partition.len(), 2);
    assert!(schema.tables().len() >= 2);
}

#[test]
fn every_file_of_the_folder_is_embedded() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "cql") {
            continue;
        }
        let text: &'static str = std::fs::read_to_string(&path).unwrap().leak();
        for table in read(text).unwrap().tables() {
            assert!(
                Schema::embedded().as_ref().unwrap().table(table.name).is_some(),
                "{} is not in the list of src/engine/schema.rs",
                path.display()
            );
        }
    }
}

#[test]
fn a_table_is_read_whole() {
    let schema = read(
        "-- A comment; with signs = and 'quotes'.
         -- kind: plain
         CREATE TABLE t (
             a uuid, -- the first
             b text,
             c bigint,
             d int,
             e boolean,
             f blob,
             PRIMARY KEY ((a, b), c, d)
         ) WITH CLUSTERING ORDER BY (c DESC, d DESC) AND default_time_to_live = 60;",
    )
    .unwrap();
    let table = schema.table("t").unwrap();
    let names = |columns: &[sanctuary::engine::schema::Column]| -> Vec<&str> {
        columns.iter().map(|column| column.name).collect()
    };
    assert_eq!(names(&table.partition), ["a", "b"]);
    assert_eq!(names(&table.clustering), ["c", "d"]);
    assert_eq!(names(&table.regular), ["e", "f"]);
    assert_eq!(table.regular[0].holds, Type::Boolean);
    assert!(table.descending);
    assert_eq!(table.ttl_s, Some(60));
}

#[test]
fn what_is_not_known_is_an_error_with_its_line() {
    let cases = [
        ("CREATE TABLE t (a uuid, PRIMARY KEY (a));", "test.cql:1: a table needs a comment"),
        ("-- kind: odd\nCREATE TABLE t (a uuid, PRIMARY KEY (a));", "test.cql:1: kind \"odd\""),
        ("-- kind: plain\nDROP TABLE t;", "test.cql:2: expected CREATE, found DROP"),
        (
            "-- kind: plain\nCREATE TABLE t (\na timestamp,\nPRIMARY KEY (a));",
            "test.cql:3: expected uuid, text, bigint, int, boolean or blob, found timestamp",
        ),
        ("-- kind: plain\nCREATE TABLE t (a uuid);", "test.cql:2: expected ,"),
        (
            "-- kind: plain\nCREATE TABLE t (a uuid, PRIMARY KEY (b));",
            "test.cql:2: b can't be part of the primary key",
        ),
        (
            "-- kind: plain\nCREATE TABLE t (a uuid, a text, PRIMARY KEY (a));",
            "test.cql:2: column a is there already",
        ),
        (
            "-- kind: plain\nCREATE TABLE t (a uuid, PRIMARY KEY (a)) WITH comment = 5;",
            "test.cql:2: expected CLUSTERING ORDER BY or default_time_to_live, found comment",
        ),
        (
            "-- kind: plain\nCREATE TABLE t (a uuid, PRIMARY KEY (a)) WITH default_time_to_live = 0;",
            "test.cql:2: expected seconds",
        ),
        (
            "-- kind: plain\nCREATE TABLE t (a uuid, b int, c int, PRIMARY KEY (a, b, c))\n\
             WITH CLUSTERING ORDER BY (b DESC, c ASC);",
            "test.cql:3: all clustering columns run the same way",
        ),
        (
            "-- kind: plain\nCREATE TABLE t (a uuid, b int, c int, PRIMARY KEY (a, b, c))\n\
             WITH CLUSTERING ORDER BY (b DESC);",
            "test.cql:3: the clustering order names all clustering columns",
        ),
        (
            "-- kind: plain\nCREATE TABLE t (a uuid, s int static, PRIMARY KEY (a));",
            "test.cql:2: table t: only versioned tables and logs have static columns",
        ),
        (
            "-- kind: maxima\nCREATE TABLE t (a uuid, b text, PRIMARY KEY (a));",
            "test.cql:2: table t: b is no maximum",
        ),
        (
            "-- kind: versioned\nCREATE TABLE t (a uuid, PRIMARY KEY (a));",
            "test.cql:2: table t: its one static column is `version bigint static`",
        ),
        (
            "-- kind: versioned\nCREATE TABLE t (a uuid, version bigint static, kind text, \
             item uuid, PRIMARY KEY ((a), kind, item));",
            "test.cql:2: table t: an outbox needs",
        ),
        (
            "-- kind: versioned\nCREATE TABLE t (a uuid, version bigint static, kind text, \
             item uuid, effect text, body blob, PRIMARY KEY ((a), kind, item)) \
             WITH default_time_to_live = 5;",
            "test.cql:2: table t: only plain tables have rows that end",
        ),
        ("-- kind: plain\nCREATE TABLE T (a uuid, PRIMARY KEY (a));", "test.cql:2: T: names are"),
        ("-- kind: plain\nCREATE TABLE t (a uuid, PRIMARY KEY (a))", "the file ends"),
        ("-- kind: plain\nCREATE TABLE t (a \"uuid\", PRIMARY KEY (a));", "is not known here"),
    ];
    for (text, expected) in cases {
        let error = read(text).unwrap_err();
        assert!(error.contains(expected), "{text}\n{error}\n{expected}");
    }
}

#[test]
fn one_name_is_one_table() {
    let twice = "-- kind: plain\nCREATE TABLE t (a uuid, PRIMARY KEY (a));\n\
                 -- kind: plain\nCREATE TABLE t (a uuid, PRIMARY KEY (a));";
    assert_eq!(read(twice).unwrap_err(), "schema/test.cql:4: table t is there already");
}
