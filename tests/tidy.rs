//! The rules of the structure, held by reading the files. Where one fails, its message says
//! what to do; the reasons are in `src/ARCHITECTURE.md`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a Rust file without its test module.
const RUST_LINES_MAX: usize = 600;
/// Lines of a JavaScript file.
const JS_LINES_MAX: usize = 900;

/// Modules from the ground up: each may use those of the layers before its own.
const LAYERS: &[&[&str]] = &[
    &["broken", "config", "error", "memory", "words"],
    &["clock", "id", "limits", "outbound", "problem"],
    &["engine", "redis"],
    &["bus", "log", "rates", "store", "timers"],
    &["auth"],
    &["idempotency", "mail", "rights"],
    &["hub"],
    &["presence"],
    &["features"],
    &["session", "ws"],
    &["dispatch"],
    &["http"],
    &["app", "cli"],
    &["demo"],
];
/// The one layer whose modules know each other: the outbox writes to the log and sets timers,
/// an append raises maxima of the store and is published on the bus.
const CIRCLE: &[&str] = &["bus", "log", "store", "timers"];
/// Modules that stand high and see little.
const NARROW: &[(&str, &[&str])] = &[("ws", &["clock", "error", "hub", "id", "limits"])];

/// What a feature's rules may use of this crate.
const MODEL_MODULES: &[&str] = &["clock", "id"];
/// Crates that a feature's rules may use.
const MODEL_CRATES: &[&str] = &["jiff", "protocol", "serde", "std", "thiserror", "uuid"];

/// Folders outside `src/features` that have tables of their own.
const TABLE_OWNERS: &[&str] =
    &["auth", "idempotency", "log", "mail", "presence", "store", "timers"];

/// What the top level holds, beside dotfiles and what git ignores.
const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "LICENSE",
    "README.md",
    "compose.yaml",
    "loadtest",
    "protocol",
    "schema",
    "src",
    "tests",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
struct Source {
    /// From the root, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// The text up to the test module.
    fn without_tests(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod ").next().unwrap()
    }

    /// The code, line by line, without comments and tests.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.without_tests().lines().enumerate();
        lines.map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim().starts_with("//"))
    }

    /// The names from the crate's root down to this module.
    fn module(&self) -> Vec<&str> {
        let path = self.path.strip_prefix("src/").unwrap().strip_suffix(".rs").unwrap();
        path.strip_suffix("/mod").unwrap_or(path).split('/').collect()
    }
}

/// All files below these folders with one of these endings, in order.
fn sources(folders: &[&str], endings: &[&str]) -> Vec<Source> {
    let mut left: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut found = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            if !path.ends_with("node_modules") && !path.ends_with("__pycache__") {
                left.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            }
        } else if endings.iter().any(|end| path.extension().is_some_and(|found| found == *end)) {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            found.push(Source { path: name, text: fs::read_to_string(&path).unwrap() });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "nothing to read below {folders:?}");
    found
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn word(text: &str) -> &str {
    text.split(|letter| !is_word(letter)).next().unwrap()
}

/// The word behind each place where `before` stands alone.
fn words_after<'a>(text: &'a str, before: &str) -> impl Iterator<Item = &'a str> {
    let alone = |at: usize| !text[..at].ends_with(is_word);
    let places = text.match_indices(before).filter(move |(at, _)| alone(*at));
    places.map(move |(at, found)| word(&text[at + found.len()..])).filter(|word| !word.is_empty())
}

/// The names of `pub mod name;`, in order.
fn modules(text: &str) -> Vec<&str> {
    fn name(line: &str) -> Option<&str> {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        line.strip_prefix("mod ")?.strip_suffix(';')
    }
    text.lines().filter_map(name).collect()
}

/// Fails with all that was found, so that one run shows everything.
#[track_caller]
fn none(what_to_do: &str, found: &[String]) {
    assert!(found.is_empty(), "{what_to_do}\n  {}\n", found.join("\n  "));
}

#[test]
fn modules_use_only_the_layers_below_them() {
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    let mut found = Vec::new();
    for source in sources(&["src"], &["rs"]) {
        let module = source.module();
        let name = module[0];
        if matches!(name, "lib" | "main") {
            continue;
        }
        let own = layer(name).unwrap_or_else(|| panic!("give {name} a place in LAYERS"));
        for (line, code) in source.code() {
            let place = format!("{}:{line}", source.path);
            if code.contains("crate::{") || code.contains("crate::features::{") {
                found.push(format!("{place}: one `use` for each module, please"));
            }
            for used in words_after(code, "crate::") {
                let both_in_circle = CIRCLE.contains(&name) && CIRCLE.contains(&used);
                let narrow = NARROW.iter().find(|(narrow, _)| *narrow == name);
                let seen = narrow.is_none_or(|(_, sees)| sees.contains(&used));
                let below = layer(used).is_none_or(|used| used < own);
                if used != name && !both_in_circle && !(below && seen) {
                    found.push(format!("{place}: {name} uses {used}"));
                }
            }
            let supers = code.match_indices("super::").count();
            let chain = (1..=supers).rev().find(|n| code.contains(&"super::".repeat(*n)));
            let boundary = if name == "features" { module.len() - 1 } else { module.len() };
            if chain.is_some_and(|chain| chain >= boundary.max(1)) {
                found.push(format!("{place}: `super` leaves the module; say `crate::…`"));
            }
        }
    }
    none("Imports go one way. Move what is needed down, or turn the call into an effect:", &found);
}

