/** The words of notices: what happened while one looked elsewhere, and how one is told. */

import { count } from './counts.js';

export const notices = {
  title: 'Notices',
  bell: (n) => (n === 0 ? 'Notices' : count(n, 'Notices, one new', 'Notices, # new')),
  lead: 'What happened while you looked elsewhere. There is no hurry.',
  none: 'Nothing new. A quiet moment.',
  noneYet: 'Nothing here yet.',
  unread: 'new',
  allRead: 'Mark all as read',
  allReadDone: 'All are marked as read.',
  markRead: 'Mark as read',
  markReadOf: (text) => `Mark as read: ${text}`,
  more: 'Earlier notices',
  settings: 'How you are told',
};

export const telling = {
  title: 'How you are told',
  lead: 'Each choice holds at once. No push ever says what somebody wrote.',
  kept: 'Kept.',
  device: 'On this device',
  deviceLead:
    'When this page is closed, your device can tell you that somebody wrote or that a coach is there.',
  deviceOn: 'Tell me on this device',
  deviceOff: 'Stop telling me on this device',
  isOn: 'This device tells you.',
  isOff: 'This device tells you nothing now.',
  denied:
    'Your browser does not allow it for this page. You can change that in the browser’s settings for this page, beside its address.',
  cannot: 'This browser can’t do that here. With an installed app or another browser it may.',
  failed: 'The browser’s push service could not be reached. Please try again later.',
  quiet: 'Quiet hours',
  quietOn: 'Keep quiet for some hours each day',
  quietHint: 'Nothing is pushed then. It waits for you here.',
  from: 'From',
  until: 'Until',
  zone: 'Your time zone',
  zoneHere: (zone) => `This device is in ${zone}.`,
  digest: 'By e-mail, what you have not read',
  digests: { never: 'Never', daily: 'Each morning', weekly: 'Each Monday morning' },
  kinds: 'What about',
  channels: { app: 'Here', push: 'Push', email: 'E-mail' },
  kind: {
    message: 'Messages',
    support: 'Support',
    booking: 'Coaching sessions',
    exchange: 'Exchange sessions',
    people: 'Friends and followers',
    wall: 'Groups',
    workshop: 'Workshops and events',
    payment: 'Payments',
    membership: 'Memberships',
    moderation: 'Reports and decisions',
  },
  choice: (kind, channel) => `${kind}: ${channel}`,
};
