//! What a session costs: its payment is opened when the time is held, taken when the session is
//! agreed on, and given up when it will not take place. There is one payment for a booking. That it
//! is there is said by the payments alone, and by nobody who calls us.

use super::Bookings;
use super::model::{Booking, Happening, Input, Refusal};
use crate::error::Result;
use crate::features::payments::{Capture, Opening, Outcome, Purpose};
use crate::store::Change;
use protocol::payments::PaymentState;
use protocol::{BookingId, ErrorCode};

/// The payment is opened. Body: the booking's id.
pub(crate) const BILL: &str = "booking.bill";
/// The money that is held is taken. Body: the booking's id.
pub(crate) const EARN: &str = "booking.earn";
/// The payment is given up, or goes back. Body: the booking's id.
pub(crate) const REFUND: &str = "booking.refund";

/// What follows for the money, of its own group: a provider that is slow holds up nothing else.
pub(super) fn follow(happened: &[Happening], booking: &Booking, change: &mut Change) {
    for happening in happened {
        let effect = match happening {
            Happening::Billed => BILL,
            Happening::Earned => EARN,
            Happening::Refunded => REFUND,
            _ => continue,
        };
        change.group().effect(effect, &booking.id);
    }
}

fn purpose(booking: &Booking) -> Purpose {
    Purpose::Booking(booking.id.0)
}

impl Bookings {
    pub(crate) async fn carry_bill(&self, id: BookingId) -> Result<()> {
        let booking = self.load(id).await?;
        let Some(price) = booking.service.price.clone() else { return Ok(()) };
        let capture =
            if booking.service.needs_confirmation { Capture::Later } else { Capture::AtOnce };
        let opening = Opening::new(purpose(&booking), booking.client.id, price, capture);
        let opened = match self.charges.open(opening).await {
            // It can't be paid at all: the hold runs out, and nothing else waits for it.
            Err(error) if error.code == ErrorCode::Conflict => {
                tracing::error!(booking = %id, "a booking's payment can't be opened");
                return Ok(());
            }
            opened => opened?,
        };
        // Given up while it was opened: the refund may have found nothing.
        if self.load(id).await?.is_given_up() {
            self.charges.void(opened.purpose, opened.payer).await?;
        }
        Ok(())
    }

    pub(crate) async fn carry_earn(&self, id: BookingId) -> Result<()> {
        let booking = self.load(id).await?;
        if booking.is_given_up() {
            return Ok(());
        }
        match self.charges.capture(purpose(&booking), booking.client.id).await {
            // Taken before, or given back meanwhile: what became of it is told.
            Err(error) if error.code == ErrorCode::Conflict => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }

    pub(crate) async fn carry_refund(&self, id: BookingId) -> Result<()> {
        let booking = self.load(id).await?;
        self.charges.void(purpose(&booking), booking.client.id).await.map(|_| ())
    }

    /// Carries out what the payments tell of a booking's payment. Only what is good decides
    /// something: one that failed may be tried again until the hold is over.
    pub(crate) async fn carry_outcome(&self, outcome: &Outcome) -> Result<()> {
        let Purpose::Booking(id) = outcome.charge.purpose else { return Ok(()) };
        let id = BookingId(id);
        let Some(booking) = self.find(id).await? else { return Ok(()) };
        if matches!(outcome.charge.state, PaymentState::Refunded | PaymentState::Cancelled) {
            return self.apply(id, &Input::GivenBack).await.map(|_| ());
        }
        if !outcome.charge.is_good() {
            return Ok(());
        }
        if booking.service.price.as_ref() != Some(&outcome.charge.price) {
            tracing::error!(booking = %id, "a payment is of another price than its booking");
            return Ok(());
        }
        match self.apply(id, &Input::Paid).await {
            Err(error) if error.code == ErrorCode::Conflict => Ok(()),
            decided => decided.map(|_| ()),
        }
    }

    /// The refusal of what is not paid yet, with what to pay.
    pub(super) fn unpaid(booking: &Booking) -> protocol::Error {
        let payment_id = super::view::payment_id(booking);
        protocol::Error::from(Refusal::Unpaid)
            .detail(serde_json::json!({ "payment_id": payment_id.to_string() }))
    }
}
