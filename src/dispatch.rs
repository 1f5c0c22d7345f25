//! The only exhaustive match from a command to the feature that answers it, and from effects and
//! timers to those who carry them out. Rules live in the features; this is a table.

use crate::auth::Caller;
use crate::engine::schema::Schema;
use crate::error::{Result, internal};
use crate::features::accounts::{self, Accounts};
use crate::features::conversations::Conversations;
use crate::features::groups::{self, Groups};
use crate::features::support::{self, Support};
use crate::hub::Link;
use crate::limits::Rates;
use crate::log::{Log, REDACT_TIMER};
use crate::rights::{Rights, Visible};
use crate::session::Sessions;
use crate::store::{Carry, OutKey, RELAY_TIMER, Store};
use crate::timers::{Fire, Timer};
use crate::ws::Commands;
use futures_util::future::BoxFuture;
use protocol::close::CloseCode;
use protocol::{Answer, Command, Error, ErrorCode, Format, Millis, Topic};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tokio::sync::watch;

/// Who answers what. Cheap to clone.
#[derive(Clone)]
pub struct Dispatch(Arc<Table>);

struct Table {
    sessions: Sessions,
    features: Arc<Features>,
    rates: Arc<Rates>,
    /// Each connection whose end is being told holds a receiver.
    ending: watch::Sender<()>,
}

/// The features, in the order in which they may call one another.
pub struct Features {
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) groups: Arc<Groups>,
    pub(crate) conversations: Arc<Conversations>,
    pub(crate) support: Arc<Support>,
    pub(crate) store: Arc<Store>,
    pub(crate) log: Arc<dyn Log>,
}

impl Commands for Dispatch {
    fn run(
        &self,
        link: Arc<Link>,
        bearer: Option<Arc<str>>,
        command: Command,
    ) -> BoxFuture<'static, Result<Answer>> {
        let table = Arc::clone(&self.0);
        Box::pin(async move {
            match command {
                Command::SessionOpen(open) => {
                    let opened = table.sessions.open(&link, bearer.as_deref(), open).await?;
                    Ok(Answer::SessionOpen(opened))
                }
                command => {
                    let session = link.session().ok_or_else(not_open)?;
                    table.answer(Some(&link), &session.caller, command).await
                }
            }
        })
    }

    fn closed(&self, link: &Arc<Link>, goodbye: bool) {
        if link.session().is_some() {
            let (table, link) = (Arc::clone(&self.0), Arc::clone(link));
            let ending = self.0.ending.subscribe();
            tokio::spawn(async move {
                table.sessions.closed(&link, goodbye).await;
                drop(ending);
            });
        }
    }
}

fn not_open() -> Error {
    Error::new(ErrorCode::Unauthenticated, "Open a session first.")
}

/// A command about a connection, sent without one.
fn no_connection() -> Error {
    Error::new(ErrorCode::Conflict, "This command is for an open socket.")
}

impl Dispatch {
    /// The table of all parts.
    pub fn new(sessions: Sessions, features: Arc<Features>, rates: Arc<Rates>) -> Self {
        Self(Arc::new(Table { sessions, features, rates, ending: watch::Sender::new(()) }))
    }

    /// Resolves when the end of every connection that ended was told to whom it concerns.
    pub async fn settled(&self) {
        self.0.ending.closed().await;
    }

    /// A command over HTTP: the same, without a connection.
    pub async fn command(&self, caller: &Caller, command: Command) -> Result<Answer> {
        self.0.answer(None, caller, command).await
    }
}

impl Table {
    /// Refuses what is too often; who goes on regardless is closed.
    fn within_rates(
        &self,
        link: Option<&Arc<Link>>,
        caller: &Caller,
        command: &Command,
    ) -> Result<()> {
        let within = self.rates.check(caller.user_id, command);
        if within.is_err()
            && let Some(link) = link
            && self.rates.is_reckless(caller.user_id)
        {
            link.close(CloseCode::RateLimited);
        }
        within
    }

