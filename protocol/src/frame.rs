//! Frames: commands from the client, replies and pushes from the server.

use crate::fields::{Body, required, scalar};
use crate::union::{Call, named_union};
use crate::{
    DecodeError, Error, ErrorCode, Format, Incoming, Millis, Seq, Topic, accounts, bookings,
    coaches, conversations, exchange, groups, notifications, payments, people, presence, session,
    support, topics, wall,
};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// The commands, their params, what they answer with, and their names. A method enters this
/// list with its implementation.
macro_rules! commands {
    ($($variant:ident($params:ty) -> $result:ty = $word:literal;)*) => {
        named_union! {
            /// What a client asks for.
            Command { $($variant($params) = $word;)* }
        }

        /// The result of a command.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(untagged)]
        #[allow(missing_docs, reason = "the results are documented where they are defined")]
        pub enum Answer { $($variant($result),)* }

        impl Answer {
            /// Reads the result of `method` from its reply without error; `None` if there is no
            /// such method.
            pub fn decode(
                method: &str,
                format: Format,
                frame: &[u8],
            ) -> Option<Result<Self, DecodeError>> {
                match method {
                    $($word => Some(Incoming::result(format, frame).map(Self::$variant)),)*
                    _ => None,
                }
            }
        }

        $(impl Call for $params {
            type Result = $result;
            const METHOD: &'static str = $word;
            fn command(self) -> Command { Command::$variant(self) }
        })*
    };
}