#[test]
fn every_module_has_its_layer() {
    let lib = read("src/lib.rs");
    let there: BTreeSet<&str> = modules(&lib).into_iter().collect();
    let placed: BTreeSet<&str> = LAYERS.concat().into_iter().collect();
    assert_eq!(there, placed, "the modules of src/lib.rs and those of LAYERS");
}

#[test]
fn features_use_only_those_before_them() {
    let text = read("src/features/mod.rs");
    let order = modules(&text);
    assert!(order.len() >= 4, "src/features/mod.rs lists the features: {order:?}");
    let mut found = Vec::new();
    for source in sources(&["src/features"], &["rs"]) {
        let module = source.module();
        let Some(own) = module.get(1) else { continue };
        let own = order.iter().position(|name| name == own).unwrap();
        for (line, code) in source.code() {
            for used in words_after(code, "crate::features::") {
                let at = order.iter().position(|name| *name == used);
                if at.is_none_or(|at| at > own) {
                    found.push(format!("{}:{line}: {} uses {used}", source.path, order[own]));
                }
            }
        }
    }
    none("A feature reaches one that comes after it by an effect (src/features/mod.rs):", &found);
}

#[test]
fn a_feature_is_one_name_on_its_shelves() {
    let text = read("src/features/mod.rs");
    let mut found = Vec::new();
    for name in modules(&text) {
        let shelves = ["src/features/NAME/mod.rs", "protocol/src/NAME.rs", "schema/NAME.cql"];
        for shelf in shelves.map(|shelf| shelf.replace("NAME", name)) {
            if !root().join(&shelf).is_file() {
                found.push(shelf);
            }
        }
    }
    none("A feature has the same name everywhere; these files are missing:", &found);
}

#[test]
fn rules_of_features_are_pure() {
    let mut found = Vec::new();
    for source in sources(&["src/features"], &["rs"]) {
        let module = source.module();
        if module.get(2) != Some(&"model") || module.contains(&"tests") {
            continue;
        }
        for (line, code) in source.code() {
            let place = format!("{}:{line}", source.path);
            let used = code.trim().strip_prefix("pub ").unwrap_or(code.trim());
            let used = used.strip_prefix("use ").map(word);
            let own_path = ["crate", "self", "super"];
            if let Some(used) = used
                && !own_path.contains(&used)
                && !MODEL_CRATES.contains(&used)
                && !used.starts_with(char::is_uppercase)
            {
                found.push(format!("{place}: uses {used}"));
            }
            for used in words_after(code, "crate::") {
                if !MODEL_MODULES.contains(&used) {
                    found.push(format!("{place}: uses crate::{used}"));
                }
            }
            for word in ["async fn", ".await", "SystemTime", "Instant::now"] {
                if code.contains(word) {
                    found.push(format!("{place}: {word}"));
                }
            }
            let file = module.len() == 3;
            if file && code.contains("super::") {
                found.push(format!("{place}: uses the service above it"));
            }
        }
    }
    none(
        "model.rs holds pure rules: protocol, id and clock only, the time is an argument:",
        &found,
    );
}

#[test]
fn files_are_of_a_size_to_read() {
    let mut found = Vec::new();
    for source in sources(&["src", "protocol", "loadtest"], &["rs", "js", "mjs"]) {
        let (_, ending) = source.path.rsplit_once('.').unwrap();
        let max = if ending == "rs" { RUST_LINES_MAX } else { JS_LINES_MAX };
        let lines = source.without_tests().lines().count();
        if lines > max {
            found.push(format!("{}: {lines} lines, at most {max}", source.path));
        }
    }
    none("Split by noun, not by size:", &found);
}

#[test]
fn every_file_says_what_it_is() {
    let mut found = Vec::new();
    for source in sources(&["src", "protocol", "loadtest", "tests"], &["rs"]) {
        if !source.text.starts_with("//!") && !source.text.starts_with("#![doc") {
            found.push(source.path);
        }
    }
    none("A module starts with `//!`: what it owns, does not know, and promises:", &found);
}

#[test]
fn nothing_is_left_open() {
    // Put together here, so that this file is read as well.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("db", "g!("),
        concat!("#[ig", "nore"),
    ];
    let folders = ["src", "protocol", "loadtest", "schema", "tests"];
    let endings = ["rs", "js", "mjs", "ts", "py", "cql", "md", "sh", "toml", "css", "html"];
    let mut found = Vec::new();
    for source in sources(&folders, &endings) {
        for (at, line) in source.text.lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(*mark)) {
                found.push(format!("{}:{}: {mark}", source.path, at + 1));
            }
        }
    }
    none("Finish it, or open an issue and say there what is left:", &found);
}

