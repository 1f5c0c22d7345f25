//! Walls through the public door: posts, comments, likes and what one has read of them.

use crate::engines::START;
use crate::server::{Person, Site, TestServer, client_id, eventually};
use futures_util::future::join_all;
use protocol::groups::{Create, CreateCategory, Join};
use protocol::limits::{COMMENT_DEPTH_MAX, UNREAD_POSTS_MAX};
use protocol::notifications::List as ListNotices;
use protocol::people::{Block, Unblock};
use protocol::session::{Cursor, Open, Ping};
use protocol::topics::Subscribe;
use protocol::wall::{
    Comment, CreateComment, CreatePost, DeleteComment, DeletePost, EditComment, EditPost, GetPost,
    GroupUnread, ListComments, ListLikes, ListPosts, ListUnread, LockPost, MarkGroup, PinPost,
    Post, PostState, ReadFeed, SetLike,
};
use protocol::{CommentId, Error, ErrorCode, Event, GroupId, PostId, Signal, Topic};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sanctuary::clock::Clock;
use std::fmt::Write as _;
use tempfile::tempdir;

/// A group of all these people; the first owns it.
async fn circle(server: &TestServer, people: &[&Person]) -> GroupId {
    let create = Create {
        client_id: client_id(),
        name: "circle".to_owned(),
        description: None,
        kind: None,
        visibility: None,
        joining: None,
    };
    let group_id = server.by(people[0], create).await.unwrap().group.id;
    for person in &people[1..] {
        server.by(person, Join { group_id }).await.unwrap();
    }
    group_id
}

async fn post(server: &TestServer, who: &Person, group: GroupId, text: &str) -> PostId {
    server.by(who, CreatePost::new(group, client_id(), text)).await.unwrap().post_id
}

fn comment_on(post_id: PostId, parent_id: Option<CommentId>, text: &str) -> CreateComment {
    CreateComment { post_id, parent_id, client_id: client_id(), text: text.to_owned() }
}

async fn comment(
    server: &TestServer,
    who: &Person,
    post: PostId,
    parent: Option<CommentId>,
    text: &str,
) -> CommentId {
    server.by(who, comment_on(post, parent, text)).await.unwrap().comment_id
}

fn branch(post_id: PostId, parent_id: Option<CommentId>) -> ListComments {
    ListComments { post_id, parent_id, after: None, limit: None }
}

fn like(post_id: PostId, on: bool) -> SetLike {
    SetLike { post_id: Some(post_id), comment_id: None, on }
}

fn edit(post_id: PostId, text: &str) -> EditPost {
    EditPost { post_id, text: text.to_owned(), category_id: None, link: None, publish_at: None }
}

fn likes_of(post_id: PostId) -> ListLikes {
    ListLikes { post_id: Some(post_id), ..ListLikes::default() }
}

async fn get(server: &TestServer, who: &Person, post_id: PostId) -> Result<Post, Error> {
    Ok(server.by(who, GetPost { post_id }).await?.post)
}

async fn comments(
    server: &TestServer,
    who: &Person,
    post: PostId,
    parent: Option<CommentId>,
) -> Vec<Comment> {
    server.by(who, branch(post, parent)).await.unwrap().items
}

fn texts(posts: &[Post]) -> Vec<&str> {
    posts.iter().filter_map(|post| post.text.as_deref()).collect()
}