    async fn answer(
        &self,
        link: Option<&Arc<Link>>,
        caller: &Caller,
        command: Command,
    ) -> Result<Answer> {
        use Answer as A;
        use Command as C;
        self.within_rates(link, caller, &command)?;
        let link = || link.ok_or_else(no_connection);
        let Features { accounts, groups, conversations, support, .. } = &*self.features;
        let sessions = &self.sessions;
        Ok(match command {
            C::SessionOpen(_) => return Err(no_connection()),
            C::SessionRefresh(it) => {
                A::SessionRefresh(sessions.refresh(link()?, caller, it).await?)
            }
            C::SessionBackground(it) => A::SessionBackground(sessions.background(link()?, it)),
            C::SessionClose(it) => A::SessionClose(sessions.close(it)),
            C::Ping(it) => A::Ping(sessions.ping(it)?),
            C::TopicSubscribe(it) => {
                A::TopicSubscribe(sessions.subscribe(link()?, caller, it).await?)
            }
            C::TopicUnsubscribe(it) => A::TopicUnsubscribe(sessions.unsubscribe(link()?, it)),
            C::TopicRead(it) => A::TopicRead(sessions.read(caller, it).await?),
            C::PresenceWatch(it) => A::PresenceWatch(sessions.watch(link()?, it).await?),
            C::PresenceUnwatch(it) => A::PresenceUnwatch(sessions.unwatch(link()?, &it)),
            C::PresenceSet(it) => A::PresenceSet(sessions.set_presence(caller, it)),
            C::ProfileGet(it) => A::ProfileGet(accounts.profile(caller, it).await?),
            C::ConversationOpen(it) => A::ConversationOpen(conversations.open(caller, it).await?),
            C::ConversationGet(it) => A::ConversationGet(conversations.get(caller, it).await?),
            C::ConversationList(it) => A::ConversationList(conversations.list(caller, it).await?),
            C::ConversationSend(it) => A::ConversationSend(conversations.send(caller, it).await?),
            C::ConversationEdit(it) => A::ConversationEdit(conversations.edit(caller, it).await?),
            C::ConversationDelete(it) => {
                A::ConversationDelete(conversations.delete(caller, it).await?)
            }
            C::ConversationReact(it) => {
                A::ConversationReact(conversations.react(caller, it).await?)
            }
            C::ConversationMark(it) => A::ConversationMark(conversations.mark(caller, it).await?),
            C::ConversationTyping(it) => {
                A::ConversationTyping(conversations.typing(caller, it).await?)
            }
            C::ConversationMute(it) => A::ConversationMute(conversations.mute(caller, it).await?),
            C::ConversationArchive(it) => {
                A::ConversationArchive(conversations.archive(caller, it).await?)
            }
            C::GroupCreate(it) => A::GroupCreate(groups.create(caller, it).await?),
            C::GroupGet(it) => A::GroupGet(groups.get(caller, it).await?),
            C::GroupList(it) => A::GroupList(groups.list(caller, it).await?),
            C::GroupJoin(it) => A::GroupJoin(groups.join(caller, it).await?),
            C::GroupLeave(it) => A::GroupLeave(groups.leave(caller, it).await?),
            C::PostCreate(it) => A::PostCreate(groups.create_post(caller, it).await?),
            C::PostList(it) => A::PostList(groups.list_posts(caller, it).await?),
            C::DeskList(it) => A::DeskList(support.list_desks(caller, it).await?),
            C::DeskCreate(it) => A::DeskCreate(support.create_desk(caller, it).await?),
            C::DeskBoard(it) => A::DeskBoard(support.board(caller, it).await?),
            C::CoachSet(it) => A::CoachSet(support.set_coach(caller, it).await?),
            C::SupportRequest(it) => A::SupportRequest(support.ask(caller, it).await?),
            C::SupportCancel(it) => A::SupportCancel(support.cancel(caller, it).await?),
            C::SupportStatus(it) => A::SupportStatus(support.status(caller, it).await?),
            C::SupportClaim(it) => A::SupportClaim(support.claim(caller, it).await?),
            C::SupportClose(it) => A::SupportClose(support.close(caller, it).await?),
            C::SupportHistory(it) => A::SupportHistory(support.history(caller, it).await?),
        })
    }
}

impl Rights for Features {
    fn visible<'a>(
        &'a self,
        caller: &'a Caller,
        topic: Topic,
    ) -> BoxFuture<'a, Result<Option<Visible>>> {
        Box::pin(async move {
            match topic {
                Topic::User(id) => Ok((id == caller.user_id).then_some(Visible::ALL)),
                Topic::Conversation(id) => self.conversations.visible(caller.user_id, id).await,
                Topic::Group(id) => self.groups.visible(caller.user_id, id).await,
                Topic::Desk(id) => self.support.visible(caller, id).await,
            }
        })
    }
}

fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    Format::MessagePack.decode(bytes).map_err(|error| internal(&error))
}

impl Carry for Features {
    fn carry<'a>(
        &'a self,
        key: &'a OutKey,
        effect: &'a str,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            match effect {
                accounts::ACCOUNT_CREATE => self.accounts.carry(key, bytes).await,
                groups::PROJECT => self.groups.project(&body(bytes)?).await,
                support::ENQUEUE => self.support.carry_enqueue(body(bytes)?).await,
                support::ENDED => self.support.carry_ended(body(bytes)?).await,
                support::TALK => self.support.carry_talk(key, &body(bytes)?).await,
                support::LEAVE => self.support.carry_leave(key, &body(bytes)?).await,
                support::HUSH => self.support.carry_hush(key, body(bytes)?).await,
                other => Err(internal(&format_args!("no effect is named {other:?}"))),
            }
        })
    }
}

impl Fire for Features {
    fn fire<'a>(&'a self, timer: &'a Timer, _now: Millis) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            match timer.kind.as_str() {
                RELAY_TIMER => {
                    let schema = Schema::embedded().as_ref().map_err(|error| internal(error))?;
                    self.store.relay_of(timer, schema).await
                }
                REDACT_TIMER => self.log.finish_redactions(&timer.subject).await,
                support::GRACE_TIMER => self.support.grace_over(&timer.subject).await,
                other => Err(internal(&format_args!("no timer is named {other:?}"))),
            }
        })
    }
}
