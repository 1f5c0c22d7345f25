//! Who is in a group, through the public door, on both engines: every way in and out, who may say
//! so, one owner at any time, and not one event to who is out.

use crate::place::{Place, on_both_engines};
use crate::server::{Person, Socket, TestServer, client_id, eventually};
use futures_util::future::join_all;
use protocol::groups::{
    Approve, Ban, Create, CreateCategory, Delete, DeleteCategory, Get, Group, Invite, Join,
    Joining, Kind, Leave, List, ListMembers, Member, Reject, Remove, Role, SetRole, Standing,
    Unban, Update, UpdateCategory, Visibility, Withdraw,
};
use protocol::limits::{GROUP_AGAIN_MS, GROUP_ASKS_MAX, GROUP_CATEGORIES_MAX, GROUPS_OWNED_MAX};
use protocol::people::{Block, Unblock};
use protocol::session::Ping;
use protocol::topics::Subscribe;
use protocol::wall::CreatePost;
use protocol::{Call, Error, ErrorCode, Event, GroupId, Incoming, Topic, UserId};

on_both_engines! {
    a_request_is_answered_and_the_answer_holds,
    an_invitation_is_accepted_declined_or_taken_back,
    a_group_has_one_owner_whatever_happens_at_once,
    a_group_that_ended_is_not_there_and_nobody_is_in_it,
    who_is_banned_gets_not_one_further_event_and_stays_out,
}

/// Somebody each of whom has a part in what follows.
struct World {
    server: TestServer,
    ada: Person,
    ben: Person,
    cal: Person,
}

impl World {
    async fn new(place: &Place) -> Self {
        let server = place.node().await;
        let (ada, ben) = (server.member("ada").await, server.member("ben").await);
        let cal = server.member("cal").await;
        Self { server, ada, ben, cal }
    }

    async fn by<C: Call>(&self, who: &Person, params: C) -> Result<C::Result, Error> {
        self.server.by(who, params).await
    }

    /// Ada's.
    async fn group(&self, visibility: Visibility, joining: Joining) -> GroupId {
        let create = Create {
            client_id: client_id(),
            name: "circle".to_owned(),
            description: None,
            kind: Some(Kind::Community),
            visibility: Some(visibility),
            joining: Some(joining),
        };
        self.by(&self.ada, create).await.unwrap().group.id
    }

    async fn seen(&self, who: &Person, group_id: GroupId) -> Group {
        self.by(who, Get { group_id }).await.unwrap().group
    }

    async fn standing(&self, who: &Person, group_id: GroupId) -> Option<Standing> {
        self.seen(who, group_id).await.standing
    }

    async fn names(&self, who: &Person, group_id: GroupId, standing: Standing) -> Vec<String> {
        let listed = self.by(who, list_of(group_id, standing)).await.unwrap().items;
        // `member` calls somebody "Load ada 1".
        let name = |it: Member| it.user.name.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut names: Vec<String> = listed.into_iter().map(name).collect();
        names.sort();
        names
    }

    /// The names of somebody's events about groups, in order.
    async fn news(&self, who: &Person) -> Vec<&'static str> {
        let feed = self.server.feed(who).await;
        let about = |name: &&str| name.starts_with("group.") || name.starts_with("membership.");
        feed.iter().map(Event::name).filter(about).collect()
    }

    async fn made(&self, who: &Person, role: Role, group_id: GroupId) -> Member {
        let set = SetRole { group_id, user_id: who.id, role };
        self.by(&self.ada, set).await.unwrap().member
    }
}

fn list_of(group_id: GroupId, standing: Standing) -> ListMembers {
    ListMembers { group_id, standing: Some(standing), after: None, limit: None }
}

fn update(group_id: GroupId) -> Update {
    Update { group_id, name: None, description: None, visibility: None, joining: None }
}

