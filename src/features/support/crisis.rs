//! Words that sound like an emergency. They never hold anything up: whoever wrote them is shown
//! where help is, and a request that waits moves to the front.

use super::Support;
use super::model::Input;
use super::rows;
use crate::auth::{Caller, Role};
use crate::error::Result;
use crate::log::{Key, append_to_feed};
use crate::words::support as words;
use aho_corasick::AhoCorasick;
use protocol::support::Help;
use protocol::{Millis, Topic, UserId};
use std::path::Path;
use std::sync::Arc;

/// Phrases of a list.
const PHRASES_MAX: usize = 1_000;
/// Help is shown to somebody at most once in this time.
const HELP_EVERY_MS: Millis = 10 * 60 * 1_000;

/// A list of phrases that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// Not readable.
    #[error("the list of crisis words can't be read: {0}")]
    Read(#[from] std::io::Error),
    /// Too long, or of another kind.
    #[error("the list of crisis words can't be used: {0}")]
    Use(String),
}

/// The list.
pub struct CrisisWords(AhoCorasick);

impl CrisisWords {
    /// From a file with a phrase on each line (`#` begins a comment), or the built-in list.
    pub fn open(file: Option<&Path>) -> std::result::Result<Self, ListError> {
        let Some(file) = file else { return Self::of(words::CRISIS.iter().copied()) };
        let text = std::fs::read_to_string(file)?;
        let phrases = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        Self::of(phrases)
    }

    fn of<'a>(phrases: impl Iterator<Item = &'a str>) -> std::result::Result<Self, ListError> {
        let phrases: Vec<String> = phrases.map(plain).collect();
        if phrases.len() > PHRASES_MAX {
            return Err(ListError::Use(format!("at most {PHRASES_MAX} phrases")));
        }
        AhoCorasick::new(phrases).map(Self).map_err(|error| ListError::Use(error.to_string()))
    }

    /// Whether a text holds one of them, as whole words.
    pub fn sound_in(&self, text: &str) -> bool {
        let text = plain(text);
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        self.0.find_overlapping_iter(&text).any(|found| {
            let before = text.get(..found.start()).and_then(|text| text.chars().next_back());
            let after = text.get(found.end()..).and_then(|text| text.chars().next());
            !letter(before) && !letter(after)
        })
    }
}

/// Lower case, straight quotes.
fn plain(text: &str) -> String {
    text.to_lowercase().replace(['’', '‘'], "'")
}

impl Support {
    /// Whether somebody's words sound like an emergency. Coaches speak of such things.
    pub fn sounds_like_crisis(&self, caller: &Caller, text: Option<&str>) -> bool {
        !caller.roles.has(Role::Coach) && text.is_some_and(|text| self.crisis.sound_in(text))
    }

    /// Somebody wrote such words, anywhere. Nothing waits for this, and nothing fails by it.
    pub fn heed(self: &Arc<Self>, user: UserId) {
        let support = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = support.help(user).await {
                tracing::warn!(%error, "somebody was not shown where help is");
            }
        });
    }

    /// Shows help, and moves what waits to the front.
    pub(super) async fn help(&self, user: UserId) -> Result<()> {
        let turn = self.clock.now().div_euclid(HELP_EVERY_MS).to_be_bytes();
        let help = Help { text: words::HELP.to_owned() };
        let key = Key::of_cause("support.help", &[&turn]);
        append_to_feed(&*self.log, Topic::User(user), key, None, help).await?;
        let snapshot = self.store.load(rows::member_partition(user)).await?;
        if let Some(open) = rows::open(&snapshot)? {
            self.desk(open.desk_id).apply(Input::Raise { request: open.request_id }).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_found_in_any_case_and_with_any_quotes() {
        let words = CrisisWords::open(None).unwrap();
        for text in ["I want to DIE.", "I don’t want to live any more", "suicide", "self-harm?"] {
            assert!(words.sound_in(text), "{text}");
        }
        for text in ["", "I want to diet", "pesticides and suicideless words", "to live well"] {
            assert!(!words.sound_in(text), "{text}");
        }
    }

    #[test]
    fn a_file_takes_the_place_of_the_list() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("words.txt");
        std::fs::write(&file, "# ours\n\nkeine Kraft mehr\n").unwrap();
        let words = CrisisWords::open(Some(&file)).unwrap();
        assert!(words.sound_in("Ich habe keine Kraft mehr!"));
        assert!(!words.sound_in("suicide") && !words.sound_in("ours"));
        assert!(CrisisWords::open(Some(&folder.path().join("none"))).is_err());
    }
}
