//! Every step from every standing, by everybody.

use super::*;
use Standing::{Banned, In, Invited, Left, Rejected, Requested, Stranger, Withdrawn};
use protocol::UserId;
use protocol::groups::{Joining, Kind, Visibility};
use protocol::limits::GROUP_AGAIN_MS;
use uuid::Uuid;

const OWNER: Standing = In(Role::Owner);
const MODERATOR: Standing = In(Role::Moderator);
const MEMBER: Standing = In(Role::Member);

/// Everything that somebody may be to a group, in the order of the tables below.
const ALL: [Standing; 10] =
    [Stranger, Requested, Invited, OWNER, MODERATOR, MEMBER, Left, Rejected, Withdrawn, Banned];

/// When somebody came to be what they are.
const SINCE: i64 = 1_000;

type Outcome = Result<Option<Standing>, Refusal>;

#[expect(clippy::unnecessary_wraps, reason = "an outcome beside others")]
const fn to(standing: Standing) -> Outcome {
    Ok(Some(standing))
}

const SAME: Outcome = Ok(None);

const fn no(refusal: Refusal) -> Outcome {
    Err(refusal)
}

/// Every step, and what it does to each of [`ALL`].
fn table() -> Vec<(Step, [Outcome; 10])> {
    let mut table = coming().to_vec();
    table.extend(answers());
    table.extend(going());
    table
}

/// Joining, by each door.
fn coming() -> [(Step, [Outcome; 10]); 4] {
    use Refusal as R;
    let (same, member, ask) = (SAME, to(MEMBER), to(Requested));
    let (banned, late) = (no(R::Banned), no(R::RejectedLately));
    let (invite, pays) = (no(R::InviteOnly), no(R::Entitlement));
    [
        (
            Step::Join(Joining::Open),
            [member, member, member, same, same, same, member, member, member, banned],
        ),
        (
            Step::Join(Joining::Request),
            [ask, same, member, same, same, same, ask, late, ask, banned],
        ),
        (
            Step::Join(Joining::Invite),
            [invite, same, member, same, same, same, invite, invite, invite, banned],
        ),
        (
            Step::Join(Joining::Entitlement),
            [pays, pays, pays, same, same, same, pays, pays, pays, banned],
        ),
    ]
}

/// Requests and invitations.
fn answers() -> [(Step, [Outcome; 10]); 5] {
    use Refusal as R;
    let (same, member, guest, is_banned) = (SAME, to(MEMBER), to(Invited), no(R::IsBanned));
    [
        (Step::Withdraw, only(R::NoRequest, &[Requested, Invited], to(Withdrawn), &[Withdrawn])),
        (Step::Invite, [guest, member, same, same, same, same, guest, guest, guest, is_banned]),
        (Step::Uninvite, only(R::NoInvitation, &[Invited], to(Withdrawn), &[Withdrawn])),
        (Step::Approve, only(R::NoRequest, &[Requested], member, &[OWNER, MODERATOR, MEMBER])),
        (Step::Reject, only(R::NoRequest, &[Requested], to(Rejected), &[Rejected])),
    ]
}

/// Going, being sent away, and roles.
fn going() -> [(Step, [Outcome; 10]); 8] {
    use Refusal as R;
    let (same, left, away) = (SAME, to(Left), to(Withdrawn));
    let (stays, not_in, none) = (no(R::OwnerStays), no(R::NotIn), no(R::NoSuchGroup));
    let owner_stays = |mut row: [Outcome; 10]| {
        row[3] = stays;
        row
    };
    let rank = |from, role| {
        let next = In(role);
        owner_stays(only(R::NotAMember, &[from], to(next), &[next]))
    };
    let ban = to(Banned);
    [
        (Step::Leave, [none, not_in, not_in, stays, left, left, same, not_in, not_in, same]),
        (Step::Remove, owner_stays(only(R::NotAMember, &[MODERATOR, MEMBER], left, &[Left]))),
        (Step::Ban, [ban, ban, ban, stays, ban, ban, ban, ban, ban, same]),
        (Step::Unban, only(R::NotBanned, &[Banned], left, &[Left])),
        (Step::Rank(Role::Member), rank(MODERATOR, Role::Member)),
        (Step::Rank(Role::Moderator), rank(MEMBER, Role::Moderator)),
        (Step::Vanish, [same, left, left, stays, left, left, same, left, left, left]),
        (Step::Dissolve, [same, away, away, left, left, left, same, same, same, same]),
    ]
}

/// A row in which these go there, those are there already, and all others are refused.
fn only(why: Refusal, from: &[Standing], outcome: Outcome, there: &[Standing]) -> [Outcome; 10] {
    ALL.map(|standing| {
        if from.contains(&standing) {
            outcome
        } else if there.contains(&standing) {
            SAME
        } else {
            no(why)
        }
    })
}

#[test]
fn every_step_from_every_standing() {
    for (step, row) in table() {
        for (standing, expected) in ALL.into_iter().zip(row) {
            let held = Held { standing, since_at: SINCE };
            let outcome = decide(held, step, SINCE + GROUP_AGAIN_MS - 1);
            assert_eq!(outcome, expected, "{step:?} of {standing:?}");
            // What a step leads to, it leads to once: a retry changes nothing.
            if let Ok(Some(next)) = outcome {
                let again = decide(Held { standing: next, since_at: SINCE }, step, SINCE);
                assert_eq!(again, SAME, "{step:?} again, of {next:?}");
            }
        }
    }
}

#[test]
fn who_was_told_no_may_ask_again_after_a_while() {
    let held = Held { standing: Rejected, since_at: SINCE };
    let ask = |at| decide(held, Step::Join(Joining::Request), at);
    assert_eq!(ask(SINCE + GROUP_AGAIN_MS - 1), no(Refusal::RejectedLately));
    assert_eq!(ask(SINCE + GROUP_AGAIN_MS), to(Requested));
}

