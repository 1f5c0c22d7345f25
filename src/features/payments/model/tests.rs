//! The tables, state by state, and schedules of news.

mod schedule;
mod subscriptions;

use super::*;
use crate::features::payments::model::catalog::{Flaw, Plan};
use protocol::payments::{CreatePlan, Interval, Price, UpdatePlan};
use protocol::{Patch, PlanId};

const NOW: Millis = 1_800_000_000_000;
const STATES: [State; 10] = [
    State::Pending,
    State::RequiresAction,
    State::Processing,
    State::Authorized,
    State::Succeeded,
    State::PartiallyRefunded,
    State::Refunded,
    State::Failed,
    State::Cancelled,
    State::Disputed,
];

pub(super) fn opening(capture: Capture, method: Option<&str>) -> Opening {
    let price = Money { amount: 1_500, currency: "eur".to_owned() };
    let purpose = Purpose::Booking(Uuid::from_u128(7));
    let payer = UserId(Uuid::from_u128(1));
    Opening { method: method.map(str::to_owned), ..Opening::new(purpose, payer, price, capture) }
}

pub(super) fn open(capture: Capture, method: Option<&str>) -> Payment {
    Payment::new(&opening(capture, method), "sandbox", NOW).unwrap().0
}

pub(super) fn seen(status: Status, captured: i64, refunded: i64) -> Seen {
    Seen {
        reference: Some("pi_1".to_owned()),
        status,
        captured,
        refunded,
        failure: None,
        method: None,
        dispute: None,
    }
}

/// Asks for the next step, and has the provider say this.
fn answered(payment: &mut Payment, answer: &Answer) -> Vec<State> {
    let step = payment.next_step(NOW).unwrap();
    payment.begin(&step);
    payment.conclude(&step, answer, true, NOW)
}

fn held() -> Payment {
    let mut payment = open(Capture::Later, Some("pm"));
    answered(&mut payment, &Answer::Seen(seen(Status::Held, 0, 0)));
    assert_eq!(payment.state, State::Authorized);
    payment
}

fn paid() -> Payment {
    let mut payment = open(Capture::AtOnce, Some("pm"));
    answered(&mut payment, &Answer::Seen(seen(Status::Taken, 1_500, 0)));
    assert_eq!(payment.state, State::Succeeded);
    payment
}

#[test]
fn a_transition_leads_where_the_table_says_and_all_others_nowhere() {
    use State as S;
    use Transition as T;
    let table: &[(State, &[(Transition, State)])] = &[
        (
            S::Pending,
            &[
                (T::Attempt, S::Processing),
                (T::NeedAction, S::RequiresAction),
                (T::Process, S::Processing),
                (T::Authorize, S::Authorized),
                (T::Succeed, S::Succeeded),
                (T::Fail, S::Failed),
                (T::Cancel, S::Cancelled),
            ],
        ),
        (
            S::RequiresAction,
            &[
                (T::Attempt, S::Processing),
                (T::Process, S::Processing),
                (T::Authorize, S::Authorized),
                (T::Succeed, S::Succeeded),
                (T::Fail, S::Failed),
                (T::Cancel, S::Cancelled),
            ],
        ),
        (
            S::Processing,
            &[
                (T::NeedAction, S::RequiresAction),
                (T::Authorize, S::Authorized),
                (T::Succeed, S::Succeeded),
                (T::Fail, S::Failed),
                (T::Cancel, S::Cancelled),
            ],
        ),
        (S::Authorized, &[(T::Succeed, S::Succeeded), (T::Cancel, S::Cancelled)]),
        (
            S::Succeeded,
            &[
                (T::RefundPart, S::PartiallyRefunded),
                (T::RefundAll, S::Refunded),
                (T::Dispute, S::Disputed),
            ],
        ),
        (
            S::PartiallyRefunded,
            &[
                (T::RefundPart, S::PartiallyRefunded),
                (T::RefundAll, S::Refunded),
                (T::Dispute, S::Disputed),
            ],
        ),
        (S::Refunded, &[]),
        (
            S::Failed,
            &[
                (T::Attempt, S::Processing),
                (T::NeedAction, S::RequiresAction),
                (T::Process, S::Processing),
                (T::Authorize, S::Authorized),
                (T::Succeed, S::Succeeded),
                (T::Cancel, S::Cancelled),
            ],
        ),
        (S::Cancelled, &[]),
        (S::Disputed, &[(T::WinWhole, S::Succeeded), (T::WinPart, S::PartiallyRefunded)]),
    ];
    assert_eq!(table.len(), STATES.len());
    for (state, leads) in table {
        for transition in Transition::ALL {
            let wanted = leads.iter().find(|(known, _)| *known == transition).map(|(_, to)| *to);
            assert_eq!(next(*state, transition), wanted, "{state:?} {transition:?}");
        }
    }
}

