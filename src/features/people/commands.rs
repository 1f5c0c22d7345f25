//! The commands `profile.get`, `follow.*`, `friend.*`, `block.*`, `mute.*` and `privacy.*`.

use super::model::{self, Refusal, Two, Wish};
use super::{Act, People, rows};
use crate::auth::Caller;
use crate::error::Result;
use crate::limits;
use crate::store::Change;
use protocol::UserId;
use protocol::limits::{BLOCKS_MAX, MUTES_MAX};
use protocol::people::{
    AcceptFriend, ApproveFollower, Audience, Block, CancelFriend, DeclineFriend, Follow,
    FollowList, FriendList, GetPrivacy, GetProfile, ListBlocks, ListFollows, ListFriends,
    ListMutes, MutePerson, People as Page, PrivacyResult, Profile, ProfileResult, RejectFollower,
    RelationResult, RemoveFriend, RequestFriend, SetPrivacy, Unblock, Unfollow, UnmutePerson,
};

impl People {
    /// `profile.get`: as much as its owner lets the caller see.
    pub async fn profile(&self, caller: &Caller, wanted: GetProfile) -> Result<ProfileResult> {
        let found = self.accounts.profile(caller, wanted).await?;
        let (me, them) = (caller.user_id, found.profile.id);
        let Some((two, side)) = Two::of(me, them) else { return Ok(found) };
        let profile = match self.refusal(me, Act::Profile, them).await? {
            None => found.profile,
            Some(Refusal::Blocked) => return Err(Refusal::NoSuchPerson.into()),
            Some(_) if self.facts(them).await?.privacy.profile == Audience::Nobody => {
                return Err(Refusal::NoSuchPerson.into());
            }
            Some(_) => who_it_is(found.profile),
        };
        let relation = self.relations.pair(two).await?.seen_by(side);
        Ok(ProfileResult { profile, relation: Some(relation) })
    }

    /// `follow.add`
    pub async fn follow(&self, caller: &Caller, follow: Follow) -> Result<RelationResult> {
        self.approachable(caller.user_id, follow.user_id).await?;
        let asks = model::asks(self.facts(follow.user_id).await?.privacy);
        self.wish(caller, follow.user_id, Wish::Follow { asks }).await
    }

    /// `follow.remove`
    pub async fn unfollow(&self, caller: &Caller, it: Unfollow) -> Result<RelationResult> {
        self.wish(caller, it.user_id, Wish::Unfollow).await
    }

    /// `follow.approve`
    pub async fn approve(&self, caller: &Caller, it: ApproveFollower) -> Result<RelationResult> {
        self.wish(caller, it.user_id, Wish::Approve).await
    }

    /// `follow.reject`
    pub async fn reject(&self, caller: &Caller, it: RejectFollower) -> Result<RelationResult> {
        self.wish(caller, it.user_id, Wish::Reject).await
    }

    /// `friend.request`
    pub async fn request(&self, caller: &Caller, it: RequestFriend) -> Result<RelationResult> {
        self.approachable(caller.user_id, it.user_id).await?;
        self.wish(caller, it.user_id, Wish::Request).await
    }

    /// `friend.accept`
    pub async fn accept(&self, caller: &Caller, it: AcceptFriend) -> Result<RelationResult> {
        self.wish(caller, it.user_id, Wish::Accept).await
    }

    /// `friend.decline`
    pub async fn decline(&self, caller: &Caller, it: DeclineFriend) -> Result<RelationResult> {
        self.wish(caller, it.user_id, Wish::Decline).await
    }

    /// `friend.cancel`
    pub async fn cancel(&self, caller: &Caller, it: CancelFriend) -> Result<RelationResult> {
        self.wish(caller, it.user_id, Wish::Cancel).await
    }

    /// `friend.remove`
    pub async fn remove(&self, caller: &Caller, it: RemoveFriend) -> Result<RelationResult> {
        self.wish(caller, it.user_id, Wish::Remove).await
    }

    /// `block.add`
    pub async fn block(&self, caller: &Caller, it: Block) -> Result<RelationResult> {
        self.exists(it.user_id).await?;
        if self.facts(caller.user_id).await?.blocks >= BLOCKS_MAX {
            return Err(Refusal::Full.into());
        }
        self.wish(caller, it.user_id, Wish::Block).await
    }

    /// `block.remove`
    pub async fn unblock(&self, caller: &Caller, it: Unblock) -> Result<RelationResult> {
        self.wish(caller, it.user_id, Wish::Unblock).await
    }

