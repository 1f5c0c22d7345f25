//! Every action, in every state of a conversation that refuses or changes it.

use super::*;

fn person(n: u128) -> UserId {
    UserId(Uuid::from_u128(n))
}

fn opened(members: &[u128]) -> State {
    let members: Vec<_> = members.iter().map(|&n| person(n)).collect();
    open(Kind::Direct, None, &members, None).unwrap().state
}

fn send(n: u128) -> Action {
    Action::Send {
        sender: person(n),
        known: false,
        message_id: MessageId(Uuid::from_u128(9)),
        client_id: ClientId(Uuid::from_u128(8)),
        text: "hello".to_owned(),
        reply_to: None,
    }
}

fn standing(by: u128, seq: Seq, read_at: Seq) -> Standing {
    let message = MessageCreated {
        message_id: MessageId(Uuid::from_u128(9)),
        number: 1,
        sender_id: person(by),
        client_id: ClientId(Uuid::from_u128(8)),
        text: Some("hello".to_owned()),
        attachments: Vec::new(),
        reply_to: None,
        changed_by: None,
    };
    Standing { seq, at: 0, message, edit: None, deleted: false, read_at }
}

/// Every action, by a member.
fn actions() -> Vec<Action> {
    let target = standing(1, 2, 5);
    vec![
        Action::Open {
            kind: Kind::Direct,
            subject_id: None,
            members: vec![person(1)],
            stranger: None,
        },
        send(1),
        Action::Edit { user: person(1), target: target.clone(), text: "b".to_owned() },
        Action::Delete { user: person(1), target: target.clone() },
        Action::React { user: person(1), target, emoji: "🌱".to_owned(), on: true },
        Action::Join { user: person(3) },
        Action::Leave { user: person(1) },
        Action::Close,
        Action::Accept { user: person(1) },
        Action::Refuse { user: person(1) },
        Action::Pause,
        Action::Resume,
    ]
}

#[test]
fn each_state_takes_just_the_actions_it_should() {
    use Refusal as R;
    let open = opened(&[1, 2]);
    let closed = State { closed: true, ..open.clone() };
    let paused = State { paused: true, ..open.clone() };
    // Whose wish it is, whether it was refused, and whether the first message was sent.
    let asked = |by, refused_at, sent| {
        let mut state = open.clone();
        state.asked = Some(Asked { by: person(by), refused_at });
        (state.members[0].sent, state.messages) = (sent, 1);
        state
    };
    let nothing = Some(R::NoSuchConversation);
    let (so, closes, pauses) = (Some(R::AlreadySo), Some(R::Closed), Some(R::Paused));
    let (waits, first, none) = (Some(R::Waits), Some(R::Unanswered), Some(R::NoRequest));
    // In the order of `actions`: open, send, edit, delete, react, join, leave, close, accept,
    // refuse, pause, resume.
    let table: [(Option<State>, [Option<R>; 12]); 9] = [
        (None, {
            let mut all = [nothing; 12];
            all[0] = None;
            all
        }),
        (Some(open.clone()), [so, None, None, None, None, None, None, None, so, none, None, so]),
        (Some(closed), [so, closes, closes, None, closes, None, None, so, so, none, None, so]),
        (Some(paused), [so, pauses, pauses, None, pauses, None, None, None, so, none, so, None]),
        (
            Some(asked(1, None, 0)),
            [so, None, None, None, None, None, None, None, none, none, None, so],
        ),
        (
            Some(asked(1, None, STRANGER_MESSAGES_MAX)),
            [so, waits, None, None, None, None, None, None, none, none, None, so],
        ),
        (
            Some(asked(1, Some(3), 0)),
            [so, waits, None, None, None, None, None, None, none, none, None, so],
        ),
        (
            Some(asked(2, None, 0)),
            [so, None, first, None, first, None, None, None, None, None, None, so],
        ),
        (
            Some(asked(2, Some(3), 0)),
            [so, None, first, None, first, None, None, None, None, so, None, so],
        ),
    ];
    for (state, expected) in table {
        for (action, expected) in actions().iter().zip(expected) {
            let result = decide(state.clone(), 5, 10, action).err();
            assert_eq!(result, expected, "{action:?} in {state:?}");
        }
    }
}

