//! The rules of one session and one calendar, by example.

mod world;

use super::calendar::{Calendar, Hold, Keep, OVER_KEPT_MS, Wanted};
use super::*;
use protocol::limits::{
    EXCHANGE_NO_SHOW_AFTER_MS, EXCHANGE_PROPOSALS_MAX, EXCHANGE_SESSIONS_MAX,
    EXCHANGE_START_EARLY_MS,
};
use uuid::Uuid;

const NOW: Millis = 1_000_000;
const HOUR: Millis = 60 * 60 * 1_000;
const START: Millis = NOW + 24 * HOUR;
const END: Millis = START + HOUR;

fn person(n: u128) -> Person {
    Person { id: UserId(Uuid::from_u128(n)), name: format!("person {n}") }
}

fn ada() -> UserId {
    person(1).id
}

fn ben() -> UserId {
    person(2).id
}

fn id(n: u128) -> ExchangeId {
    ExchangeId(Uuid::from_u128(n))
}

fn gives() -> Gives {
    Gives { requester: Some("listening".to_owned()), responder: None }
}

fn wanted(responder: Option<Person>, starts_at: Option<Millis>) -> New {
    New {
        id: id(1),
        group_id: GroupId(Uuid::nil()),
        requester: person(1),
        responder,
        starts_at,
        duration_min: 60,
        gives: gives(),
        note: None,
    }
}

fn request() -> Session {
    Session::new(wanted(Some(person(2)), Some(START)), NOW).unwrap()
}

fn offer(starts_at: Option<Millis>) -> Session {
    Session::new(wanted(None, starts_at), NOW).unwrap()
}

/// A session after all of these happened.
fn after(mut session: Session, inputs: &[(Input, Millis)]) -> Session {
    for (input, now) in inputs {
        let happened = session.apply(input, *now).unwrap();
        assert!(!happened.is_empty(), "{input:?} did nothing to {session:?}");
    }
    session
}

fn accept(by: UserId) -> Input {
    Input::Accept { by, version: None }
}

fn accepted() -> Session {
    let granted = Input::Granted { attempt: 1 };
    after(request(), &[(accept(ben()), NOW), (granted, NOW)])
}

fn started() -> Session {
    after(accepted(), &[(Input::Start { by: ada() }, START)])
}

fn every_state() -> Vec<(State, Session)> {
    let reason = || None;
    let ended = |session: Session, input: Input, now| after(session, &[(input, now)]);
    vec![
        (State::Open, offer(Some(START))),
        (State::Requested, request()),
        (State::Accepted, accepted()),
        (State::Started, started()),
        (
            State::Completed,
            after(
                started(),
                &[(Input::Confirm { by: ada() }, END), (Input::Confirm { by: ben() }, END)],
            ),
        ),
        (State::Disputed, ended(started(), Input::Dispute { by: ada(), reason: reason() }, END)),
        (State::Cancelled, ended(accepted(), Input::Cancel { by: ada(), reason: reason() }, NOW)),
        (State::NoShow, ended(accepted(), Input::NoShow { by: ada() }, END)),
        (State::Declined, ended(request(), Input::Decline { by: ben(), reason: reason() }, NOW)),
        (State::Withdrawn, ended(request(), Input::Withdraw { by: ada() }, NOW)),
        (State::Expired, ended(request(), Input::Deadline, START)),
    ]
}

