//! `sanctuary demo`: a few people and a coach who talk gently, so that there is something to
//! see. They use the same commands as everybody else.

use crate::app::App;
use crate::auth::{Caller, Role, Roles};
use crate::dispatch::Dispatch;
use crate::error::Result;
use crate::features::accounts::Origin;
use protocol::accounts::{Login, Register};
use protocol::{Answer, ClientId, Command, ErrorCode, UserId, conversations, groups, people, wall};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

/// The password of all demo people. It opens nothing but a demo on one's own machine.
const PASSWORD: &str = "a calm demo place";
/// Between two things that somebody says.
const PAUSE: Duration = Duration::from_secs(12);

struct DemoPerson {
    username: &'static str,
    name: &'static str,
    role: Option<Role>,
}

const PEOPLE: [DemoPerson; 4] = [
    DemoPerson { username: "ada", name: "Ada", role: None },
    DemoPerson { username: "ben", name: "Ben", role: Some(Role::Trainee) },
    DemoPerson { username: "mira", name: "Mira", role: None },
    DemoPerson { username: "coach.lin", name: "Lin", role: Some(Role::Coach) },
];

/// Who says what to whom, by place in [`PEOPLE`].
const TALK: [(usize, usize, &str); 8] = [
    (0, 1, "Good morning. Did you sleep any better?"),
    (1, 0, "A little, thank you for asking. I tried the breathing we practised."),
    (0, 1, "Four in, hold, six out?"),
    (1, 0, "That one. It is easier when somebody counts with you."),
    (2, 0, "I walked by the river before work. It was quiet."),
    (0, 2, "That sounds lovely. Shall we go together on Saturday?"),
    (2, 0, "Yes, I would like that."),
    (1, 0, "See you both at the practice group tonight."),
];

const POSTS: [(usize, &str); 3] = [
    (3, "Welcome. There is no pace here but your own. Say hello when you feel like it."),
    (2, "One small good thing today: the first frost on the window, like feathers."),
    (0, "Thank you all for last week. It helped more than I could say then."),
];

/// Makes the people and lets them talk; the text tells how to log in.
pub async fn start(app: &App, url: &str) -> Result<String> {
    let accounts = &app.features().accounts;
    let origin = Origin { address: IpAddr::V4(Ipv4Addr::LOCALHOST), device: "demo".to_owned() };
    let mut callers = Vec::new();
    for person in &PEOPLE {
        let wanted = Register {
            email: email(person),
            password: PASSWORD.to_owned(),
            name: person.name.to_owned(),
            username: Some(person.username.to_owned()),
        };
        let me = match accounts.register(&origin, wanted).await {
            Ok(tokens) => tokens.user.id,
            Err(error) if error.code == ErrorCode::Conflict => {
                let login = Login { email: email(person), password: PASSWORD.to_owned() };
                accounts.login(&origin, login).await?.user.id
            }
            Err(error) => return Err(error),
        };
        let mut roles = Roles::new([Role::Member]);
        if let Some(role) = person.role {
            roles = accounts.set_role(me, role, true).await?;
        }
        callers.push(caller(me, person.name, roles));
    }
    make_group(app.dispatch(), &callers).await?;
    make_friends(app.dispatch(), &callers).await?;
    tokio::spawn(talk(app.dispatch().clone(), callers));

    let mut text = format!("open {url}/ and log in as one of these (password: {PASSWORD})\n");
    for person in &PEOPLE {
        let role = person.role.map_or("member", Role::word);
        let _ = writeln!(text, "  {:<28} {} ({role})", email(person), person.name);
    }
    text.push_str("Ada asks, Lin answers: two browser windows show both sides.\n");
    Ok(text)
}

fn email(person: &DemoPerson) -> String {
    format!("{}@example.org", person.username)
}

fn caller(user_id: UserId, name: &str, roles: Roles) -> Caller {
    Caller {
        user_id,
        login_id: crate::id::fresh(),
        name: Arc::from(name),
        roles,
        token_expires_at: i64::MAX,
        lane: Arc::default(),
    }
}

async fn make_group(dispatch: &Dispatch, callers: &[Caller]) -> Result<()> {
    let Some((founder, others)) = callers.split_last() else { return Ok(()) };
    let create = groups::Create {
        client_id: crate::id::derived("demo.group", &[founder.user_id.as_bytes()]),
        name: "Evening circle".to_owned(),
        description: Some("A quiet hour, every evening. Come as you are.".to_owned()),
        kind: None,
        visibility: None,
        joining: None,
    };
    let made = dispatch.command(founder, Command::GroupCreate(create)).await?;
    let Answer::GroupCreate(made) = made else { return Ok(()) };
    let group_id = made.group.id;
    for other in others {
        dispatch.command(other, Command::GroupJoin(groups::Join { group_id })).await?;
    }
    for (index, (author, text)) in POSTS.iter().enumerate() {
        let Some(author) = callers.get(*author) else { continue };
        let post = wall::CreatePost::new(group_id, once("demo.post", index), *text);
        dispatch.command(author, Command::PostCreate(post)).await?;
    }
    Ok(())
}

/// Those who talk know one another. Two requests that cross make friends.
async fn make_friends(dispatch: &Dispatch, callers: &[Caller]) -> Result<()> {
    for (from, to, _) in TALK {
        let (Some(from), Some(to)) = (callers.get(from), callers.get(to)) else { continue };
        for (me, them) in [(from, to), (to, from)] {
            let request = people::RequestFriend { user_id: them.user_id };
            dispatch.command(me, Command::FriendRequest(request)).await?;
        }
    }
    Ok(())
}

/// The same at each start, so that a second start repeats nothing.
fn once(domain: &str, index: usize) -> ClientId {
    crate::id::derived(domain, &[&index.to_be_bytes()])
}

async fn talk(dispatch: Dispatch, callers: Vec<Caller>) {
    for (index, (from, to, text)) in TALK.iter().enumerate() {
        let (Some(from), Some(to)) = (callers.get(*from), callers.get(*to)) else { continue };
        if let Err(error) = say(&dispatch, from, to.user_id, index, text).await {
            tracing::warn!(%error, "the demo fell silent");
            return;
        }
        // What was said at an earlier start is there at once.
        if index >= 3 {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn say(
    dispatch: &Dispatch,
    from: &Caller,
    to: UserId,
    index: usize,
    text: &str,
) -> Result<()> {
    let open = Command::ConversationOpen(conversations::Open { user_id: to });
    let Answer::ConversationOpen(opened) = dispatch.command(from, open).await? else {
        return Ok(());
    };
    let conversation_id = opened.conversation.id;
    let send = conversations::Send {
        conversation_id,
        client_id: once("demo.message", index),
        text: Some(text.to_owned()),
        attachments: Vec::new(),
        reply_to: None,
    };
    let typing = conversations::Typing { conversation_id };
    dispatch.command(from, Command::ConversationTyping(typing)).await?;
    tokio::time::sleep(Duration::from_millis(50 * (index as u64 % 4))).await;
    dispatch.command(from, Command::ConversationSend(send)).await?;
    Ok(())
}