/// A payment in each state.
fn in_state(state: State) -> Payment {
    match state {
        State::Pending => open(Capture::Later, None),
        State::RequiresAction => {
            let mut payment = open(Capture::Later, Some("pm"));
            answered(&mut payment, &Answer::Seen(seen(Status::NeedsAction, 0, 0)));
            payment
        }
        State::Processing => {
            let mut payment = open(Capture::Later, Some("pm"));
            answered(&mut payment, &Answer::Seen(seen(Status::Processing, 0, 0)));
            payment
        }
        State::Failed => {
            let mut payment = open(Capture::Later, Some("pm"));
            let seen = seen(Status::Failed, 0, 0);
            answered(&mut payment, &Answer::Declined(Failure::Declined, Some(seen)));
            payment
        }
        State::Authorized => held(),
        State::Succeeded => paid(),
        State::PartiallyRefunded => {
            let mut payment = paid();
            payment.observe(&seen(Status::Taken, 1_500, 500), NOW);
            payment
        }
        State::Refunded => {
            let mut payment = paid();
            payment.observe(&seen(Status::Taken, 1_500, 1_500), NOW);
            payment
        }
        State::Cancelled => {
            let mut payment = held();
            payment.void(NOW);
            answered(&mut payment, &Answer::Seen(seen(Status::Gone, 0, 0)));
            payment
        }
        State::Disputed => {
            let mut payment = paid();
            payment.disputed(Dispute::Open, NOW);
            payment
        }
    }
}

#[test]
fn what_we_may_ask_for_depends_on_the_state_alone() {
    use State as S;
    for state in STATES {
        let payment = in_state(state);
        assert_eq!(payment.state, state);

        let confirmed = payment.clone().confirm("pm_2", NOW);
        let may = matches!(state, S::Pending | S::RequiresAction | S::Failed);
        assert_eq!(confirmed.is_ok(), may, "confirm {state:?}");

        let captured = payment.clone().capture();
        let taken =
            matches!(state, S::Succeeded | S::PartiallyRefunded | S::Refunded | S::Disputed);
        assert_eq!(captured.is_ok(), state == S::Authorized || taken, "capture {state:?}");

        let mut voided = payment.clone();
        voided.void(NOW);
        let step = voided.next_step(NOW);
        let fits = match state {
            S::Pending | S::Cancelled | S::Refunded | S::Disputed => step.is_none(),
            S::RequiresAction | S::Processing | S::Failed | S::Authorized => {
                step == Some(Step::Cancel)
            }
            S::Succeeded => matches!(step, Some(Step::Refund { amount: 1_500, .. })),
            S::PartiallyRefunded => matches!(step, Some(Step::Refund { amount: 1_000, .. })),
        };
        assert!(fits, "void {state:?}: {step:?}");

        let mut released = payment.clone();
        released.release(NOW);
        let kept = payment.captured > 0;
        assert_eq!(released == payment, kept || state == S::Cancelled, "release {state:?}");

        let id = RefundId(Uuid::from_u128(9));
        let refunded = payment.clone().refund(id, Some(100), None, NOW);
        let may = matches!(state, S::Succeeded | S::PartiallyRefunded);
        assert_eq!(refunded.is_ok(), may, "refund {state:?}");
    }
}

#[test]
fn a_payment_that_nobody_heard_of_is_given_up_without_a_word() {
    let mut payment = open(Capture::AtOnce, Some("pm"));
    assert_eq!(payment.void(NOW), [State::Cancelled]);
    assert_eq!(payment.next_step(NOW), None);
}

#[test]
fn what_may_be_under_way_is_ended_before_it_is_given_up() {
    let mut payment = open(Capture::AtOnce, Some("pm"));
    let start = payment.next_step(NOW).unwrap();
    payment.begin(&start);
    payment.void(NOW);
    assert_eq!(payment.next_step(NOW), Some(start.clone()), "it may be held by now");
    payment.conclude(&start, &Answer::Seen(seen(Status::Taken, 1_500, 0)), true, NOW);
    assert!(matches!(payment.next_step(NOW), Some(Step::Refund { amount: 1_500, .. })));
    answered(&mut payment, &Answer::Refunded);
    assert_eq!((payment.state, payment.refunded), (State::Refunded, 1_500));
}

#[test]
fn a_hold_that_can_t_be_taken_is_let_go() {
    let mut payment = held();
    payment.capture().unwrap();
    answered(&mut payment, &Answer::Refused);
    assert_eq!(payment.next_step(NOW), Some(Step::Cancel));
    // It is in a state in which it can't be cancelled: later.
    answered(&mut payment, &Answer::Refused);
    assert_eq!(payment.next_step(NOW), None);
    assert_eq!(payment.next_step(NOW + LOOK_MS), Some(Step::Cancel));
}