#[test]
fn a_strangers_words_wait_where_they_are_until_they_are_answered() {
    let members = [person(1), person(2)];
    let opened = open(Kind::Direct, None, &members, Some(person(1))).unwrap();
    assert_eq!((opened.audience, opened.inboxes.len()), (vec![person(1)], 2));
    let sent = decide(Some(opened.state), 1, 0, &send(1)).unwrap();
    assert_eq!((&sent.audience, sent.inboxes.len()), (&vec![person(1)], 2));
    let answer = decide(Some(sent.state.clone()), 2, 0, &send(2)).unwrap();
    assert_eq!((answer.audience.len(), answer.state.asked), (2, None));
    let accept = Action::Accept { user: person(2) };
    let accepted = decide(Some(sent.state.clone()), 2, 0, &accept).unwrap();
    assert_eq!((accepted.audience.len(), accepted.state.asked), (2, None));

    let refuse = Action::Refuse { user: person(2) };
    let refused = decide(Some(sent.state), 2, 0, &refuse).unwrap();
    assert_eq!(refused.audience, [person(2)], "the stranger is not told");
    let (stranger, other) =
        (*refused.state.member(person(1)).unwrap(), *refused.state.member(person(2)).unwrap());
    assert_eq!(refused.state.until(&stranger), Some(2));
    assert_eq!(refused.state.until(&other), None);
    assert!(!refused.inboxes.contains(&person(1)), "nothing moves in the stranger's list");
    let target = Standing { read_at: 3, ..standing(1, 2, 3) };
    let edit = Action::Edit { user: person(1), target, text: "better".to_owned() };
    let edited = decide(Some(refused.state.clone()), 3, 0, &edit).unwrap();
    assert_eq!(edited.audience, [person(2)]);
    assert!(format!("{:?}", edited.redact).contains("better"), "where the stranger sees it");
    // Who became known since need not ask, and who refused may think again.
    let known = Action::Send {
        sender: person(1),
        known: true,
        message_id: MessageId(Uuid::from_u128(9)),
        client_id: ClientId(Uuid::from_u128(8)),
        text: "hello".to_owned(),
        reply_to: None,
    };
    for action in [known, accept] {
        let next = decide(Some(refused.state.clone()), 3, 0, &action).unwrap();
        assert_eq!((next.audience.len(), next.state.asked), (2, None));
    }
}

#[test]
fn a_state_of_before_there_were_wishes_is_read() {
    #[derive(Serialize)]
    struct Before(Kind, Option<Uuid>, bool, u64, Seq, Vec<Member>);
    let state = opened(&[1, 2]);
    let before = Before(state.kind, None, false, state.messages, 0, state.members.clone());
    assert_eq!(State::from_bytes(&rmp_serde::to_vec(&before).unwrap()), Some(state));
}

#[test]
fn numbers_count_messages_and_own_ones_are_not_others() {
    let mut state = opened(&[1, 2]);
    for (head, by) in [(1, 1), (2, 1), (3, 2)] {
        state = decide(Some(state), head, 0, &send(by)).unwrap().state;
    }
    assert_eq!(state.messages, 3);
    assert_eq!(state.others(person(1)), 1);
    assert_eq!(state.others(person(2)), 2);
}

#[test]
fn an_outsider_does_not_learn_that_it_exists() {
    let state = opened(&[1, 2]);
    assert_eq!(decide(Some(state), 1, 0, &send(3)), Err(Refusal::NoSuchConversation));
}

