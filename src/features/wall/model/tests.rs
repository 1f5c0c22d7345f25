//! Each post and comment, against all that can be done to it.

use super::*;
use protocol::{ClientId, CommentId};

const AUTHOR: UserId = UserId(Uuid::from_u128(1));
const OTHER: UserId = UserId(Uuid::from_u128(2));
const POST: PostId = PostId(Uuid::from_u128(10));
const COMMENT: CommentId = CommentId(Uuid::from_u128(20));
const HEAD: Seq = 50;

fn post(deleted: bool, locked: bool, pinned: bool) -> PostStanding {
    let event = PostPublished {
        post_id: POST,
        author_id: AUTHOR,
        client_id: ClientId(Uuid::from_u128(30)),
        text: (!deleted).then(|| "first".to_owned()),
        category_id: None,
        link: None,
        changed_by: None,
        deleted,
        pinned,
        locked,
    };
    PostStanding { post: Placed { seq: 7, at: 1, event }, edits: Vec::new(), read_at: HEAD }
}

fn comment(deleted: bool, depth: u8) -> CommentStanding {
    let event = CommentPublished {
        comment_id: COMMENT,
        post_id: POST,
        parent_id: None,
        depth,
        author_id: AUTHOR,
        client_id: ClientId(Uuid::from_u128(31)),
        text: (!deleted).then(|| "words".to_owned()),
        changed_by: None,
        deleted,
    };
    CommentStanding { comment: Placed { seq: 9, at: 1, event }, edit: None, read_at: HEAD }
}

fn words(text: &str) -> Words {
    Words { text: text.to_owned(), link: None, category_id: None }
}

fn edited(target: &PostStanding, user: UserId, text: &str) -> Action {
    Action::Edit { user, target: target.clone(), words: words(text) }
}

fn deleted(target: &PostStanding, user: UserId, moderates: bool) -> Action {
    Action::Delete { user, moderates, target: target.clone() }
}

fn commented(post: &PostStanding, parent: Option<CommentStanding>) -> Action {
    let below = Box::new(comment(false, 0).comment.event);
    Action::Comment { post: Box::new(post.clone()), parent: parent.map(Box::new), comment: below }
}

fn refusal(action: &Action) -> Option<Refusal> {
    decide(&State::default(), HEAD, action).err()
}

/// Each kind of post, against all that can be done to one, by each kind of person.
#[test]
fn every_post_answers_every_action() {
    use Refusal::{AlreadySo, Deleted, ForModerators, Locked, NotYours};
    let plain = post(false, false, false);
    let locked = post(false, true, false);
    let pinned = post(false, false, true);
    let gone = post(true, false, false);
    let pin = |target: &PostStanding, moderates, on| Action::Pin {
        moderates,
        target: target.clone(),
        on,
    };
    let lock = |target: &PostStanding, moderates, on| Action::Lock {
        moderates,
        target: target.clone(),
        on,
    };
    let table = vec![
        (edited(&plain, AUTHOR, "second"), None),
        (edited(&plain, AUTHOR, "first"), Some(AlreadySo)),
        (edited(&plain, OTHER, "second"), Some(NotYours)),
        (edited(&locked, AUTHOR, "second"), None),
        (edited(&pinned, AUTHOR, "second"), None),
        (edited(&gone, AUTHOR, "second"), Some(Deleted)),
        (deleted(&plain, AUTHOR, false), None),
        (deleted(&plain, OTHER, false), Some(NotYours)),
        (deleted(&plain, OTHER, true), None),
        (deleted(&locked, AUTHOR, false), None),
        (deleted(&pinned, AUTHOR, false), None),
        (deleted(&gone, AUTHOR, false), Some(AlreadySo)),
        (deleted(&gone, OTHER, true), Some(AlreadySo)),
        (deleted(&gone, OTHER, false), Some(NotYours)),
        (pin(&plain, true, true), None),
        (pin(&plain, true, false), Some(AlreadySo)),
        (pin(&plain, false, true), Some(ForModerators)),
        (pin(&locked, true, true), None),
        (pin(&pinned, true, true), Some(AlreadySo)),
        (pin(&pinned, true, false), None),
        (pin(&gone, true, true), Some(Deleted)),
        (lock(&plain, true, true), None),
        (lock(&plain, true, false), Some(AlreadySo)),
        (lock(&plain, false, true), Some(ForModerators)),
        (lock(&locked, true, true), Some(AlreadySo)),
        (lock(&locked, true, false), None),
        (lock(&pinned, true, true), None),
        (lock(&gone, true, true), Some(Deleted)),
        (commented(&plain, None), None),
        (commented(&locked, None), Some(Locked)),
        (commented(&pinned, None), None),
        (commented(&gone, None), Some(Deleted)),
    ];
    for (action, wanted) in table {
        assert_eq!(refusal(&action), wanted, "{action:?}");
    }
}

