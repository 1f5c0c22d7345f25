//! Closed sets as words in columns.

use super::model::Standing;
use crate::error::{Result, internal};
use protocol::groups::{Joining, Kind, Role, Visibility};

fn unknown<T>(what: &str, word: &str) -> Result<T> {
    Err(internal(&format_args!("no {what} is named {word:?}")))
}

pub(super) const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Moderator => "moderator",
        Role::Member => "member",
    }
}

/// The role that a membership keeps. Who owns a group is said by its charter; their membership
/// keeps what they are once they handed it over.
pub(super) fn role(word: &str) -> Result<Role> {
    match word {
        "owner" | "moderator" => Ok(Role::Moderator),
        "member" => Ok(Role::Member),
        other => unknown("role", other),
    }
}

pub(super) const fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Community => "community",
        Kind::Training => "training",
    }
}

pub(super) fn kind(word: &str) -> Result<Kind> {
    match word {
        "community" => Ok(Kind::Community),
        "training" => Ok(Kind::Training),
        other => unknown("kind of group", other),
    }
}

pub(super) const fn joining_word(joining: Joining) -> &'static str {
    match joining {
        Joining::Open => "open",
        Joining::Request => "request",
        Joining::Invite => "invite",
        Joining::Entitlement => "entitlement",
    }
}

pub(super) fn joining(word: &str) -> Result<Joining> {
    match word {
        "open" => Ok(Joining::Open),
        "request" => Ok(Joining::Request),
        "invite" => Ok(Joining::Invite),
        "entitlement" => Ok(Joining::Entitlement),
        other => unknown("way of joining", other),
    }
}

pub(super) const fn visibility_word(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Public => "public",
        Visibility::Private => "private",
        Visibility::Hidden => "hidden",
    }
}

pub(super) fn visibility(word: &str) -> Result<Visibility> {
    match word {
        "public" => Ok(Visibility::Public),
        "private" => Ok(Visibility::Private),
        "hidden" => Ok(Visibility::Hidden),
        other => unknown("visibility", other),
    }
}

pub(super) const fn status_word(standing: Standing) -> &'static str {
    match standing {
        Standing::In(_) => "active",
        Standing::Requested => "requested",
        Standing::Invited => "invited",
        Standing::Left => "left",
        Standing::Rejected => "rejected",
        Standing::Withdrawn => "withdrawn",
        Standing::Banned => "banned",
        Standing::Stranger => "stranger",
    }
}

pub(super) fn standing(status: &str, role_word: &str) -> Result<Standing> {
    match status {
        "active" => Ok(Standing::In(role(role_word)?)),
        "requested" => Ok(Standing::Requested),
        "invited" => Ok(Standing::Invited),
        "left" => Ok(Standing::Left),
        "rejected" => Ok(Standing::Rejected),
        "withdrawn" => Ok(Standing::Withdrawn),
        "banned" => Ok(Standing::Banned),
        "stranger" => Ok(Standing::Stranger),
        other => unknown("standing", other),
    }
}
