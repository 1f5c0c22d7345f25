//! The only exhaustive match from a command to the feature that answers it, and from effects and
//! timers to those who carry them out. Rules live in the features; this is a table.

use crate::auth::{Caller, Vault};
use crate::engine::schema::Schema;
use crate::error::{Result, internal};
use crate::features::accounts::{self, Accounts, Personal};
use crate::features::bookings::{self, Bookings};
use crate::features::conversations::{self, Conversations};
use crate::features::exchange::{self, Exchange};
use crate::features::groups::{self, Groups};
use crate::features::notifications::{self, Notifications};
use crate::features::payments::{self, Payments, PurposeKind};
use crate::features::people::{self, Act, People};
use crate::features::support::{self, Support};
use crate::features::wall::{self, Wall};
use crate::hub::Link;
use crate::limits::Rates;
use crate::log::{Log, REDACT_TIMER};
use crate::mail::{self, Post};
use crate::rights::{Apart, Rights, Sees, Sight, Visible};
use crate::session::Sessions;
use crate::store::{Carry, OutKey, RELAY_TIMER, Store};
use crate::timers::{Fire, Timer};
use crate::ws::Commands;
use futures_util::future::BoxFuture;
use protocol::close::CloseCode;
use protocol::{Answer, Command, Error, ErrorCode, Event, Format, Millis, Topic, UserId};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tokio::sync::watch;

/// The match from a command to the method that answers it: `feature.method(caller, params)` for
/// each line of a feature's block, and arms of their own in `each`. Exhaustive, so a command without a line does not compile.
macro_rules! answers {
    (match $command:ident for $caller:ident {
        each { $($pattern:pat => $answer:expr,)* }
        $($feature:ident { $($variant:ident => $method:ident,)* })*
    }) => {
        match $command {
            $($(Command::$variant(it) => Answer::$variant($feature.$method($caller, it).await?),)*)*
            $($pattern => $answer,)*
        }
    };
}

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
    pub(crate) post: Arc<Post>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) people: Arc<People>,
    pub(crate) notifications: Arc<Notifications>,
    pub(crate) groups: Arc<Groups>,
    pub(crate) conversations: Arc<Conversations>,
    pub(crate) payments: Arc<Payments>,
    pub(crate) support: Arc<Support>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) wall: Arc<Wall>,
    pub(crate) bookings: Arc<Bookings>,
    pub(crate) store: Arc<Store>,
    pub(crate) log: Arc<dyn Log>,
}

impl Features {
    /// Who may do what to whom.
    pub fn people(&self) -> &Arc<People> {
        &self.people
    }

    /// Who keeps something about people: it is in their archive, and goes with their account.
    pub fn personal(&self) -> Vec<Arc<dyn Personal>> {
        vec![
            Arc::clone(&self.accounts) as _,
            Arc::clone(&self.people) as _,
            Arc::clone(&self.notifications) as _,
            Arc::clone(&self.groups) as _,
            Arc::clone(&self.conversations) as _,
            Arc::clone(&self.payments) as _,
            Arc::clone(&self.support) as _,
            Arc::clone(&self.exchange) as _,
            Arc::clone(&self.wall) as _,
            Arc::clone(&self.bookings) as _,
        ]
    }
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