fn post(group_id: GroupId) -> CreatePost {
    CreatePost::new(group_id, client_id(), "a thought")
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> ErrorCode {
    outcome.unwrap_err().code
}

async fn follow(socket: &mut Socket, topic: Topic) {
    socket.call(Subscribe { topic, after: None }).await.unwrap();
}

/// Nothing of a group comes any more.
async fn hears_nothing(socket: &mut Socket, topic: Topic) {
    socket.call(Ping::default()).await.unwrap();
    let of_it = |push: &Incoming| matches!(push, Incoming::Event(it) if it.topic == Some(topic));
    assert!(!socket.rest().iter().any(of_it));
}

async fn a_request_is_answered_and_the_answer_holds(place: Place) {
    let world = World::new(&place).await;
    let World { server, ada, ben, cal } = &world;
    let group_id = world.group(Visibility::Private, Joining::Request).await;
    let asked = world.by(ben, Join { group_id }).await.unwrap().group;
    assert_eq!((asked.standing, asked.role), (Some(Standing::Requested), None));
    world.by(ben, Join { group_id }).await.unwrap();
    assert_eq!(code(world.by(ben, post(group_id)).await), ErrorCode::NotFound);
    assert_eq!(code(world.by(ben, Leave { group_id }).await), ErrorCode::Conflict);
    assert_eq!(world.names(ada, group_id, Standing::Requested).await, ["ben"]);
    let waits = List { standing: Some(Standing::Requested), ..List::default() };
    assert_eq!(world.by(ben, waits.clone()).await.unwrap().items[0].id, group_id);
    let told = server.feed(ada).await;
    let ask = |event: &Event| matches!(event, Event::GroupRequested(it) if it.user_id == ben.id);
    assert_eq!(told.iter().filter(|event| ask(event)).count(), 1);

    // Nobody else answers it, nor the one who asks.
    let approve = Approve { group_id, user_id: ben.id };
    for who in [ben, cal] {
        assert_eq!(code(world.by(who, approve).await), ErrorCode::Forbidden);
        assert_eq!(
            code(world.by(who, list_of(group_id, Standing::Requested)).await),
            ErrorCode::Forbidden
        );
    }
    let taken = world.by(ben, Withdraw { group_id, user_id: None }).await.unwrap().member;
    assert_eq!(taken.standing, Some(Standing::Withdrawn));
    assert_eq!(code(world.by(ada, approve).await), ErrorCode::Conflict, "it was taken back");
    world.by(ben, Join { group_id }).await.unwrap();
    world.by(ada, Reject { group_id, user_id: ben.id }).await.unwrap();
    assert_eq!(world.by(ben, waits).await.unwrap().items, []);
    assert_eq!(code(world.by(ben, Join { group_id }).await), ErrorCode::Conflict, "not yet");
    server.later(GROUP_AGAIN_MS).await;
    world.by(ben, Join { group_id }).await.unwrap();
    let member = world.by(ada, approve).await.unwrap().member;
    assert_eq!((member.standing, member.role), (Some(Standing::Member), Some(Role::Member)));
    assert_eq!(world.by(ada, approve).await.unwrap().member, member, "again");
    world.by(ben, post(group_id)).await.unwrap();
    assert_eq!(world.names(ben, group_id, Standing::Member).await, ["ada", "ben"]);
    assert_eq!(world.names(ada, group_id, Standing::Requested).await, [""; 0]);
    assert_eq!(world.news(ben).await, ["group.rejected", "group.approved", "membership.started"]);
    // Listed, and not more than that.
    assert_eq!(world.seen(cal, group_id).await.standing, None);
    assert_eq!(
        code(world.by(cal, list_of(group_id, Standing::Member)).await),
        ErrorCode::Forbidden
    );
}

async fn an_invitation_is_accepted_declined_or_taken_back(place: Place) {
    let world = World::new(&place).await;
    let World { ada, ben, cal, .. } = &world;
    let group_id = world.group(Visibility::Hidden, Joining::Invite).await;
    let invite = Invite { group_id, user_id: ben.id };
    for who in [ben, cal] {
        assert_eq!(code(world.by(who, Get { group_id }).await), ErrorCode::NotFound);
        assert_eq!(code(world.by(who, Join { group_id }).await), ErrorCode::NotFound);
        assert_eq!(code(world.by(who, Leave { group_id }).await), ErrorCode::NotFound);
        assert_eq!(code(world.by(who, invite).await), ErrorCode::NotFound);
        assert_eq!(code(world.by(who, update(group_id)).await), ErrorCode::NotFound);
        assert_eq!(code(world.by(who, Delete { group_id }).await), ErrorCode::NotFound);
        assert_eq!(world.by(who, List::default()).await.unwrap().items, []);
    }
    let nobody = Invite { group_id, user_id: UserId(client_id().0) };
    assert_eq!(code(world.by(ada, nobody).await), ErrorCode::NotFound);

    let guest = world.by(ada, invite).await.unwrap().member;
    assert_eq!(guest.standing, Some(Standing::Invited));
    assert_eq!(world.standing(ben, group_id).await, Some(Standing::Invited));
    let invited = List { standing: Some(Standing::Invited), ..List::default() };
    assert_eq!(world.by(ben, invited.clone()).await.unwrap().items.len(), 1);
    assert_eq!(code(world.by(ben, post(group_id)).await), ErrorCode::NotFound);
    let declined = world.by(ben, Withdraw { group_id, user_id: None }).await.unwrap().member;
    assert_eq!(declined.standing, Some(Standing::Withdrawn));
    assert_eq!(code(world.by(ben, Get { group_id }).await), ErrorCode::NotFound);

    world.by(ada, invite).await.unwrap();
    let take_back = Withdraw { group_id, user_id: Some(ben.id) };
    assert_eq!(code(world.by(cal, take_back).await), ErrorCode::NotFound);
    world.by(ada, take_back).await.unwrap();
    assert_eq!(code(world.by(ben, Join { group_id }).await), ErrorCode::NotFound);
    world.by(ada, invite).await.unwrap();
    let joined = world.by(ben, Join { group_id }).await.unwrap().group;
    assert_eq!(joined.role, Some(Role::Member));
    assert_eq!(world.by(ben, invited).await.unwrap().items, []);
    let cals = Invite { group_id, user_id: cal.id };
    assert_eq!(
        code(world.by(ben, cals).await),
        ErrorCode::Forbidden,
        "for those who look after it"
    );
    world.made(ben, Role::Moderator, group_id).await;
    world.by(ben, cals).await.unwrap();
    let told = ["group.invited"; 3].into_iter().chain(["membership.started", "membership.changed"]);
    assert_eq!(world.news(ben).await, told.collect::<Vec<_>>());

    // Whoever blocked whom: one is not invited by the other.
    world.by(cal, Withdraw { group_id, user_id: None }).await.unwrap();
    for (one, other) in [(ben, cal), (cal, ben)] {
        world.by(one, Block { user_id: other.id }).await.unwrap();
        assert_eq!(code(world.by(ben, cals).await), ErrorCode::Blocked);
        world.by(one, Unblock { user_id: other.id }).await.unwrap();
    }
    world.by(ben, cals).await.unwrap();
}

async fn a_group_has_one_owner_whatever_happens_at_once(place: Place) {
    let world = World::new(&place).await;
    let other = place.node().await;
    let World { server, ada, ben, cal } = &world;
    let group_id = world.group(Visibility::Public, Joining::Open).await;
    let owner = |user_id| SetRole { group_id, user_id, role: Role::Owner };
    assert_eq!(code(world.by(ada, Leave { group_id }).await), ErrorCode::Conflict);
    assert_eq!(code(world.by(ada, owner(ben.id)).await), ErrorCode::Conflict, "not in it");
    for who in [ben, cal] {
        world.by(who, Join { group_id }).await.unwrap();
    }
    assert_eq!(code(world.by(ben, owner(ben.id)).await), ErrorCode::Forbidden);
    let own = SetRole { group_id, user_id: ada.id, role: Role::Member };
    assert_eq!(code(world.by(ada, own).await), ErrorCode::Conflict, "hand it over first");
    let member = world.by(ada, owner(ben.id)).await.unwrap().member;
    assert_eq!(member.role, Some(Role::Owner));
    assert_eq!(world.seen(ada, group_id).await.role, Some(Role::Moderator));
    assert_eq!(code(world.by(ada, owner(cal.id)).await), ErrorCode::Forbidden);
    world.by(ben, owner(ada.id)).await.unwrap();

    // Handed to each of two, who leave at the same time on another node.
    for round in 0..6 {
        let to = [ben, cal][round % 2];
        let (given, left) =
            futures_util::join!(server.by(ada, owner(to.id)), other.by(to, Leave { group_id }));
        server.later(60_000).await;
        other.later(0).await;
        let now = world.seen(ada, group_id).await;
        let owners: Vec<&Person> =
            [ada, ben, cal].into_iter().filter(|who| who.id == now.owner_id).collect();
        let [owner_now] = owners[..] else { panic!("{owners:?}", owners = now.owner_id) };
        assert_eq!(world.seen(owner_now, group_id).await.role, Some(Role::Owner));
        let listed = world.by(owner_now, list_of(group_id, Standing::Member)).await.unwrap().items;
        let roles: Vec<_> = listed.iter().filter(|it| it.role == Some(Role::Owner)).collect();
        assert_eq!(roles.len(), 1, "{given:?} {left:?}");
        assert_eq!(roles[0].user.id, owner_now.id);
        if owner_now.id != ada.id {
            server.by(owner_now, owner(ada.id)).await.unwrap();
        }
        server.by(to, Join { group_id }).await.unwrap();
    }
    // Two who each would have it: one of them is told that it is not theirs to give.
    world.by(ada, owner(ben.id)).await.unwrap();
    let both = [server.by(ben, owner(cal.id)), other.by(ben, owner(ada.id))];
    let outcomes = join_all(both).await;
    let now = world.seen(ada, group_id).await.owner_id;
    assert!(now == cal.id || now == ada.id);
    assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
}

async fn a_group_that_ended_is_not_there_and_nobody_is_in_it(place: Place) {
    let world = World::new(&place).await;
    let World { server, ada, ben, cal } = &world;
    let group_id = world.group(Visibility::Public, Joining::Open).await;
    world.by(ben, Join { group_id }).await.unwrap();
    let doors = Update { joining: Some(Joining::Request), ..update(group_id) };
    world.by(ada, doors).await.unwrap();
    world.by(cal, Join { group_id }).await.unwrap();
    let topic = Topic::Group(group_id);
    let mut bens = server.socket(ben).await;
    follow(&mut bens, topic).await;
    assert_eq!(code(world.by(ben, Delete { group_id }).await), ErrorCode::Forbidden);
    world.by(ada, Delete { group_id }).await.unwrap();
    world.by(ada, Delete { group_id }).await.unwrap();
    for who in [ada, ben, cal] {
        assert_eq!(code(world.by(who, Get { group_id }).await), ErrorCode::NotFound);
        assert_eq!(code(world.by(who, Join { group_id }).await), ErrorCode::NotFound);
        assert_eq!(code(world.by(who, post(group_id)).await), ErrorCode::NotFound);
        let mine = List { mine: Some(true), ..List::default() };
        assert_eq!(world.by(who, mine).await.unwrap().items, []);
        assert_eq!(world.by(who, List::default()).await.unwrap().items, []);
    }
    let feeds = [(ben, "membership.ended"), (cal, "group.removed"), (ada, "membership.ended")];
    for (who, last) in feeds {
        eventually(async || (world.news(who).await.last() == Some(&last)).then_some(())).await;
    }
    let gone = bens.call(Subscribe { topic, after: None }).await;
    assert_eq!(code(gone), ErrorCode::NotFound);
    hears_nothing(&mut bens, topic).await;
}

async fn who_is_banned_gets_not_one_further_event_and_stays_out(place: Place) {
    let world = World::new(&place).await;
    let World { server, ada, ben, cal } = &world;
    let group_id = world.group(Visibility::Public, Joining::Open).await;
    for who in [ben, cal] {
        world.by(who, Join { group_id }).await.unwrap();
    }
    world.made(cal, Role::Moderator, group_id).await;
    let topic = Topic::Group(group_id);
    let (mut bens, mut cals) = (server.socket(ben).await, server.socket(cal).await);
    follow(&mut bens, topic).await;
    follow(&mut cals, topic).await;
    let ban = |user_id| Ban { group_id, user_id };
    assert_eq!(code(world.by(ben, ban(cal.id)).await), ErrorCode::Forbidden);
    assert_eq!(code(world.by(cal, ban(ada.id)).await), ErrorCode::Forbidden);
    assert_eq!(code(world.by(ada, ban(ada.id)).await), ErrorCode::Conflict);
    world.by(cal, ban(ben.id)).await.unwrap();
    assert_eq!(world.by(cal, ban(ben.id)).await.unwrap().member.standing, Some(Standing::Banned));
    let last = world.by(ada, post(group_id)).await.unwrap().seq;
    cals.events_to(topic, last).await;
    hears_nothing(&mut bens, topic).await;
    assert_eq!(code(bens.call(Subscribe { topic, after: None }).await), ErrorCode::NotFound);
    assert_eq!(code(world.by(ben, Join { group_id }).await), ErrorCode::Forbidden);
    let list = list_of(group_id, Standing::Member);
    assert_eq!(code(world.by(ben, list).await), ErrorCode::Forbidden);
    let invite = Invite { group_id, user_id: ben.id };
    assert_eq!(code(world.by(ada, invite).await), ErrorCode::Conflict);
    assert_eq!(world.names(cal, group_id, Standing::Banned).await, ["ben"]);
    let told = ["membership.started", "group.removed", "membership.ended"];
    assert_eq!(world.news(ben).await, told);

    let unban = Unban { group_id, user_id: ben.id };
    assert_eq!(code(world.by(ben, unban).await), ErrorCode::Forbidden);
    world.by(cal, unban).await.unwrap();
    assert_eq!(code(world.by(cal, Unban { group_id, user_id: ada.id }).await), ErrorCode::Conflict);
    assert_eq!(world.standing(ben, group_id).await, Some(Standing::Left));
    world.by(ben, Join { group_id }).await.unwrap();
    let remove = |user_id| Remove { group_id, user_id };
    follow(&mut bens, topic).await;
    assert_eq!(code(world.by(cal, remove(ada.id)).await), ErrorCode::Forbidden);
    world.by(cal, remove(ben.id)).await.unwrap();
    let last = world.by(ada, post(group_id)).await.unwrap().seq;
    cals.events_to(topic, last).await;
    hears_nothing(&mut bens, topic).await;
    world.by(ben, Join { group_id }).await.unwrap();

    // Who looks after a group may stop doing so; the owner may end it.
    let down = SetRole { group_id, user_id: cal.id, role: Role::Member };
    assert_eq!(code(world.by(ben, down).await), ErrorCode::Forbidden);
    assert_eq!(world.by(cal, down).await.unwrap().member.role, Some(Role::Member));
    assert_eq!(code(world.by(cal, remove(ben.id)).await), ErrorCode::Forbidden);
    world.made(cal, Role::Moderator, group_id).await;
    world.by(ada, ban(cal.id)).await.unwrap();
    world.by(ada, post(group_id)).await.unwrap();
    hears_nothing(&mut cals, topic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_comes_by_hand_into_a_group_that_goes_with_a_membership() {
    let place = Place::embedded();
    let world = World::new(&place).await;
    let World { ada, ben, .. } = &world;
    let group_id = world.group(Visibility::Public, Joining::Entitlement).await;
    let refused = world.by(ben, Join { group_id }).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Forbidden);
    assert!(refused.message.contains("membership"), "{}", refused.message);
    let invite = Invite { group_id, user_id: ben.id };
    assert_eq!(code(world.by(ada, invite).await), ErrorCode::Forbidden);
    let by_invitation = world.group(Visibility::Public, Joining::Invite).await;
    let join = Join { group_id: by_invitation };
    assert_eq!(code(world.by(ben, join).await), ErrorCode::Forbidden);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_are_changed_by_those_who_look_after_it_and_doors_by_the_owner() {
    let place = Place::embedded();
    let world = World::new(&place).await;
    let World { ada, ben, cal, .. } = &world;
    let group_id = world.group(Visibility::Public, Joining::Open).await;
    world.by(ben, Join { group_id }).await.unwrap();
    let named = Update { name: Some("ring".to_owned()), ..update(group_id) };
    for who in [ben, cal] {
        assert_eq!(code(world.by(who, named.clone()).await), ErrorCode::Forbidden);
    }
    world.made(ben, Role::Moderator, group_id).await;
    assert_eq!(world.by(ben, named).await.unwrap().group.name, "ring");
    let hidden = Update { visibility: Some(Visibility::Hidden), ..update(group_id) };
    assert_eq!(code(world.by(ben, hidden.clone()).await), ErrorCode::Forbidden);
    let long = Update { name: Some("x".repeat(81)), ..update(group_id) };
    assert_eq!(code(world.by(ada, long).await), ErrorCode::Invalid);
    assert_eq!(world.by(cal, List::default()).await.unwrap().items.len(), 1);
    world.by(ada, hidden).await.unwrap();
    assert_eq!(world.by(cal, List::default()).await.unwrap().items, []);
    assert_eq!(code(world.by(cal, Get { group_id }).await), ErrorCode::NotFound);
    world.by(ben, post(group_id)).await.unwrap();
    let again = Update { visibility: Some(Visibility::Private), ..update(group_id) };
    world.by(ada, again).await.unwrap();
    assert_eq!(world.by(cal, List::default()).await.unwrap().items.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn categories_are_made_by_those_who_look_after_a_group_up_to_a_limit() {
    let place = Place::embedded();
    let world = World::new(&place).await;
    let World { ada, ben, cal, .. } = &world;
    let group_id = world.group(Visibility::Public, Joining::Open).await;
    world.by(ben, Join { group_id }).await.unwrap();
    let create = |name: &str| CreateCategory {
        group_id,
        client_id: client_id(),
        name: name.to_owned(),
        description: None,
    };
    for who in [ben, cal] {
        assert_eq!(code(world.by(who, create("questions")).await), ErrorCode::Forbidden);
    }
    let wanted = create("questions");
    let made = world.by(ada, wanted.clone()).await.unwrap().category;
    assert_eq!(world.by(ada, wanted).await.unwrap().category, made, "made once");
    let change = UpdateCategory {
        group_id,
        category_id: made.id,
        name: Some("wins".to_owned()),
        description: None,
    };
    assert_eq!(code(world.by(ben, change.clone()).await), ErrorCode::Forbidden);
    world.by(ada, change.clone()).await.unwrap();
    for n in 1..GROUP_CATEGORIES_MAX {
        world.server.clock.advance(1);
        world.by(ada, create(&n.to_string())).await.unwrap();
    }
    assert_eq!(code(world.by(ada, create("one more")).await), ErrorCode::Full);
    let shown = world.seen(ben, group_id).await.categories;
    assert_eq!((shown.len(), shown[0].name.as_str()), (GROUP_CATEGORIES_MAX, "wins"));
    let delete = DeleteCategory { group_id, category_id: made.id };
    assert_eq!(code(world.by(ben, delete).await), ErrorCode::Forbidden);
    world.by(ada, delete).await.unwrap();
    world.by(ada, delete).await.unwrap();
    assert_eq!(code(world.by(ada, change).await), ErrorCode::NotFound);
    assert_eq!(world.seen(ben, group_id).await.categories.len(), GROUP_CATEGORIES_MAX - 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_groups_of_one_person_have_limits_and_come_in_pages() {
    let place = Place::embedded();
    let world = World::new(&place).await;
    let World { server, ada, ben, .. } = &world;
    let mut groups = Vec::new();
    for n in 0..=GROUPS_OWNED_MAX {
        let create = Create {
            client_id: client_id(),
            name: n.to_string(),
            description: None,
            kind: None,
            visibility: None,
            joining: Some(Joining::Request),
        };
        match world.by(ada, create).await {
            Ok(made) => groups.push(made.group.id),
            Err(full) => assert_eq!((n, full.code), (GROUPS_OWNED_MAX, ErrorCode::Full)),
        }
    }
    assert_eq!(groups.len(), GROUPS_OWNED_MAX);
    let asks = GROUP_ASKS_MAX as usize;
    for (n, &group_id) in groups.iter().take(asks + 1).enumerate() {
        let asked = world.by(ben, Join { group_id }).await;
        assert_eq!(asked.is_ok(), n < asks, "{asked:?}");
    }
    let group_id = groups[0];
    for person in server.people("asker", 7, None).await {
        world.by(&person, Join { group_id }).await.unwrap();
    }
    let (mut after, mut names) = (None, Vec::new());
    loop {
        let limit = Some(3);
        let page = ListMembers { after, limit, ..list_of(group_id, Standing::Requested) };
        let page = world.by(ada, page).await.unwrap();
        assert!(page.items.len() <= 3);
        names.extend(page.items.into_iter().map(|it| it.user.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    names.dedup();
    assert_eq!(names.len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_whose_owner_goes_passes_to_who_has_looked_after_it_longest() {
    let place = Place::embedded();
    let grace = |it: &mut sanctuary::config::Settings| it.accounts_deletion_grace_days = 0;
    let server = place.site.open_with(&place.clock, grace).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let cal = server.member("cal").await;
    let world = World { server, ada, ben, cal };
    let World { server, ada, ben, cal } = &world;
    let looked_after = world.group(Visibility::Public, Joining::Open).await;
    let of_members = world.group(Visibility::Public, Joining::Open).await;
    let alone = world.group(Visibility::Public, Joining::Open).await;
    let waits = world.group(Visibility::Public, Joining::Request).await;
    for group_id in [looked_after, of_members] {
        for who in [ben, cal] {
            world.by(who, Join { group_id }).await.unwrap();
            server.clock.advance(1_000);
        }
    }
    world.made(cal, Role::Moderator, looked_after).await;
    world.by(ben, Join { group_id: waits }).await.unwrap();
    server.accounts.request_deletion(ada.id).await.unwrap();
    server.later(1).await;
    server.later(60_000).await;
    server.later(60_000).await;
    assert_eq!(world.seen(cal, looked_after).await.role, Some(Role::Owner));
    assert_eq!(world.seen(ben, of_members).await.role, Some(Role::Owner));
    for group_id in [alone, waits] {
        assert_eq!(code(world.by(ben, Get { group_id }).await), ErrorCode::NotFound);
    }
    let in_it = world.by(cal, list_of(looked_after, Standing::Member)).await.unwrap().items;
    assert!(in_it.iter().all(|it| it.user.id != ada.id));
    assert_eq!(in_it.len(), 2);
    let told = world.news(cal).await;
    assert_eq!(told.last(), Some(&"membership.changed"), "{told:?}");

    // Who asked elsewhere and goes, waits there no more.
    let other = server.member("dora").await;
    let join = Update { joining: Some(Joining::Request), ..update(of_members) };
    world.by(ben, join).await.unwrap();
    world.by(&other, Join { group_id: of_members }).await.unwrap();
    server.accounts.request_deletion(other.id).await.unwrap();
    server.later(1).await;
    server.later(60_000).await;
    assert_eq!(world.names(ben, of_members, Standing::Requested).await, [""; 0]);
}
