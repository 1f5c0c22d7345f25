//! The rules between two people, and of what each lets others see. Pure.
//!
//! What two people are to one another is one [`Pair`], decided as a whole: a block ends what was
//! between them in the same step, and two requests that cross make friends.

use protocol::limits::FRIEND_AGAIN_MS;
use protocol::people::{Audience, Following, Friendship, Privacy, Relation, SetPrivacy};
use protocol::{Error, ErrorCode, Millis, UserId};
use serde::{Deserialize, Serialize};

/// One of a pair: the one whose id is lower, or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// The lower id.
    Low,
    /// The higher one.
    High,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }
}

/// Two people in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Two {
    /// The lower id.
    pub low: UserId,
    /// The higher one.
    pub high: UserId,
}

impl Two {
    /// In either order, with the side of the first; `None`: they are one and the same.
    pub fn of(one: UserId, other: UserId) -> Option<(Self, Side)> {
        match one.cmp(&other) {
            std::cmp::Ordering::Less => Some((Self { low: one, high: other }, Side::Low)),
            std::cmp::Ordering::Greater => Some((Self { low: other, high: one }, Side::High)),
            std::cmp::Ordering::Equal => None,
        }
    }

    /// Who stands on a side.
    pub const fn at(self, side: Side) -> UserId {
        match side {
            Side::Low => self.low,
            Side::High => self.high,
        }
    }
}

/// Whether one follows the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Follow {
    /// No.
    #[default]
    No,
    /// Asked to.
    Asked,
    /// Yes; nobody was asked.
    Yes,
    /// Yes, and the other approved: it makes them connected.
    Approved,
}

/// What became of the wish to be friends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Friends {
    /// Nobody asked.
    #[default]
    No,
    /// This side asked.
    Pending(Side),
    /// They are friends.
    Yes,
    /// What this side asked was declined.
    Declined(Side),
    /// The one who asked took it back.
    Cancelled,
    /// They were friends.
    Removed,
}

/// What one feels about the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stance {
    /// Whether this one follows the other.
    pub follow: Follow,
    /// Blocked the other.
    pub blocks: bool,
    /// Does not want to be told of the other.
    pub mutes: bool,
}

/// What two people are to one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pair {
    /// Of the lower id.
    pub low: Stance,
    /// Of the higher one.
    pub high: Stance,
    /// Friends or not.
    pub friends: Friends,
    /// Since when that is so.
    pub friends_at: Millis,
}

/// What one wants of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To follow.
    Follow {
        /// The other wants to be asked.
        asks: bool,
    },
    /// To follow no more.
    Unfollow,
    /// To let the other follow.
    Approve,
    /// That the other does not follow.
    Reject,
    /// To be friends.
    Request,
    /// To take the other's request up.
    Accept,
    /// Not to.
    Decline,
    /// To take one's own request back.
    Cancel,
    /// To be friends no more.
    Remove,
    /// To have nothing to do with the other.
    Block,
    /// To end that.
    Unblock,
    /// Not to be told of the other.
    Mute,
    /// To end that.
    Unmute,
    /// To be nobody any more: this account is deleted.
    Vanish,
}

/// What the two are to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Nothing.
    None,
    /// The other: a wish to follow.
    FollowRequested,
    /// Both: this side follows the other.
    FollowAdded(Side),
    /// The other: a wish to be friends.
    FriendRequested,
    /// Both: they are friends.
    FriendAccepted,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.words())]
pub enum Refusal {
    /// One blocked the other.
    Blocked,
    /// There is no request that could be answered.
    NoRequest,
    /// They are not friends.
    NotFriends,
    /// It was declined not long ago.
    Declined,
    /// It is about oneself.
    Oneself,
    /// The person wants no messages, or none of people who are not connected.
    NoMessages,
    /// No such choice.
    NoSuchChoice,
    /// Not there, or not to be known.
    NoSuchPerson,
    /// The list is full.
    Full,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::Blocked => ErrorCode::Blocked,
            Refusal::NoRequest | Refusal::NotFriends | Refusal::Declined => ErrorCode::Conflict,
            Refusal::Oneself => return Self::invalid("user_id", refusal.to_string()),
            Refusal::NoSuchChoice => return Self::invalid("params", refusal.to_string()),
            Refusal::NoMessages => ErrorCode::Forbidden,
            Refusal::NoSuchPerson => ErrorCode::NotFound,
            Refusal::Full => ErrorCode::Full,
        };
        Self::new(code, refusal.to_string())
    }
}