    /// `mute.add`
    pub async fn mute(&self, caller: &Caller, it: MutePerson) -> Result<RelationResult> {
        self.exists(it.user_id).await?;
        if self.facts(caller.user_id).await?.mutes >= MUTES_MAX {
            return Err(Refusal::Full.into());
        }
        self.wish(caller, it.user_id, Wish::Mute).await
    }

    /// `mute.remove`
    pub async fn unmute(&self, caller: &Caller, it: UnmutePerson) -> Result<RelationResult> {
        self.wish(caller, it.user_id, Wish::Unmute).await
    }

    /// `follow.list`
    pub async fn list_follows(&self, caller: &Caller, it: ListFollows) -> Result<Page> {
        let list = match it.list.unwrap_or_default() {
            FollowList::Following => rows::FOLLOWING,
            FollowList::Followers => rows::FOLLOWERS,
            FollowList::Requests => rows::REQUESTS,
        };
        self.page(caller, list, it.after.as_deref(), it.limit).await
    }

    /// `friend.list`
    pub async fn list_friends(&self, caller: &Caller, it: ListFriends) -> Result<Page> {
        let list = match it.list.unwrap_or_default() {
            FriendList::Friends => rows::FRIENDS,
            FriendList::Incoming => rows::INCOMING,
            FriendList::Outgoing => rows::OUTGOING,
        };
        self.page(caller, list, it.after.as_deref(), it.limit).await
    }

    /// `block.list`
    pub async fn list_blocks(&self, caller: &Caller, it: ListBlocks) -> Result<Page> {
        self.page(caller, rows::BLOCKED, it.after.as_deref(), it.limit).await
    }

    /// `mute.list`
    pub async fn list_mutes(&self, caller: &Caller, it: ListMutes) -> Result<Page> {
        self.page(caller, rows::MUTED, it.after.as_deref(), it.limit).await
    }

    /// `privacy.get`
    pub async fn privacy(&self, caller: &Caller, _get: GetPrivacy) -> Result<PrivacyResult> {
        let snapshot = self.store.load(rows::privacy_of(caller.user_id)).await?;
        Ok(PrivacyResult { privacy: rows::privacy(&snapshot)? })
    }

    /// `privacy.set`
    pub async fn set_privacy(&self, caller: &Caller, set: SetPrivacy) -> Result<PrivacyResult> {
        let user = caller.user_id;
        let privacy = self
            .store
            .decide(rows::privacy_of(user), |snapshot| {
                let old = rows::privacy(snapshot)?;
                let new = model::choose(old, set)?;
                let mut change = Change::new();
                if new != old {
                    change.write(rows::privacy_row(new));
                    // An effect, so that a crash in between leaves no node that remembers.
                    change.effect(super::CHOSEN, &user);
                }
                Ok((change, new))
            })
            .await?;
        Ok(PrivacyResult { privacy })
    }

    async fn wish(&self, caller: &Caller, them: UserId, wish: Wish) -> Result<RelationResult> {
        let (pair, side) = self.relations.wish(caller.user_id, them, wish).await?;
        Ok(RelationResult { relation: pair.seen_by(side) })
    }

    async fn exists(&self, user: UserId) -> Result<()> {
        let there = self.accounts.person(user).await?.is_some();
        if there { Ok(()) } else { Err(Refusal::NoSuchPerson.into()) }
    }

    /// Whether one may ask somebody for something: not of people who don't want to be known.
    async fn approachable(&self, me: UserId, them: UserId) -> Result<()> {
        self.accounts.may_reach_out(me).await?;
        self.exists(them).await?;
        let hides = self.facts(them).await?.privacy.profile == Audience::Nobody;
        if hides && self.refusal(me, Act::Profile, them).await? == Some(Refusal::NoSuchPerson) {
            return Err(Refusal::NoSuchPerson.into());
        }
        Ok(())
    }

    async fn page(
        &self,
        caller: &Caller,
        list: &str,
        after: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Page> {
        let limit = limits::page(limit)?;
        let after = limits::place_at(after)?;
        let ids = self.relations.listed(caller.user_id, list, after, limit).await?;
        let next = (ids.len() == limit as usize).then(|| ids.last().map(UserId::to_string));
        Ok(Page { items: self.accounts.people_of(&ids).await?, next: next.flatten() })
    }
}

/// What everybody may know of somebody who shows their profile to connections only.
fn who_it_is(profile: Profile) -> Profile {
    Profile {
        roles: Vec::new(),
        bio: None,
        interests: Vec::new(),
        expertise: Vec::new(),
        ..profile
    }
}
