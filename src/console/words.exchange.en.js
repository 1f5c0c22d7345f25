/** The words of exchange sessions: people who practise with one another. */

import { count } from './counts.js';

const hours = (min) => {
  if (min < 60) return count(min, 'one minute', '# minutes');
  const whole = Math.floor(min / 60);
  const rest = min % 60;
  const text = count(whole, 'one hour', '# hours');
  return rest === 0 ? text : `${text} ${rest} min`;
};

export const exchange = {
  title: 'Practise together',
  lead: 'Sessions with others of your training group: one listens, one speaks, or half and half.',
  group: 'Training group',
  noGroup: 'You are in no training group yet. Once you are, you find its board here.',
  board: 'Open offers',
  noOffers: 'No offers just now. Yours could be the first.',
  sessions: 'Your sessions',
  noSessions: 'No sessions yet.',
  earlier: 'Earlier sessions',
  noEarlier: 'None yet.',
  ledger: 'Given and received',
  given: 'You gave',
  received: 'You received',
  hours,
  noHours: 'nothing yet',
  entry: (given, received) =>
    [given ? `gave ${hours(given)}` : '', received ? `received ${hours(received)}` : '']
      .filter(Boolean)
      .join(', '),

  post: 'Make an offer',
  postGo: 'Put it on the board',
  propose: (name) => `Propose a session to ${name}`,
  proposeGo: 'Propose it',
  give: 'What you give',
  receive: 'What you would like to receive',
  termsHint: 'One of the two is enough. Listening, for instance, or a coaching hour.',
  when: 'When',
  whenOffer: 'When (if you like)',
  whenOfferHint: 'Without a time, whoever takes it proposes one.',
  duration: 'How long, in minutes',
  note: 'A word with it (if you like)',

  gives: (name, what) => `${name} gives ${what}`,
  wants: (what) => `would like ${what}`,
  youGive: (what) => `You give ${what}`,
  openTime: 'time still open',
  minutes: (n) => `${n} minutes`,
  by: (name) => `by ${name}`,
  take: 'Take it',
  takeOf: (name) => `Take the offer of ${name}`,
  takeWhen: (name) => `When would suit you? ${name} answers.`,
  takeGo: 'Propose this time',
  taken: 'Somebody was a moment earlier. There will be others.',
  withdrawOffer: 'Take it back',

  with: (name) => `With ${name}`,
  states: {
    requested: 'proposed',
    accepted: 'agreed on',
    started: 'under way',
    completed: 'completed',
    disputed: 'not as agreed',
    cancelled: 'called off',
    no_show: 'did not take place',
    declined: 'declined',
    withdrawn: 'taken back',
    expired: 'ended without an answer',
  },
  yours: 'It is yours to answer.',
  theirs: (name) => `${name} answers.`,
  answerBy: (when) => `Until ${when}.`,
  confirmedByMe: (when) =>
    `You confirmed it. It is completed on ${when}, or once the other side confirms.`,
  confirmedByOther: (name) => `${name} confirmed that it took place.`,
  said: (text) => `“${text}”`,
  accept: 'Accept',
  decline: 'Decline',
  counter: 'Propose another time',
  counterGo: 'Propose this',
  withdraw: 'Take it back',
  cancel: 'Call it off',
  start: 'It begins',
  confirm: 'It took place',
  noShow: 'The other side could not come',
  dispute: 'It was not as agreed',
  talk: 'Open the conversation',
  reason: 'A word with it (if you like)',
  ask: {
    decline: 'Decline this proposal?',
    withdraw: 'Take your proposal back?',
    cancel: 'Call this session off? The other side is told.',
    no_show: 'Did the other side not come?',
    dispute: 'Say that it was not as agreed? Neither side gets hours for it then.',
  },
  yes: 'Yes',
  no: 'Leave it',
  details: 'Look at it',
  gone: 'This session is not here, or not yours to see.',
  notes: 'Notes',
  ownNote: 'For yourself',
  ownNoteHint: 'Nobody else sees it.',
  sharedNote: 'For both of you',
  keep: 'Keep it',
  kept: 'Kept.',
  back: 'All sessions',
};
