//! Notifications. None says what somebody wrote.

/// A coach took the request.
pub fn claimed(coach: &str, _: u32) -> String {
    format!("{coach} is here for you now.")
}

/// The member waited long for an answer.
pub fn unanswered(_: &str, _: u32) -> String {
    "Your coach could not answer just now. You are at the front, and somebody will be with you."
        .to_owned()
}

/// To the coach whose connection was lost for good.
pub fn dropped(member: &str, _: u32) -> String {
    format!(
        "Your connection broke off. {member} is at the front of the queue, and a colleague is \
         asked."
    )
}

/// To the coach who had not answered for long.
pub fn handed_on(member: &str, _: u32) -> String {
    format!(
        "{member} is at the front of the queue again, and a colleague is asked. Thank you for \
         having been there."
    )
}

/// The coach's connection was lost for good.
pub fn requeued(_: &str, _: u32) -> String {
    "Your coach's connection broke off. You are at the front, and somebody will be with you."
        .to_owned()
}

/// The conversation with a coach ended.
pub fn closed(coach: &str, _: u32) -> String {
    if coach.is_empty() {
        return "Your support request has ended. You can read it whenever you like.".to_owned();
    }
    format!("Your talk with {coach} has ended. You can read it whenever you like.")
}

/// A request is offered to a coach.
pub fn offered(_: &str, _: u32) -> String {
    "Somebody would like to talk. If it doesn't suit, another coach is asked.".to_owned()
}

/// A colleague hands over.
pub fn transfer_offered(_: &str, _: u32) -> String {
    "A colleague would like to hand a conversation over to you.".to_owned()
}

/// The member has not written for long.
pub fn warned(_: &str, _: u32) -> String {
    "Are you still there? Your coach is, and there is no hurry. If you don't answer, we close \
     the conversation after a while; you can open it again."
        .to_owned()
}

