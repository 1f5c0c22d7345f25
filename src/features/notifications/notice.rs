//! What becomes a notification: the one table over all events of a person's feed. A new event does
//! not compile until it is decided here.

use super::model::Draft;
use crate::words::notifications as words;
use protocol::bookings::Booking;
use protocol::coaches::CoachState;
use protocol::exchange::Session;
use protocol::notifications::Kind;
use protocol::payments::{Payment, Subscription};
use protocol::people::Person;
use protocol::support::{Cause, Request};
use protocol::{Event, GroupId, UserId};
use uuid::Uuid;

/// All of a kind join under these, while they were not read.
const FRIENDS: Uuid = Uuid::from_u128(1);
const FOLLOW_REQUESTS: Uuid = Uuid::from_u128(2);
const FOLLOWERS: Uuid = Uuid::from_u128(3);
const COACHING: Uuid = Uuid::from_u128(4);

/// Of the newest person's name, and how many others there are.
type Words = fn(&str, u32) -> String;

/// What `user` is told because of an event of their feed; `None` where they did it themselves,
/// or where it is no news.
#[expect(clippy::match_same_arms, reason = "each group says why it is no news")]
#[expect(clippy::too_many_lines, reason = "a table, of all that can happen")]
pub(super) fn notice(user: UserId, event: &Event) -> Option<Draft> {
    match event {
        Event::SupportOffered(offered) => {
            to_coach(user, &offered.request, words::offered).map(a_turn)
        }
        Event::SupportClaimed(claimed) => {
            to_member(user, &claimed.request, words::claimed).map(a_turn)
        }
        Event::SupportRequeued(requeued) => match requeued.cause {
            None => to_member(user, &requeued.request, words::requeued).map(a_turn),
            Some(Cause::CoachGone) => {
                Some(to_both(user, &requeued.request, words::requeued, words::dropped))
            }
            Some(Cause::Unanswered) => {
                Some(to_both(user, &requeued.request, words::unanswered, words::handed_on))
            }
            // The place is the old one, and whom it was offered to said so or was not here.
            Some(Cause::Declined | Cause::TimedOut | Cause::OfferGone) => None,
        },
        Event::SupportTransferOffered(offered) => {
            to_coach(user, &offered.request, words::transfer_offered).map(a_turn)
        }
        Event::SupportTransferred(moved) if !moved.returned => {
            to_member(user, &moved.request, words::claimed).map(a_turn)
        }
        // It came to nothing: all is as it was.
        Event::SupportTransferred(_) => None,
        Event::SupportWarned(warned) if warned.user_id == user => {
            let member = &warned.request.member;
            let (from, words): (_, Words) = if member.id == user {
                (None, words::warned)
            } else {
                (Some(member.clone()), words::nudged)
            };
            let draft = a_turn(of_request(&warned.request, from, words));
            Some(Draft { over_at: Some(warned.until_at), ..draft })
        }
        Event::SupportWarned(_) => None,
        Event::SupportAbandoned(abandoned) => to_member(user, &abandoned.request, words::abandoned),
        Event::SupportExpired(expired) => to_member(user, &expired.request, words::expired),
        Event::SupportClosed(closed) => to_member(user, &closed.request, words::closed),
        Event::SupportAwaitingPayment(asked) => to_member(user, &asked.request, words::fee),
        Event::SupportReopened(reopened) if reopened.request.member.id != user => {
            let member = Some(reopened.request.member.clone());
            Some(a_turn(of_request(&reopened.request, member, words::reopened)))
        }
        // One's own doing.
        Event::SupportQueued(_) | Event::SupportCancelled(_) | Event::SupportReopened(_) => None,
        // Read when there is time for it.
        Event::SupportRated(_) => None,
        // It is shown at once, and a push might be seen by others.
        Event::SupportHelp(_) => None,
        Event::FriendRequested(asked) => {
            Some(of_people(FRIENDS, link("user", asked.user_id.0), asked.user_id, words::friends))
        }
        Event::FriendAccepted(accepted) => {
            let (gathers, who) = (accepted.user_id.0, accepted.user_id);
            Some(of_people(gathers, link("user", who.0), who, words::friend_accepted))
        }
        Event::FollowRequested(asked) => {
            let link = link("user", asked.user_id.0);
            Some(of_people(FOLLOW_REQUESTS, link, asked.user_id, words::follow_requests))
        }
        Event::FollowAdded(added) if added.followed_id == user => {
            let link = link("user", added.follower_id.0);
            Some(of_people(FOLLOWERS, link, added.follower_id, words::followers))
        }
        Event::FollowAdded(_) => None,
        Event::ConversationRequested(asked) => {
            let link = link("conversation", asked.conversation_id.0);
            let gathers = asked.conversation_id.0;
            Some(of_people(gathers, link, asked.user_id, words::message_request))
        }
        Event::ExchangeRequested(it) if it.session.proposed_by != user => {
            Some(of_exchange(user, &it.session, words::exchange_requested))
        }
        Event::ExchangeCountered(it) if it.session.proposed_by != user => {
            Some(of_exchange(user, &it.session, words::exchange_countered))
        }
        Event::ExchangeAccepted(it) if it.session.proposed_by == user => {
            Some(of_exchange(user, &it.session, words::exchange_accepted))
        }
        Event::ExchangeDeclined(it) if it.session.proposed_by == user => {
            Some(of_exchange(user, &it.session, words::exchange_declined))
        }
        Event::ExchangeWithdrawn(it) if it.session.proposed_by != user => {
            Some(of_exchange(user, &it.session, words::exchange_withdrawn))
        }
        Event::ExchangeExpired(it) => Some(of_exchange(user, &it.session, words::exchange_expired)),
        Event::ExchangeConfirmed(it) if !it.session.confirmed_by.contains(&user) => {
            Some(of_exchange(user, &it.session, words::exchange_confirmed))
        }
        Event::ExchangeCancelled(it) if it.session.ended_by != Some(user) => {
            Some(of_exchange(user, &it.session, words::exchange_cancelled))
        }
        Event::ExchangeMissed(it) if it.session.ended_by != Some(user) => {
            Some(of_exchange(user, &it.session, words::exchange_missed))
        }
        Event::ExchangeDisputed(it) if it.session.ended_by != Some(user) => {
            Some(of_exchange(user, &it.session, words::exchange_disputed))
        }
        Event::PaymentRequiresAction(it) => Some(of_payment(&it.payment, words::payment_action)),
        Event::PaymentFailed(it) => Some(of_payment(&it.payment, words::payment_failed)),
        Event::PaymentRefunded(it) => Some(of_payment(&it.payment, words::payment_refunded)),
        Event::PaymentDisputed(it) => Some(of_payment(&it.payment, words::payment_disputed)),
        // One's own doing, or what it pays for says it.
        Event::PaymentProcessing(_)
        | Event::PaymentAuthorized(_)
        | Event::PaymentSucceeded(_)
        | Event::PaymentCancelled(_) => None,
        Event::SubscriptionRenewed(it) => {
            Some(of_subscription(&it.subscription, words::subscription_renewed))
        }
        Event::SubscriptionPastDue(it) => {
            Some(of_subscription(&it.subscription, words::subscription_past_due))
        }
        Event::SubscriptionEnded(it) => {
            Some(of_subscription(&it.subscription, words::subscription_ended))
        }
        // One's own doing.
        Event::SubscriptionStarted(_) | Event::SubscriptionChanged(_) => None,
        // One's own doing, or both are there.
        Event::ExchangeRequested(_)
        | Event::ExchangeCountered(_)
        | Event::ExchangeAccepted(_)
        | Event::ExchangeDeclined(_)
        | Event::ExchangeWithdrawn(_)
        | Event::ExchangeStarted(_)
        | Event::ExchangeConfirmed(_)
        | Event::ExchangeCompleted(_)
        | Event::ExchangeCancelled(_)
        | Event::ExchangeMissed(_)
        | Event::ExchangeDisputed(_)
        | Event::ExchangeOffered(_)
        | Event::ExchangeOfferWithdrawn(_) => None,
        // An offer that nobody took, or a note: seen where one looks for it.
        Event::ExchangeOfferExpired(_) | Event::ExchangeNoted(_) => None,
        Event::BookingRequested(it) if it.booking.coach.id == user => {
            let draft = a_turn(of_booking(user, &it.booking, words::booking_requested));
            Some(Draft { over_at: it.booking.answer_by, ..draft })
        }
        Event::BookingConfirmed(it) => {
            Some(of_booking(user, &it.booking, words::booking_confirmed))
        }
        Event::BookingDeclined(it) if it.booking.client.id == user => {
            Some(of_booking(user, &it.booking, words::booking_declined))
        }
        Event::BookingRescheduled(it) => {
            Some(of_booking(user, &it.booking, words::booking_rescheduled))
        }
        Event::BookingCancelled(it) if it.booking.ended_by != Some(user) => {
            Some(of_booking(user, &it.booking, words::booking_cancelled))
        }
        Event::BookingMissed(it) if it.booking.ended_by != Some(user) => {
            Some(of_booking(user, &it.booking, words::booking_missed))
        }
        Event::BookingExpired(it) if it.booking.client.id == user => {
            Some(of_booking(user, &it.booking, words::booking_expired))
        }
        Event::BookingReminder(it) => {
            let words =
                if it.ahead_min > 60 { words::booking_tomorrow } else { words::booking_soon };
            let draft = a_turn(of_booking(user, &it.booking, words));
            Some(Draft { over_at: Some(it.booking.ends_at), ..draft })
        }
        // One's own doing, or both were there.
        Event::BookingHeld(_)
        | Event::BookingRequested(_)
        | Event::BookingDeclined(_)
        | Event::BookingCancelled(_)
        | Event::BookingCompleted(_)
        | Event::BookingMissed(_)
        | Event::BookingExpired(_)
        | Event::BookingReleased(_) => None,
        // Read when there is time for it.
        Event::BookingReviewed(_) | Event::BookingReviewAnswered(_) | Event::BookingNoted(_) => {
            None
        }
        // What follows from a message is told by its conversation, once it was not read; a
        // support request that was claimed says that its conversation opened.
        Event::ConversationOpened(_)
        | Event::ConversationJoined(_)
        | Event::ConversationClosed(_)
        | Event::ConversationReopened(_)
        | Event::ConversationAccepted(_)
        | Event::ConversationRefused(_)
        | Event::ConversationPaused(_)
        | Event::ConversationResumed(_)
        | Event::MessageCreated(_)
        | Event::MessageEdited(_)
        | Event::MessageDeleted(_)
        | Event::MessageReacted(_)
        | Event::MemberJoined(_)
        | Event::MemberLeft(_) => None,
        Event::GroupInvited(it) => {
            Some(of_group(it.group_id, Some(it.by_id), words::group_invited))
        }
        Event::GroupRequested(it) => {
            let draft = of_group(it.group_id, Some(it.user_id), words::group_requested);
            Some(Draft { counts: true, ..draft })
        }
        Event::GroupApproved(it) => Some(of_group(it.group_id, None, words::group_approved)),
        // Seen where one looks for it: a no, or an end, needs no bell.
        Event::GroupRejected(_) | Event::GroupRemoved(_) => None,
        // One's own doing, or told by what brought it about.
        Event::MembershipStarted(_) | Event::MembershipChanged(_) | Event::MembershipEnded(_) => {
            None
        }
        Event::PostCommented(it) => {
            Some(of_wall(it.post_id.0, "post", it.post_id.0, it.user_id, words::post_commented))
        }
        Event::CommentReplied(it) => {
            let (gathers, link) = (it.parent_id.0, it.post_id.0);
            Some(of_wall(gathers, "post", link, it.user_id, words::comment_replied))
        }
        // Under an id of its own: likes do not take the place of what was said.
        Event::PostLiked(it) => {
            let gathers = likes_of(it.post_id.0);
            Some(of_wall(gathers, "post", it.post_id.0, it.user_id, words::post_liked))
        }
        Event::CommentLiked(it) => {
            let gathers = likes_of(it.comment_id.0);
            Some(of_wall(gathers, "post", it.post_id.0, it.user_id, words::comment_liked))
        }
        // A wall is looked at, not pushed.
        Event::PostCreated(_)
        | Event::PostEdited(_)
        | Event::PostDeleted(_)
        | Event::PostPinned(_)
        | Event::PostLocked(_)
        | Event::CommentCreated(_)
        | Event::CommentEdited(_)
        | Event::CommentDeleted(_)
        | Event::WallWithheld(_) => None,
        Event::CoachChanged(changed) => {
            let words = match changed.state {
                CoachState::Approved => words::coach_approved,
                CoachState::Rejected => words::coach_rejected,
                CoachState::Suspended => words::coach_suspended,
                // One's own doing.
                CoachState::Pending => return None,
            };
            Some(Draft {
                kind: Kind::Membership,
                gathers: COACHING,
                link: "coach".to_owned(),
                from: None,
                counts: false,
                is_turn: false,
                over_at: None,
                words,
            })
        }
        // Of the login and the account: a mail says it.
        Event::SessionRevoked(_) | Event::AccountChanged(_) => None,
        // What this table makes.
        Event::NotificationCreated(_) => None,
    }
}

