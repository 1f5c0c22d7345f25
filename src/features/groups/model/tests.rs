use super::*;

/// Everything that somebody may be to a group.
const ALL: [Standing; 10] = [
    Standing::Stranger,
    Standing::Requested,
    Standing::Invited,
    Standing::In(Role::Owner),
    Standing::In(Role::Moderator),
    Standing::In(Role::Member),
    Standing::Left,
    Standing::Rejected,
    Standing::Withdrawn,
    Standing::Banned,
];

#[test]
fn the_wall_is_for_members_and_its_order_for_those_who_look_after_it() {
    for standing in ALL {
        let is_in = matches!(standing, Standing::In(_));
        assert_eq!(may(standing, Act::Read), is_in, "{standing:?}");
        assert_eq!(may(standing, Act::Post), is_in, "{standing:?}");
        let looks_after = matches!(standing, Standing::In(Role::Owner | Role::Moderator));
        assert_eq!(may(standing, Act::Moderate), looks_after, "{standing:?}");
    }
}
