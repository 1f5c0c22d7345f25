//! What becomes a notification: the one table over all events of a person's feed. A new event does
//! not compile until it is decided here.

use super::model::Draft;
use crate::words::notifications as words;
use protocol::notifications::Kind;
use protocol::{Event, UserId};
use uuid::Uuid;

/// What `user` is told because of an event of their feed; `None` where they did it themselves,
/// or where it is no news.
#[expect(clippy::match_same_arms, reason = "each group says why it is no news")]
pub(super) fn notice(user: UserId, event: &Event) -> Option<Draft> {
    match event {
        Event::SupportClaimed(claimed) => of_request(user, &claimed.request, words::claimed),
        Event::SupportRequeued(requeued) => of_request(user, &requeued.request, words::requeued),
        Event::SupportClosed(closed) => of_request(user, &closed.request, words::closed),
        // One's own doing.
        Event::SupportQueued(_) | Event::SupportCancelled(_) => None,
        // What follows from a message is told by its conversation, once it was not read; a
        // support request that was claimed says that its conversation opened.
        Event::ConversationOpened(_)
        | Event::ConversationJoined(_)
        | Event::ConversationClosed(_)
        | Event::ConversationReopened(_)
        | Event::MessageCreated(_)
        | Event::MessageEdited(_)
        | Event::MessageDeleted(_)
        | Event::MessageReacted(_)
        | Event::MemberJoined(_)
        | Event::MemberLeft(_) => None,
        // A wall is looked at, not pushed; who joins or leaves did so.
        Event::PostCreated(_) | Event::MembershipStarted(_) | Event::MembershipEnded(_) => None,
        // Of the login, not of what happens here.
        Event::SessionRevoked(_) => None,
        // What this table makes.
        Event::NotificationCreated(_) => None,
    }
}

/// To the member of a support request; each turn of it in place of the one before.
fn of_request(
    user: UserId,
    request: &protocol::support::Request,
    words: fn(&str, u32) -> String,
) -> Option<Draft> {
    (request.member.id == user).then(|| Draft {
        kind: Kind::Support,
        gathers: request.id.0,
        link: link("request", request.id.0),
        from: request.coach.clone(),
        counts: false,
        words,
    })
}

/// Names what a notification is about.
pub(super) fn link(thing: &str, id: Uuid) -> String {
    format!("{thing}:{id}")
}