#[test]
fn one_who_left_hears_of_it_and_of_nothing_after() {
    let left = decide(Some(opened(&[1, 2])), 1, 0, &Action::Leave { user: person(2) }).unwrap();
    assert_eq!(left.audience, [person(1), person(2)]);
    assert_eq!(left.state.member(person(2)).unwrap().until, Some(2));
    let next = decide(Some(left.state.clone()), 2, 0, &send(1)).unwrap();
    assert_eq!(next.audience, [person(1)]);
    assert_eq!(decide(Some(left.state.clone()), 2, 0, &send(2)), Err(Refusal::NoSuchConversation));
    // Nor who came after, nor that it was closed.
    let joined = decide(Some(left.state), 2, 0, &Action::Join { user: person(3) }).unwrap().state;
    let closed = decide(Some(joined), 3, 0, &Action::Close).unwrap().state;
    assert_eq!((closed.company(person(2)), closed.closed_for(person(2))), (vec![person(1)], false));
    let now = vec![person(1), person(3)];
    assert_eq!((closed.company(person(1)), closed.closed_for(person(1))), (now, true));
}

#[test]
fn an_edit_takes_the_old_text_out_wherever_it_stood() {
    let mut target = standing(1, 2, 5);
    target.edit = Some((
        4,
        MessageEdited {
            message_id: target.message.message_id,
            message_seq: 2,
            text: Some("older".to_owned()),
        },
    ));
    let action = Action::Edit { user: person(1), target, text: "new".to_owned() };
    let written = decide(Some(opened(&[1, 2])), 5, 0, &action).unwrap();
    assert_eq!(written.redact.len(), 2);
    let texts = format!("{:?}", written.redact);
    assert!(!texts.contains("hello") && !texts.contains("older"));
    assert_eq!(written.state.changed_at, 6);
}

#[test]
fn a_change_is_refused_to_others_too_late_after_deletion_and_when_read_too_early() {
    let change = |target: Standing, by: u128, now: Millis| {
        let action = Action::Edit { user: person(by), target, text: "b".to_owned() };
        let state = State { changed_at: 4, ..opened(&[1, 2]) };
        decide(Some(state), 5, now, &action).err()
    };
    assert_eq!(change(standing(1, 2, 5), 2, 0), Some(Refusal::NotYours));
    assert_eq!(change(standing(1, 2, 5), 1, EDIT_WINDOW_MS), None);
    assert_eq!(change(standing(1, 2, 5), 1, EDIT_WINDOW_MS + 1), Some(Refusal::TooLate));
    assert_eq!(change(standing(1, 2, 3), 1, 0), Some(Refusal::Stale));
    let deleted = Standing { deleted: true, ..standing(1, 2, 5) };
    assert_eq!(change(deleted, 1, 0), Some(Refusal::Deleted));
    let late = Action::Delete { user: person(1), target: standing(1, 2, 5) };
    assert!(decide(Some(opened(&[1, 2])), 5, EDIT_WINDOW_MS * 9, &late).is_ok());
    let others = Action::Delete { user: person(2), target: standing(1, 2, 5) };
    assert_eq!(decide(Some(opened(&[1, 2])), 5, 0, &others), Err(Refusal::NotYours));
}

#[test]
fn a_full_conversation_takes_nobody_more_and_its_state_fits_the_log() {
    let members: Vec<u128> = (1..=CONVERSATION_MEMBERS_MAX as u128).collect();
    let mut state = opened(&members);
    let join = |n: u128| Action::Join { user: person(n) };
    assert_eq!(decide(Some(state.clone()), 1, 0, &join(99)), Err(Refusal::Full));
    for n in 100..300 {
        let leave = Action::Leave { user: *state.present().last().as_ref().unwrap() };
        state = decide(Some(state), u64::MAX - 10_000, 0, &leave).unwrap().state;
        state = decide(Some(state), u64::MAX - 10_000, 0, &join(n)).unwrap().state;
    }
    for member in &mut state.members {
        member.sent = u64::MAX;
    }
    let len = state.to_bytes().len();
    assert!(len <= crate::log::STATE_BYTES_MAX, "{len} bytes");
}
