//! What is logged: the words of the setting `log`, and what is left out unless they name it.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError};

/// The driver passes on each warning of the store here, above all that of Cassandra about `USE`:
/// one for each statement, about something that is meant (one keyspace, chosen once).
const QUIET: &str = "scylla::network::connection=error";

/// The filter that the setting asks for.
pub fn filter(log: &str) -> Result<EnvFilter, ParseError> {
    let asked = EnvFilter::try_new(log)?;
    if asked.max_level_hint() == Some(LevelFilter::OFF) {
        return Ok(asked);
    }
    // Of two directives about the same, the later one holds.
    EnvFilter::try_new(format!("{QUIET},{log}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: &str) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter(log).unwrap())
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(target: "scylla::network::connection", "about-use");
            tracing::error!(target: "scylla::network::connection", "broken");
            tracing::warn!(target: "scylla::cluster", "node-down");
            tracing::info!("ours");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn warnings_of_the_store_are_left_out_unless_they_are_asked_for() {
        for (log, shown) in [
            ("info", ["broken", "node-down", "ours"].as_slice()),
            ("warn", &["broken", "node-down"]),
            ("error", &["broken"]),
            ("off", &[]),
            ("warn,scylla::network::connection=warn", &["about-use", "broken", "node-down"]),
            ("info,scylla=off", &["broken", "ours"]),
        ] {
            let lines = logged(log);
            for word in ["about-use", "broken", "node-down", "ours"] {
                assert_eq!(lines.contains(word), shown.contains(&word), "{log}: {word}: {lines}");
            }
        }
    }

    #[test]
    fn words_that_are_no_directives_are_refused() {
        assert!(filter("sanctuary=loud").is_err());
    }
}
