//! Subscriptions, state by state.

use crate::features::payments::model::subscription::{
    Happening, INCOMPLETE_MS, Input, Interval, NotNow, RETRY_MS, State, Subscription, Transition,
    end_of, next,
};
use protocol::{Millis, Money, PlanId, SubscriptionId, UserId};
use uuid::Uuid;

/// 31 January 2027, 08:00 UTC.
const START: Millis = 1_801_382_400_000;
const DAY_MS: Millis = 24 * 60 * 60 * 1_000;
const GRACE_MS: Millis = 7 * DAY_MS;

fn new() -> Subscription {
    Subscription {
        id: SubscriptionId(Uuid::from_u128(1)),
        user: UserId(Uuid::from_u128(2)),
        plan_id: PlanId(Uuid::from_u128(3)),
        plan_name: "Calm".to_owned(),
        interval: Interval::Monthly,
        price: Money { amount: 900, currency: "eur".to_owned() },
        includes_support: false,
        state: State::Incomplete,
        cancel_at_period_end: false,
        started_at: None,
        period: 0,
        asked: 1,
        period_end_at: None,
        grace_until: None,
        retry_at: None,
        ended_at: None,
        created_at: START,
        method: Some("pm".to_owned()),
    }
}

fn apply(of: &mut Subscription, input: Input, now: Millis) -> Vec<Happening> {
    of.apply(input, now, GRACE_MS).unwrap()
}

fn active() -> Subscription {
    let mut of = new();
    assert_eq!(apply(&mut of, Input::Paid { period: 1 }, START), [Happening::Started]);
    of
}

fn past_due() -> (Subscription, Millis) {
    let mut of = active();
    let end = of.period_end_at.unwrap();
    assert_eq!(apply(&mut of, Input::Due, end), [Happening::Ask(2)]);
    assert_eq!(apply(&mut of, Input::Unpaid { period: 2 }, end), [Happening::PastDue]);
    (of, end)
}

fn in_state(state: State) -> Subscription {
    let mut of = match state {
        State::Incomplete | State::IncompleteExpired => new(),
        State::Active | State::Cancelled => active(),
        State::PastDue => past_due().0,
    };
    if matches!(state, State::IncompleteExpired | State::Cancelled) {
        apply(&mut of, Input::Cancel { now: true }, START);
    }
    assert_eq!(of.state, state);
    of
}

const STATES: [State; 5] =
    [State::Incomplete, State::Active, State::IncompleteExpired, State::PastDue, State::Cancelled];

#[test]
fn a_transition_leads_where_the_table_says_and_all_others_nowhere() {
    use State as S;
    use Transition as T;
    let table = [
        ((S::Incomplete, T::Pay), S::Active),
        ((S::Incomplete, T::Expire), S::IncompleteExpired),
        ((S::Active, T::Pay), S::Active),
        ((S::Active, T::Miss), S::PastDue),
        ((S::Active, T::End), S::Cancelled),
        ((S::PastDue, T::Pay), S::Active),
        ((S::PastDue, T::End), S::Cancelled),
    ];
    for state in STATES {
        for transition in Transition::ALL {
            let wanted = table.iter().find(|(from, _)| *from == (state, transition));
            assert_eq!(
                next(state, transition),
                wanted.map(|(_, to)| *to),
                "{state:?} {transition:?}"
            );
        }
    }
}

#[test]
fn months_are_counted_from_the_start_and_short_ones_end_early() {
    let end = |period| end_of(START, Interval::Monthly, period);
    assert_eq!(end(1), START + 28 * DAY_MS, "28 February");
    assert_eq!(end(2), START + (28 + 31) * DAY_MS, "31 March");
    assert_eq!(end(3), START + (28 + 31 + 30) * DAY_MS, "30 April");
    assert_eq!(end_of(START, Interval::Yearly, 1), START + 365 * DAY_MS);
}

#[test]
fn a_renewal_is_asked_for_at_the_end_and_paid_goes_on_from_there() {
    let mut of = active();
    let end = of.period_end_at.unwrap();
    assert_eq!(of.deadline(GRACE_MS), Some(end));
    assert_eq!(apply(&mut of, Input::Due, end - 1), []);
    assert_eq!(apply(&mut of, Input::Due, end), [Happening::Ask(2)]);
    assert_eq!(apply(&mut of, Input::Due, end), [], "once");
    assert!(of.entitles(end + 1, GRACE_MS));
    assert_eq!(apply(&mut of, Input::Paid { period: 2 }, end + DAY_MS), [Happening::Renewed]);
    assert_eq!(of.period_end_at, Some(START + (28 + 31) * DAY_MS), "no day is lost or won");
    assert_eq!(apply(&mut of, Input::Paid { period: 2 }, end + DAY_MS), []);
    assert_eq!(apply(&mut of, Input::Unpaid { period: 2 }, end + DAY_MS), [], "heard late");
}

