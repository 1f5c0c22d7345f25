//! The specification in words and the crate say the same.

use protocol::close::CloseCode;
use protocol::{Command, CommandFrame, ErrorCode, Event, Format, Incoming, Signal};

const README: &str = include_str!("../README.md");

/// The text between a heading and the next one of the same level.
fn section(title: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("\n## {title}\n")).unwrap();
    rest.split("\n## ").next().unwrap()
}

/// What stands in backticks at the start of a list's items or a table's rows, up to a space.
fn listed(section: &'static str) -> Vec<&'static str> {
    section
        .lines()
        .filter_map(|line| line.strip_prefix("- `").or_else(|| line.strip_prefix("| `")))
        .map(|line| line.split([' ', '`']).next().unwrap())
        .collect()
}

fn sorted<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    names
}

#[test]
fn it_names_the_methods_events_and_signals_that_there_are() {
    for (title, names) in
        [("Methods", Command::NAMES), ("Events", Event::NAMES), ("Signals", Signal::NAMES)]
    {
        assert_eq!(sorted(listed(section(title))), sorted(names.iter().copied()), "{title}");
    }
}

#[test]
fn its_errors_are_the_crates() {
    let rows = section("Errors").lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<String> = rows
        .map(|row| row.split('|').skip(1).take(3).map(str::trim).collect::<Vec<_>>().join(" "))
        .collect();
    let codes: Vec<String> = ErrorCode::ALL
        .iter()
        .map(|code| {
            let retryable = if code.retryable() { "yes" } else { "no" };
            format!("`{}` {} {retryable}", code.word(), code.http_status())
        })
        .collect();
    assert_eq!(rows, codes);
}

#[test]
fn its_close_codes_are_the_crates() {
    let numbers: Vec<u16> = section("Close codes")
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok())
        .collect();
    let codes = [
        CloseCode::Normal,
        CloseCode::Protocol,
        CloseCode::Unsupported,
        CloseCode::NotUtf8,
        CloseCode::TooLarge,
        CloseCode::Draining,
        CloseCode::TooSlow,
        CloseCode::Resync,
        CloseCode::NoPong,
        CloseCode::TokenExpired,
        CloseCode::RateLimited,
        CloseCode::BadToken,
        CloseCode::Violated,
        CloseCode::Revoked,
        CloseCode::Replaced,
        CloseCode::Suspended,
    ];
    assert_eq!(numbers, codes.map(CloseCode::number));
}

#[test]
fn its_example_is_what_the_crate_reads() {
    let (mut sent, mut received) = (0, 0);
    for line in section("An example").lines() {
        if let Some(frame) = line.strip_prefix("→ ") {
            let read = CommandFrame::decode(Format::Json, frame.as_bytes());
            let refused = frame.contains("And you?");
            assert_eq!(read.is_err(), refused, "{frame}");
            sent += 1;
        } else if let Some(frame) = line.strip_prefix("← ") {
            let read = Incoming::decode(Format::Json, frame.as_bytes()).unwrap();
            assert!(!matches!(read, Incoming::Unknown { .. }), "{frame}");
            received += 1;
        }
    }
    assert_eq!((sent, received), (5, 8));
}
