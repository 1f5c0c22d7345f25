//! Changes of a group's charter: its words and doors, its categories, its owner and its end.

use super::effects::{CATALOGUE, DISSOLVE, OfGroup, PROJECT, Project, SEAT, Seat};
use super::model::{self, Category, Charter, Edit, Refusal, Ruled, Standing};
use super::{Groups, rows};
use crate::auth::Caller;
use crate::error::Result;
use crate::store::Change;
use crate::words::groups as words;
use protocol::groups::{
    Category as Shown, CategoryResult, CreateCategory, Delete, DeleteCategory, Get, GroupResult,
    MembershipChanged, Role, Standing as Held, Update, UpdateCategory,
};
use protocol::limits::{
    DESCRIPTION_CHARS_MAX, GROUP_CATEGORIES_MAX, GROUPS_OWNED_MAX, NAME_CHARS_MAX,
};
use protocol::session::Done;
use protocol::{CategoryId, Error, GroupId, Topic, UserId};

impl Groups {
    /// `group.update`
    pub async fn update(&self, caller: &Caller, update: Update) -> Result<GroupResult> {
        let Update { group_id, name, description, visibility, joining } = update;
        name.as_deref().map_or(Ok(()), check_name)?;
        description.as_deref().map_or(Ok(()), check_description)?;
        let edit = Edit { name, description, visibility, joining };
        self.find(caller.user_id, group_id).await?;
        self.amend(caller.user_id, group_id, |charter, by, change| {
            if let Some(next) = model::edit(charter, by, edit.clone())? {
                change.write(rows::charter_row(&next));
                if next.visibility != charter.visibility {
                    change.effect(CATALOGUE, &OfGroup { group_id });
                }
            }
            Ok(())
        })
        .await?;
        self.get(caller, Get { group_id }).await
    }

    /// `group.delete`. Again by who did it: it is so already.
    pub async fn delete(&self, caller: &Caller, delete: Delete) -> Result<Done> {
        let group_id = delete.group_id;
        let kept = self.store.load(rows::charter_of(group_id)).await?;
        let charter = rows::charter(&kept)?.ok_or(Refusal::NoSuchGroup)?;
        if charter.ended_at.is_some() && charter.owner_id == caller.user_id {
            return Ok(Done {});
        }
        self.find(caller.user_id, group_id).await?;
        self.amend(caller.user_id, group_id, |charter, by, change| {
            if by != Standing::In(Role::Owner) {
                return Err(Refusal::NotYours);
            }
            self.close(group_id, charter, change);
            Ok(())
        })
        .await?;
        Ok(Done {})
    }

    /// The group is no more: nobody is in it from this commit on.
    pub(super) fn close(&self, group_id: GroupId, charter: &Charter, change: &mut Change) {
        let ended_at = Some(self.clock.now());
        change.write(rows::charter_row(&Charter { ended_at, ..charter.clone() }));
        change.effect(CATALOGUE, &OfGroup { group_id });
        change.effect(DISSOLVE, &OfGroup { group_id });
    }

    /// Hands a group over to somebody who is in it.
    pub(super) async fn hand_over(&self, owner: UserId, to: UserId, id: GroupId) -> Result<()> {
        self.find(owner, id).await?;
        if owner != to && self.role(to, id).await?.is_none() {
            return Err(Refusal::NotAMember.into());
        }
        if owner != to && self.owns(to).await? >= GROUPS_OWNED_MAX {
            return Err(Refusal::OwnedFull.into());
        }
        self.amend(owner, id, |charter, by, change| {
            if by != Standing::In(Role::Owner) {
                return Err(Refusal::NotYours);
            }
            if owner != to {
                give(id, charter, to, change);
            }
            Ok(())
        })
        .await
    }

    /// Groups that a person owns.
    pub(super) async fn owns(&self, user: UserId) -> Result<usize> {
        let all = crate::store::LIST_ROWS_MAX;
        let groups = rows::groups_of(&self.store, user, None, all).await?;
        Ok(groups.into_iter().filter(|(_, owns)| *owns).count())
    }

