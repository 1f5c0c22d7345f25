//! Every size and number that the protocol bounds. Units are in the names. What a deployment
//! may change (rates, connections a person) is a setting of the server, not here.

/// A message of the client, after reassembly; one byte more closes with 1009.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Nesting of maps and arrays in a frame; deeper is `malformed`.
pub const NESTING_MAX: usize = 32;
/// Commands in one array frame.
pub const ARRAY_FRAMES_MAX: usize = 64;
/// Open commands of one connection; the next one is `busy`.
pub const OPEN_COMMANDS_MAX: usize = 32;
/// Malformed frames of one connection within a minute that close it with 4501.
pub const MALFORMED_PER_MIN_MAX: u32 = 10;
/// From the upgrade to `session.open`.
pub const SESSION_OPEN_TIMEOUT_MS: u64 = 10_000;
/// And from there on to its answer, where it came in time.
pub const SESSION_ANSWER_TIMEOUT_MS: u64 = 20_000;
/// Between two pings of the server, ±20 % a connection.
pub const PING_INTERVAL_MS: u64 = 25_000;
/// From a ping to any frame of the client.
pub const PONG_TIMEOUT_MS: u64 = 10_000;
/// `session.expiring` comes this long before the token ends.
pub const EXPIRY_WARNING_MS: i64 = 60_000;
/// A session outlives its token by this much.
pub const EXPIRY_GRACE_MS: i64 = 25_000;
/// `device_id`.
pub const DEVICE_ID_BYTES_MAX: usize = 64;
/// `client` of `session.open`.
pub const CLIENT_NAME_BYTES_MAX: usize = 128;
/// `payload` of `ping`.
pub const PING_PAYLOAD_BYTES_MAX: usize = 1_024;
/// `cursors` of `session.open`.
pub const CURSORS_MAX: usize = 1_000;
/// Events replayed at `session.open` for one topic.
pub const REPLAY_PER_TOPIC_MAX: u64 = 300;
/// Events replayed at `session.open` for all topics.
pub const REPLAY_MAX: u64 = 1_000;
/// Subscriptions of one connection; the next one is `full`.
pub const SUBSCRIPTIONS_MAX: usize = 128;
/// `limit` of every list and of `topic.read`.
pub const PAGE_ITEMS_MAX: u32 = 100;
/// `limit` where none is given.
pub const PAGE_ITEMS_DEFAULT: u32 = 50;
/// Events of one `topic.read`.
pub const PAGE_BYTES_MAX: usize = 256 * 1024;
/// `users` of one `presence.watch`, and users watched by one connection.
pub const WATCHED_USERS_MAX: usize = 200;
/// Members of a conversation.
pub const CONVERSATION_MEMBERS_MAX: usize = 32;
/// Text of a message.
pub const MESSAGE_CHARS_MAX: usize = 8_000;
/// A reaction.
pub const EMOJI_BYTES_MAX: usize = 32;
/// A message may be edited for this long.
pub const EDIT_WINDOW_MS: i64 = 24 * 60 * 60 * 1_000;
/// Name of a person, a group or a desk.
pub const NAME_CHARS_MAX: usize = 80;
/// Username: lower-case letters, digits, `_` and `.`.
pub const USERNAME_CHARS_MIN: usize = 3;
/// See [`USERNAME_CHARS_MIN`].
pub const USERNAME_CHARS_MAX: usize = 32;
/// E-mail address (RFC 5321 §4.5.3.1.3).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Password.
pub const PASSWORD_CHARS_MIN: usize = 10;
/// See [`PASSWORD_CHARS_MIN`].
pub const PASSWORD_BYTES_MAX: usize = 256;
/// What a person says of themselves.
pub const BIO_CHARS_MAX: usize = 2_000;
/// Interests, and fields of expertise, that a person names.
pub const INTERESTS_MAX: usize = 20;
/// One of them.
pub const INTEREST_CHARS_MAX: usize = 80;
/// What a coach learned.
pub const QUALIFICATIONS_CHARS_MAX: usize = 4_000;
/// The reason that those who decide on a coach or an account give.
pub const REASON_CHARS_MAX: usize = 1_000;
/// Description of a group.
pub const DESCRIPTION_CHARS_MAX: usize = 2_000;
/// Groups one person is in; another one is `full`, give or take those that come at once.
pub const GROUPS_PER_PERSON_MAX: u32 = 500;
/// Groups one person owns.
pub const GROUPS_OWNED_MAX: usize = 200;
/// Requests and invitations of one person that were not answered.
pub const GROUP_ASKS_MAX: u32 = 100;
/// Requests, and invitations, that wait at one group.
pub const GROUP_WAITING_MAX: u32 = 1_000;
/// Who was told no may ask to get into a group again after this.
pub const GROUP_AGAIN_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// Categories of one group.
pub const GROUP_CATEGORIES_MAX: usize = 50;
/// Notifications that are kept of one person; the oldest go, those that were read first.
pub const NOTIFICATIONS_MAX: usize = 200;
/// Devices of one person that take pushes; the next one is `full`.
pub const ENDPOINTS_MAX: usize = 20;
/// Address of a device at a push service.
pub const ENDPOINT_BYTES_MAX: usize = 2_048;
/// A push comes this long after its cause, if nobody looked.
pub const PUSH_AFTER_MS: i64 = 5_000;
/// Text of a post.
pub const POST_CHARS_MAX: usize = 8_000;
/// What a post points to.
pub const LINK_BYTES_MAX: usize = 2_048;
/// Edits of a post whose text is kept, with that of the post as it was first; older ones go.
pub const POST_EDITS_KEPT_MAX: usize = 10;
/// Pinned posts of a group; the next one is `full`.
pub const PINNED_POSTS_MAX: usize = 10;
/// Drafts and scheduled posts of a person; the next one is `full`.
pub const PLANNED_POSTS_MAX: usize = 50;
/// A post may be scheduled this far ahead.
pub const SCHEDULE_MS_MAX: i64 = 366 * 24 * 60 * 60 * 1_000;
/// Text of a comment.
pub const COMMENT_CHARS_MAX: usize = 4_000;
/// A comment on a post has depth 1, a reply to it 2; no deeper than this.
pub const COMMENT_DEPTH_MAX: u8 = 8;
/// Unread posts of a group that are counted; this many stands for that many or more.
pub const UNREAD_POSTS_MAX: u32 = 100;
/// Subject of a support request.
pub const SUBJECT_CHARS_MAX: usize = 200;
/// Expertise a support request asks for.
pub const EXPERTISE_CHARS_MAX: usize = 80;
/// A coach's closing summary.
pub const SUMMARY_CHARS_MAX: usize = 4_000;
/// A coach's capacity on a desk, where none was set.
pub const COACH_CAPACITY_DEFAULT: u32 = 4;
/// A coach's capacity on a desk.
pub const COACH_CAPACITY_MAX: u32 = 500;
/// Desks a coach may name in `coach.set`.
pub const COACH_DESKS_MAX: usize = 64;
/// A coach whose last session is gone keeps the people being helped for this long.
pub const COACH_GRACE_MS: i64 = 60_000;
/// Words of a coach's expertise.
pub const COACH_EXPERTISE_MAX: usize = 20;
/// A coach may accept an offer for this long.
pub const OFFER_MS: i64 = 30_000;
/// A hand-over may be accepted for this long.
pub const TRANSFER_MS: i64 = 60_000;
/// A request may be opened again for this long after its end.
pub const REOPEN_MS: i64 = 72 * 60 * 60 * 1_000;
/// A fee may be paid for this long; then the request is cancelled.
pub const PAYMENT_MS: i64 = 30 * 60 * 1_000;
/// Requests waiting or being answered at one desk; the next one is `full`.
pub const DESK_OPEN_REQUESTS_MAX: usize = 10_000;
/// Waiting requests, and active ones, that a board shows.
pub const BOARD_REQUESTS_MAX: usize = 100;
/// Desks of a deployment.
pub const DESKS_MAX: usize = 64;
/// Topics of a desk.
pub const DESK_TOPICS_MAX: usize = 20;
/// A coach's private note.
pub const NOTE_CHARS_MAX: usize = 4_000;
/// Notes of one coach about one member; the next one is `full`.
pub const NOTES_PER_MEMBER_MAX: usize = 500;
/// What a rating says in words.
pub const RATING_CHARS_MAX: usize = 2_000;
/// The most stars of a rating; the fewest are 1.
pub const RATING_STARS_MAX: u8 = 5;
/// A rating may be changed for this long.
pub const RATING_EDIT_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// `text` of a search in one's history, or one's conversations.
pub const SEARCH_CHARS_MAX: usize = 200;
/// Messages that a stranger may send before the other accepts.
pub const STRANGER_MESSAGES_MAX: u64 = 1;
/// People one may block.
pub const BLOCKS_MAX: usize = 1_000;
/// People one may mute.
pub const MUTES_MAX: usize = 1_000;
/// Characters of a search for people or messages, at least.
pub const SEARCH_CHARS_MIN: usize = 2;
/// A request to be friends that was declined can come again from the same person after this.
pub const FRIEND_AGAIN_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// The shortest exchange session.
pub const EXCHANGE_SHORTEST_MIN: u32 = 15;
/// The longest exchange session.
pub const EXCHANGE_LONGEST_MIN: u32 = 240;
/// A session begins at most this far ahead.
pub const EXCHANGE_HORIZON_MS: i64 = 90 * 24 * 60 * 60 * 1_000;
/// A proposal, or an open offer, waits this long for an answer, and not beyond its start.
pub const EXCHANGE_ANSWER_MS: i64 = 14 * 24 * 60 * 60 * 1_000;
/// A session may be started so long before its time.
pub const EXCHANGE_START_EARLY_MS: i64 = 15 * 60 * 1_000;
/// That the other side did not come can be said this long after the time.
pub const EXCHANGE_NO_SHOW_AFTER_MS: i64 = 10 * 60 * 1_000;
/// A session that nobody started is a no-show this long after its planned end.
pub const EXCHANGE_START_LATE_MS: i64 = 24 * 60 * 60 * 1_000;
/// Confirmed by one side, a session is completed after this.
pub const EXCHANGE_CONFIRM_MS: i64 = 48 * 60 * 60 * 1_000;
/// The conversation of a session that took place, or should have, closes this long after its end.
pub const EXCHANGE_TALK_AFTER_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// Proposals that are made about one session; another one is `full`.
pub const EXCHANGE_PROPOSALS_MAX: u32 = 50;
/// Sessions that one person has agreed on and that did not end; another one is `full`.
pub const EXCHANGE_SESSIONS_MAX: usize = 200;
/// Open offers on the board of one group, give or take those that come at once.
pub const EXCHANGE_OFFERS_MAX: u32 = 500;
/// What is given or received, in words.
pub const EXCHANGE_TOPIC_CHARS_MAX: usize = 80;
/// A word with a proposal, a decline, a cancellation or a dispute.
pub const EXCHANGE_WORD_CHARS_MAX: usize = 1_000;
/// A note on a session.
pub const EXCHANGE_NOTE_CHARS_MAX: usize = 4_000;
/// The shortest coaching session, and the least between two beginnings.
pub const BOOKING_SHORTEST_MIN: u32 = 5;
/// The longest coaching session.
pub const BOOKING_LONGEST_MIN: u32 = 480;
/// Kept free before or after a coaching session.
pub const BOOKING_BUFFER_MIN_MAX: u32 = 120;
/// A service's notice.
pub const BOOKING_NOTICE_MIN_MAX: u32 = 30 * 24 * 60;
/// A service's notice where the coach says nothing.
pub const BOOKING_NOTICE_MIN_DEFAULT: u32 = 60;
/// Days ahead that a service may be booked.
pub const BOOKING_WINDOW_DAYS_MAX: u32 = 365;
/// The same where the coach says nothing.
pub const BOOKING_WINDOW_DAYS_DEFAULT: u32 = 60;
/// Clients of one group session.
pub const BOOKING_SEATS_MAX: u32 = 100;
/// Services of one coach.
pub const SERVICES_MAX: usize = 50;
/// A service's title.
pub const SERVICE_TITLE_CHARS_MAX: usize = 80;
/// A service's description, and what a client says with a booking.
pub const BOOKING_TEXT_CHARS_MAX: usize = 2_000;
/// Windows of a coach's week.
pub const WEEKLY_WINDOWS_MAX: usize = 70;
/// Windows on single dates, dates without one included.
pub const OVERRIDE_WINDOWS_MAX: usize = 400;
/// Spans of days off.
pub const TIME_OFF_MAX: usize = 100;
/// Days that one question for slots may span.
pub const SLOTS_DAYS_MAX: i64 = 62;
/// Slots of one answer.
pub const SLOTS_MAX: usize = 1_000;
/// A time is held this long.
pub const BOOKING_HOLD_MS: i64 = 10 * 60 * 1_000;
/// Times that one client holds at once, or waits for an answer about.
pub const BOOKING_HOLDS_MAX: usize = 20;
/// A coach has this long to agree to a booking, and not beyond its start.
pub const BOOKING_ANSWER_MS: i64 = 48 * 60 * 60 * 1_000;
/// How long ahead both sides are reminded.
pub const BOOKING_REMINDERS_MIN: [u32; 2] = [24 * 60, 60];
/// That the other side did not come can be said this long after the start.
pub const BOOKING_NO_SHOW_AFTER_MS: i64 = 10 * 60 * 1_000;
/// A booking about which nobody says anything is completed this long after its end.
pub const BOOKING_COMPLETED_AFTER_MS: i64 = 24 * 60 * 60 * 1_000;
/// The conversation of a text session closes this long after its end.
pub const BOOKING_TALK_AFTER_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// Times that a booking may be rescheduled.
pub const BOOKING_MOVES_MAX: u32 = 50;
/// Bookings in four weeks of one person's calendar.
pub const BOOKING_CALENDAR_MAX: usize = 2_000;
/// A word with a cancellation.
pub const BOOKING_REASON_CHARS_MAX: usize = 1_000;
/// A note on a booking.
pub const BOOKING_NOTE_CHARS_MAX: usize = 4_000;
/// A review, and what a coach says to it.
pub const REVIEW_CHARS_MAX: usize = 2_000;
/// A review may be changed for this long.
pub const REVIEW_EDIT_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// Bookings in a calendar's file: those made last.
pub const CALENDAR_EVENTS_MAX: usize = 1_000;
/// An amount of money that is paid at once, in minor units.
pub const PAYMENT_AMOUNT_MAX: i64 = 99_999_999;
/// What is paid with, in the provider's words.
pub const PAYMENT_METHOD_BYTES_MAX: usize = 255;
/// Why a refund, for the payer.
pub const REFUND_REASON_CHARS_MAX: usize = 500;
/// The name of a plan or a product.
pub const PAYMENT_NAME_CHARS_MAX: usize = 80;
/// What a plan or a product is.
pub const PAYMENT_DESCRIPTION_CHARS_MAX: usize = 2_000;
/// Changes of the prices of one plan, or of the price of one product; another one is `full`.
pub const PAYMENT_PRICE_EDITIONS_MAX: u32 = 200;
/// Plans and products together; another one is `full`.
pub const PAYMENT_CATALOG_MAX: usize = 300;
/// Subscriptions and bought things of one person, ended ones included; another one is `full`.
pub const PAYMENT_THINGS_MAX: usize = 1_000;