commands! {
    SessionOpen(session::Open) -> session::Opened = "session.open";
    SessionRefresh(session::Refresh) -> session::Refreshed = "session.refresh";
    SessionBackground(session::Background) -> session::Done = "session.background";
    SessionClose(session::Close) -> session::Done = "session.close";
    Ping(session::Ping) -> session::Pong = "ping";
    TopicSubscribe(topics::Subscribe) -> topics::Subscribed = "topic.subscribe";
    TopicUnsubscribe(topics::Unsubscribe) -> session::Done = "topic.unsubscribe";
    TopicRead(topics::Read) -> topics::Page = "topic.read";
    PresenceWatch(presence::Watch) -> presence::States = "presence.watch";
    PresenceUnwatch(presence::Unwatch) -> session::Done = "presence.unwatch";
    PresenceSet(presence::Set) -> session::Done = "presence.set";
    ProfileGet(people::GetProfile) -> people::ProfileResult = "profile.get";
    PeopleSearch(people::SearchPeople) -> people::FoundPeople = "people.search";
    FollowAdd(people::Follow) -> people::RelationResult = "follow.add";
    FollowRemove(people::Unfollow) -> people::RelationResult = "follow.remove";
    FollowApprove(people::ApproveFollower) -> people::RelationResult = "follow.approve";
    FollowReject(people::RejectFollower) -> people::RelationResult = "follow.reject";
    FollowList(people::ListFollows) -> people::People = "follow.list";
    FriendRequest(people::RequestFriend) -> people::RelationResult = "friend.request";
    FriendAccept(people::AcceptFriend) -> people::RelationResult = "friend.accept";
    FriendDecline(people::DeclineFriend) -> people::RelationResult = "friend.decline";
    FriendCancel(people::CancelFriend) -> people::RelationResult = "friend.cancel";
    FriendRemove(people::RemoveFriend) -> people::RelationResult = "friend.remove";
    FriendList(people::ListFriends) -> people::People = "friend.list";
    BlockAdd(people::Block) -> people::RelationResult = "block.add";
    BlockRemove(people::Unblock) -> people::RelationResult = "block.remove";
    BlockList(people::ListBlocks) -> people::People = "block.list";
    MuteAdd(people::MutePerson) -> people::RelationResult = "mute.add";
    MuteRemove(people::UnmutePerson) -> people::RelationResult = "mute.remove";
    MuteList(people::ListMutes) -> people::People = "mute.list";
    PrivacyGet(people::GetPrivacy) -> people::PrivacyResult = "privacy.get";
    PrivacySet(people::SetPrivacy) -> people::PrivacyResult = "privacy.set";
    NotificationList(notifications::List) -> notifications::Notifications = "notification.list";
    NotificationMark(notifications::Mark) -> notifications::Marked = "notification.mark";
    NotificationSettingsGet(notifications::GetSettings) -> notifications::SettingsResult = "notification.settings.get";
    NotificationSettingsSet(notifications::SetSettings) -> notifications::SettingsResult = "notification.settings.set";
    PushRegister(notifications::Register) -> notifications::Registered = "push.register";
    PushUnregister(notifications::Unregister) -> session::Done = "push.unregister";
    ProfileUpdate(people::UpdateProfile) -> people::ProfileResult = "profile.update";
    ConversationOpen(conversations::Open) -> conversations::ConversationResult = "conversation.open";
    ConversationGet(conversations::Get) -> conversations::ConversationResult = "conversation.get";
    ConversationList(conversations::List) -> conversations::Conversations = "conversation.list";
    ConversationSend(conversations::Send) -> conversations::Sent = "conversation.send";
    ConversationEdit(conversations::Edit) -> conversations::Changed = "conversation.edit";
    ConversationDelete(conversations::Delete) -> conversations::Changed = "conversation.delete";
    ConversationReact(conversations::React) -> conversations::Changed = "conversation.react";
    ConversationMark(conversations::Mark) -> conversations::Marks = "conversation.mark";
    ConversationTyping(conversations::Typing) -> session::Done = "conversation.typing";
    ConversationMute(conversations::Mute) -> session::Done = "conversation.mute";
    ConversationArchive(conversations::Archive) -> session::Done = "conversation.archive";
    ConversationSearch(conversations::Search) -> conversations::FoundMessages = "conversation.search";
    ConversationAccept(conversations::Accept) -> conversations::ConversationResult = "conversation.accept";
    ConversationRefuse(conversations::Refuse) -> session::Done = "conversation.refuse";
    GroupCreate(groups::Create) -> groups::GroupResult = "group.create";
    GroupGet(groups::Get) -> groups::GroupResult = "group.get";
    GroupList(groups::List) -> groups::Groups = "group.list";
    GroupJoin(groups::Join) -> groups::GroupResult = "group.join";
    GroupLeave(groups::Leave) -> session::Done = "group.leave";
    GroupUpdate(groups::Update) -> groups::GroupResult = "group.update";
    GroupDelete(groups::Delete) -> session::Done = "group.delete";
    GroupInvite(groups::Invite) -> groups::MemberResult = "group.invite";
    GroupApprove(groups::Approve) -> groups::MemberResult = "group.approve";
    GroupReject(groups::Reject) -> groups::MemberResult = "group.reject";
    GroupWithdraw(groups::Withdraw) -> groups::MemberResult = "group.withdraw";
    GroupRemove(groups::Remove) -> groups::MemberResult = "group.remove";
    GroupBan(groups::Ban) -> groups::MemberResult = "group.ban";
    GroupUnban(groups::Unban) -> groups::MemberResult = "group.unban";
    GroupSetRole(groups::SetRole) -> groups::MemberResult = "group.set_role";
    GroupMembers(groups::ListMembers) -> groups::Members = "group.members";
    CategoryCreate(groups::CreateCategory) -> groups::CategoryResult = "category.create";
    CategoryUpdate(groups::UpdateCategory) -> groups::CategoryResult = "category.update";
    CategoryDelete(groups::DeleteCategory) -> session::Done = "category.delete";
    GroupMark(wall::MarkGroup) -> wall::GroupUnread = "group.mark";
    GroupUnread(wall::ListUnread) -> wall::Unread = "group.unread";
    PostCreate(wall::CreatePost) -> wall::PostCreated = "post.create";
    PostEdit(wall::EditPost) -> wall::PostResult = "post.edit";
    PostDelete(wall::DeletePost) -> session::Done = "post.delete";
    PostPin(wall::PinPost) -> session::Done = "post.pin";
    PostLock(wall::LockPost) -> session::Done = "post.lock";
    PostGet(wall::GetPost) -> wall::PostResult = "post.get";
    PostList(wall::ListPosts) -> wall::Posts = "post.list";
    PostFeed(wall::ReadFeed) -> wall::Posts = "post.feed";
    CommentCreate(wall::CreateComment) -> wall::CommentCreated = "comment.create";
    CommentEdit(wall::EditComment) -> wall::CommentResult = "comment.edit";
    CommentDelete(wall::DeleteComment) -> session::Done = "comment.delete";
    CommentList(wall::ListComments) -> wall::Comments = "comment.list";
    LikeSet(wall::SetLike) -> wall::LikeSet = "like.set";
    LikeList(wall::ListLikes) -> wall::Likes = "like.list";
    DeskList(support::ListDesks) -> support::Desks = "desk.list";
    DeskCreate(support::CreateDesk) -> support::DeskResult = "desk.create";
    DeskUpdate(support::UpdateDesk) -> support::DeskResult = "desk.update";
    DeskClose(support::CloseDesk) -> support::DeskResult = "desk.close";
    DeskBoard(support::GetBoard) -> support::Board = "desk.board";
    CoachSet(support::SetCoach) -> support::CoachSettings = "coach.set";
    SupportRequest(support::Ask) -> support::Asked = "support.request";
    SupportCancel(support::Cancel) -> support::RequestResult = "support.cancel";
    SupportStatus(support::GetStatus) -> support::Status = "support.status";
    SupportClaim(support::Claim) -> support::RequestResult = "support.claim";
    SupportAccept(support::Accept) -> support::RequestResult = "support.accept";
    SupportDecline(support::Decline) -> support::RequestResult = "support.decline";
    SupportTransfer(support::Transfer) -> support::RequestResult = "support.transfer";
    SupportReopen(support::Reopen) -> support::Asked = "support.reopen";
    SupportClose(support::Close) -> support::RequestResult = "support.close";
    SupportHistory(support::GetHistory) -> support::History = "support.history";
    SupportNote(support::WriteNote) -> support::NoteResult = "support.note";
    SupportNotes(support::GetNotes) -> support::Notes = "support.notes";
    SupportRate(support::Rate) -> support::RatingResult = "support.rate";
    ExchangeRequest(exchange::Request) -> exchange::SessionResult = "exchange.request";
    ExchangePost(exchange::Post) -> exchange::OfferResult = "exchange.post";
    ExchangeTake(exchange::Take) -> exchange::SessionResult = "exchange.take";
    ExchangeBoard(exchange::GetBoard) -> exchange::Board = "exchange.board";
    ExchangeCounter(exchange::Counter) -> exchange::SessionResult = "exchange.counter";
    ExchangeAccept(exchange::Accept) -> exchange::SessionResult = "exchange.accept";
    ExchangeDecline(exchange::Decline) -> exchange::SessionResult = "exchange.decline";
    ExchangeWithdraw(exchange::Withdraw) -> exchange::WithdrawResult = "exchange.withdraw";
    ExchangeCancel(exchange::Cancel) -> exchange::SessionResult = "exchange.cancel";
    ExchangeStart(exchange::Start) -> exchange::SessionResult = "exchange.start";
    ExchangeConfirm(exchange::Confirm) -> exchange::SessionResult = "exchange.confirm";
    ExchangeNoShow(exchange::NoShow) -> exchange::SessionResult = "exchange.no_show";
    ExchangeDispute(exchange::Dispute) -> exchange::SessionResult = "exchange.dispute";
    ExchangeNote(exchange::Note) -> exchange::NotesResult = "exchange.note";
    ExchangeGet(exchange::Get) -> exchange::SessionAndNotes = "exchange.get";
    ExchangeList(exchange::List) -> exchange::Sessions = "exchange.list";
    ExchangeLedger(exchange::GetLedger) -> exchange::Ledger = "exchange.ledger";
}