#[test]
fn every_comment_answers_every_action() {
    use Refusal::{AlreadySo, Deleted, NoSuchComment, NotYours, TooDeep};
    let edit = |user, deleted, text: &str| Action::EditComment {
        user,
        target: comment(deleted, 1),
        text: text.to_owned(),
    };
    let delete = |user, moderates, deleted| Action::DeleteComment {
        user,
        moderates,
        target: comment(deleted, 1),
    };
    let plain = post(false, false, false);
    let mut elsewhere = comment(false, 1);
    elsewhere.comment.event.post_id = PostId(Uuid::from_u128(11));
    let table = vec![
        (edit(AUTHOR, false, "other words"), None),
        (edit(AUTHOR, false, "words"), Some(AlreadySo)),
        (edit(OTHER, false, "other words"), Some(NotYours)),
        (edit(AUTHOR, true, "other words"), Some(Deleted)),
        (delete(AUTHOR, false, false), None),
        (delete(OTHER, false, false), Some(NotYours)),
        (delete(OTHER, true, false), None),
        (delete(AUTHOR, false, true), Some(AlreadySo)),
        (delete(OTHER, false, true), Some(NotYours)),
        (commented(&plain, Some(comment(false, 1))), None),
        (commented(&plain, Some(comment(true, 1))), Some(Deleted)),
        (commented(&plain, Some(elsewhere)), Some(NoSuchComment)),
        (commented(&plain, Some(comment(false, COMMENT_DEPTH_MAX - 1))), None),
        (commented(&plain, Some(comment(false, COMMENT_DEPTH_MAX))), Some(TooDeep)),
    ];
    for (action, wanted) in table {
        assert_eq!(refusal(&action), wanted, "{action:?}");
    }
}

#[test]
fn what_was_overtaken_is_read_again() {
    let plain = post(false, false, false);
    let written = decide(&State::default(), HEAD, &edited(&plain, AUTHOR, "second")).unwrap();
    let state = written.state.unwrap();
    for action in [
        edited(&plain, AUTHOR, "third"),
        deleted(&plain, AUTHOR, false),
        commented(&plain, None),
        Action::Lock { moderates: true, target: plain.clone(), on: true },
        Action::Pin { moderates: true, target: plain.clone(), on: true },
    ] {
        assert_eq!(decide(&state, HEAD + 1, &action), Err(Refusal::Stale), "{action:?}");
    }
    let again = PostStanding { read_at: HEAD + 1, ..plain };
    assert!(decide(&state, HEAD + 1, &commented(&again, None)).is_ok());
    // What happens to another thing does not matter.
    let target = comment(false, 1);
    let action = Action::DeleteComment { user: AUTHOR, moderates: false, target };
    assert!(decide(&state, HEAD + 1, &action).is_ok());
}

#[test]
fn a_state_knows_so_many_changes_and_doubts_what_is_older() {
    let mut state = State::default();
    for n in 0..=CHANGES_KEPT_MAX as u64 {
        state = state.changed(Uuid::from_u128(1_000 + u128::from(n)), 100 + n);
    }
    assert_eq!((state.changes.len(), state.floor), (CHANGES_KEPT_MAX, 100));
    assert!(state.is_stale(POST.0, 99), "it may be the one that was forgotten");
    assert!(!state.is_stale(POST.0, 100));
    assert_eq!(State::from_bytes(&state.to_bytes()), Some(state.clone()));
    let full = State {
        pinned: (0..PINNED_POSTS_MAX).map(|_| (POST, u64::from(u32::MAX))).collect(),
        changes: vec![(POST.0, u64::from(u32::MAX)); CHANGES_KEPT_MAX],
        ..state
    };
    // `log::STATE_BYTES_MAX`.
    assert!(full.to_bytes().len() <= 4 * 1024, "{} bytes", full.to_bytes().len());
    assert_eq!(State::from_bytes(&[]), Some(State::default()));
}