#[test]
fn past_due_has_a_time_of_grace_and_is_tried_again_and_then_ends() {
    let (mut of, end) = past_due();
    assert!(of.entitles(end + GRACE_MS - 1, GRACE_MS));
    assert!(!of.entitles(end + GRACE_MS, GRACE_MS));
    assert_eq!(apply(&mut of, Input::Due, end + RETRY_MS), [Happening::Retry(2)]);
    assert_eq!(apply(&mut of, Input::Due, end + RETRY_MS), []);
    let mut paid = of.clone();
    assert_eq!(apply(&mut paid, Input::Paid { period: 2 }, end + 2 * DAY_MS), [Happening::Renewed]);
    assert_eq!((paid.state, paid.grace_until), (State::Active, None));
    let ended = apply(&mut of, Input::Due, end + GRACE_MS);
    assert_eq!(ended, [Happening::Ended, Happening::Drop(2)]);
    assert_eq!(of.state, State::Cancelled);
    // Paid too late: it is given back.
    assert_eq!(apply(&mut of, Input::Paid { period: 2 }, end + GRACE_MS), [Happening::Drop(2)]);
    assert_eq!(of.state, State::Cancelled);
}

#[test]
fn a_renewal_of_which_nothing_is_heard_ends_as_well() {
    let mut of = active();
    let end = of.period_end_at.unwrap();
    apply(&mut of, Input::Due, end);
    let over = of.deadline(GRACE_MS).unwrap();
    assert_eq!(over, end + GRACE_MS);
    assert_eq!(apply(&mut of, Input::Due, over), [Happening::PastDue]);
    assert_eq!(apply(&mut of, Input::Due, over), [Happening::Ended, Happening::Drop(2)]);
}

#[test]
fn what_never_began_ends_by_itself() {
    let mut of = new();
    assert_eq!(
        apply(&mut of, Input::Unpaid { period: 1 }, START),
        [],
        "another attempt may follow"
    );
    assert_eq!(apply(&mut of, Input::Due, START + INCOMPLETE_MS - 1), []);
    let ended = apply(&mut of, Input::Due, START + INCOMPLETE_MS);
    assert_eq!(ended, [Happening::Ended, Happening::Drop(1)]);
    assert_eq!(of.state, State::IncompleteExpired);
    assert!(!of.entitles(START, GRACE_MS));
}

#[test]
fn it_ends_with_the_period_that_is_paid_unless_somebody_thinks_better_of_it() {
    let mut of = active();
    let end = of.period_end_at.unwrap();
    assert_eq!(apply(&mut of, Input::Cancel { now: false }, START), [Happening::Changed]);
    assert_eq!(apply(&mut of, Input::Cancel { now: false }, START), []);
    assert!(of.entitles(end - 1, GRACE_MS) && !of.entitles(end, GRACE_MS));
    let mut resumed = of.clone();
    assert_eq!(apply(&mut resumed, Input::Resume, START), [Happening::Changed]);
    assert_eq!(apply(&mut resumed, Input::Due, end), [Happening::Ask(2)]);
    assert_eq!(apply(&mut of, Input::Due, end), [Happening::Ended]);
    assert_eq!(of.state, State::Cancelled);
}

#[test]
fn each_input_in_each_state() {
    use Happening as H;
    let end = active().period_end_at.unwrap();
    for state in STATES {
        let of = in_state(state);
        let asked = of.asked;
        let run = |input| of.clone().apply(input, end, GRACE_MS);
        let paid: Vec<H> = match state {
            State::Incomplete => vec![H::Started],
            State::PastDue => vec![H::Renewed],
            State::IncompleteExpired => vec![H::Drop(1)],
            State::Active | State::Cancelled => vec![],
        };
        assert_eq!(run(Input::Paid { period: asked }), Ok(paid), "paid {state:?}");
        assert_eq!(run(Input::Unpaid { period: asked }), Ok(vec![]), "unpaid {state:?}");
        let back: Vec<H> = match state {
            State::Active => vec![H::Ended],
            State::PastDue => vec![H::Ended, H::Drop(2)],
            _ => vec![],
        };
        assert_eq!(run(Input::TakenBack { period: of.period }), Ok(back), "back {state:?}");
        let cancelled: Vec<H> = match state {
            State::Incomplete => vec![H::Ended, H::Drop(1)],
            State::PastDue => vec![H::Ended, H::Drop(2)],
            State::Active => vec![H::Ended],
            State::IncompleteExpired | State::Cancelled => vec![],
        };
        assert_eq!(run(Input::Cancel { now: true }), Ok(cancelled), "cancel {state:?}");
        let resumed = if state == State::Active { Ok(vec![]) } else { Err(NotNow) };
        assert_eq!(run(Input::Resume), resumed, "resume {state:?}");
    }
}