named_union! {
    /// What happened, for good: kept in a topic's log under a seq.
    Event {
        ConversationOpened(conversations::ConversationOpened) = "conversation.opened";
        MessageCreated(conversations::MessageCreated) = "message.created";
        MessageEdited(conversations::MessageEdited) = "message.edited";
        MessageDeleted(conversations::MessageDeleted) = "message.deleted";
        MessageReacted(conversations::MessageReacted) = "message.reacted";
        MemberJoined(conversations::MemberJoined) = "member.joined";
        MemberLeft(conversations::MemberLeft) = "member.left";
        ConversationClosed(conversations::ConversationClosed) = "conversation.closed";
        ConversationReopened(conversations::ConversationReopened) = "conversation.reopened";
        ConversationAccepted(conversations::ConversationAccepted) = "conversation.accepted";
        ConversationRefused(conversations::ConversationRefused) = "conversation.refused";
        ConversationPaused(conversations::ConversationPaused) = "conversation.paused";
        ConversationResumed(conversations::ConversationResumed) = "conversation.resumed";
        ConversationJoined(conversations::ConversationJoined) = "conversation.joined";
        ConversationRequested(conversations::ConversationRequested) = "conversation.requested";
        FriendRequested(people::FriendRequested) = "friend.requested";
        FriendAccepted(people::FriendAccepted) = "friend.accepted";
        FollowRequested(people::FollowRequested) = "follow.requested";
        FollowAdded(people::FollowAdded) = "follow.added";
        AccountChanged(accounts::AccountChanged) = "account.changed";
        CoachChanged(coaches::CoachChanged) = "coach.changed";
        SessionRevoked(session::Revoked) = "session.revoked";
        NotificationCreated(notifications::Created) = "notification.created";
        PostCreated(wall::PostPublished) = "post.created";
        PostEdited(wall::PostEdited) = "post.edited";
        PostDeleted(wall::PostDeleted) = "post.deleted";
        PostPinned(wall::PostPinned) = "post.pinned";
        PostLocked(wall::PostLocked) = "post.locked";
        CommentCreated(wall::CommentPublished) = "comment.created";
        CommentEdited(wall::CommentEdited) = "comment.edited";
        CommentDeleted(wall::CommentDeleted) = "comment.deleted";
        WallWithheld(wall::Withheld) = "wall.withheld";
        PostCommented(wall::PostCommented) = "post.commented";
        CommentReplied(wall::CommentReplied) = "comment.replied";
        PostLiked(wall::PostLiked) = "post.liked";
        CommentLiked(wall::CommentLiked) = "comment.liked";
        GroupInvited(groups::Invited) = "group.invited";
        GroupRequested(groups::Requested) = "group.requested";
        GroupApproved(groups::Approved) = "group.approved";
        GroupRejected(groups::Rejected) = "group.rejected";
        GroupRemoved(groups::Removed) = "group.removed";
        MembershipChanged(groups::MembershipChanged) = "membership.changed";
        MembershipStarted(groups::MembershipStarted) = "membership.started";
        MembershipEnded(groups::MembershipEnded) = "membership.ended";
        PaymentRequiresAction(payments::RequiresAction) = "payment.requires_action";
        PaymentProcessing(payments::Processing) = "payment.processing";
        PaymentAuthorized(payments::Authorized) = "payment.authorized";
        PaymentSucceeded(payments::Succeeded) = "payment.succeeded";
        PaymentFailed(payments::Failed) = "payment.failed";
        PaymentCancelled(payments::Cancelled) = "payment.cancelled";
        PaymentRefunded(payments::Refunded) = "payment.refunded";
        PaymentDisputed(payments::Disputed) = "payment.disputed";
        SubscriptionStarted(payments::Started) = "subscription.started";
        SubscriptionRenewed(payments::Renewed) = "subscription.renewed";
        SubscriptionChanged(payments::Changed) = "subscription.changed";
        SubscriptionPastDue(payments::PastDue) = "subscription.past_due";
        SubscriptionEnded(payments::Ended) = "subscription.ended";
        SupportQueued(support::Queued) = "support.queued";
        SupportAwaitingPayment(support::AwaitingPayment) = "support.awaiting_payment";
        SupportOffered(support::Offered) = "support.offered";
        SupportClaimed(support::Claimed) = "support.claimed";
        SupportRequeued(support::Requeued) = "support.requeued";
        SupportTransferOffered(support::TransferOffered) = "support.transfer_offered";
        SupportTransferred(support::Transferred) = "support.transferred";
        SupportWarned(support::Warned) = "support.warned";
        SupportAbandoned(support::Abandoned) = "support.abandoned";
        SupportExpired(support::Expired) = "support.expired";
        SupportReopened(support::Reopened) = "support.reopened";
        SupportHelp(support::Help) = "support.help";
        SupportClosed(support::Closed) = "support.closed";
        SupportCancelled(support::Cancelled) = "support.cancelled";
        SupportRated(support::Rated) = "support.rated";
        ExchangeOffered(exchange::Offered) = "exchange.offered";
        ExchangeOfferWithdrawn(exchange::OfferWithdrawn) = "exchange.offer_withdrawn";
        ExchangeOfferExpired(exchange::OfferExpired) = "exchange.offer_expired";
        ExchangeRequested(exchange::Requested) = "exchange.requested";
        ExchangeCountered(exchange::Countered) = "exchange.countered";
        ExchangeAccepted(exchange::Accepted) = "exchange.accepted";
        ExchangeDeclined(exchange::Declined) = "exchange.declined";
        ExchangeWithdrawn(exchange::Withdrawn) = "exchange.withdrawn";
        ExchangeExpired(exchange::Expired) = "exchange.expired";
        ExchangeStarted(exchange::Started) = "exchange.started";
        ExchangeConfirmed(exchange::Confirmed) = "exchange.confirmed";
        ExchangeCompleted(exchange::Completed) = "exchange.completed";
        ExchangeCancelled(exchange::Cancelled) = "exchange.cancelled";
        ExchangeMissed(exchange::Missed) = "exchange.no_show";
        ExchangeDisputed(exchange::Disputed) = "exchange.disputed";
        ExchangeNoted(exchange::Noted) = "exchange.noted";
        BookingHeld(bookings::Held) = "booking.held";
        BookingRequested(bookings::Requested) = "booking.requested";
        BookingConfirmed(bookings::Confirmed) = "booking.confirmed";
        BookingDeclined(bookings::Declined) = "booking.declined";
        BookingRescheduled(bookings::Rescheduled) = "booking.rescheduled";
        BookingCancelled(bookings::Cancelled) = "booking.cancelled";
        BookingCompleted(bookings::Completed) = "booking.completed";
        BookingMissed(bookings::Missed) = "booking.no_show";
        BookingExpired(bookings::Expired) = "booking.expired";
        BookingReleased(bookings::Released) = "booking.released";
        BookingReminder(bookings::Reminder) = "booking.reminder";
        BookingReviewed(bookings::Reviewed) = "booking.reviewed";
        BookingReviewAnswered(bookings::ReviewAnswered) = "booking.review_answered";
        BookingNoted(bookings::Noted) = "booking.noted";
    }
}