#[test]
fn every_state_answers_every_transition() {
    use State as S;
    use Transition as T;
    let transitions = [
        T::Take,
        T::Counter,
        T::Accept,
        T::Decline,
        T::Withdraw,
        T::Expire,
        T::Start,
        T::Cancel,
        T::NoShow,
        T::Confirm,
        T::Complete,
        T::Dispute,
    ];
    let to = |pairs: &[(T, S)]| pairs.to_vec();
    let table = [
        (
            S::Open,
            to(&[
                (T::Take, S::Requested),
                (T::Accept, S::Accepted),
                (T::Withdraw, S::Withdrawn),
                (T::Expire, S::Expired),
            ]),
        ),
        (
            S::Requested,
            to(&[
                (T::Counter, S::Requested),
                (T::Accept, S::Accepted),
                (T::Decline, S::Declined),
                (T::Withdraw, S::Withdrawn),
                (T::Expire, S::Expired),
            ]),
        ),
        (
            S::Accepted,
            to(&[(T::Start, S::Started), (T::Cancel, S::Cancelled), (T::NoShow, S::NoShow)]),
        ),
        (
            S::Started,
            to(&[(T::Confirm, S::Started), (T::Complete, S::Completed), (T::Dispute, S::Disputed)]),
        ),
        (S::Completed, Vec::new()),
        (S::Disputed, Vec::new()),
        (S::Cancelled, Vec::new()),
        (S::NoShow, Vec::new()),
        (S::Declined, Vec::new()),
        (S::Withdrawn, Vec::new()),
        (S::Expired, Vec::new()),
    ];
    for (state, expected) in table {
        for transition in transitions {
            let wanted = expected.iter().find(|(at, _)| *at == transition).map(|(_, to)| *to);
            assert_eq!(state.next(transition), wanted, "{state:?} {transition:?}");
        }
    }
}

/// What each command does in each state, by whoever may at the best of times. What is not
/// listed is refused, and changes nothing.
#[test]
fn every_state_answers_every_command() {
    use State as S;
    let inputs: [(&str, Input, &[S]); 10] = [
        ("take", Input::Take { by: person(3), starts_at: None }, &[S::Open]),
        (
            "counter",
            Input::Counter {
                by: ben(),
                terms: Terms { duration_min: Some(30), ..Terms::default() },
            },
            &[S::Requested],
        ),
        ("accept", accept(ben()), &[S::Requested]),
        ("decline", Input::Decline { by: ben(), reason: None }, &[S::Requested]),
        ("withdraw", Input::Withdraw { by: ada() }, &[S::Open, S::Requested]),
        ("cancel", Input::Cancel { by: ben(), reason: None }, &[S::Accepted]),
        ("start", Input::Start { by: ada() }, &[S::Accepted]),
        ("confirm", Input::Confirm { by: ada() }, &[S::Started]),
        ("no show", Input::NoShow { by: ben() }, &[S::Accepted]),
        ("dispute", Input::Dispute { by: ben(), reason: None }, &[S::Started]),
    ];
    // What is so already by the same person is no mistake.
    let so_already = [
        (S::Accepted, "accept"),
        (S::Declined, "decline"),
        (S::Withdrawn, "withdraw"),
        (S::Started, "start"),
        (S::Completed, "confirm"),
    ];
    for (state, session) in every_state() {
        assert_eq!(session.state, state);
        for (name, input, from) in &inputs {
            let now = match state {
                S::Accepted | S::Started => END - HOUR / 2,
                _ => NOW,
            };
            let mut changed = session.clone();
            let happened = changed.apply(input, now);
            if from.contains(&state) {
                assert!(!happened.unwrap().is_empty(), "{name} in {state:?}");
            } else if so_already.contains(&(state, *name)) {
                assert_eq!(happened, Ok(Vec::new()), "{name} in {state:?}");
                assert_eq!(changed, session);
            } else {
                assert!(happened.is_err(), "{name} in {state:?}: {happened:?}");
                assert_eq!(changed, session, "{name} in {state:?}");
            }
        }
    }
}

#[test]
fn nobody_answers_their_own_proposal() {
    let counter = |by, duration_min| Input::Counter {
        by,
        terms: Terms { duration_min: Some(duration_min), ..Terms::default() },
    };
    let mut session = request();
    for (own, other, duration) in [(ada(), ben(), 30), (ben(), ada(), 45), (ada(), ben(), 20)] {
        for input in [accept(own), counter(own, 90), Input::Decline { by: own, reason: None }] {
            assert_eq!(session.apply(&input, NOW), Err(Refusal::OwnProposal));
        }
        let withdraw = Input::Withdraw { by: other };
        assert_eq!(session.apply(&withdraw, NOW), Err(Refusal::NotYourProposal));
        let version = session.proposal.version;
        session = after(session, &[(counter(other, duration), NOW)]);
        assert_eq!((session.proposal.version, session.proposal.by), (version + 1, other));
    }
    let old = Input::Accept { by: ada(), version: Some(3) };
    assert_eq!(session.apply(&old, NOW), Err(Refusal::OtherVersion));
    let same = counter(ada(), session.proposal.duration_min);
    assert_eq!(session.apply(&same, NOW), Err(Refusal::NothingNew));
    assert_eq!(session.apply(&accept(person(3).id), NOW), Err(Refusal::NoSuchSession));
}