#[test]
fn what_is_about_to_be_taken_is_not_released() {
    let mut payment = held();
    payment.capture().unwrap();
    assert_eq!(payment.release(NOW), []);
    assert_eq!(payment.next_step(NOW), Some(Step::Capture));
}

#[test]
fn what_can_t_be_cancelled_yet_rests_while_it_is_under_way() {
    let mut payment = in_state(State::Processing);
    payment.void(NOW);
    answered(&mut payment, &Answer::Refused);
    payment.observe(&seen(Status::Processing, 0, 0), NOW);
    assert_eq!(payment.next_step(NOW), None, "it was refused a moment ago");
    payment.observe(&seen(Status::Failed, 0, 0), NOW);
    assert_eq!(payment.next_step(NOW), Some(Step::Cancel));
}

#[test]
fn times_of_one_field_are_one_time_of_the_grid() {
    let at = NOW.div_euclid(GRID_MS) * GRID_MS;
    for (due_at, fires_at) in [
        (at, at),
        (at + 1, at + GRID_MS),
        (at + GRID_MS - 1, at + GRID_MS),
        (at + GRID_MS, at + GRID_MS),
    ] {
        assert_eq!(on_grid(due_at), fires_at);
    }
    assert!(on_grid(Millis::MAX) > 0);
}

#[test]
fn refunds_never_give_back_more_than_was_taken() {
    let mut payment = paid();
    let id = |n| RefundId(Uuid::from_u128(n));
    payment.refund(id(1), Some(1_000), None, NOW).unwrap();
    payment.refund(id(1), Some(1_000), None, NOW).unwrap();
    assert_eq!(payment.refund(id(2), Some(501), None, NOW), Err(Refusal::RefundTooLarge));
    assert_eq!(payment.refund(id(2), Some(0), None, NOW), Err(Refusal::AmountWrong));
    payment.refund(id(2), None, None, NOW).unwrap();
    assert_eq!(payment.refund(id(3), None, None, NOW), Err(Refusal::NothingLeft));
    assert_eq!(answered(&mut payment, &Answer::Refunded), [State::PartiallyRefunded]);
    // Refused by the provider, it can be asked for again.
    assert_eq!(answered(&mut payment, &Answer::Refused), []);
    assert_eq!(payment.left(), 500);
    payment.refund(id(4), None, None, NOW).unwrap();
    assert_eq!(answered(&mut payment, &Answer::Refunded), [State::Refunded]);
    let long = Some("x".repeat(protocol::limits::REFUND_REASON_CHARS_MAX + 1));
    assert_eq!(paid().refund(id(5), None, long, NOW), Err(Refusal::ReasonWrong));
}

#[test]
fn a_refund_that_was_refused_is_tried_again_only_when_it_is_asked_for_anew() {
    let mut payment = paid();
    payment.void(NOW);
    answered(&mut payment, &Answer::Refused);
    assert_eq!((payment.next_step(NOW), payment.refused()), (None, 1));
    payment.observe(&seen(Status::Taken, 1_500, 0), NOW);
    assert_eq!(payment.next_step(NOW), None, "news is no wish");
    payment.void(NOW);
    payment.void(NOW);
    assert!(matches!(payment.next_step(NOW), Some(Step::Refund { amount: 1_500, .. })));
    assert_eq!(answered(&mut payment, &Answer::Refunded), [State::Refunded]);
    payment.void(NOW);
    assert_eq!(payment.refunds.len(), 2);
}

#[test]
fn attempts_follow_one_another_up_to_a_number() {
    let mut payment = in_state(State::Failed);
    assert_eq!(payment.failure, Some(Failure::Declined));
    for attempt in 2..=ATTEMPTS_MAX {
        assert_eq!(payment.confirm("pm", NOW), Ok(vec![State::Processing]));
        assert_eq!(payment.next_step(NOW), Some(Step::Start { attempt }));
        let told = Answer::Declined(Failure::InsufficientFunds, None);
        assert_eq!(answered(&mut payment, &told), [State::Failed]);
    }
    assert_eq!(payment.confirm("pm", NOW), Err(Refusal::Attempts));
    for wrong in ["", "with space", "ü", &"x".repeat(256)] {
        assert_eq!(in_state(State::Failed).confirm(wrong, NOW), Err(Refusal::MethodWrong));
    }
}

#[test]
fn a_dispute_that_ended_well_leaves_things_as_they_were() {
    for (state, back) in
        [(State::Succeeded, State::Succeeded), (State::PartiallyRefunded, State::PartiallyRefunded)]
    {
        let mut payment = in_state(state);
        assert_eq!(payment.disputed(Dispute::Open, NOW), [State::Disputed]);
        assert_eq!(payment.disputed(Dispute::Won, NOW), [back]);
        assert_eq!(payment.disputed(Dispute::Open, NOW), [], "heard late");
    }
    let mut payment = paid();
    payment.disputed(Dispute::Lost, NOW);
    assert_eq!(payment.state, State::Disputed);
}