#[test]
fn the_top_level_holds_what_was_agreed() {
    let ignored = read(".gitignore");
    let ignored: Vec<&str> = ignored.lines().map(|line| line.trim_matches('/')).collect();
    let mut found = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = TOP_LEVEL.contains(&&*name) || ignored.contains(&&*name);
        if !known && !name.starts_with('.') {
            found.push(name);
        }
    }
    none("This belongs into a folder (src/ARCHITECTURE.md says which):", &found);
}

/// The tables of `schema/*.cql`: the file's name, and the columns.
fn tables() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut tables = BTreeMap::new();
    for source in sources(&["schema"], &["cql"]) {
        let file = source.path.strip_prefix("schema/").unwrap().strip_suffix(".cql").unwrap();
        for part in source.text.split("CREATE TABLE ").skip(1) {
            let body = part.split("PRIMARY KEY").next().unwrap();
            let columns = body.lines().skip(1).map(|line| word(line.trim()).to_owned());
            let columns = columns.filter(|column| !column.is_empty()).collect();
            let twin = tables.insert(word(part).to_owned(), (file.to_owned(), columns));
            assert!(twin.is_none(), "two tables are called {}", word(part));
        }
    }
    tables
}

/// Tables that a file names as such: in a row's definition, in SQL, as a word of their own.
fn tables_in(source: &Source) -> BTreeSet<String> {
    let code = source.code().map(|(_, line)| line).collect::<Vec<_>>().join("\n");
    let mut named = BTreeSet::new();
    for before in ["in \"", "FROM ", "INTO ", "UPDATE ", "JOIN "] {
        named.extend(words_after(&code, before).map(str::to_owned));
    }
    // `groups` is a word of many meanings; `groups_of_user` is none.
    let literals = code.split('"').skip(1).step_by(2).filter(|text| text.contains('_'));
    named.extend(literals.map(str::to_owned));
    named
}

#[test]
fn a_table_is_named_by_one_file_only() {
    let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources(&["src"], &["rs"]) {
        for named in tables_in(&source) {
            let table = named.strip_suffix("_static").unwrap_or(&named).to_owned();
            // Below `log`, `store` and `timers` each engine has files of its own.
            let module = source.module()[0].to_owned();
            let engines = ["log", "store", "timers"].contains(&&*module);
            let owner = if engines { format!("src/{module}") } else { source.path.clone() };
            let files = owners.entry(table).or_default();
            if !files.contains(&owner) {
                files.push(owner);
            }
        }
    }
    let mut found = Vec::new();
    for (table, (file, _)) in tables() {
        let Some(files) = owners.get(&table) else {
            found.push(format!("{table} (schema/{file}.cql): no file has its rows"));
            continue;
        };
        let [owner] = files.as_slice() else {
            found.push(format!("{table}: named by {}", files.join(" and ")));
            continue;
        };
        let parts: Vec<&str> = owner.split('/').collect();
        let fits = match parts.as_slice() {
            ["src", "features", feature, "rows.rs"] | ["src", "features", feature, "rows", _] => {
                *feature == file
            }
            ["src", module, ..] => TABLE_OWNERS.contains(module),
            _ => false,
        };
        if !fits {
            found.push(format!("{table} (schema/{file}.cql): named by {owner}"));
        }
    }
    none(
        "A table belongs to the rows.rs of its feature (or its folder rows/), and is named only there:",
        &found,
    );
}

#[test]
fn rows_fill_columns_that_the_schema_has() {
    let tables = tables();
    let mut found = Vec::new();
    let mut rows = 0;
    for source in sources(&["src"], &["rs"]) {
        for part in source.without_tests().split("record! {\n").skip(1) {
            let Some((head, body)) = part.split_once(" {\n") else { continue };
            let Some(table) = words_after(head, "in \"").next() else { continue };
            rows += 1;
            let Some((_, columns)) = tables.get(table) else {
                found.push(format!("{}: there is no table {table}", source.path));
                continue;
            };
            let fields = body.split("\n    }").next().unwrap().lines().map(str::trim);
            for field in fields.filter(|line| line.contains(": ") && !line.starts_with("//")) {
                if !columns.contains(word(field)) {
                    found.push(format!("{}: {table} has no column {}", source.path, word(field)));
                }
            }
        }
    }
    assert!(rows >= 15, "only {rows} rows were found: is `record!` written differently now?");
    none("Rows and schema/*.cql have to agree:", &found);
}

#[test]
fn every_schema_file_is_applied_and_explained() {
    let (engine, readme) = (read("src/engine/schema.rs"), read("schema/README.md"));
    let mut found = Vec::new();
    for source in sources(&["schema"], &["cql"]) {
        let name = source.path.strip_prefix("schema/").unwrap();
        if !engine.contains(&format!("(\"{name}\", include_str!")) {
            found.push(format!("{name} is missing in FILES of src/engine/schema.rs"));
        }
        if !readme.contains(&format!("\n## {name}\n")) {
            found.push(format!("{name} has no section in schema/README.md"));
        }
    }
    none("A schema file is applied by the engines, and its keys are explained:", &found);
}
