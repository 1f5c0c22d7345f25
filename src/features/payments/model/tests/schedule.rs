//! No schedule of wishes, crashes and news (any order, twice) ends in a wrong state, takes twice or
//! gives back more than was taken: the rules against a provider that lives its own life.

use super::{NOW, open, seen};
use crate::features::payments::model::{
    Answer, Capture, Dispute, Failure, Payment, Seen, State, Status, Step, is_open,
};
use proptest::prelude::*;
use protocol::RefundId;
use std::collections::BTreeMap;
use uuid::Uuid;

const AMOUNT: i64 = 1_500;

/// What the provider has: done once for each word, as its books promise for a day.
#[derive(Debug, Clone)]
struct Books {
    status: Status,
    captured: i64,
    refunded: i64,
    captures: u32,
    answers: BTreeMap<String, Answer>,
    made: bool,
}

impl Books {
    fn new() -> Self {
        Self {
            status: Status::Open,
            captured: 0,
            refunded: 0,
            captures: 0,
            answers: BTreeMap::new(),
            made: false,
        }
    }

    fn seen(&self) -> Seen {
        seen(self.status, self.captured, self.refunded)
    }

    fn take(&mut self) {
        (self.status, self.captured) = (Status::Taken, AMOUNT);
        self.captures += 1;
    }

    fn pay(&mut self, later: bool) {
        if later { self.status = Status::Held } else { self.take() }
    }

    /// What is asked for, under its word. `luck` says what becomes of an attempt.
    fn ask(&mut self, step: &Step, method: bool, later: bool, luck: u8) -> Answer {
        if let Some(known) = self.answers.get(&step.word()) {
            return known.clone();
        }
        let open = matches!(self.status, Status::Open | Status::NeedsAction | Status::Failed);
        let answer = match step {
            // It is past attempts, or there is nothing to pay with yet.
            Step::Start { .. } if !open || !method => {
                self.made = true;
                Answer::Seen(self.seen())
            }
            Step::Start { .. } => {
                self.made = true;
                match luck % 4 {
                    0 => {
                        self.status = Status::Failed;
                        Answer::Declined(Failure::Declined, Some(self.seen()))
                    }
                    1 => {
                        self.status = Status::NeedsAction;
                        Answer::Seen(self.seen())
                    }
                    2 => {
                        self.status = Status::Processing;
                        Answer::Seen(self.seen())
                    }
                    _ => {
                        self.pay(later);
                        Answer::Seen(self.seen())
                    }
                }
            }
            Step::Capture if self.status == Status::Held => {
                self.take();
                Answer::Seen(self.seen())
            }
            Step::Cancel if self.status == Status::Processing => Answer::Refused,
            Step::Cancel if self.status != Status::Taken => {
                self.status = Status::Gone;
                Answer::Seen(self.seen())
            }
            // As it is: ended.
            Step::Capture | Step::Cancel => Answer::Seen(self.seen()),
            Step::Refund { amount, .. } => {
                if self.refunded + amount > self.captured {
                    Answer::Refused
                } else {
                    self.refunded += amount;
                    Answer::Refunded
                }
            }
        };
        if answer != Answer::Refused {
            self.answers.insert(step.word(), answer.clone());
        }
        answer
    }

    /// What is seen there of a step that may have been asked for.
    fn find(&self, step: &Step, known: bool) -> Option<Answer> {
        let happened = match step {
            Step::Start { .. } => {
                let waits = matches!(self.status, Status::Open | Status::Failed);
                self.made && (!known || !waits)
            }
            Step::Capture | Step::Cancel => matches!(self.status, Status::Taken | Status::Gone),
            Step::Refund { .. } => return self.answers.get(&step.word()).cloned(),
        };
        happened.then(|| Answer::Seen(self.seen()))
    }