#[test]
fn there_are_so_many_proposals_and_no_more() {
    let mut session = request();
    for n in 2..=EXCHANGE_PROPOSALS_MAX + 1 {
        let by = if n % 2 == 0 { ben() } else { ada() };
        let duration_min = Some(if n % 2 == 0 { 30 } else { 60 });
        let terms = Terms { duration_min, ..Terms::default() };
        let outcome = session.apply(&Input::Counter { by, terms }, NOW);
        let last = n > EXCHANGE_PROPOSALS_MAX;
        assert_eq!(outcome.err(), last.then_some(Refusal::Proposals), "proposal {n}");
    }
}

#[test]
fn a_session_begins_ahead_and_takes_a_while() {
    let horizon = NOW + EXCHANGE_HORIZON_MS;
    assert_eq!(check_time(NOW, Some(NOW), 60), Err(Refusal::StartWrong));
    assert_eq!(check_time(NOW, Some(NOW + 1), 60), Ok(()));
    assert_eq!(check_time(NOW, Some(horizon), 60), Ok(()));
    assert_eq!(check_time(NOW, Some(horizon + 1), 60), Err(Refusal::StartWrong));
    for (duration, outcome) in [
        (EXCHANGE_SHORTEST_MIN - 1, Err(Refusal::DurationWrong)),
        (EXCHANGE_SHORTEST_MIN, Ok(())),
        (EXCHANGE_LONGEST_MIN, Ok(())),
        (EXCHANGE_LONGEST_MIN + 1, Err(Refusal::DurationWrong)),
    ] {
        assert_eq!(check_time(NOW, Some(START), duration), outcome, "{duration}");
    }
    let nothing = New { gives: Gives::default(), ..wanted(Some(person(2)), Some(START)) };
    assert_eq!(Session::new(nothing, NOW), Err(Refusal::GivesNothing));
    assert_eq!(Session::new(wanted(Some(person(2)), None), NOW), Err(Refusal::StartMissing));
}

#[test]
fn a_proposal_waits_until_its_start_and_at_most_two_weeks() {
    let far = Session::new(wanted(Some(person(2)), Some(NOW + 30 * 24 * HOUR)), NOW).unwrap();
    for (session, until) in [(request(), START), (far, NOW + EXCHANGE_ANSWER_MS)] {
        assert_eq!(session.deadline(), Some(until));
        let mut early = session.clone();
        assert_eq!(early.apply(&Input::Deadline, until - 1), Ok(Vec::new()));
        assert_eq!(early.apply(&accept(ben()), until), Err(Refusal::TooLate));
        let late = after(session, &[(Input::Deadline, until)]);
        assert_eq!((late.state, late.ended_by), (State::Expired, None));
    }
}

#[test]
fn a_session_starts_from_a_little_before_to_a_day_after() {
    let by = ada();
    let (first, last) = (START - EXCHANGE_START_EARLY_MS, END + EXCHANGE_START_LATE_MS);
    for (now, outcome) in [
        (first - 1, Err(Refusal::TooEarly)),
        (first, Ok(vec![Happening::Started])),
        (last - 1, Ok(vec![Happening::Started])),
        (last, Err(Refusal::TooLate)),
    ] {
        assert_eq!(accepted().apply(&Input::Start { by }, now), outcome, "at {now}");
    }
    let nobody = after(accepted(), &[(Input::Deadline, last)]);
    assert_eq!((nobody.state, nobody.absent, nobody.ended_by), (State::NoShow, None, None));
    let from = START + EXCHANGE_NO_SHOW_AFTER_MS;
    assert_eq!(accepted().apply(&Input::NoShow { by }, from - 1), Err(Refusal::TooEarly));
    let missed = after(accepted(), &[(Input::NoShow { by }, from)]);
    assert_eq!((missed.state, missed.absent), (State::NoShow, Some(ben())));
}