named_union! {
    /// What is true just now: has no seq, and nothing replays it.
    Signal {
        Expiring(session::Expiring) = "session.expiring";
        Bye(session::Bye) = "bye";
        Gap(topics::Gap) = "gap";
        PresenceChanged(presence::Changed) = "presence.changed";
        Typing(conversations::TypingNow) = "typing";
        Receipt(conversations::Receipt) = "receipt";
        NotificationRead(notifications::Read) = "notification.read";
        Position(support::Position) = "support.position";
        CoachAway(support::CoachAway) = "support.coach_away";
        DeskChanged(support::DeskChanged) = "desk.changed";
        PostStats(wall::PostStats) = "post.stats";
    }
}

/// A command with the id that its reply will carry.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandFrame {
    /// Not in use for another open command of the connection.
    pub id: u32,
    /// What is asked for.
    pub command: Command,
}

impl Serialize for CommandFrame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("method", self.command.name())?;
        map.serialize_entry("params", &self.command)?;
        map.end()
    }
}

/// A frame that is no command: the error goes back, with the id if there was one.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    /// `None` for what could not be read at all (`malformed`).
    pub id: Option<u32>,
    /// What to answer.
    pub error: Error,
}

impl CommandFrame {
    /// Reads one frame, as [`Format::split`] found it.
    pub fn decode(format: Format, frame: &[u8]) -> Result<Self, Rejected> {
        let (id, method, params) = Self::head(format, frame).map_err(|error| Rejected {
            id: None,
            error: Error::new(ErrorCode::Malformed, not_a_command(&error)),
        })?;
        let rejected = |error| Rejected { id: Some(id), error };
        match Command::read(&method, &Body { format, bytes: params }) {
            Some(Ok(command)) => Ok(Self { id, command }),
            Some(Err(error)) => {
                let field = if error.field.is_empty() { "params" } else { &error.field };
                Err(rejected(Error::invalid(field, error.message.clone())))
            }
            None => Err(rejected(Error::new(
                ErrorCode::UnknownMethod,
                "this server has no such method",
            ))),
        }
    }