    /// What happens there by itself.
    fn live(&mut self, later: bool, luck: u8) {
        match (self.status, luck % 3) {
            (Status::Processing | Status::NeedsAction, 0) => self.status = Status::Failed,
            (Status::Processing, _) => self.pay(later),
            (Status::NeedsAction, _) => self.status = Status::Processing,
            (Status::Held, 0) => self.status = Status::Gone,
            // The payer's client pays, without us.
            (Status::Open, 2) if self.made => self.pay(later),
            _ => {}
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Move {
    Confirm,
    Capture,
    Void,
    Refund(u8),
    /// A step is asked for, and the answer heard.
    Step(u8),
    /// It is asked for, and we crash before we write what came of it.
    Crash(u8),
    /// We crash before it is sent.
    Begin,
    /// The provider's own life.
    Live(u8),
    /// News: how it is, is read now, and written later, if nothing else was meanwhile.
    Read,
    Write(u8),
    /// What an old read said comes in after all.
    Dispute(bool),
    Later,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        2 => Just(Move::Confirm),
        2 => Just(Move::Capture),
        1 => Just(Move::Void),
        2 => any::<u8>().prop_map(Move::Refund),
        6 => any::<u8>().prop_map(Move::Step),
        3 => any::<u8>().prop_map(Move::Crash),
        1 => Just(Move::Begin),
        4 => any::<u8>().prop_map(Move::Live),
        4 => Just(Move::Read),
        4 => any::<u8>().prop_map(Move::Write),
        1 => any::<bool>().prop_map(Move::Dispute),
        1 => Just(Move::Later),
    ];
    proptest::collection::vec(one, 0..60)
}

/// A payment with its version, as the store has it.
struct World {
    payment: Payment,
    version: u64,
    books: Books,
    later: bool,
    now: i64,
    reads: Vec<(u64, Seen)>,
    refunds: u128,
}

impl World {
    fn change(&mut self, payment: Payment) {
        if payment != self.payment {
            self.version += 1;
            self.payment = payment;
        }
    }

    /// The provider is asked for the next step, by way of a read where it may have been asked
    /// before; `None` where nothing is to be asked.
    fn ask(&mut self, luck: u8) -> Option<(Step, Answer)> {
        let step = self.payment.next_step(self.now)?;
        if self.payment.sent.as_deref() == Some(&*step.word()) {
            let known = self.payment.provider_ref.is_some();
            if let Some(answer) = self.books.find(&step, known) {
                return Some((step, answer));
            }
        } else {
            let mut payment = self.payment.clone();
            payment.begin(&step);
            self.change(payment);
        }
        let method = self.payment.method.is_some();
        let answer = self.books.ask(&step, method, self.later, luck);
        Some((step, answer))
    }

    fn step(&mut self, luck: u8) -> bool {
        let Some((step, answer)) = self.ask(luck) else { return false };
        let mut payment = self.payment.clone();
        payment.conclude(&step, &answer, true, self.now);
        self.change(payment);
        true
    }

    fn read(&mut self) {
        if self.payment.provider_ref.is_some() || self.books.made {
            self.reads.push((self.version, self.books.seen()));
        }
    }

    fn write(&mut self, which: u8) {
        if self.reads.is_empty() {
            return;
        }
        let (version, seen) = self.reads[usize::from(which) % self.reads.len()].clone();
        // At another version it is read anew.
        let seen = if version == self.version { seen } else { self.books.seen() };
        let mut payment = self.payment.clone();
        payment.observe(&seen, self.now);
        self.change(payment);
    }

    fn play(&mut self, one: Move) {
        let mut payment = self.payment.clone();
        match one {
            Move::Confirm => drop(payment.confirm("pm_2", self.now)),
            Move::Capture => drop(payment.capture()),
            Move::Void => drop(payment.void(self.now)),
            Move::Refund(part) => {
                self.refunds += 1;
                let id = RefundId(Uuid::from_u128(self.refunds));
                let _ = payment.refund(id, Some(i64::from(part) * 10), None, self.now);
            }
            Move::Step(luck) => {
                self.step(luck);
                return;
            }
            Move::Crash(luck) => return drop(self.ask(luck)),
            Move::Begin => {
                if let Some(step) = payment.next_step(self.now) {
                    payment.begin(&step);
                }
            }
            Move::Live(luck) => return self.books.live(self.later, luck),
            Move::Read => return self.read(),
            Move::Write(which) => return self.write(which),
            Move::Dispute(won) if self.books.captured > 0 => {
                payment.observe(&self.books.seen(), self.now);
                payment.disputed(if won { Dispute::Won } else { Dispute::Open }, self.now);
            }
            Move::Dispute(_) => {}
            Move::Later => self.now += super::super::LOOK_MS,
        }
        self.change(payment);
    }

    /// All that is left to be asked and heard, until nothing more happens.
    fn rest(&mut self) {
        for _ in 0..200 {
            self.now += super::super::LOOK_MS;
            while self.step(3) {}
            if matches!(self.books.status, Status::Processing) {
                self.books.live(self.later, 1);
            }
            self.read();
            self.write(
                u8::try_from(self.reads.len() - usize::from(!self.reads.is_empty())).unwrap_or(0),
            );
            self.reads.clear();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_schedule_ends_wrong(later: bool, begun: bool, moves in moves()) {
        let capture = if later { Capture::Later } else { Capture::AtOnce };
        let payment = open(capture, begun.then_some("pm"));
        let mut world = World {
            payment,
            version: 1,
            books: Books::new(),
            later,
            now: NOW,
            reads: Vec::new(),
            refunds: 0,
        };
        for one in moves {
            world.play(one);
            let World { payment, books, .. } = &world;
            prop_assert!(books.captures <= 1, "taken twice");
            prop_assert!(books.refunded <= books.captured, "more given back than taken");
            prop_assert!(payment.captured <= books.captured);
            prop_assert!(payment.refunded <= payment.captured);
        }
        world.rest();
        let World { payment, books, .. } = &world;
        prop_assert!(books.captures <= 1, "taken twice");
        prop_assert_eq!(payment.captured, books.captured);
        prop_assert_eq!(payment.refunded, books.refunded);
        prop_assert_eq!(payment.next_step(world.now), None, "something is left to be asked");
        let fits = match payment.state {
            State::Disputed => books.captured > 0,
            State::Refunded => books.refunded == books.captured && books.captured > 0,
            State::PartiallyRefunded => 0 < books.refunded && books.refunded < books.captured,
            State::Succeeded => books.captured > 0 && books.refunded == 0,
            State::Authorized => books.status == Status::Held,
            State::Cancelled => books.captured == 0 && books.status != Status::Held,
            State::Pending => !begun || !books.made || books.status == Status::Open,
            State::RequiresAction => books.status == Status::NeedsAction,
            State::Processing => books.status == Status::Processing,
            State::Failed => books.status == Status::Failed,
        };
        prop_assert!(fits, "{:?} and {:?}", payment, books);
        let given_up = payment.wish == Some(super::super::Wish::Void);
        if given_up && !is_open(payment.state) {
            let back = books.captured == books.refunded || payment.state == State::Disputed;
            prop_assert!(back && books.status != Status::Held, "given up, and paid for");
        }
    }
}