#[test]
fn nobody_comes_in_unless_both_sides_want_it_or_the_door_is_open() {
    for (step, _) in table() {
        for standing in ALL.into_iter().filter(|standing| standing.role().is_none()) {
            let next = decide(Held { standing, since_at: 0 }, step, GROUP_AGAIN_MS);
            let comes_in = matches!(next, Ok(Some(In(_))));
            let wanted = matches!(
                (standing, step),
                (_, Step::Join(Joining::Open))
                    | (Invited, Step::Join(Joining::Request | Joining::Invite))
                    | (Requested, Step::Approve | Step::Invite)
            );
            assert_eq!(comes_in, wanted && standing != Banned, "{step:?} of {standing:?}");
            assert!(next != to(OWNER) && next != to(MODERATOR), "{step:?} of {standing:?}");
        }
    }
}

#[test]
fn every_step_by_everybody_about_everybody() {
    let joinings = [Joining::Open, Joining::Request, Joining::Invite, Joining::Entitlement];
    for (step, _) in table() {
        for standing in ALL {
            for target in ALL {
                for joining in joinings {
                    for oneself in [false, true] {
                        let actor = Actor { standing, oneself };
                        let outcome = authorise(actor, step, target, joining);
                        let expected = expected(actor, step, target, joining);
                        assert_eq!(outcome, expected, "{actor:?} {step:?} {target:?} {joining:?}");
                    }
                }
            }
        }
    }
}

fn expected(actor: Actor, step: Step, target: Standing, joining: Joining) -> Result<(), Refusal> {
    let owner = actor.standing == OWNER;
    let looks_after = owner || actor.standing == MODERATOR;
    let is_in = looks_after || actor.standing == MEMBER;
    let may = match step {
        Step::Invite if is_in && joining == Joining::Entitlement => {
            return Err(Refusal::Entitlement);
        }
        Step::Invite => looks_after || is_in && joining == Joining::Open,
        Step::Uninvite | Step::Approve | Step::Reject | Step::Unban => looks_after,
        Step::Remove | Step::Ban => owner || looks_after && target != OWNER && target != MODERATOR,
        Step::Rank(Role::Member) => owner || looks_after && actor.oneself,
        Step::Rank(_) => owner,
        Step::Join(_) | Step::Leave | Step::Withdraw | Step::Vanish | Step::Dissolve => true,
    };
    if may { Ok(()) } else { Err(Refusal::NotYours) }
}

#[test]
fn the_wall_is_for_members_and_its_order_for_those_who_look_after_it() {
    for standing in ALL {
        let is_in = matches!(standing, In(_));
        assert_eq!(may(standing, Act::Read), is_in, "{standing:?}");
        assert_eq!(may(standing, Act::Post), is_in, "{standing:?}");
        assert_eq!(may(standing, Act::Moderate), [OWNER, MODERATOR].contains(&standing));
    }
}

#[test]
fn a_hidden_group_is_there_for_members_and_for_whom_it_waits() {
    for standing in ALL {
        let is_in = standing.role().is_some();
        let knows = is_in || [Requested, Invited].contains(&standing);
        assert!(may_see(Visibility::Public, standing) && may_see(Visibility::Private, standing));
        assert_eq!(may_see(Visibility::Hidden, standing), knows, "{standing:?}");
        assert_eq!(may_see_members(Visibility::Public, standing), standing != Banned);
        assert_eq!(may_see_members(Visibility::Private, standing), is_in, "{standing:?}");
        assert_eq!(may_see_members(Visibility::Hidden, standing), is_in, "{standing:?}");
    }
}

fn charter(owner: u128) -> Charter {
    Charter {
        name: "circle".to_owned(),
        description: String::new(),
        owner_id: UserId(Uuid::from_u128(owner)),
        kind: Kind::Community,
        visibility: Visibility::Public,
        joining: Joining::Open,
        created_at: 0,
        ended_at: None,
        categories: Vec::new(),
    }
}

#[test]
fn the_owner_is_who_the_charter_says_until_the_group_ends() {
    let one = charter(1);
    let other = UserId(Uuid::from_u128(2));
    let ended = Charter { ended_at: Some(5), ..one.clone() };
    for kept in ALL.into_iter().filter(|kept| *kept != OWNER) {
        assert_eq!(one.standing(one.owner_id, kept), OWNER);
        assert_eq!(one.standing(other, kept), kept);
        assert_eq!(ended.standing(one.owner_id, kept), Stranger);
        assert_eq!(ended.standing(other, kept), Stranger);
    }
}

#[test]
fn words_are_for_those_who_look_after_it_and_doors_for_the_owner() {
    let now = charter(1);
    let words = Edit { name: Some("ring".to_owned()), ..Edit::default() };
    let doors = Edit { joining: Some(Joining::Invite), ..Edit::default() };
    let sight = Edit { visibility: Some(Visibility::Hidden), ..Edit::default() };
    for by in ALL {
        let named = edit(&now, by, words.clone());
        let barred = [edit(&now, by, doors.clone()), edit(&now, by, sight.clone())];
        if by == OWNER {
            assert!(barred.iter().all(|outcome| matches!(outcome, Ok(Some(_)))));
        } else {
            let why = if by == MODERATOR { Refusal::OwnerOnly } else { Refusal::NotYours };
            assert_eq!(barred, [Err(why), Err(why)], "{by:?}");
        }
        if by.looks_after() {
            assert_eq!(named.unwrap().unwrap().name, "ring");
            assert_eq!(edit(&now, by, Edit::default()), Ok(None));
        } else {
            assert_eq!(named, Err(Refusal::NotYours), "{by:?}");
        }
    }
}