/// To the member of a support request; each turn of it in place of the one before.
fn to_member(user: UserId, request: &Request, words: Words) -> Option<Draft> {
    (request.member.id == user).then(|| of_request(request, request.coach.clone(), words))
}

/// To the coach to whom a request is offered.
fn to_coach(user: UserId, request: &Request, words: Words) -> Option<Draft> {
    let is_offered = request.offered_to.as_ref().is_some_and(|coach| coach.id == user);
    is_offered.then(|| Draft {
        over_at: request.offered_until,
        ..of_request(request, Some(request.member.clone()), words)
    })
}

/// To the member whose request is in the queue again, and to the coach who had it.
fn to_both(user: UserId, request: &Request, member: Words, coach: Words) -> Draft {
    let is_member = request.member.id == user;
    let from = (!is_member).then(|| request.member.clone());
    a_turn(of_request(request, from, if is_member { member } else { coach }))
}

/// Somebody waits for it, or it waits for somebody: told at once, whatever was told a moment ago.
fn a_turn(draft: Draft) -> Draft {
    Draft { is_turn: true, ..draft }
}

fn of_request(request: &Request, from: Option<Person>, words: Words) -> Draft {
    Draft {
        kind: Kind::Support,
        gathers: request.id.0,
        link: link("request", request.id.0),
        from,
        counts: false,
        is_turn: false,
        over_at: None,
        words,
    }
}