    /// `category.create`
    pub async fn create_category(
        &self,
        caller: &Caller,
        create: CreateCategory,
    ) -> Result<CategoryResult> {
        let CreateCategory { group_id, client_id, name, description } = create;
        let description = description.unwrap_or_default();
        check_name(&name)?;
        check_description(&description)?;
        let id: CategoryId = crate::id::derived(
            "category",
            &[group_id.as_bytes(), caller.user_id.as_bytes(), client_id.as_bytes()],
        );
        let created_at = self.clock.now();
        let new = Category { id, name, description, created_at };
        self.find(caller.user_id, group_id).await?;
        let mut made = new.clone();
        self.amend(caller.user_id, group_id, |charter, by, change| {
            looks_after(by)?;
            if let Some(there) = charter.categories.iter().find(|category| category.id == id) {
                made = there.clone();
                return Ok(());
            }
            if charter.categories.len() >= GROUP_CATEGORIES_MAX {
                return Err(Refusal::CategoriesFull);
            }
            change.write(rows::category_row(&new));
            Ok(())
        })
        .await?;
        Ok(CategoryResult { category: shown(made) })
    }

    /// `category.update`
    pub async fn update_category(
        &self,
        caller: &Caller,
        update: UpdateCategory,
    ) -> Result<CategoryResult> {
        let UpdateCategory { group_id, category_id, name, description } = update;
        name.as_deref().map_or(Ok(()), check_name)?;
        description.as_deref().map_or(Ok(()), check_description)?;
        self.find(caller.user_id, group_id).await?;
        let mut changed = None;
        self.amend(caller.user_id, group_id, |charter, by, change| {
            looks_after(by)?;
            let mut all = charter.categories.iter();
            let there = all.find(|it| it.id == category_id).ok_or(Refusal::NoSuchCategory)?;
            let next = Category {
                name: name.clone().unwrap_or_else(|| there.name.clone()),
                description: description.clone().unwrap_or_else(|| there.description.clone()),
                ..there.clone()
            };
            if next != *there {
                change.write(rows::category_row(&next));
            }
            changed = Some(next);
            Ok(())
        })
        .await?;
        Ok(CategoryResult { category: shown(changed.ok_or(Refusal::NoSuchCategory)?) })
    }

    /// `category.delete`. Again: it is so already.
    pub async fn delete_category(&self, caller: &Caller, it: DeleteCategory) -> Result<Done> {
        let DeleteCategory { group_id, category_id } = it;
        self.find(caller.user_id, group_id).await?;
        self.amend(caller.user_id, group_id, |charter, by, change| {
            looks_after(by)?;
            if charter.categories.iter().any(|category| category.id == category_id) {
                change.delete::<rows::CategoryRow>(category_id);
            }
            Ok(())
        })
        .await?;
        Ok(Done {})
    }

    /// Changes the charter of a group that has not ended, by somebody of the standing that is
    /// given to the rule.
    async fn amend<F>(&self, by: UserId, id: GroupId, mut rule: F) -> Result<()>
    where
        F: FnMut(&Charter, Standing, &mut Change) -> Ruled<()> + Send,
    {
        // A role that is taken away at the same moment counts as taken away after this.
        let kept = rows::kept(&self.store.load(rows::membership(id, by)).await?)?;
        self.store
            .decide(rows::charter_of(id), |snapshot| {
                let charter = rows::charter(snapshot)?.filter(|it| it.ended_at.is_none());
                let charter = charter.ok_or(Refusal::NoSuchGroup)?;
                let mut change = Change::new();
                rule(&charter, charter.standing(by, kept.standing), &mut change)?;
                Ok((change, ()))
            })
            .await
    }
}

/// Makes somebody the owner.
pub(super) fn give(id: GroupId, charter: &Charter, to: UserId, change: &mut Change) {
    let group_id = id;
    change.write(rows::charter_row(&Charter { owner_id: to, ..charter.clone() }));
    change.effect(SEAT, &Seat { group_id, user_id: to });
    change.event(Topic::User(to), MembershipChanged { group_id, role: Role::Owner });
    let before = charter.owner_id;
    let steps_down = MembershipChanged { group_id, role: Role::Moderator };
    change.event(Topic::User(before), steps_down);
    let was = Some(Held::Member);
    change.effect(PROJECT, &Project { group_id, user_id: before, was });
}

fn looks_after(by: Standing) -> Ruled<()> {
    if by.looks_after() { Ok(()) } else { Err(Refusal::NotYours) }
}

pub(super) fn shown(category: Category) -> Shown {
    let Category { id, name, description, .. } = category;
    Shown { id, name, description }
}

pub(super) fn check_name(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(Error::invalid("name", words::NAME_LENGTH));
    }
    Ok(())
}

pub(super) fn check_description(description: &str) -> Result<()> {
    if description.chars().count() > DESCRIPTION_CHARS_MAX {
        return Err(Error::invalid("description", words::DESCRIPTION_LENGTH));
    }
    Ok(())
}