    /// Id, method and params, these still encoded.
    fn head(format: Format, frame: &[u8]) -> Result<(u32, String, Option<&[u8]>), DecodeError> {
        let [id, method, params] = format.fields(frame, ["id", "method", "params"])?;
        let id = required("id", scalar(format, "id", id)?)?;
        let method = required("method", scalar(format, "method", method)?)?;
        Ok((id, method, params))
    }
}

fn not_a_command(error: &DecodeError) -> String {
    if error.field.is_empty() {
        format!("not a command: {error}")
    } else {
        format!("not a command: {}: {error}", error.field)
    }
}

/// A reply as it is sent. `id` is absent only in the answer to a malformed frame.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplyFrame<'a> {
    /// The command's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<&'a Answer>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a Error>,
}

impl<'a> ReplyFrame<'a> {
    /// The reply to command `id`.
    pub fn new(id: Option<u32>, outcome: &'a Result<Answer, Error>) -> Self {
        Self { id, result: outcome.as_ref().ok(), error: outcome.as_ref().err() }
    }
}

/// What the server sends on its own: an [`Event`] with its place in a topic, or a [`Signal`].
#[derive(Debug, Clone, PartialEq)]
pub struct Push<B> {
    /// What it is about; absent for signals about the connection.
    pub topic: Option<Topic>,
    /// Place in the topic; events only.
    pub seq: Option<Seq>,
    /// When it was accepted; events only.
    pub at: Option<Millis>,
    /// What happened.
    pub body: B,
}