    #[expect(clippy::too_many_lines, reason = "a table, a line for each command")]
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
        let Features {
            accounts,
            people,
            notifications,
            groups,
            conversations,
            support,
            exchange,
            wall,
            ..
        } = &*self.features;
        let sessions = &self.sessions;
        Ok(answers!(match command for caller {
            each {
                C::SessionOpen(_) => return Err(no_connection()),
                C::SessionRefresh(it) => {
                    A::SessionRefresh(sessions.refresh(link()?, caller, it).await?)
                },
                C::SessionBackground(it) => A::SessionBackground(sessions.background(link()?, it)),
                C::SessionClose(it) => A::SessionClose(sessions.close(it)),
                C::Ping(it) => A::Ping(sessions.ping(it)?),
                C::TopicSubscribe(it) => {
                    A::TopicSubscribe(sessions.subscribe(link()?, caller, it).await?)
                },
                C::TopicUnsubscribe(it) => A::TopicUnsubscribe(sessions.unsubscribe(link()?, it)),
                C::TopicRead(it) => A::TopicRead(sessions.read(caller, it).await?),
                C::PresenceWatch(it) => A::PresenceWatch(sessions.watch(link()?, it).await?),
                C::PresenceUnwatch(it) => A::PresenceUnwatch(sessions.unwatch(link()?, &it)),
                C::ConversationSend(it) => {
                    let crisis = support.sounds_like_crisis(caller, it.text.as_deref());
                    let sent = conversations.send(caller, it).await?;
                    if crisis {
                        support.heed(caller.user_id);
                    }
                    A::ConversationSend(sent)
                },
                C::PresenceSet(it) => A::PresenceSet(sessions.set_presence(caller, it)),
            }
            accounts {
                ProfileUpdate => update_profile,
            }
            people {
                ProfileGet => profile,
                PeopleSearch => search,
                FollowAdd => follow,
                FollowRemove => unfollow,
                FollowApprove => approve,
                FollowReject => reject,
                FollowList => list_follows,
                FriendRequest => request,
                FriendAccept => accept,
                FriendDecline => decline,
                FriendCancel => cancel,
                FriendRemove => remove,
                FriendList => list_friends,
                BlockAdd => block,
                BlockRemove => unblock,
                BlockList => list_blocks,
                MuteAdd => mute,
                MuteRemove => unmute,
                MuteList => list_mutes,
                PrivacyGet => privacy,
                PrivacySet => set_privacy,
            }
            notifications {
                NotificationList => list,
                NotificationMark => mark,
                NotificationSettingsGet => settings,
                NotificationSettingsSet => set_settings,
                PushRegister => register,
                PushUnregister => unregister,
            }
            conversations {
                ConversationOpen => open,
                ConversationGet => get,
                ConversationList => list,
                ConversationEdit => edit,
                ConversationDelete => delete,
                ConversationReact => react,
                ConversationMark => mark,
                ConversationTyping => typing,
                ConversationMute => mute,
                ConversationArchive => archive,
                ConversationSearch => search,
                ConversationAccept => accept,
                ConversationRefuse => refuse,
            }
            groups {
                GroupCreate => create,
                GroupGet => get,
                GroupList => list,
                GroupJoin => join,
                GroupLeave => leave,
                GroupUpdate => update,
                GroupDelete => delete,
                GroupInvite => invite,
                GroupApprove => approve,
                GroupReject => reject,
                GroupWithdraw => withdraw,
                GroupRemove => remove,
                GroupBan => ban,
                GroupUnban => unban,
                GroupSetRole => set_role,
                GroupMembers => members,
                CategoryCreate => create_category,
                CategoryUpdate => update_category,
                CategoryDelete => delete_category,
            }
            support {
                DeskList => list_desks,
                DeskCreate => create_desk,
                DeskUpdate => update_desk,
                DeskClose => close_desk,
                DeskBoard => board,
                CoachSet => set_coach,
                SupportRequest => ask,
                SupportCancel => cancel,
                SupportStatus => status,
                SupportClaim => claim,
                SupportAccept => accept,
                SupportDecline => decline,
                SupportTransfer => transfer,
                SupportReopen => reopen,
                SupportClose => close,
                SupportHistory => history,
                SupportNote => write_note,
                SupportNotes => notes,
                SupportRate => rate,
            }
            exchange {
                ExchangeRequest => request,
                ExchangePost => post,
                ExchangeTake => take,
                ExchangeBoard => board,
                ExchangeCounter => counter,
                ExchangeAccept => accept,
                ExchangeDecline => decline,
                ExchangeWithdraw => withdraw,
                ExchangeCancel => cancel,
                ExchangeStart => start,
                ExchangeConfirm => confirm,
                ExchangeNoShow => no_show,
                ExchangeDispute => dispute,
                ExchangeNote => note,
                ExchangeGet => get,
                ExchangeList => list,
                ExchangeLedger => ledger,
            }
            wall {
                GroupMark => mark_group,
                GroupUnread => list_unread,
                PostCreate => create_post,
                PostEdit => edit_post,
                PostDelete => delete_post,
                PostPin => pin_post,
                PostLock => lock_post,
                PostGet => get_post,
                PostList => list_posts,
                PostFeed => read_feed,
                CommentCreate => create_comment,
                CommentEdit => edit_comment,
                CommentDelete => delete_comment,
                CommentList => list_comments,
                LikeSet => set_like,
                LikeList => list_likes,
            }
        }))
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

    fn apart(&self, user: UserId) -> BoxFuture<'_, Result<Option<Arc<Apart>>>> {
        Box::pin(async move {
            let apart = self.people.apart_from(user).await?;
            Ok((!apart.is_empty()).then(|| Arc::new(Apart(apart))))
        })
    }
}

impl Sight for Features {
    fn sees(&self, viewer: UserId, user: UserId) -> BoxFuture<'_, Result<Sees>> {
        Box::pin(async move {
            let presence = self.people.may(viewer, Act::Presence, user).await?;
            let last_seen = presence && self.people.may(viewer, Act::LastSeen, user).await?;
            Ok(Sees { presence, last_seen })
        })
    }
}