fn of_exchange(user: UserId, session: &Session, words: Words) -> Draft {
    let sides = [&session.requester, &session.responder];
    Draft {
        kind: Kind::Exchange,
        gathers: session.id.0,
        link: link("exchange", session.id.0),
        from: sides.into_iter().find(|side| side.id != user).cloned(),
        counts: false,
        is_turn: false,
        over_at: None,
        words,
    }
}

fn of_group(group: GroupId, who: Option<UserId>, words: Words) -> Draft {
    Draft {
        kind: Kind::Membership,
        gathers: group.0,
        link: link("group", group.0),
        from: who.map(|id| Person { id, name: String::new() }),
        counts: false,
        is_turn: false,
        over_at: None,
        words,
    }
}

fn of_booking(user: UserId, booking: &Booking, words: Words) -> Draft {
    let sides = [&booking.client, &booking.coach];
    Draft {
        kind: Kind::Booking,
        gathers: booking.id.0,
        link: link("booking", booking.id.0),
        from: sides.into_iter().find(|side| side.id != user).cloned(),
        counts: false,
        is_turn: false,
        over_at: None,
        words,
    }
}

fn of_payment(payment: &Payment, words: Words) -> Draft {
    Draft {
        kind: Kind::Payment,
        gathers: payment.id.0,
        link: link("payment", payment.id.0),
        from: None,
        counts: false,
        is_turn: false,
        over_at: None,
        words,
    }
}

fn of_subscription(subscription: &Subscription, words: Words) -> Draft {
    Draft {
        kind: Kind::Membership,
        gathers: subscription.id.0,
        link: link("subscription", subscription.id.0),
        from: None,
        counts: false,
        is_turn: false,
        over_at: None,
        words,
    }
}

fn of_people(gathers: Uuid, link: String, who: UserId, words: Words) -> Draft {
    let from = Some(Person { id: who, name: String::new() });
    Draft {
        kind: Kind::People,
        gathers,
        link,
        from,
        counts: true,
        is_turn: false,
        over_at: None,
        words,
    }
}

fn of_wall(gathers: Uuid, thing: &str, about: Uuid, who: UserId, words: Words) -> Draft {
    Draft { kind: Kind::Wall, ..of_people(gathers, link(thing, about), who, words) }
}

/// What likes of a thing join under.
fn likes_of(thing: Uuid) -> Uuid {
    crate::id::derived("notice.likes", &[thing.as_bytes()])
}

/// Names what a notification is about.
pub(super) fn link(thing: &str, id: Uuid) -> String {
    format!("{thing}:{id}")
}
