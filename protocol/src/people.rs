//! `profile.*`, `people.*`, `follow.*`, `friend.*`, `block.*`, `mute.*`, `privacy.*`: who people
//! are to one another, and who may see what of whom.

use crate::UserId;
use serde::{Deserialize, Serialize};

/// A person as others see them in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// Their name.
    pub name: String,
}

/// `profile.get`, by id or by username.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetProfile {
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Whose, where the id is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// A person's profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Who.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their username, if they took one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// What they are here: `member`, `trainee`, `coach`, …
    pub roles: Vec<String>,
}

/// The result of `profile.get`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileResult {
    /// The profile. Of someone who shows it to connections only, others get no more than who it is.
    pub profile: Profile,
    /// What the asker and this person are to one another; absent of oneself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<Relation>,
}

/// Who may see or do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Anybody, also without an account where there is such a door.
    Everyone,
    /// Anybody with an account.
    Members,
    /// Friends, whom one follows, and those whose wish to follow one approved.
    Connections,
    /// Nobody.
    Nobody,
}

/// What a person chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Privacy {
    /// Who sees the profile.
    pub profile: Audience,
    /// Who may write: `everyone`, `connections` or `nobody`.
    pub messages: Audience,
    /// Who sees whether one is here: `everyone`, `connections` or `nobody`.
    pub presence: Audience,
    /// Who sees when one was last here; at most those who see presence.
    pub last_seen: Audience,
    /// Others see how far one has read, and one sees it of others.
    pub read_receipts: bool,
}

/// `privacy.get`: one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetPrivacy {}

/// `privacy.set`. What is absent stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SetPrivacy {
    /// See [`Privacy`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Audience>,
    /// See [`Privacy`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<Audience>,
    /// See [`Privacy`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<Audience>,
    /// See [`Privacy`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Audience>,
    /// See [`Privacy`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_receipts: Option<bool>,
}

/// The result of `privacy.get` and `privacy.set`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivacyResult {
    /// As it is now.
    pub privacy: Privacy,
}

/// Whether one person follows another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Following {
    /// No.
    #[default]
    None,
    /// Waits for the other to approve.
    Requested,
    /// Yes.
    Following,
}

/// What two people are to one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Friendship {
    /// Nothing.
    #[default]
    None,
    /// The other asked.
    Incoming,
    /// One asked oneself.
    Outgoing,
    /// Friends.
    Friends,
}

/// What the asker and another person are to one another, as the asker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Relation {
    /// Whether one follows the other.
    pub follows: Following,
    /// Whether the other follows one.
    pub followed_by: Following,
    /// Whether they are friends.
    pub friendship: Friendship,
    /// One blocked the other.
    pub blocked: bool,
    /// One does not want to be told of the other.
    pub muted: bool,
}

/// The result of a command that changes what two people are to one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationResult {
    /// As it is now.
    pub relation: Relation,
}

/// Commands about one other person.
macro_rules! about {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            /// The other person.
            pub user_id: UserId,
        }
    )*};
}

about! {
    /// `follow.add`; of someone whose profile is not open to all members, it waits for approval.
    Follow
    /// `follow.remove`: follow no more, or wish to no more.
    Unfollow
    /// `follow.approve`: lets the one who asked follow one.
    ApproveFollower
    /// `follow.reject`: ends that somebody follows one, or asks to.
    RejectFollower
    /// `friend.request`; of someone who asked already: accepts.
    RequestFriend
    /// `friend.accept`
    AcceptFriend
    /// `friend.decline`
    DeclineFriend
    /// `friend.cancel`: takes one's own request back.
    CancelFriend
    /// `friend.remove`: friends no more.
    RemoveFriend
    /// `block.add`: both ways; ends following and friendship.
    Block
    /// `block.remove`
    Unblock
    /// `mute.add`: no notices about the other.
    MutePerson
    /// `mute.remove`
    UnmutePerson
}

/// Which list of `follow.list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FollowList {
    /// Whom one follows.
    #[default]
    Following,
    /// Who follows one.
    Followers,
    /// Who asks to.
    Requests,
}

/// Which list of `friend.list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FriendList {
    /// Friends.
    #[default]
    Friends,
    /// Who asks.
    Incoming,
    /// Whom one asked.
    Outgoing,
}

/// `follow.list`: one's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListFollows {
    /// `following` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<FollowList>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `friend.list`: one's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListFriends {
    /// `friends` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<FriendList>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `block.list`: whom one blocked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListBlocks {
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `mute.list`: whom one muted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ListMutes {
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A page of people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// Who.
    pub items: Vec<Person>,
    /// `after` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `people.search`, by the beginning of a name, of a word in it, or of a username.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchPeople {
    /// 2–80 characters.
    pub text: String,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// 1–100; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Someone who was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Who.
    pub id: UserId,
    /// Their name.
    pub name: String,
    /// Their username, if they took one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// The result of `people.search`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundPeople {
    /// A page, by name.
    pub items: Vec<Found>,
    /// `after` of the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Feed `friend.requested`: somebody asks to be friends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FriendRequested {
    /// Who asks.
    pub user_id: UserId,
}

/// Feed `friend.accepted`, of both: they are friends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FriendAccepted {
    /// The other one.
    pub user_id: UserId,
}

/// Feed `follow.requested`: somebody asks to follow one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowRequested {
    /// Who asks.
    pub user_id: UserId,
}

/// Feed `follow.added`, of both: one of them follows the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowAdded {
    /// Who follows.
    pub follower_id: UserId,
    /// Whom.
    pub followed_id: UserId,
}