impl Push<Signal> {
    /// A signal, about a topic or about the connection.
    pub fn signal(topic: Option<Topic>, signal: impl Into<Signal>) -> Self {
        Self { topic, seq: None, at: None, body: signal.into() }
    }
}

impl Push<Event> {
    /// An event at its place.
    pub fn event(topic: Topic, seq: Seq, at: Millis, body: Event) -> Self {
        Self { topic: Some(topic), seq: Some(seq), at: Some(at), body }
    }
}

/// The name of a push's body.
pub(crate) trait Named {
    fn name(&self) -> &'static str;
}

impl Named for Event {
    fn name(&self) -> &'static str {
        Event::name(self)
    }
}

impl Named for Signal {
    fn name(&self) -> &'static str {
        Signal::name(self)
    }
}

impl<B: Named + Serialize> Serialize for Push<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let present = usize::from(self.topic.is_some())
            + usize::from(self.seq.is_some())
            + usize::from(self.at.is_some());
        let mut map = serializer.serialize_map(Some(2 + present))?;
        if let Some(topic) = &self.topic {
            map.serialize_entry("topic", topic)?;
        }
        if let Some(seq) = &self.seq {
            map.serialize_entry("seq", seq)?;
        }
        if let Some(at) = &self.at {
            map.serialize_entry("at", at)?;
        }
        map.serialize_entry("event", self.body.name())?;
        map.serialize_entry("data", &self.body)?;
        map.end()
    }
}