impl Features {
    /// What became of a payment goes to the feature that it is for.
    async fn paid(&self, outcome: payments::Outcome) -> Result<()> {
        match outcome.charge.purpose.kind() {
            PurposeKind::Support => self.support.carry_charge(&outcome.charge).await,
            PurposeKind::Product | PurposeKind::Subscription => {
                self.payments.carry_outcome(outcome).await
            }
            PurposeKind::Booking => self.bookings.carry_outcome(&outcome).await,
        }
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
                mail::SEND => self.post.carry(key, body(bytes)?).await,
                own if accounts::EFFECTS.contains(&own) => self.accounts.carry(own, bytes).await,
                accounts::ACCOUNT_CHANGED => self.people.index(body(bytes)?).await,
                accounts::COACH_ROLE => self.support.carry_role(body(bytes)?).await,
                people::PROJECT => self.people.project(&body(bytes)?).await,
                people::SHUT => {
                    let two = body(bytes)?;
                    self.conversations.carry_shut(two).await?;
                    self.exchange.carry_shut(two).await?;
                    self.wall.carry_shut(two).await?;
                    self.bookings.carry_shut(two).await
                }
                people::CHOSEN => {
                    self.people.chosen(body(bytes)?);
                    Ok(())
                }
                own if groups::EFFECTS.contains(&own) => self.groups.carry(own, bytes).await,
                payments::STEP => self.payments.carry_step(body(bytes)?).await,
                payments::RENEW => self.payments.carry_renew(body(bytes)?).await,
                payments::RETRY => self.payments.carry_retry(body(bytes)?).await,
                payments::DROP => self.payments.carry_drop(body(bytes)?).await,
                payments::OUTCOME => self.paid(body(bytes)?).await,
                support::ENQUEUE => self.support.carry_enqueue(body(bytes)?).await,
                support::ENDED => self.support.carry_ended(body(bytes)?).await,
                support::TALK => self.support.carry_talk(key, &body(bytes)?).await,
                support::LEAVE => self.support.carry_leave(key, &body(bytes)?).await,
                support::RATED => self.support.carry_rated(&body(bytes)?).await,
                support::REOPEN => self.support.carry_reopen(key, body(bytes)?).await,
                support::FEE => self.support.carry_fee(body(bytes)?).await,
                support::PAID => self.support.carry_paid(body(bytes)?).await,
                support::HUSH => self.support.carry_hush(key, body(bytes)?).await,
                exchange::HOLD => self.exchange.carry_hold(body(bytes)?).await,
                exchange::BOOK => self.exchange.carry_book(body(bytes)?).await,
                exchange::RELEASE => self.exchange.carry_release(body(bytes)?).await,
                exchange::SETTLE => self.exchange.carry_settle(body(bytes)?).await,
                exchange::RENAME => self.exchange.carry_rename(body(bytes)?).await,
                exchange::OFF_BOARD => self.exchange.carry_off_board(body(bytes)?).await,
                exchange::TALK => self.exchange.carry_talk(key, &body(bytes)?).await,
                exchange::HUSH => self.exchange.carry_hush(key, body(bytes)?).await,
                wall::LIKED => self.wall.carry_liked(body(bytes)?).await,
                wall::PLANNED => self.wall.carry_planned(body(bytes)?).await,
                bookings::HOLD => self.bookings.carry_hold(body(bytes)?).await,
                bookings::RELEASE => self.bookings.carry_release(body(bytes)?).await,
                bookings::TALK => self.bookings.carry_talk(key, &body(bytes)?).await,
                bookings::HUSH => self.bookings.carry_hush(key, body(bytes)?).await,
                bookings::BILL => self.bookings.carry_bill(body(bytes)?).await,
                bookings::EARN => self.bookings.carry_earn(body(bytes)?).await,
                bookings::REFUND => self.bookings.carry_refund(body(bytes)?).await,
                bookings::RATED => self.bookings.carry_rated(&body(bytes)?).await,
                other => Err(internal(&format_args!("no effect is named {other:?}"))),
            }
        })
    }

    fn concerns(&self, topic: Topic, event: &Event) -> bool {
        Notifications::concerns(topic, event)
    }

    fn told(&self, topic: Topic) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.notifications.told(topic))
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
                accounts::ERASE_TIMER => self.accounts.erase_due(&timer.subject).await,
                mail::MAIL_TIMER => self.post.deliver(&timer.subject).await,
                REDACT_TIMER => self.log.finish_redactions(&timer.subject).await,
                support::DESK_TIMER => self.support.desk_due(&timer.subject).await,
                conversations::UNREAD_TIMER => self.conversations.unread_due(&timer.subject).await,
                notifications::PUSH_TIMER => self.notifications.push_due(&timer.subject).await,
                notifications::DELIVER_TIMER => {
                    self.notifications.deliver_due(&timer.subject).await
                }
                notifications::DIGEST_TIMER => self.notifications.digest_due(&timer.subject).await,
                payments::PAYMENT_TIMER => self.payments.payment_due(&timer.subject).await,
                payments::SUBSCRIPTION_TIMER => {
                    self.payments.subscription_due(&timer.subject).await
                }
                support::GRACE_TIMER => self.support.grace_over(&timer.subject).await,
                exchange::DEADLINE_TIMER => self.exchange.deadline(&timer.subject).await,
                wall::PUBLISH_TIMER => self.wall.publish_due(timer).await,
                bookings::DEADLINE_TIMER => self.bookings.deadline(&timer.subject).await,
                other => Err(internal(&format_args!("no timer is named {other:?}"))),
            }
        })
    }
}
