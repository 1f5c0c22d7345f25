//! How often a keyspace keeps what it holds, and where.

use std::fmt;

/// Replication of a keyspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replication {
    /// So many copies, wherever: one datacenter, tests.
    Simple(u32),
    /// So many copies in every datacenter.
    Everywhere(u32),
    /// So many copies in each of these datacenters.
    Datacenters(Vec<(String, u32)>),
}

/// Copies in one datacenter.
pub const COPIES_MAX: u32 = 15;

/// A text that is no replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("say how many copies (3), SimpleStrategy:1, or datacenters with copies (north:3,south:3)")]
pub struct UnknownReplication;

impl std::str::FromStr for Replication {
    type Err = UnknownReplication;

    fn from_str(text: &str) -> Result<Self, UnknownReplication> {
        let copies = |text: &str| {
            let copies = text.trim().parse().ok();
            copies.filter(|copies| (1..=COPIES_MAX).contains(copies)).ok_or(UnknownReplication)
        };
        if let Some(simple) = text.trim().strip_prefix("SimpleStrategy:") {
            return Ok(Self::Simple(copies(simple)?));
        }
        if !text.contains(':') {
            return Ok(Self::Everywhere(copies(text)?));
        }
        let mut datacenters: Vec<(String, u32)> = Vec::new();
        for part in text.split(',') {
            let (name, count) = part.rsplit_once(':').ok_or(UnknownReplication)?;
            let name = name.trim();
            let known = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            let twice = datacenters.iter().any(|(other, _)| other == name);
            if name.is_empty() || twice || !name.chars().all(known) {
                return Err(UnknownReplication);
            }
            datacenters.push((name.to_owned(), copies(count)?));
        }
        Ok(Self::Datacenters(datacenters))
    }
}

/// As CQL's map.
impl fmt::Display for Replication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple(copies) => {
                write!(f, "{{'class': 'SimpleStrategy', 'replication_factor': {copies}}}")
            }
            Self::Everywhere(copies) => {
                write!(f, "{{'class': 'NetworkTopologyStrategy', 'replication_factor': {copies}}}")
            }
            Self::Datacenters(datacenters) => {
                write!(f, "{{'class': 'NetworkTopologyStrategy'")?;
                for (name, copies) in datacenters {
                    write!(f, ", '{name}': {copies}")?;
                }
                write!(f, "}}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replication_is_read() {
        let good = [
            ("3", "{'class': 'NetworkTopologyStrategy', 'replication_factor': 3}"),
            ("SimpleStrategy:1", "{'class': 'SimpleStrategy', 'replication_factor': 1}"),
            (
                "north:3, south-1:2",
                "{'class': 'NetworkTopologyStrategy', 'north': 3, 'south-1': 2}",
            ),
            ("15", "{'class': 'NetworkTopologyStrategy', 'replication_factor': 15}"),
        ];
        for (text, cql) in good {
            assert_eq!(text.parse::<Replication>().unwrap().to_string(), cql);
        }
        let bad = ["", "0", "16", "SimpleStrategy:", "north", "north:", ":3", "a:1,a:2", "a'b:1"];
        for text in bad {
            assert_eq!(text.parse::<Replication>(), Err(UnknownReplication), "{text}");
        }
    }
}