#[test]
fn what_was_given_up_during_a_dispute_is_given_back_after_it() {
    for (state, left) in [(State::Succeeded, 1_500), (State::PartiallyRefunded, 1_000)] {
        let mut payment = in_state(state);
        payment.disputed(Dispute::Open, NOW);
        assert_eq!(payment.void(NOW), []);
        assert_eq!(payment.next_step(NOW), None);
        let mut lost = payment.clone();
        lost.disputed(Dispute::Lost, NOW);
        assert_eq!((lost.state, lost.next_step(NOW)), (State::Disputed, None));
        assert_eq!(payment.disputed(Dispute::Won, NOW), [state]);
        assert!(
            matches!(payment.next_step(NOW), Some(Step::Refund { amount, .. }) if amount == left)
        );
        answered(&mut payment, &Answer::Refunded);
        payment.observe(&seen(Status::Taken, 1_500, 1_500), NOW);
        assert_eq!(payment.state, State::Refunded);
    }
}

#[test]
fn a_renewal_has_an_end_of_its_own_and_all_others_a_day() {
    let id = SubscriptionId(Uuid::from_u128(7));
    let period = |period| Purpose::Subscription { id, period };
    for (purpose, ends) in [(Purpose::Booking(id.0), true), (period(1), true), (period(2), false)] {
        let payment = Payment { purpose, off_session: false, ..in_state(State::Failed) };
        assert!(!payment.is_over(NOW + OPEN_MS - 1));
        assert_eq!(payment.is_over(NOW + OPEN_MS), ends, "{purpose:?}");
        assert_eq!(payment.watch_at(NOW + OPEN_MS), Some(NOW + OPEN_MS + LOOK_MS));
    }
}

#[test]
fn amounts_and_currencies_have_bounds() {
    let money = |amount, currency: &str| Money { amount, currency: currency.to_owned() };
    assert_eq!(check_money(&money(1, "eur")), Ok(()));
    assert_eq!(check_money(&money(PAYMENT_AMOUNT_MAX, "usd")), Ok(()));
    for amount in [0, -1, PAYMENT_AMOUNT_MAX + 1] {
        assert_eq!(check_money(&money(amount, "eur")), Err(Refusal::AmountWrong));
    }
    for currency in ["EUR", "eu", "euro", "e1r", ""] {
        assert_eq!(check_money(&money(1, currency)), Err(Refusal::CurrencyWrong), "{currency}");
    }
}

#[test]
fn the_same_purpose_is_the_same_payment_and_another_is_another() {
    let (one, two) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
    let id = Uuid::from_u128(7);
    let booking = Purpose::Booking(id);
    assert_eq!(booking.payment_id(one), booking.payment_id(two));
    assert_ne!(booking.payment_id(one), Purpose::Support(RequestId(id)).payment_id(one));
    let product = |nth| Purpose::Product { id: ProductId(id), nth };
    assert_ne!(product(1).payment_id(one), product(1).payment_id(two));
    assert_ne!(product(1).payment_id(one), product(2).payment_id(one));
    for purpose in [booking, product(3), Purpose::Support(RequestId(id))] {
        let (kind, id, serial) = purpose.parts();
        assert_eq!(Purpose::of_parts(kind, id, serial), purpose);
    }
}

#[test]
fn another_price_is_another_edition_and_nothing_else_is() {
    let price = |amount| Price {
        interval: Interval::Monthly,
        price: Money { amount, currency: "eur".to_owned() },
    };
    let wanted = CreatePlan {
        name: " Calm ".to_owned(),
        description: String::new(),
        prices: vec![price(900)],
        includes_support: false,
    };
    let mut plan = Plan::new(PlanId(Uuid::from_u128(1)), &wanted, NOW).unwrap();
    assert_eq!((plan.name.as_str(), plan.edition), ("Calm", 1));
    let change = |prices| UpdatePlan { prices: Patch::Set(prices), ..UpdatePlan::default() };
    plan.update(change(vec![price(900)])).unwrap();
    assert_eq!(plan.edition, 1);
    plan.update(change(vec![price(1_000)])).unwrap();
    assert_eq!(plan.edition, 2);
    assert_eq!(plan.update(change(vec![])), Err(Flaw::NoPrices));
    assert_eq!(plan.update(change(vec![price(1), price(2)])), Err(Flaw::IntervalTwice));
    let cleared = UpdatePlan { name: Patch::Clear, ..UpdatePlan::default() };
    assert_eq!(plan.update(cleared), Err(Flaw::Cleared));
}
