//! The role `coach` comes and goes, whoever gives and takes it.
//!
//! Who loses it answers nobody any more, from that moment: their people are back at the front of
//! the queue, and presence is not asked, since an open socket is no coach. What they had chosen is
//! forgotten with it: with the role back, they are as a coach who has chosen nothing.

use super::model::Input;
use super::{Support, rows};
use crate::auth::Role;
use crate::error::{Result, busy};
use crate::store::COMMIT_TRIES_MAX;
use crate::words::accounts::DELETED_MEMBER;
use protocol::UserId;
use protocol::people::Person;

impl Support {
    /// Carries out [`crate::features::accounts::COACH_ROLE`]. Carried late or again, it is the
    /// role as it is now that counts; looked at again after the writing.
    pub(crate) async fn carry_role(&self, user: UserId) -> Result<()> {
        let mut is_coach = self.accounts.holds(user, Role::Coach).await?;
        for _ in 0..COMMIT_TRIES_MAX {
            if is_coach {
                self.reinstate(user).await?;
            } else {
                self.dismiss(user).await?;
            }
            let was =
                std::mem::replace(&mut is_coach, self.accounts.holds(user, Role::Coach).await?);
            if was == is_coach {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// Also on desks that don't know them: whoever claims there by an old session is refused.
    async fn dismiss(&self, user: UserId) -> Result<()> {
        rows::forget::settings(&self.store, user).await?;
        let person = self.accounts.person(user).await?;
        let coach = person.unwrap_or_else(|| Person { id: user, name: DELETED_MEMBER.to_owned() });
        for id in rows::desk_ids(&self.store).await? {
            self.desk(id).apply(Input::Dismiss { coach: coach.clone() }).await?;
        }
        Ok(())
    }

    /// Who chose anything since then has done this already.
    async fn reinstate(&self, user: UserId) -> Result<()> {
        if rows::settings(&self.store, user).await?.is_some() {
            return Ok(());
        }
        for id in rows::desk_ids(&self.store).await? {
            self.desk(id).apply(Input::Reinstate { coach: user }).await?;
        }
        Ok(())
    }

    /// Somebody is forgotten: those whom they answer are back at the front, and no new ones come.
    pub(super) async fn serve_nowhere(&self, user: UserId) -> Result<()> {
        for id in rows::desk_ids(&self.store).await? {
            let desk = self.desk(id);
            if desk.look(move |desk, _| desk.coaches.contains_key(&user)).await? {
                let coach = Person { id: user, name: DELETED_MEMBER.to_owned() };
                desk.apply(Input::Dismiss { coach }).await?;
            }
        }
        Ok(())
    }
}
