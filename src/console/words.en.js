/**
 * Every word a person reads on this page, in English. Plain and warm; never blaming, never
 * urging: what happened, what it means for you, what you can do.
 */

import { count } from './counts.js';
import { account, doors } from './words.account.en.js';
import { exchange } from './words.exchange.en.js';
import { notices, telling } from './words.notices.en.js';
import { inbox, people, person, privacy } from './words.people.en.js';
import { desk, history, support } from './words.support.en.js';

export const words = {
  locale: 'en',
  name: 'Sanctuary',

  welcome: {
    title: 'A calm place to talk',
    lead: 'Someone is here to listen, and people like you are around.',
    login: 'Log in',
    register: 'Make an account',
    toRegister: 'New here? Make an account',
    toLogin: 'You have an account? Log in',
    email: 'E-mail address',
    password: 'Password',
    passwordHint: 'At least 10 characters. A few words you like are fine.',
    yourName: 'What may we call you?',
    username: 'Username (if you like)',
    usernameHint: 'So that people you know can find you: a–z, 0–9, dot and underscore.',
    loggedOut: 'You are logged out. Come back whenever you like.',
    sessionOver: 'Your login has ended, on this device or from another one. Please log in again.',
    suspended: 'This account is paused for now. Please write to the people who run this place.',
    opening: 'One moment…',
  },

  shell: {
    skip: 'Skip to the content',
    areas: 'Areas',
    support: 'Ask for support',
    supportWaiting: 'Your place in line',
    supportActive: 'Your coach',
    groups: 'Groups',
    exchange: 'Practise together',
    people: 'People',
    verify: 'Please confirm your e-mail address',
    account: (name) => `${name}, your account`,
    desk: 'Support desk',
    logout: 'Log out',
    back: 'Back',
    offline:
      'The connection is away for a moment. You can go on writing: what you write is kept, and sent when it is back.',
    elsewhere: 'This page is open in another window, so this one is resting.',
    crowded: 'You are here with many windows already. Closing one of them makes room for this one.',
    here: 'Go on here',
    stopped: 'This page and the server no longer understand each other. Loading it again helps.',
    reload: 'Load again',
  },

  talks: {
    title: 'Conversations',
    none: 'Nothing here yet. You can start a conversation with a username, or ask for support.',
    find: 'Talk to someone',
    findHint: 'Their username',
    findGo: 'Open',
    notFound: 'Nobody here has that username. Perhaps it is spelled a little differently?',
    yourself: 'That is your own username.',
    support: 'Support',
    supportClosed: 'Support, ended',
    unread: (n) => count(n, '1 new message', '# new messages'),
    you: 'You',
    deleted: 'A message was deleted',
    reacted: (emoji) => `${emoji} on a message`,
    edited: 'A message was edited',
    opened: 'The conversation is open',
    closed: 'The conversation has ended',
    joined: 'Somebody joined',
    left: 'Somebody left',
    changed: 'Something changed',
  },

  presence: {
    online: 'here now',
    away: 'away',
    busy: 'busy',
    offline: 'not here',
    seen: (when) => `last here ${when}`,
  },

  home: {
    title: (name) => `Good to see you, ${name}`,
    lead: 'Choose a conversation, or take a quiet look around.',
    support: 'Would a word with someone help?',
    supportLead:
      'A coach reads what you write and answers you here. You need not have it sorted out.',
  },

  talk: {
    earlier: 'Earlier messages',
    start: 'This is the beginning of your conversation.',
    messages: 'Messages',
    write: 'Write a message',
    send: 'Send',
    save: 'Save',
    sending: 'Sending…',
    waiting: 'Kept; will be sent when the connection is back',
    sent: 'Sent',
    seen: 'Seen',
    edited: 'edited',
    deleted: 'This message was deleted.',
    again: 'Try again',
    discard: 'Discard',
    reply: 'Reply',
    replyTo: (name) => `In reply to ${name}`,
    earlierMessage: 'an earlier message',
    edit: 'Edit',
    editing: 'Editing your message',
    remove: 'Delete',
    removeAsk: 'Delete this message for everyone in the conversation?',
    removeYes: 'Delete it',
    react: 'React',
    reactions: 'Choose a reaction',
    reactedBy: (emoji, names) => `${emoji} from ${names}`,
    cancel: 'Cancel',
    keep: 'Keep it',
    typing: (name) => `${name} is writing…`,
    closed: 'This conversation has ended. You can still read it here.',
    leftByMe:
      'You are not part of this conversation any more. What was said until then you can read here.',
    gone: 'This conversation is not here, or not yours to see.',
    someone: 'Someone',
    joined: (name) => `${name} joined`,
    left: (name) => `${name} left`,
  },

  support,
  history,
  desk,

  people,
  person,
  inbox,
  privacy,

  notices,
  telling,
  account,
  doors,

  exchange,

  groups: {
    title: 'Groups',
    lead: 'Quiet walls to read and write on, with people who share something.',
    mine: 'Your groups',
    others: 'Open groups',
    noneMine: 'You are in no group yet. Look around below, or make one.',
    noneOthers: 'There are no other groups at the moment.',
    join: 'Join',
    joinOf: (name) => `Join ${name}`,
    leave: 'Leave the group',
    leaveAsk: 'Leave this group? You can join again later.',
    leaveYes: 'Leave',
    leaveNo: 'Stay',
    create: 'Make a group',
    name: 'Name',
    description: 'What is it about? (if you like)',
    isTraining: 'A training group: its members practise with one another',
    make: 'Make it',
    posts: 'Posts',
    none: 'Nothing is written here yet.',
    write: 'Share something with the group',
    publish: 'Publish',
    more: 'Earlier posts',
    gone: 'This group is not here, or not yours to see.',
  },

  times: {
    now: 'just now',
    minutes: (n) => count(n, 'a minute ago', '# minutes ago'),
    today: 'Today',
    yesterday: 'Yesterday',
  },

  errors: {
    offline: 'The server can’t be reached just now. Please try again in a moment.',
    wrongLogin: 'That e-mail address and password don’t go together. Please look once more.',
    taken: 'There is an account with this already. You may want to log in instead.',
    usernameTaken: 'Somebody here has that username already. Perhaps a variation of it?',
    email: 'This e-mail address does not look complete.',
    password: 'The password needs at least 10 characters, and at most 256.',
    name: 'Please give a name of at most 80 characters.',
    username: 'A username has 3 to 32 of a–z, 0–9, dot and underscore.',
    unknown: 'Something went wrong on our side. Nothing you wrote is lost; please try again.',
    codes: {
      blocked: 'You can’t write to this person.',
      busy: 'There is a lot going on just now. Please try again in a moment.',
      closed: 'This conversation has ended.',
      conflict: 'This has changed in the meantime.',
      disconnected: 'The connection broke before the answer came. Please look, and try again.',
      forbidden: 'This is not yours to do.',
      full: 'There is no room for one more at the moment.',
      invalid: 'Something here does not fit yet. Please look once more.',
      not_found: 'This is not here, or not yours to see.',
      rate_limited: 'That was a lot in a short time. A little pause, then it works again.',
      too_large: 'This is longer than one message may be. You can send it in two.',
      unavailable:
        'The server can’t keep things safely just now, so it took nothing. Please try again in a moment.',
    },
  },
};

/** What to say about an error: by its code, since its message may be for programmers. */
export const sorry = (error) =>
  words.errors.codes[error?.code] ??
  (error instanceof TypeError ? words.errors.offline : words.errors.unknown);

/** Of these codes the server's own words say more, and they are written for people. */
const TOLD = ['conflict', 'forbidden', 'full', 'invalid', 'payment_required'];

/** The same, with the server's words where those say what the matter is. */
export const told = (error) =>
  TOLD.includes(error?.code) && error.message && error.message !== error.code
    ? error.message
    : sorry(error);
