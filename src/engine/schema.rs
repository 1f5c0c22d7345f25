//! The schema: parses `schema/*.cql`.