#[test]
fn one_confirmation_is_enough_after_two_days() {
    let one = after(started(), &[(Input::Confirm { by: ben() }, END)]);
    assert_eq!((one.state, one.deadline()), (State::Started, Some(END + EXCHANGE_CONFIRM_MS)));
    let completed = after(one.clone(), &[(Input::Deadline, END + EXCHANGE_CONFIRM_MS)]);
    assert_eq!((completed.state, completed.ended_by), (State::Completed, None));
    let disputed =
        after(one, &[(Input::Dispute { by: ada(), reason: None }, END + EXCHANGE_CONFIRM_MS - 1)]);
    assert_eq!(disputed.state, State::Disputed);
    assert_eq!(started().deadline(), None, "nobody confirmed");
}

#[test]
fn the_conversation_closes_with_a_cancellation_and_a_week_after_another_end() {
    let mut cancelled = accepted();
    let cancel = Input::Cancel { by: ada(), reason: None };
    let happened = cancelled.apply(&cancel, NOW).unwrap();
    assert_eq!(happened, [Happening::Cancelled, Happening::Hushed]);
    assert_eq!(cancelled.deadline(), None);
    let mut missed = after(accepted(), &[(Input::NoShow { by: ada() }, END)]);
    let due = END + EXCHANGE_TALK_AFTER_MS;
    assert_eq!(missed.deadline(), Some(due));
    assert_eq!(missed.apply(&Input::Deadline, due), Ok(vec![Happening::Hushed]));
    assert_eq!(missed.deadline(), None);
}

#[test]
fn an_attempt_that_is_over_never_comes_back() {
    let late = Input::Denied { attempt: 1, why: Denial::Late };
    let mut session = after(request(), &[(accept(ben()), NOW), (late, NOW)]);
    assert_eq!(session.state, State::Requested);
    assert_eq!(session.apply(&Input::Granted { attempt: 1 }, NOW), Ok(Vec::new()));
    assert_eq!(session.state, State::Requested);
    let mut session = after(session, &[(accept(ben()), NOW)]);
    for input in
        [Input::Granted { attempt: 1 }, Input::Denied { attempt: 1, why: Denial::Taken(ada()) }]
    {
        assert_eq!(session.apply(&input, NOW), Ok(Vec::new()));
    }
    for input in [
        Input::Withdraw { by: ada() },
        Input::Decline { by: ben(), reason: None },
        Input::Counter { by: ben(), terms: Terms::default() },
    ] {
        assert_eq!(session.apply(&input, NOW), Err(Refusal::Accepting));
    }
    assert_eq!(session.deadline(), Some(NOW + HOLD_MS));
    let undone = after(session.clone(), &[(Input::Deadline, NOW + HOLD_MS)]);
    assert_eq!(undone.denied, Some((2, Denial::Late)));
    let session = after(session, &[(Input::Granted { attempt: 2 }, NOW)]);
    assert_eq!((session.state, session.pending), (State::Accepted, None));
}

#[test]
fn an_offer_is_taken_once_and_open_again_where_there_is_no_time() {
    let take = |n, starts_at| Input::Take { by: person(n), starts_at };
    let mut fixed = offer(Some(START));
    assert_eq!(fixed.apply(&take(1, None), NOW), Err(Refusal::OwnOffer));
    assert_eq!(fixed.apply(&take(2, Some(START + 1)), NOW), Err(Refusal::StartFixed));
    let taken = after(fixed, &[(take(2, None), NOW)]);
    assert!(!taken.is_on_board());
    assert_eq!(taken.clone().apply(&take(3, None), NOW), Err(Refusal::Gone));
    assert_eq!(taken.clone().apply(&take(2, None), NOW), Ok(Vec::new()), "again");
    let denied = Input::Denied { attempt: 1, why: Denial::Taken(ada()) };
    let open = after(taken.clone(), &[(denied, NOW)]);
    assert!(open.is_on_board() && open.responder.is_none());
    let agreed = after(taken, &[(Input::Granted { attempt: 1 }, NOW)]);
    assert_eq!((agreed.state, agreed.other(ada())), (State::Accepted, Some(&person(2))));
    assert_eq!(agreed.clone().apply(&take(3, None), NOW), Err(Refusal::Gone));

    let mut free = offer(None);
    assert_eq!(free.apply(&take(2, None), NOW), Err(Refusal::StartMissing));
    let asked = after(free, &[(take(2, Some(START)), NOW)]);
    assert_eq!((asked.state, asked.proposal.by), (State::Requested, ben()));
    assert_eq!(asked.clone().apply(&take(3, Some(START)), NOW), Err(Refusal::Gone));
    assert_eq!(asked.clone().apply(&accept(ben()), NOW), Err(Refusal::OwnProposal));
    let expired = after(offer(None), &[(Input::Deadline, NOW + EXCHANGE_ANSWER_MS)]);
    assert_eq!(expired.clone().apply(&take(2, Some(START)), NOW), Err(Refusal::Gone));
}