fn code<T>(outcome: Result<T, Error>) -> ErrorCode {
    outcome.err().expect("a refusal").code
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_is_edited_pinned_locked_and_deleted_and_its_words_go() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben, eve) =
        (server.member("ada").await, server.member("ben").await, server.member("eve").await);
    let group = circle(&server, &[&ada, &ben]).await;
    let topic = Topic::Group(group);
    let mut adas = server.socket(&ada).await;
    adas.call(Subscribe { topic, after: None }).await.unwrap();
    let id = post(&server, &ben, group, "a first thought").await;
    let linked = EditPost { link: Some("https://example.org/".to_owned()), ..edit(id, "a second") };
    let edited = server.by(&ben, linked.clone()).await.unwrap().post;
    assert_eq!((edited.text.as_deref(), edited.edited_at), (Some("a second"), Some(START)));
    server.by(&ben, linked).await.unwrap();
    let shown = server.by(&ada, GetPost { post_id: id }).await.unwrap();
    assert_eq!(shown.post.link.as_deref(), Some("https://example.org/"));
    let said: Vec<&str> = shown.versions.iter().map(|version| &*version.text).collect();
    assert_eq!(said, ["a first thought"], "what it said before is kept, and edited once");

    assert_eq!(code(server.by(&ada, edit(id, "not mine")).await), ErrorCode::Forbidden);
    assert_eq!(
        code(server.by(&ben, PinPost { post_id: id, on: true }).await),
        ErrorCode::Forbidden
    );
    assert_eq!(code(server.by(&eve, PinPost { post_id: id, on: true }).await), ErrorCode::NotFound);
    assert_eq!(code(get(&server, &eve, id).await), ErrorCode::NotFound);
    for _ in 0..2 {
        server.by(&ada, PinPost { post_id: id, on: true }).await.unwrap();
        server.by(&ada, LockPost { post_id: id, on: true }).await.unwrap();
    }
    let pinned = ListPosts { pinned: Some(true), ..ListPosts::of(group) };
    let first = server.by(&ben, pinned.clone()).await.unwrap().items.remove(0);
    assert!(first.pinned && first.locked);
    assert_eq!(code(server.by(&ben, comment_on(id, None, "late")).await), ErrorCode::Closed);

    for _ in 0..2 {
        server.by(&ada, DeletePost { post_id: id }).await.unwrap();
    }
    let gone = server.by(&ben, GetPost { post_id: id }).await.unwrap();
    assert_eq!((gone.post.state, gone.post.text, gone.post.link), (PostState::Deleted, None, None));
    assert!(gone.versions.is_empty());
    assert_eq!(server.by(&ben, pinned).await.unwrap().items, []);
    assert_eq!(server.by(&ben, ListPosts::of(group)).await.unwrap().items, []);
    assert_eq!(code(server.by(&ben, edit(id, "again")).await), ErrorCode::Conflict);
    let events = server.read(&ben, topic).await.unwrap();
    let names: Vec<&str> = events.iter().map(Event::name).collect();
    let wanted = ["post.created", "post.edited", "post.pinned", "post.locked", "post.deleted"];
    assert_eq!(names, wanted);
    assert!(
        !format!("{events:?}").contains("thought") && !format!("{events:?}").contains("second")
    );
    // Who was watching heard the same, and who resumes sees nothing of the words.
    assert_eq!(adas.events_to(topic, 5).await, [1, 2, 3, 4, 5]);
    let cursors = vec![Cursor { topic, seq: 0 }];
    let open = Open { device_id: "new".to_owned(), cursors, ..Open::default() };
    let (mut resumed, _) = server.resume(&ben, open).await;
    for _ in 0..5 {
        let event = resumed.event(topic).await;
        assert!(!format!("{event:?}").contains("second"), "{event:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comments_are_threaded_paged_and_keep_the_places_of_deleted_ones() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let group = circle(&server, &[&ada, &ben]).await;
    let id = post(&server, &ada, group, "a thought").await;
    let mut deepest = None;
    let mut thread = Vec::new();
    for depth in 1..=COMMENT_DEPTH_MAX {
        let made = comment(&server, &ben, id, deepest, &format!("depth {depth}")).await;
        let [shown] = &comments(&server, &ada, id, deepest).await[..] else { panic!("not one") };
        assert_eq!((shown.id, shown.depth, shown.replies), (made, depth, 0));
        deepest = Some(made);
        thread.push(made);
    }
    let deeper = server.by(&ben, comment_on(id, deepest, "too deep")).await;
    assert_eq!(code(deeper), ErrorCode::Conflict);
    let more = join_all((0..5).map(|n| {
        let text = format!("more {n}");
        let server = &server;
        let ada = &ada;
        async move { comment(server, ada, id, None, &text).await }
    }))
    .await;
    let mut paged = Vec::new();
    let mut page = ListComments { limit: Some(2), ..branch(id, None) };
    loop {
        let comments = server.by(&ada, page.clone()).await.unwrap();
        paged.extend(comments.items.iter().map(|comment| comment.id));
        let Some(next) = comments.next else { break };
        page.after = Some(next);
    }
    assert_eq!((paged.len(), paged[0]), (6, thread[0]));
    assert!(more.iter().all(|made| paged.contains(made)));
    assert_eq!(get(&server, &ada, id).await.unwrap().comments, 13);

    // One with replies keeps its place, without words; once they are gone, so is it.
    assert_eq!(
        code(server.by(&ben, DeleteComment { comment_id: more[0] }).await),
        ErrorCode::Forbidden
    );
    server.by(&ben, DeleteComment { comment_id: thread[0] }).await.unwrap();
    let top = comments(&server, &ada, id, None).await;
    assert_eq!((top.len(), top[0].id, top[0].replies), (6, thread[0], 1));
    assert_eq!((&top[0].text, &top[0].author), (&None, &None));
    let onto = server.by(&ada, comment_on(id, Some(thread[0]), "to nobody")).await;
    assert_eq!(code(onto), ErrorCode::Conflict);
    // Those who look after the group take out the rest, from the deepest up but for one.
    for made in thread[1..].iter().rev() {
        for _ in 0..2 {
            server.by(&ada, DeleteComment { comment_id: *made }).await.unwrap();
        }
    }
    let top = comments(&server, &ada, id, None).await;
    assert_eq!((top.len(), top.iter().any(|comment| comment.id == thread[0])), (5, false));
    assert_eq!(get(&server, &ada, id).await.unwrap().comments, 5);

    let edited = EditComment { comment_id: more[1], text: "calmer".to_owned() };
    let shown = server.by(&ada, edited).await.unwrap().comment;
    assert_eq!((shown.text.as_deref(), shown.edited_at), (Some("calmer"), Some(START)));
    server.by(&ada, DeleteComment { comment_id: more[1] }).await.unwrap();
    let events = server.read(&ben, Topic::Group(group)).await.unwrap();
    let all = format!("{events:?}");
    assert!(!all.contains("calmer") && !all.contains("more 1") && !all.contains("depth 1"));
    assert!(all.contains("more 2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_again_is_there_once() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let ada = server.member("ada").await;
    let group = circle(&server, &[&ada]).await;
    let create = CreatePost::new(group, client_id(), "once");
    let made = server.by(&ada, create.clone()).await.unwrap();
    let again = server.by(&ada, create.clone()).await.unwrap();
    assert_eq!((again.post_id, again.seq, again.duplicate), (made.post_id, made.seq, true));
    let said = comment_on(made.post_id, None, "once");
    let first = server.by(&ada, said.clone()).await.unwrap();
    // Also when it would be refused by now.
    server.by(&ada, LockPost { post_id: made.post_id, on: true }).await.unwrap();
    let again = server.by(&ada, said).await.unwrap();
    assert_eq!((again.comment_id, again.duplicate), (first.comment_id, true));
    let other =
        CreateComment { client_id: create.client_id, ..comment_on(made.post_id, None, "x") };
    assert_eq!(code(server.by(&ada, other).await), ErrorCode::Conflict, "a key of a post");
    assert_eq!(get(&server, &ada, made.post_id).await.unwrap().comments, 1);
    let limits = [
        code(server.by(&ada, CreatePost::new(group, client_id(), " ")).await),
        code(server.by(&ada, CreatePost::new(group, client_id(), "x".repeat(8_001))).await),
        code(server.by(&ada, comment_on(made.post_id, None, &"x".repeat(4_001))).await),
        code(server.by(&ada, SetLike { post_id: None, comment_id: None, on: true }).await),
    ];
    assert_eq!(limits, [ErrorCode::Invalid; 4]);
    let scheme = Some("javascript:alert(1)".to_owned());
    let link = CreatePost { link: scheme, ..CreatePost::new(group, client_id(), "x") };
    assert_eq!(code(server.by(&ada, link).await), ErrorCode::Invalid);
    server.by(&ada, CreatePost::new(group, client_id(), "x".repeat(8_000))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_is_told_what_was_posted_and_can_take_it_back_and_hears_no_more() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let group = circle(&server, &[&ada, &ben]).await;
    let create = CreatePost::new(group, client_id(), "before I go");
    let made = server.by(&ben, create.clone()).await.unwrap();
    let said = server.by(&ben, comment_on(made.post_id, None, "and this")).await.unwrap();
    let leave = protocol::groups::Leave { group_id: group };
    server.by(&ben, leave).await.unwrap();
    let again = server.by(&ben, create.clone()).await.unwrap();
    assert_eq!((again.post_id, again.duplicate), (made.post_id, true));
    let anew = CreatePost { client_id: client_id(), ..create };
    assert_eq!(code(server.by(&ben, anew).await), ErrorCode::NotFound);
    server.by(&ada, like(made.post_id, true)).await.unwrap();
    server.app.settled().await;
    let feed = server.read(&ben, Topic::User(ben.id)).await.unwrap();
    assert!(!feed.iter().any(|event| matches!(event, Event::PostLiked(_))), "{feed:?}");
    server.by(&ben, DeleteComment { comment_id: said.comment_id }).await.unwrap();
    server.by(&ben, DeletePost { post_id: made.post_id }).await.unwrap();
    let all = format!("{:?}", server.read(&ada, Topic::Group(group)).await.unwrap());
    assert!(!all.contains("before I go") && !all.contains("and this"), "{all}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_are_listed_by_category() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let ada = server.member("ada").await;
    let (group, other) = (circle(&server, &[&ada]).await, circle(&server, &[&ada]).await);
    let name = "walks".to_owned();
    let create =
        CreateCategory { group_id: group, client_id: client_id(), name, description: None };
    let walks = Some(server.by(&ada, create).await.unwrap().category.id);
    let within =
        |group| CreatePost { category_id: walks, ..CreatePost::new(group, client_id(), "a walk") };
    let id = server.by(&ada, within(group)).await.unwrap().post_id;
    assert_eq!(code(server.by(&ada, within(other)).await), ErrorCode::Invalid);
    post(&server, &ada, group, "a talk").await;
    let list = ListPosts { category_id: walks, ..ListPosts::of(group) };
    let walks = server.by(&ada, list.clone()).await.unwrap().items;
    assert_eq!(texts(&walks), ["a walk"]);
    // What is absent goes.
    server.by(&ada, edit(id, "a walk")).await.unwrap();
    assert_eq!(server.by(&ada, list).await.unwrap().items, []);
}

/// A crowd on two nodes likes and takes back, all at once: each counts once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn likes_count_exactly_however_many_come_at_once() {
    for site in Site::all().await {
        let clock = Clock::manual(START);
        let nodes = [site.open(&clock).await, site.open(&clock).await];
        let people = nodes[0].people("p", 24, None).await;
        let all: Vec<&Person> = people.iter().collect();
        let group = circle(&nodes[0], &all).await;
        let id = post(&nodes[0], &people[0], group, "a thought").await;
        // Each likes it on both nodes at once; every third takes it back on both.
        let on_both = |on: bool, step: usize| {
            let nodes = &nodes;
            let people = people.iter().step_by(step);
            join_all(people.flat_map(move |person| {
                nodes.iter().map(move |node| set(node, person, like(id, on)))
            }))
        };
        on_both(true, 1).await;
        // What a node could not carry out at once, since the other was faster, its relay timer does.
        for node in &nodes {
            eventually(async || {
                node.later(1_000).await;
                (get(node, &people[0], id).await.unwrap().likes == 24).then_some(())
            })
            .await;
        }
        on_both(false, 3).await;
        on_both(true, 6).await;
        for node in &nodes {
            eventually(async || {
                node.later(1_000).await;
                let shown = get(node, &people[0], id).await.unwrap();
                ((shown.likes, shown.liked) == (20, true)).then_some(())
            })
            .await;
            assert!(!get(node, &people[3], id).await.unwrap().liked);
        }
        let mut named = Vec::new();
        let mut page = ListLikes { limit: Some(7), ..likes_of(id) };
        loop {
            let likes = nodes[1].by(&people[1], page.clone()).await.unwrap();
            named.extend(likes.items.into_iter().map(|person| person.id));
            let Some(next) = likes.next else { break };
            page.after = Some(next);
        }
        let takes_back = |at: usize| at.is_multiple_of(3) && !at.is_multiple_of(6);
        let mut wanted: Vec<_> = people.iter().enumerate().collect();
        wanted.retain(|(at, _)| !takes_back(*at));
        let mut wanted: Vec<_> = wanted.into_iter().map(|(_, person)| person.id).collect();
        wanted.sort_unstable();
        named.sort_unstable();
        assert_eq!(named, wanted);
    }
}

/// Days by chance: two nodes write, reply, like and take back at the same time, while commits are
/// refused or their results lost. At the end what is counted is what the log holds, on both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_those_of_the_log_whatever_was_lost_on_the_way() {
    for site in Site::all().await {
        let clock = Clock::manual(START);
        let nodes = [site.open(&clock).await, site.open(&clock).await];
        let people = nodes[0].people("p", 4, None).await;
        let all: Vec<&Person> = people.iter().collect();
        let group = circle(&nodes[0], &all).await;
        let id = post(&nodes[0], &people[0], group, "a thought").await;
        let mut rng = StdRng::seed_from_u64(7);
        let mut made: Vec<(CommentId, usize)> = Vec::new();
        for _ in 0..12 {
            match rng.random_range(0..3) {
                0 => nodes[rng.random_range(0..2)].faults.refuse_commits(rng.random_range(1..3)),
                1 => nodes[rng.random_range(0..2)].faults.lose_commit_results(1),
                _ => {}
            }
            let deeds: Vec<_> = (0..6)
                .map(|_| {
                    let known = (!made.is_empty()).then(|| made[rng.random_range(0..made.len())]);
                    (rng.random_range(0..2), rng.random_range(0..4), rng.random_range(0..6), known)
                })
                .collect();
            let (places, persons) = (&nodes, &people[..]);
            let done = join_all(deeds.iter().map(move |&(node, who, deed, known)| {
                let (node, person) = (&places[node], &persons[who]);
                async move {
                    match (deed, known) {
                        (0, Some((comment_id, author))) => {
                            let by = &persons[author];
                            let _ = node.by(by, DeleteComment { comment_id }).await;
                            None
                        }
                        (1 | 2, _) => {
                            let _ = node.by(person, like(id, deed == 1)).await;
                            None
                        }
                        (_, known) => {
                            let parent = known.map(|(id, _)| id).filter(|_| deed > 3);
                            let said = node.by(person, comment_on(id, parent, "a word")).await;
                            said.ok().map(|said| (said.comment_id, who))
                        }
                    }
                }
            }))
            .await;
            made.extend(done.into_iter().flatten());
        }
        for node in &nodes {
            node.faults.refuse_commits(0);
            node.faults.lose_commit_results(0);
        }
        // What a crash left undone: relay timers are due by then.
        for _ in 0..3 {
            for node in &nodes {
                node.later(60_000).await;
            }
        }
        let events = nodes[0].read(&people[0], Topic::Group(group)).await.unwrap();
        let live = events.iter().filter(|event| match event {
            Event::CommentCreated(comment) => !comment.deleted,
            _ => false,
        });
        let live = live.count() as u64;
        for node in &nodes {
            let shown = get(node, &people[0], id).await.unwrap();
            let named = node.by(&people[0], likes_of(id)).await.unwrap().items.len() as u64;
            assert_eq!((shown.comments, shown.likes), (live, named));
            // Each that is not deleted is in its branch, and each place that is kept has replies.
            let (mut left, mut seen) = (vec![None], 0);
            while let Some(parent) = left.pop() {
                let page = comments(node, &people[0], id, parent).await;
                for comment in &page {
                    seen += u64::from(comment.text.is_some());
                    assert!(comment.text.is_some() || comment.replies > 0, "{comment:?}");
                    let under = comments(node, &people[0], id, Some(comment.id)).await;
                    assert_eq!(comment.replies, under.len() as u64);
                    left.push(Some(comment.id));
                }
            }
            assert_eq!(seen, live);
        }
    }
}

async fn take_out(node: &TestServer, who: &Person, comment_id: CommentId) {
    eventually(async || node.by(who, DeleteComment { comment_id }).await.ok()).await;
}

/// What was asked at once with others may have to be asked again.
async fn set(node: &TestServer, who: &Person, set: SetLike) {
    eventually(async || match node.by(who, set).await {
        Ok(done) => (done.on == set.on).then_some(()),
        Err(error) => {
            assert!(error.retryable, "{error:?}");
            None
        }
    })
    .await;
}

/// Two nodes comment while a third party locks: what was acknowledged is there, the count is exact,
/// and nothing comes after the lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_comment_comes_after_the_lock() {
    for site in Site::all().await {
        let clock = Clock::manual(START);
        let nodes = [site.open(&clock).await, site.open(&clock).await];
        let people = nodes[0].people("p", 6, None).await;
        let all: Vec<&Person> = people.iter().collect();
        let group = circle(&nodes[0], &all).await;
        let id = post(&nodes[0], &people[0], group, "a thought").await;
        let says = people.iter().enumerate().map(|(at, person)| {
            let node = &nodes[at % 2];
            async move {
                let mut said = Vec::new();
                for n in 0..4 {
                    let parent = said.last().copied().filter(|_| n % 2 == 1);
                    match node.by(person, comment_on(id, parent, "a word")).await {
                        Ok(made) => said.push(made.comment_id),
                        Err(error) if error.code == ErrorCode::Closed => {}
                        Err(error) => assert!(error.retryable, "{error:?}"),
                    }
                }
                said
            }
        });
        let lock = async {
            eventually(async || {
                let lock = LockPost { post_id: id, on: true };
                nodes[1].by(&people[0], lock).await.ok()
            })
            .await;
        };
        let (said, ()) = futures_util::future::join(join_all(says), lock).await;
        let said: Vec<CommentId> = said.into_iter().flatten().collect();
        let late = nodes[0].by(&people[1], comment_on(id, None, "late")).await;
        assert_eq!(code(late), ErrorCode::Closed);
        let events = nodes[0].read(&people[2], Topic::Group(group)).await.unwrap();
        let locked = events.iter().position(|event| matches!(event, Event::PostLocked(_))).unwrap();
        let is_comment = |event: &&Event| matches!(event, Event::CommentCreated(_));
        let in_log = events.iter().filter(is_comment).count();
        assert!(!events[locked..].iter().any(|event| is_comment(&event)), "after the lock");
        assert!(in_log >= said.len());
        for node in &nodes {
            let shown = get(node, &people[0], id).await.unwrap();
            assert_eq!(shown.comments, in_log as u64);
        }
        // Half of them go, on both nodes at once.
        let gone: Vec<CommentId> = said.iter().copied().step_by(2).collect();
        let on_both = gone.iter().flat_map(|&id| nodes.iter().map(move |node| (node, id)));
        join_all(on_both.map(|(node, id)| take_out(node, &people[0], id))).await;
        for node in &nodes {
            let shown = get(node, &people[0], id).await.unwrap();
            assert_eq!(shown.comments, (in_log - gone.len()) as u64);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_of_all_groups_has_one_order_and_marks_count_what_is_new() {
    let folder = tempdir().unwrap();
    let clock = Clock::manual(START);
    let server = TestServer::open_at(folder.path(), clock.clone()).await;
    let other = TestServer::open_at(folder.path(), clock.clone()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let mut groups = Vec::new();
    for _ in 0..3 {
        groups.push(circle(&server, &[&ada, &ben]).await);
    }
    let not_his = circle(&server, &[&ada]).await;
    post(&server, &ada, not_his, "not for ben").await;
    let mut wanted = Vec::new();
    for n in 0..20 {
        // Several at the same time, in different groups.
        if n % 4 == 0 {
            clock.advance(1_000);
        }
        let node = if n % 3 == 0 { &other } else { &server };
        let author = if n % 5 == 0 { &ben } else { &ada };
        let group = groups[n % 3];
        let made = node.by(author, CreatePost::new(group, client_id(), format!("{n}"))).await;
        let made = made.unwrap();
        wanted.push((made.at, group, made.seq, made.post_id));
    }
    wanted.sort_unstable();
    wanted.reverse();
    for limit in [1, 3, 7, 100] {
        let mut feed = ReadFeed { after: None, limit: Some(limit) };
        let mut seen = Vec::new();
        loop {
            let page = other.by(&ben, feed.clone()).await.unwrap();
            seen.extend(page.items.iter().map(|post| (post.at, post.group_id, post.seq, post.id)));
            let Some(next) = page.next else { break };
            feed.after = Some(next);
        }
        assert_eq!(seen, wanted, "pages of {limit}");
    }
    let of_one: Vec<_> = wanted.iter().filter(|(_, group, ..)| *group == groups[1]).collect();
    let listed = server.by(&ben, ListPosts::of(groups[1])).await.unwrap().items;
    assert_eq!(
        listed.iter().map(|post| post.id).collect::<Vec<_>>(),
        of_one.iter().map(|(.., id)| *id).collect::<Vec<_>>()
    );

    let unread = server.by(&ben, ListUnread::default()).await.unwrap().items;
    assert_eq!(unread.iter().map(|of| of.unread).sum::<u32>(), 16, "his own four do not count");
    let group_id = groups[1];
    let last = of_one[1].2;
    let marked = server.by(&ben, MarkGroup { group_id, read: last }).await.unwrap();
    let newer_by_ada = listed[0].author.id == ada.id;
    assert_eq!(marked, GroupUnread { group_id, read: last, unread: u32::from(newer_by_ada) });
    let lower = other.by(&ben, MarkGroup { group_id, read: 1 }).await.unwrap();
    assert_eq!(lower.read, last, "a mark only rises");
    let behind = server.by(&ben, MarkGroup { group_id, read: 1_000 }).await;
    assert_eq!(code(behind), ErrorCode::Invalid);
    for n in 0..UNREAD_POSTS_MAX {
        post(&server, &ada, group_id, &format!("many {n}")).await;
    }
    let many = server.by(&ben, MarkGroup { group_id, read: last }).await.unwrap();
    assert_eq!(many.unread, UNREAD_POSTS_MAX);
    let nowhere = ReadFeed { after: Some("nowhere".to_owned()), limit: None };
    assert_eq!(code(server.by(&ben, nowhere).await), ErrorCode::Invalid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_blocked_person_wrote_is_shown_nowhere_either_way() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let people = server.people("p", 3, None).await;
    let (ada, ben, cleo) = (&people[0], &people[1], &people[2]);
    let group = circle(&server, &[cleo, ada, ben]).await;
    let topic = Topic::Group(group);
    let adas = post(&server, ada, group, "adas words").await;
    let bens = post(&server, ben, group, "bens words").await;
    let cleos = post(&server, cleo, group, "cleos words").await;
    let on_cleos = comment(&server, ben, cleos, None, "bens comment").await;
    comment(&server, cleo, cleos, Some(on_cleos), "cleos reply").await;
    comment(&server, ada, cleos, None, "adas comment").await;
    for person in [ada, ben] {
        server.by(person, like(cleos, true)).await.unwrap();
    }
    let mut watching = server.socket(ada).await;
    let mut blocked = server.socket(ben).await;
    let mut third = server.socket(cleo).await;
    for socket in [&mut watching, &mut blocked, &mut third] {
        socket.call(Subscribe { topic, after: None }).await.unwrap();
    }
    server.by(ada, Block { user_id: ben.id }).await.unwrap();

    for (who, own, theirs, word) in [(ada, adas, bens, "bens"), (ben, bens, adas, "adas")] {
        let lists = [
            server.by(who, ListPosts::of(group)).await.unwrap().items,
            server.by(who, ReadFeed::default()).await.unwrap().items,
        ];
        for list in lists {
            assert_eq!(list.len(), 2);
            assert!(!texts(&list).iter().any(|text| text.contains(word)), "{list:?}");
        }
        assert_eq!(code(get(&server, who, theirs).await), ErrorCode::NotFound);
        get(&server, who, own).await.unwrap();
        assert_eq!(code(server.by(who, like(theirs, true)).await), ErrorCode::NotFound);
        let said = server.by(who, comment_on(theirs, None, "hello")).await;
        assert_eq!(code(said), ErrorCode::NotFound);
        let under = comments(&server, who, cleos, None).await;
        assert!(!format!("{under:?}").contains(word), "{under:?}");
        let likers = server.by(who, likes_of(cleos)).await.unwrap().items;
        assert_eq!(likers.iter().map(|person| person.id).collect::<Vec<_>>(), [who.id]);
        let read = server.read(who, topic).await.unwrap();
        assert!(!format!("{read:?}").contains(word), "{read:?}");
        assert!(read.iter().any(|event| matches!(event, Event::WallWithheld(_))));
        let cursors = vec![Cursor { topic, seq: 0 }];
        let open = Open { device_id: "again".to_owned(), cursors, ..Open::default() };
        let (mut resumed, opened) = server.resume(who, open).await;
        let head = opened.heads.iter().find(|head| head.topic == topic).unwrap().head;
        for seq in 1..=head {
            let push = resumed.event(topic).await;
            assert_eq!(push.seq, Some(seq), "no seq is missing");
            assert!(!format!("{push:?}").contains(word), "{push:?}");
        }
    }
    // The place of a comment with replies is left to ada, the reply is there; nobody else misses
    // anything.
    let under = comments(&server, ada, cleos, None).await;
    assert_eq!((under.len(), &under[0].author, under[0].replies), (2, &None, 1));
    assert_eq!(server.by(cleo, ListPosts::of(group)).await.unwrap().items.len(), 3);
    let unread = server.by(ada, MarkGroup { group_id: group, read: 0 }).await.unwrap();
    assert_eq!(unread.unread, 1);

    // Live, from the answer to the block on.
    let live = [(ben, "bens news"), (ada, "adas news"), (cleo, "cleos news")];
    let mut last = 0;
    for (who, text) in live {
        last = server.by(who, CreatePost::new(group, client_id(), text)).await.unwrap().seq;
    }
    for (socket, hidden) in
        [(&mut watching, Some("bens")), (&mut blocked, Some("adas")), (&mut third, None)]
    {
        let mut heard = String::new();
        for seq in last - 2..=last {
            let push = socket.event(topic).await;
            assert_eq!(push.seq, Some(seq));
            write!(heard, "{push:?}").unwrap();
        }
        for name in ["adas", "bens", "cleos"] {
            assert_eq!(heard.contains(name), Some(name) != hidden, "{name}: {heard}");
        }
    }
    server.by(ada, Unblock { user_id: ben.id }).await.unwrap();
    assert_eq!(server.by(ada, ListPosts::of(group)).await.unwrap().items.len(), 6);
    post(&server, ben, group, "bens at last").await;
    assert!(format!("{:?}", watching.event(topic).await).contains("bens at last"));
    // Of whom nobody blocked, nothing is withheld.
    third.call(Ping::default()).await.unwrap();
    assert!(!format!("{:?}", third.rest()).contains("Withheld"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drafts_and_scheduled_posts_are_their_authors_until_their_time() {
    for site in Site::all().await {
        let clock = Clock::manual(START);
        let server = site.open(&clock).await;
        let (ada, ben) = (server.member("ada").await, server.member("ben").await);
        let group = circle(&server, &[&ada, &ben]).await;
        let at = Some(START + 60_000);
        let scheduled =
            CreatePost { publish_at: at, ..CreatePost::new(group, client_id(), "in a minute") };
        let made = server.by(&ben, scheduled.clone()).await.unwrap();
        assert_eq!((made.seq, made.duplicate), (0, false));
        let again = server.by(&ben, scheduled.clone()).await.unwrap();
        assert_eq!((again.post_id, again.duplicate), (made.post_id, true));
        let draft =
            CreatePost { draft: Some(true), ..CreatePost::new(group, client_id(), "not yet") };
        let draft = server.by(&ben, draft).await.unwrap().post_id;
        assert_eq!(server.by(&ada, ListPosts::of(group)).await.unwrap().items, []);
        assert_eq!(code(get(&server, &ada, made.post_id).await), ErrorCode::NotFound);
        let planned = ListPosts { planned: Some(true), ..ListPosts::of(group) };
        assert_eq!(server.by(&ben, planned.clone()).await.unwrap().items.len(), 2);
        assert_eq!(server.by(&ada, planned.clone()).await.unwrap().items, []);
        server.by(&ben, edit(made.post_id, "in a while")).await.unwrap();
        let shown = get(&server, &ben, made.post_id).await.unwrap();
        assert_eq!((shown.state, shown.publish_at), (PostState::Scheduled, at));

        server.later(59_000).await;
        assert_eq!(server.by(&ada, ListPosts::of(group)).await.unwrap().items, []);
        server.later(1_000).await;
        let items = server.by(&ada, ListPosts::of(group)).await.unwrap().items;
        assert_eq!(texts(&items), ["in a while"]);
        assert_eq!((items[0].id, items[0].at), (made.post_id, START + 60_000));
        // Once, also where the timer comes again; a retry of its author makes no other.
        server.later(120_000).await;
        assert!(server.by(&ben, scheduled).await.unwrap().duplicate);
        assert_eq!(server.by(&ada, ListPosts::of(group)).await.unwrap().items.len(), 1);
        server.by(&ben, edit(made.post_id, "after all")).await.unwrap();
        let late = EditPost { publish_at: Some(0), ..edit(made.post_id, "x") };
        assert_eq!(code(server.by(&ben, late).await), ErrorCode::Conflict);

        let now = EditPost { publish_at: Some(0), ..edit(draft, "now") };
        let shown = server.by(&ben, now).await.unwrap().post;
        assert_eq!((shown.state, shown.text.as_deref()), (PostState::Published, Some("now")));
        let other =
            CreatePost { draft: Some(true), ..CreatePost::new(group, client_id(), "never") };
        let other = server.by(&ben, other).await.unwrap().post_id;
        assert_eq!(code(server.by(&ada, DeletePost { post_id: other }).await), ErrorCode::NotFound);
        server.by(&ben, DeletePost { post_id: other }).await.unwrap();
        assert_eq!(server.by(&ben, planned).await.unwrap().items, []);
        // Who left meanwhile publishes nothing: it waits as a draft.
        let at = Some(clock.now() + 60_000);
        let left = CreatePost { publish_at: at, ..CreatePost::new(group, client_id(), "left") };
        let left = server.by(&ben, left).await.unwrap().post_id;
        server.by(&ben, protocol::groups::Leave { group_id: group }).await.unwrap();
        server.later(61_000).await;
        assert_eq!(server.by(&ada, ListPosts::of(group)).await.unwrap().items.len(), 2);
        assert_eq!(get(&server, &ben, left).await.unwrap().state, PostState::Draft);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_like_is_a_signal_to_those_who_watch_and_a_notice_to_the_author() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let people = server.people("p", 4, None).await;
    let all: Vec<&Person> = people.iter().collect();
    let group = circle(&server, &all).await;
    let topic = Topic::Group(group);
    let id = post(&server, &people[0], group, "a thought").await;
    let mut watching = server.socket(&people[1]).await;
    watching.call(Subscribe { topic, after: None }).await.unwrap();
    for person in &people {
        server.by(person, like(id, true)).await.unwrap();
        server.by(person, like(id, true)).await.unwrap();
    }
    let said = comment(&server, &people[1], id, None, "a word").await;
    comment(&server, &people[2], id, Some(said), "a reply").await;
    let full = |signal: &Signal| match signal {
        Signal::PostStats(stats) if (stats.likes, stats.comments) == (4, 2) => Some(stats.post_id),
        _ => None,
    };
    assert_eq!(watching.signal(full).await, id);
    let events = server.read(&people[1], topic).await.unwrap();
    assert_eq!(events.len(), 3, "a post and two comments; no event for a like");

    let notices = async |who: &Person| {
        let list = server.by(who, ListNotices::default()).await.unwrap();
        list.items.into_iter().map(|notice| (notice.count, notice.text)).collect::<Vec<_>>()
    };
    let told = eventually(async || {
        let told = notices(&people[0]).await;
        (told.len() == 2).then_some(told)
    })
    .await;
    assert!(told.iter().any(|(count, text)| *count == 3 && text.contains("like your post")));
    assert!(told.iter().any(|(count, text)| *count == 1 && text.contains("commented")));
    let replied = notices(&people[1]).await;
    assert!(matches!(&replied[..], [(1, text)] if text.contains("replied")), "{replied:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn likes_go_with_their_person_and_words_stay_without_a_name() {
    let folder = tempdir().unwrap();
    let server = TestServer::open(folder.path()).await;
    let (ada, ben) = (server.member("ada").await, server.member("ben").await);
    let group = circle(&server, &[&ada, &ben]).await;
    let id = post(&server, &ada, group, "a thought").await;
    let said = comment(&server, &ben, id, None, "a word").await;
    let of_comment = SetLike { post_id: None, comment_id: Some(said), on: true };
    server.by(&ben, like(id, true)).await.unwrap();
    server.by(&ben, of_comment).await.unwrap();
    server.by(&ada, of_comment).await.unwrap();
    let draft = CreatePost { draft: Some(true), ..CreatePost::new(group, client_id(), "mine") };
    server.by(&ben, draft).await.unwrap();
    let keepers = server.app.features().personal();
    let wall = keepers.iter().find(|keeper| keeper.name() == "wall").unwrap();
    let sections = wall.sections(ben.id).await.unwrap();
    let count = |name: &str| {
        let section = sections.iter().find(|section| section.name == name).unwrap();
        section.data.as_array().unwrap().len()
    };
    let counts = ["posts", "comments", "planned", "likes"].map(count);
    assert_eq!(counts, [0, 1, 1, 2]);

    // Twice, as after a crash.
    for _ in 0..2 {
        wall.erase(ben.id).await.unwrap();
    }
    let shown = get(&server, &ada, id).await.unwrap();
    assert_eq!((shown.likes, shown.comments), (0, 1));
    let under = comments(&server, &ada, id, None).await;
    assert_eq!((under[0].likes, under[0].text.as_deref()), (1, Some("a word")));
    assert_eq!(server.by(&ada, likes_of(id)).await.unwrap().items, []);
    let sections = wall.sections(ben.id).await.unwrap();
    let left = |name: &str| sections.iter().find(|section| section.name == name).unwrap();
    assert_eq!(
        (left("likes").data.to_string(), left("planned").data.to_string()),
        ("[]".into(), "[]".into())
    );
}