impl Pair {
    /// What one side feels.
    pub const fn of(&self, side: Side) -> &Stance {
        match side {
            Side::Low => &self.low,
            Side::High => &self.high,
        }
    }

    fn of_mut(&mut self, side: Side) -> &mut Stance {
        match side {
            Side::Low => &mut self.low,
            Side::High => &mut self.high,
        }
    }

    /// Whether one of them blocked the other.
    pub const fn is_shut(&self) -> bool {
        self.low.blocks || self.high.blocks
    }

    /// Whether the other is one of those whom this side counts as its connections: a friend, one
    /// it follows, or a follower it approved.
    pub fn is_connected(&self, side: Side) -> bool {
        let follows = matches!(self.of(side).follow, Follow::Yes | Follow::Approved);
        let approved = self.of(side.other()).follow == Follow::Approved;
        !self.is_shut() && (self.friends == Friends::Yes || follows || approved)
    }

    /// As one side may know it: a block by the other shows as no more than a block.
    pub fn seen_by(&self, side: Side) -> Relation {
        let following = |follow| match follow {
            Follow::No => Following::None,
            Follow::Asked => Following::Requested,
            Follow::Yes | Follow::Approved => Following::Following,
        };
        Relation {
            follows: following(self.of(side).follow),
            followed_by: following(self.of(side.other()).follow),
            friendship: match self.friends {
                Friends::Yes => Friendship::Friends,
                Friends::Pending(by) if by == side => Friendship::Outgoing,
                Friends::Pending(_) => Friendship::Incoming,
                Friends::No | Friends::Declined(_) | Friends::Cancelled | Friends::Removed => {
                    Friendship::None
                }
            },
            blocked: self.is_shut(),
            muted: self.of(side).mutes,
        }
    }

    fn be_friends(&mut self, friends: Friends, now: Millis) {
        self.friends = friends;
        self.friends_at = now;
    }

    /// What becomes of the pair when the one on `side` wishes something. The same as before: it is
    /// so already.
    pub fn after(self, side: Side, wish: Wish, now: Millis) -> Result<(Self, News), Refusal> {
        let ends = matches!(
            wish,
            Wish::Block | Wish::Unblock | Wish::Unfollow | Wish::Unmute | Wish::Vanish
        );
        if self.is_shut() && !ends {
            return Err(Refusal::Blocked);
        }
        match wish {
            Wish::Follow { .. } | Wish::Unfollow | Wish::Approve | Wish::Reject => {
                self.after_follow(side, wish)
            }
            Wish::Request | Wish::Accept | Wish::Decline | Wish::Cancel | Wish::Remove => {
                self.after_friends(side, wish, now)
            }
            Wish::Block | Wish::Unblock | Wish::Mute | Wish::Unmute => {
                Ok((self.after_bar(side, wish, now), News::None))
            }
            // Also what the other felt: there is nobody to feel it about.
            Wish::Vanish => Ok((Self::default(), News::None)),
        }
    }

    fn after_follow(mut self, side: Side, wish: Wish) -> Result<(Self, News), Refusal> {
        let (mine, theirs) = (self.of(side).follow, self.of(side.other()).follow);
        let news = match wish {
            Wish::Follow { asks } => match mine {
                Follow::Yes | Follow::Approved => News::None,
                Follow::Asked if asks => News::None,
                Follow::No if asks && self.friends != Friends::Yes => {
                    self.of_mut(side).follow = Follow::Asked;
                    News::FollowRequested
                }
                Follow::No | Follow::Asked => {
                    self.of_mut(side).follow = Follow::Yes;
                    News::FollowAdded(side)
                }
            },
            Wish::Approve => match theirs {
                Follow::No => return Err(Refusal::NoRequest),
                Follow::Approved => News::None,
                Follow::Yes => {
                    self.of_mut(side.other()).follow = Follow::Approved;
                    News::None
                }
                Follow::Asked => {
                    self.of_mut(side.other()).follow = Follow::Approved;
                    News::FollowAdded(side.other())
                }
            },
            Wish::Reject => {
                self.of_mut(side.other()).follow = Follow::No;
                News::None
            }
            _ => {
                self.of_mut(side).follow = Follow::No;
                News::None
            }
        };
        Ok((self, news))
    }