#[test]
fn who_is_gone_leaves_each_state_as_anybody_would() {
    use State as S;
    let gone = |by| Input::Vanish { by, name: "gone".to_owned() };
    // What becomes of each state when its requester goes, and when its responder does.
    let table = [
        (S::Open, S::Withdrawn, S::Open),
        (S::Requested, S::Withdrawn, S::Declined),
        (S::Accepted, S::Cancelled, S::Cancelled),
        (S::Started, S::Started, S::Started),
        (S::Completed, S::Completed, S::Completed),
        (S::Disputed, S::Disputed, S::Disputed),
        (S::Cancelled, S::Cancelled, S::Cancelled),
        (S::NoShow, S::NoShow, S::NoShow),
        (S::Declined, S::Declined, S::Declined),
        (S::Withdrawn, S::Withdrawn, S::Withdrawn),
        (S::Expired, S::Expired, S::Expired),
    ];
    for ((state, before), (of, requester, responder)) in every_state().into_iter().zip(table) {
        assert_eq!(state, of);
        for (by, expected) in [(ada(), requester), (ben(), responder)] {
            let mut session = before.clone();
            session.apply(&gone(by), NOW).unwrap();
            assert_eq!(session.state, expected, "{by} leaves {state:?}");
            let name = |side: &Person| side.id != by || side.name == "gone";
            assert!(session.sides().all(name));
            let talked = matches!(session.state, S::Completed | S::Disputed | S::NoShow);
            assert!(session.talk_closed || !talked);
            assert_eq!(session.apply(&gone(by), NOW), Ok(Vec::new()), "again");
        }
    }
}

#[test]
fn who_is_gone_ends_an_attempt_of_either_side() {
    let gone = |by| Input::Vanish { by, name: "gone".to_owned() };
    let take = Input::Take { by: person(2), starts_at: None };
    let taking = after(offer(Some(START)), &[(take, NOW)]);
    let left = after(taking.clone(), &[(gone(ben()), NOW)]);
    assert_eq!((left.state, &left.responder, left.pending), (State::Open, &None, None));
    let withdrawn = after(taking, &[(gone(ada()), NOW)]);
    assert_eq!((withdrawn.state, &withdrawn.responder), (State::Withdrawn, &None));
    let accepting = after(request(), &[(accept(ben()), NOW)]);
    let withdrawn = after(accepting.clone(), &[(gone(ada()), NOW)]);
    assert_eq!((withdrawn.state, withdrawn.pending), (State::Withdrawn, None));
    let declined = after(accepting.clone(), &[(gone(ben()), NOW)]);
    assert_eq!((declined.state, declined.pending), (State::Declined, None));
    let expired = after(accepting, &[(gone(ben()), START)]);
    assert_eq!(expired.state, State::Expired, "what is over in time is over first");
    let mut granted = declined.clone();
    assert_eq!(granted.apply(&Input::Granted { attempt: 1 }, NOW), Ok(Vec::new()));
}

#[test]
fn time_is_given_by_one_side_or_by_both_in_halves() {
    let topic = || Some("listening".to_owned());
    let split = |requester, responder, min| {
        let Split { requester_gave, responder_gave } =
            Split::of(&Gives { requester, responder }, min);
        (requester_gave, responder_gave)
    };
    assert_eq!(split(topic(), None, 60), (60, 0));
    assert_eq!(split(None, topic(), 60), (0, 60));
    assert_eq!(split(topic(), topic(), 60), (30, 30));
    assert_eq!(split(topic(), topic(), 45), (22, 23));
    let session = request();
    let minutes = session.split().of_side(&session, ben());
    assert_eq!(minutes, Minutes { given: 0, received: 60 });
}