/// The coach has not answered for long.
pub fn nudged(member: &str, minutes: u32) -> String {
    let within = match minutes {
        0 | 1 => "a minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    };
    format!(
        "{member} wrote a while ago. If you can't answer now, a colleague is asked in {within}."
    )
}

/// The member stayed silent.
pub fn abandoned(_: &str, _: u32) -> String {
    "We closed your conversation because it had been quiet for long. You can open it again."
        .to_owned()
}

/// Nobody came.
pub fn expired(_: &str, _: u32) -> String {
    "We are sorry: nobody was free in time. You are welcome to ask again.".to_owned()
}

/// The fee comes first.
pub fn fee(_: &str, _: u32) -> String {
    "One step is left before you are in the queue: the payment.".to_owned()
}

/// A member comes back.
pub fn reopened(member: &str, _: u32) -> String {
    format!("{member} would like to go on with your conversation.")
}

/// Requests to be friends.
pub fn friends(name: &str, others: u32) -> String {
    format!("{} would like to be friends.", people(name, others))
}

/// Such a request was accepted.
pub fn friend_accepted(name: &str, _: u32) -> String {
    format!("{name} and you are friends now.")
}

/// An invitation into a group.
pub fn group_invited(name: &str, _: u32) -> String {
    format!("{name} invited you into a group.")
}

/// Requests to get into a group of one's own.
pub fn group_requested(name: &str, others: u32) -> String {
    format!("{} would like to come into your group.", people(name, others))
}

/// Such a request was answered with yes.
pub fn group_approved(_: &str, _: u32) -> String {
    "You are in: a group that you asked to join said yes.".to_owned()
}

/// Requests to follow.
pub fn follow_requests(name: &str, others: u32) -> String {
    format!("{} would like to follow you.", people(name, others))
}

/// New followers.
pub fn followers(name: &str, others: u32) -> String {
    let follow = if others == 0 { "follows" } else { "follow" };
    format!("{} {follow} you now.", people(name, others))
}

/// Comments on one's post.
pub fn post_commented(name: &str, others: u32) -> String {
    format!("{} commented on your post.", people(name, others))
}

/// Replies to one's comment.
pub fn comment_replied(name: &str, others: u32) -> String {
    format!("{} replied to your comment.", people(name, others))
}

/// Likes of one's post.
pub fn post_liked(name: &str, others: u32) -> String {
    let like = if others == 0 { "likes" } else { "like" };
    format!("{} {like} your post.", people(name, others))
}

/// Likes of one's comment.
pub fn comment_liked(name: &str, others: u32) -> String {
    let like = if others == 0 { "likes" } else { "like" };
    format!("{} {like} your comment.", people(name, others))
}

/// A stranger's first message.
pub fn message_request(name: &str, _: u32) -> String {
    format!("{name} would like to write to you.")
}

/// An application to be a coach was approved.
pub fn coach_approved(_: &str, _: u32) -> String {
    "You are a coach here now. Thank you for being there for others.".to_owned()
}

/// It was not.
pub fn coach_rejected(_: &str, _: u32) -> String {
    "We can't take you as a coach just now. The mail we sent says more.".to_owned()
}

/// A coach is not listed any more.
pub fn coach_suspended(_: &str, _: u32) -> String {
    "You are not listed as a coach just now. The mail we sent says more.".to_owned()
}

/// A proposal to practise together.
pub fn exchange_requested(name: &str, _: u32) -> String {
    format!("{name} would like to practise with you.")
}

/// Another proposal.
pub fn exchange_countered(name: &str, _: u32) -> String {
    format!("{name} proposed another time for your exchange session.")
}

/// A proposal was accepted.
pub fn exchange_accepted(name: &str, _: u32) -> String {
    format!("{name} accepted: your exchange session is arranged.")
}

/// A proposal was declined.
pub fn exchange_declined(name: &str, _: u32) -> String {
    format!("{name} can't make the exchange session. You can propose another time.")
}

/// A proposal was taken back.
pub fn exchange_withdrawn(name: &str, _: u32) -> String {
    format!("{name} took back a proposal for an exchange session.")
}

/// What the bank asks for.
pub fn payment_action(_: &str, _: u32) -> String {
    "A payment needs a word from you. Please look at it when you have a moment.".to_owned()
}

/// An attempt that did not work.
pub fn payment_failed(_: &str, _: u32) -> String {
    "A payment did not go through. Nothing was taken; you can try again, or in another way."
        .to_owned()
}

/// All of it, or a part.
pub fn payment_refunded(_: &str, _: u32) -> String {
    "Money is on its way back to you. Banks take some days for it.".to_owned()
}

/// By the payer's bank.
pub fn payment_disputed(_: &str, _: u32) -> String {
    "Your bank asked about a payment. If that was not you, please write to us.".to_owned()
}

/// A further period is paid.
pub fn subscription_renewed(_: &str, _: u32) -> String {
    "Your subscription goes on for another period.".to_owned()
}

/// A further period is not paid.
pub fn subscription_past_due(_: &str, _: u32) -> String {
    "The payment for your subscription did not go through. All goes on as before for some days; please look at it when you have a moment.".to_owned()
}

/// It is over.
pub fn subscription_ended(_: &str, _: u32) -> String {
    "Your subscription has ended. You are welcome to come back whenever you like.".to_owned()
}

/// Nobody answered in time.
pub fn exchange_expired(name: &str, _: u32) -> String {
    format!("A proposal for an exchange session with {name} ran out. You can make a new one.")
}

/// The other side confirmed.
pub fn exchange_confirmed(name: &str, _: u32) -> String {
    format!("{name} confirmed that your exchange session took place. Did it?")
}

/// A session was called off.
pub fn exchange_cancelled(name: &str, _: u32) -> String {
    format!("Your exchange session with {name} will not take place.")
}

/// Somebody did not come.
pub fn exchange_missed(name: &str, _: u32) -> String {
    format!("Your exchange session with {name} did not take place.")
}

/// The two don't agree.
pub fn exchange_disputed(name: &str, _: u32) -> String {
    format!("{name} remembers your exchange session differently. Please talk it over.")
}

/// Somebody would like to book a session.
pub fn booking_requested(name: &str, _: u32) -> String {
    format!("{name} would like to book a session with you.")
}

/// A session was agreed on.
pub fn booking_confirmed(name: &str, _: u32) -> String {
    format!("Your session with {name} is arranged.")
}

/// The coach can't.
pub fn booking_declined(name: &str, _: u32) -> String {
    format!("{name} can't make that session. You can choose another time.")
}

/// Another time.
pub fn booking_rescheduled(name: &str, _: u32) -> String {
    format!("Your session with {name} has another time.")
}

/// Called off.
pub fn booking_cancelled(name: &str, _: u32) -> String {
    format!("Your session with {name} will not take place.")
}

/// Somebody did not come.
pub fn booking_missed(name: &str, _: u32) -> String {
    format!("Your session with {name} did not take place.")
}

/// Time ran out.
pub fn booking_expired(name: &str, _: u32) -> String {
    format!("The time with {name} is not kept any more. You can choose another one.")
}

/// A day ahead.
pub fn booking_tomorrow(name: &str, _: u32) -> String {
    format!("Your session with {name} is in a day.")
}

/// An hour ahead.
pub fn booking_soon(name: &str, _: u32) -> String {
    format!("Your session with {name} begins within the hour.")
}

/// Messages that were not read.
pub fn messages(name: &str, count: u32) -> String {
    match count {
        0 | 1 => format!("{name} wrote to you."),
        count => format!("{count} new messages, the last from {name}."),
    }
}

/// A name, and how many others.
pub fn people(name: &str, others: u32) -> String {
    match others {
        0 => name.to_owned(),
        1 => format!("{name} and one other"),
        others => format!("{name} and {others} others"),
    }
}

/// Many at once.
pub fn several(count: u32) -> String {
    match count {
        0 | 1 => "There is something new for you.".to_owned(),
        count => format!("There are {count} things new for you."),
    }
}

/// No zone of that name.
pub const ZONE_WRONG: &str = "We don't know this time zone. Please name one like Europe/Berlin.";
/// Not a time of day, or no time at all.
pub const QUIET_WRONG: &str = "Quiet hours go from one minute of the day to another, 0 to 1439.";
/// Not an address that a browser gives.
pub const ENDPOINT_WRONG: &str = "This is not the address of a push service.";
/// Not the keys that a browser gives.
pub const KEYS_WRONG: &str = "These are not the keys of a browser's subscription.";
/// Not a device's token.
pub const TOKEN_WRONG: &str = "This is not a device's token.";
/// Not set up here.
pub const SERVICE_OFF: &str = "This place does not send pushes this way.";
/// Too many.
pub const ENDPOINTS_MANY: &str = "You have many devices already. Please remove one first.";

/// The subject of a digest.
pub const DIGEST_SUBJECT: &str = "What happened while you were away";

/// Before the lines of a digest.
pub fn digest_greeting(name: &str) -> String {
    format!("Hello {name},\n\nthis happened while you were away. There is no hurry.\n")
}

/// After them.
pub const DIGEST_END: &str =
    "You can choose how often we write, or that we don't, in your settings.\n";
