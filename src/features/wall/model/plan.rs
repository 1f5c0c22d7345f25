//! A post that is not on the wall: a draft, or one that comes there by itself.

use super::Words;
use protocol::{ClientId, GroupId};
use protocol::{Millis, PostId, UserId};

/// What a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its author is not done with it.
    Draft,
    /// Comes to the wall at this time.
    Scheduled(Millis),
    /// On the wall, or on its way there: it is a post now.
    Published,
    /// Not wanted any more.
    Discarded,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) post_id: PostId,
    pub(crate) group_id: GroupId,
    pub(crate) author_id: UserId,
    pub(crate) client_id: ClientId,
    pub(crate) created_at: Millis,
    pub(crate) stage: Stage,
    /// Gone with the end of the plan.
    pub(crate) words: Option<Words>,
}

/// What happens to a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Its author writes it anew, and may say when.
    Write { words: Words, publish_at: Option<Millis> },
    /// Its author does not want it.
    Discard,
    /// Its time may have come. `may`: its author still may write on this wall.
    Due { may: bool },
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// It is a post now.
    Published,
    /// It was discarded.
    Discarded,
}

impl Plan {
    /// The plan after a step, and what is to be published; `None`: nothing changes.
    pub(crate) fn after(
        &self,
        now: Millis,
        step: Step,
    ) -> Result<Option<(Self, Option<Words>)>, Over> {
        let with = |stage, words| Self { stage, words, ..self.clone() };
        match (self.stage, step) {
            (Stage::Published, Step::Due { .. })
            | (Stage::Discarded, Step::Due { .. } | Step::Discard)
            | (Stage::Draft, Step::Due { .. }) => Ok(None),
            (Stage::Published, Step::Write { .. } | Step::Discard) => Err(Over::Published),
            (Stage::Discarded, Step::Write { .. }) => Err(Over::Discarded),
            (Stage::Draft | Stage::Scheduled(_), Step::Discard) => {
                Ok(Some((with(Stage::Discarded, None), None)))
            }
            (Stage::Draft | Stage::Scheduled(_), Step::Write { words, publish_at }) => {
                match publish_at {
                    Some(at) if at <= now => Ok(Some((with(Stage::Published, None), Some(words)))),
                    Some(at) => Ok(Some((with(Stage::Scheduled(at), Some(words)), None))),
                    None => Ok(Some((with(self.stage, Some(words)), None))),
                }
            }
            (Stage::Scheduled(at), Step::Due { .. }) if at > now => Ok(None),
            (Stage::Scheduled(_), Step::Due { may: true }) => {
                Ok(Some((with(Stage::Published, None), self.words.clone())))
            }
            // What was written is not lost: it waits for its author.
            (Stage::Scheduled(_), Step::Due { may: false }) => {
                Ok(Some((with(Stage::Draft, self.words.clone()), None)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const NOW: Millis = 1_000;

    fn words(text: &str) -> Words {
        Words { text: text.to_owned(), link: None, category_id: None }
    }

    fn plan(stage: Stage) -> Plan {
        let is_open = matches!(stage, Stage::Draft | Stage::Scheduled(_));
        Plan {
            post_id: PostId(Uuid::from_u128(1)),
            group_id: GroupId(Uuid::from_u128(2)),
            author_id: UserId(Uuid::from_u128(3)),
            client_id: ClientId(Uuid::from_u128(4)),
            created_at: 1,
            stage,
            words: is_open.then(|| words("old")),
        }
    }

    #[test]
    fn every_stage_answers_every_step() {
        use Stage::{Discarded, Draft, Published, Scheduled};
        let write = |publish_at| Step::Write { words: words("new"), publish_at };
        let due = |may| Step::Due { may };
        let to = |stage, published: Option<&str>| Ok(Some((stage, published.map(str::to_owned))));
        let (later, over) = (Scheduled(NOW + 1), Scheduled(NOW));
        let table = [
            (Draft, write(None), to(Draft, None)),
            (Draft, write(Some(NOW)), to(Published, Some("new"))),
            (Draft, write(Some(NOW + 1)), to(later, None)),
            (Draft, Step::Discard, to(Discarded, None)),
            (Draft, due(true), Ok(None)),
            (Draft, due(false), Ok(None)),
            (later, write(None), to(later, None)),
            (later, write(Some(NOW)), to(Published, Some("new"))),
            (later, write(Some(NOW + 9)), to(Scheduled(NOW + 9), None)),
            (later, Step::Discard, to(Discarded, None)),
            (later, due(true), Ok(None)),
            (later, due(false), Ok(None)),
            (over, write(None), to(over, None)),
            (over, Step::Discard, to(Discarded, None)),
            (over, due(true), to(Published, Some("old"))),
            (over, due(false), to(Draft, None)),
            (Published, write(None), Err(Over::Published)),
            (Published, write(Some(NOW)), Err(Over::Published)),
            (Published, Step::Discard, Err(Over::Published)),
            (Published, due(true), Ok(None)),
            (Published, due(false), Ok(None)),
            (Discarded, write(None), Err(Over::Discarded)),
            (Discarded, write(Some(NOW)), Err(Over::Discarded)),
            (Discarded, Step::Discard, Ok(None)),
            (Discarded, due(true), Ok(None)),
            (Discarded, due(false), Ok(None)),
        ];
        for (stage, step, wanted) in table {
            let name = format!("{stage:?} {step:?}");
            let done = plan(stage).after(NOW, step);
            if let Ok(Some((next, published))) = &done {
                let is_open = matches!(next.stage, Draft | Scheduled(_));
                assert_eq!(next.words.is_some(), is_open, "{name}: words go with the end");
                assert_eq!(published.is_some(), next.stage == Published, "{name}");
            }
            let done =
                done.map(|done| done.map(|(next, words)| (next.stage, words.map(|w| w.text))));
            assert_eq!(done, wanted, "{name}");
        }
    }
}