fn hold(n: u128, attempt: u32, starts_at: Millis) -> Wanted {
    let until = NOW + HOLD_MS;
    Wanted { id: id(n), attempt, starts_at, ends_at: starts_at + HOUR, until }
}

#[test]
fn a_calendar_holds_each_time_once() {
    let mut calendar = Calendar::default();
    assert_eq!(calendar.hold(&hold(1, 1, START), NOW), Hold::Done);
    assert_eq!(calendar.hold(&hold(1, 1, START), NOW), Hold::Done, "again");
    for (start, outcome) in [
        (START - HOUR, Hold::Done),
        (START - HOUR + 1, Hold::Taken),
        (START + HOUR - 1, Hold::Taken),
        (START + HOUR, Hold::Done),
    ] {
        assert_eq!(calendar.clone().hold(&hold(2, 1, start), NOW), outcome, "from {start}");
    }
    calendar.release(id(1), 1);
    assert_eq!(calendar.hold(&hold(2, 1, START), NOW), Hold::Done);
    calendar.book(id(2), 1);
    let much_later = NOW + 100 * HOLD_MS;
    assert_eq!(calendar.hold(&hold(1, 2, START), much_later), Hold::Taken);
}

#[test]
fn a_hold_that_expired_is_asked_about_first() {
    let mut calendar = Calendar::default();
    calendar.hold(&hold(1, 3, START), NOW);
    let late = NOW + HOLD_MS;
    assert_eq!(calendar.hold(&hold(2, 1, START), late - 1), Hold::Taken);
    assert_eq!(calendar.hold(&hold(2, 1, START), late), Hold::Ask { id: id(1), attempt: 3 });
    // A later attempt of the same session takes its own hold over; an earlier one does not.
    assert_eq!(calendar.hold(&hold(1, 2, START), late), Hold::Stale);
    assert_eq!(calendar.hold(&hold(1, 4, START), late), Hold::Done);
    calendar.release(id(1), 3);
    assert!(calendar.slots.contains_key(&id(1)), "what is older lets go of nothing newer");
}

#[test]
fn time_is_counted_once_and_nothing_late_takes_it_again() {
    let minutes = Minutes { given: 60, received: 0 };
    let mut calendar = Calendar::default();
    calendar.settle(id(1), 1, minutes, NOW);
    assert_eq!(calendar.given_min, 0, "nothing was booked");
    calendar.hold(&hold(1, 1, START), NOW);
    calendar.settle(id(1), 2, minutes, NOW);
    assert_eq!(calendar.given_min, 0, "that was not the attempt");
    calendar.book(id(1), 1);
    for _ in 0..2 {
        calendar.settle(id(1), 1, minutes, END);
        assert_eq!((calendar.given_min, calendar.received_min), (60, 0));
        assert_eq!(calendar.hold(&hold(1, 1, START), END), Hold::Stale);
        calendar.book(id(1), 1);
    }
    assert_eq!(calendar.hold(&hold(2, 1, START), END), Hold::Done, "its time is free");
    calendar.forget(END + OVER_KEPT_MS - 1);
    assert!(calendar.slots.contains_key(&id(1)));
    calendar.forget(END + OVER_KEPT_MS);
    assert!(!calendar.slots.contains_key(&id(1)) && calendar.slots.contains_key(&id(2)));
}

#[test]
fn a_calendar_has_so_many_sessions_and_no_more() {
    let mut calendar = Calendar::default();
    for n in 0..=EXCHANGE_SESSIONS_MAX as u128 {
        let start = START + HOUR * Millis::try_from(n).unwrap();
        let full = n == EXCHANGE_SESSIONS_MAX as u128;
        let outcome = if full { Hold::Full } else { Hold::Done };
        assert_eq!(calendar.hold(&hold(n, 1, start), NOW), outcome, "session {n}");
    }
    assert!(calendar.slots.values().all(|slot| matches!(slot.keep, Keep::Held { .. })));
}
