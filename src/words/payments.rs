//! Payments, plans, products and subscriptions.

/// Not there, or not for this person to know of.
pub const NO_SUCH_PAYMENT: &str = "There is no such payment.";
/// A transition that there is none for.
pub const STATE_WRONG: &str = "The payment is in another state by now. Please look at it again.";
/// Too many tries.
pub const ATTEMPTS: &str =
    "This payment was tried many times. Please begin a new one, perhaps with another method.";
/// No amount, or too large.
pub const AMOUNT_WRONG: &str =
    "An amount is a whole number of cents, more than 0 and below a million.";
/// No currency's code.
pub const CURRENCY_WRONG: &str = "A currency is three small letters, such as eur.";
/// Nothing to pay with.
pub const METHOD_WRONG: &str = "This is not something that can be paid with.";
/// Too long.
pub const REASON_WRONG: &str = "The reason can have at most 500 characters.";
/// All was given back.
pub const NOTHING_LEFT: &str = "Nothing is left to give back: all of it is, or is on its way.";
/// More than there is.
pub const REFUND_TOO_LARGE: &str = "This is more than is left to give back.";
/// Too many parts.
pub const REFUNDS: &str = "This payment was given back in as many parts as we can keep.";
/// Another price, or payer.
pub const OTHER_TERMS: &str = "There is a payment for this already, on other terms.";
/// Only for admins.
pub const ADMINS_ONLY: &str = "This is for admins.";
/// A payment that belongs to a booking, a request or a subscription.
pub const NOT_BY_ITSELF: &str =
    "This payment belongs to something else. Please cancel that, and the payment goes with it.";

/// A plan's or product's name.
pub const NAME_WRONG: &str = "A name has 1 to 80 characters.";
/// Too long.
pub const DESCRIPTION_WRONG: &str = "A description has at most 2 000 characters.";
/// A plan without a price.
pub const NO_PRICES: &str = "A plan has a price, monthly or yearly.";
/// Two prices for one interval.
pub const INTERVAL_TWICE: &str = "One price for each interval, please.";
/// Too many changes.
pub const EDITIONS: &str = "The price was changed as often as we can keep. Please make a new one.";
/// A null.
pub const CLEARED: &str = "Nothing of this can be cleared.";
/// Too many things.
pub const CATALOG_FULL: &str = "There are as many plans and products as we can keep.";
/// A desk that has a price already.
pub const DESK_TWICE: &str = "This desk has a price already. Please change that one.";
/// Not there, or not to be had.
pub const NO_SUCH_PLAN: &str = "There is no such plan.";
/// Not there, or not to be had.
pub const NO_SUCH_PRODUCT: &str = "There is no such product.";
/// The plan has no such price.
pub const NO_SUCH_INTERVAL: &str = "This plan has no price for that interval.";
/// It is paid with the request at the desk.
pub const OF_A_DESK: &str = "This is paid with a request at the desk.";
/// Bought already.
pub const OWNED: &str = "You have this already.";
/// Too many things of one person.
pub const THINGS_FULL: &str =
    "There are as many subscriptions and purchases as we can keep for you.";

/// Not there, or not for this person to know of.
pub const NO_SUCH_SUBSCRIPTION: &str = "There is no such subscription.";
/// A transition that there is none for.
pub const SUBSCRIPTION_STATE_WRONG: &str =
    "The subscription is in another state by now. Please look at it again.";
/// A second one to the same plan.
pub const SUBSCRIBED: &str = "You have a subscription to this plan already.";

/// A webhook whose signature is not good.
pub const NOT_SIGNED: &str = "The signature does not fit.";
/// A webhook that is no event.
pub const NO_EVENT: &str = "This is not an event.";