    fn after_friends(
        mut self,
        side: Side,
        wish: Wish,
        now: Millis,
    ) -> Result<(Self, News), Refusal> {
        let news = match (wish, self.friends) {
            (Wish::Request | Wish::Accept, Friends::Yes)
            | (Wish::Cancel, Friends::Cancelled)
            | (Wish::Remove, Friends::Removed) => News::None,
            (Wish::Request, Friends::Pending(by)) if by == side => News::None,
            (Wish::Decline, Friends::Declined(by)) if by != side => News::None,
            (Wish::Request | Wish::Accept, Friends::Pending(by)) if by != side => {
                self.be_friends(Friends::Yes, now);
                News::FriendAccepted
            }
            (Wish::Request, Friends::Declined(by))
                if by == side && now < self.friends_at + FRIEND_AGAIN_MS =>
            {
                return Err(Refusal::Declined);
            }
            (Wish::Request, _) => {
                self.be_friends(Friends::Pending(side), now);
                News::FriendRequested
            }
            (Wish::Decline, Friends::Pending(by)) if by != side => {
                self.be_friends(Friends::Declined(by), now);
                News::None
            }
            (Wish::Cancel, Friends::Pending(by)) if by == side => {
                self.be_friends(Friends::Cancelled, now);
                News::None
            }
            (Wish::Remove, Friends::Yes) => {
                self.be_friends(Friends::Removed, now);
                News::None
            }
            (Wish::Remove, _) => return Err(Refusal::NotFriends),
            _ => return Err(Refusal::NoRequest),
        };
        Ok((self, news))
    }

    fn after_bar(mut self, side: Side, wish: Wish, now: Millis) -> Self {
        match wish {
            Wish::Block => {
                self.of_mut(side).blocks = true;
                self.low.follow = Follow::No;
                self.high.follow = Follow::No;
                if matches!(self.friends, Friends::Pending(_) | Friends::Yes) {
                    self.be_friends(Friends::Removed, now);
                }
            }
            Wish::Unblock => self.of_mut(side).blocks = false,
            Wish::Mute => self.of_mut(side).mutes = true,
            _ => self.of_mut(side).mutes = false,
        }
        self
    }
}

/// What holds for somebody who chose nothing.
pub(crate) const PRIVACY: Privacy = Privacy {
    profile: Audience::Members,
    messages: Audience::Everyone,
    presence: Audience::Everyone,
    last_seen: Audience::Everyone,
    read_receipts: true,
};

/// One's choices with others in their place.
pub(crate) fn choose(old: Privacy, wanted: SetPrivacy) -> Result<Privacy, Refusal> {
    let SetPrivacy { profile, messages, presence, last_seen, read_receipts } = wanted;
    // There is nobody between a member and everyone who could write or watch.
    if [messages, presence, last_seen].contains(&Some(Audience::Members)) {
        return Err(Refusal::NoSuchChoice);
    }
    Ok(Privacy {
        profile: profile.unwrap_or(old.profile),
        messages: messages.unwrap_or(old.messages),
        presence: presence.unwrap_or(old.presence),
        last_seen: last_seen.unwrap_or(old.last_seen),
        read_receipts: read_receipts.unwrap_or(old.read_receipts),
    })
}

/// Whether someone belongs to those whom a choice names; `None`: if they are connected.
pub(crate) fn admits(audience: Audience) -> Option<bool> {
    match audience {
        Audience::Everyone | Audience::Members => Some(true),
        Audience::Connections => None,
        Audience::Nobody => Some(false),
    }
}

/// Whether who wants to follow has to ask.
pub(crate) fn asks(privacy: Privacy) -> bool {
    matches!(privacy.profile, Audience::Connections | Audience::Nobody)
}

/// What a name or a search is compared by: lower case, and one space between words.
pub(crate) fn folded(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

/// Words of a name by whose beginning a person is found.
const NAME_WORDS_MAX: usize = 8;

/// By what a person is found: the name from each of its words on, and the username.
pub(crate) fn terms(name: &str, username: Option<&str>) -> Vec<String> {
    let name = folded(name);
    let words: Vec<&str> = name.split(' ').collect();
    let from = |at: usize| words.get(at..).map(|rest| rest.join(" "));
    let mut terms: Vec<String> = (0..words.len().min(NAME_WORDS_MAX)).filter_map(from).collect();
    terms.extend(username.map(folded));
    terms.retain(|term| !term.is_empty());
    terms.sort();
    terms.dedup();
    terms
}

/// The one of somebody's terms that a search shows them by: the first that begins with it.
pub(crate) fn shown_by<'a>(terms: &'a [String], begins: &str) -> Option<&'a str> {
    terms.iter().map(String::as_str).find(|term| term.starts_with(begins))
}

#[cfg(test)]
mod tests;