#[test]
fn words_leave_every_place_with_the_post() {
    let mut target = post(false, false, true);
    let mut state = State { pinned: vec![(POST, 7)], ..State::default() };
    let mut head = HEAD;
    for n in 0..POST_EDITS_KEPT_MAX + 2 {
        let text = format!("edit {n}");
        let Written { event, state: next, redact } =
            decide(&state, head, &edited(&target, AUTHOR, &text)).unwrap();
        head += 1;
        state = next.unwrap();
        for (seq, event) in redact {
            match event {
                Event::PostCreated(event) => target.post.event = event,
                Event::PostEdited(edit) => {
                    assert_eq!((edit.text, edit.link), (None, None));
                    target.edits.retain(|edit| edit.seq != seq);
                }
                other => panic!("{other:?}"),
            }
        }
        let Event::PostEdited(event) = event else { panic!("not an edit") };
        target.edits.push(Placed { seq: head, at: 1, event });
        target.read_at = head;
        assert_eq!(target.text(), Some(&*text));
        assert!(target.edits.len() <= POST_EDITS_KEPT_MAX);
        assert_eq!(target.post.event.text.as_deref(), Some("first"), "the first text is kept");
    }
    let written = decide(&state, head, &deleted(&target, AUTHOR, false)).unwrap();
    // `log::REDACTIONS_MAX`.
    assert!(written.redact.len() <= 16);
    let mut left: Vec<Seq> = target.edits.iter().map(|edit| edit.seq).collect();
    left.push(target.post.seq);
    for (seq, event) in &written.redact {
        left.retain(|left| left != seq);
        let text = match event {
            Event::PostCreated(post) => {
                assert!(post.deleted && !post.pinned);
                (&post.text, &post.link)
            }
            Event::PostEdited(edit) => (&edit.text, &edit.link),
            other => panic!("{other:?}"),
        };
        assert_eq!(text, (&None, &None));
    }
    assert_eq!(left, Vec::<Seq>::new(), "words were left");
    assert!(written.state.unwrap().pinned.is_empty());
}

#[test]
fn words_leave_both_places_with_the_comment() {
    let mut target = comment(false, 1);
    let edit = CommentEdited {
        comment_id: COMMENT,
        comment_seq: 9,
        post_id: POST,
        author_id: AUTHOR,
        text: Some("new".to_owned()),
    };
    target.edit = Some(Placed { seq: 12, at: 2, event: edit });
    let edit = Action::EditComment { user: AUTHOR, target: target.clone(), text: "newer".into() };
    let delete = Action::DeleteComment { user: AUTHOR, moderates: false, target };
    for action in [edit, delete] {
        let written = decide(&State::default(), HEAD, &action).unwrap();
        assert_eq!(written.redact.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [9, 12]);
        for (_, event) in written.redact {
            let text = match event {
                Event::CommentCreated(comment) => comment.text,
                Event::CommentEdited(edit) => edit.text,
                other => panic!("{other:?}"),
            };
            assert_eq!(text, None);
        }
    }
}

#[test]
fn so_many_posts_are_pinned_and_no_more() {
    let target = post(false, false, false);
    let action = Action::Pin { moderates: true, target, on: true };
    let pinned = |count: usize| State {
        pinned: (0..count).map(|n| (PostId(Uuid::from_u128(100 + n as u128)), 1)).collect(),
        ..State::default()
    };
    let last = decide(&pinned(PINNED_POSTS_MAX - 1), HEAD, &action).unwrap();
    assert_eq!(last.state.unwrap().pinned.last(), Some(&(POST, 7)));
    let more = decide(&pinned(PINNED_POSTS_MAX), HEAD, &action);
    assert_eq!(more, Err(Refusal::TooManyPinned));
}
