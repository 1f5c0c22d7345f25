/** The words about one's own account: who one is here, how one gets in, what is kept, and the end. */

import { count } from './counts.js';

export const account = {
  title: 'Your account',
  lead: 'Who you are here, how you get in, and what is kept of you.',
  links: 'More about you',
  preview: 'How others see you',
  privacy: 'Who sees what of you',
  telling: 'How you are told',
  kept: 'Kept.',

  profile: 'Your profile',
  name: 'Name',
  username: 'Username (if you like)',
  usernameHint: 'So that people you know can find you: a–z, 0–9, dot and underscore.',
  bio: 'About you (if you like)',
  bioHint: 'What you would tell somebody you just met.',
  interests: 'What you like to talk about',
  expertise: 'What you know well',
  listHint: 'With a comma between them.',
  save: 'Keep it',

  unverified: {
    title: 'Please confirm your e-mail address',
    lead: (email) =>
      `We wrote to ${email}. Until you have followed the link there, you can look around and ask for support.`,
    again: 'Send the mail again',
    sent: 'A new mail is on its way.',
  },

  email: 'E-mail address',
  emailNow: (email) => `Mails go to ${email}.`,
  newEmail: 'New e-mail address',
  newEmailHint: 'It holds once you have followed the link in the mail we send there.',
  yourPassword: 'Your password',
  changeEmail: 'Send me that mail',
  emailSent: (email) => `A mail is on its way to ${email}.`,

  password: 'Password',
  current: 'The one until now',
  fresh: 'A new one',
  freshHint: 'At least 10 characters. A few words you like are fine. Other devices are logged out.',
  changePassword: 'Change the password',
  passwordChanged: 'Your password is changed.',

  devices: 'Where you are logged in',
  thisOne: 'this device',
  lastUsed: (when) => `last used ${when}`,
  since: (when) => `since ${when}`,
  unknownDevice: 'A device without a name',
  on: (browser, system) => `${browser} on ${system}`,
  end: 'Log out there',
  endOf: (name) => `Log out there: ${name}`,
  endAll: 'Log out everywhere',
  endAllAsk: 'Log out on all devices, this one too?',
  endAllYes: 'Log out everywhere',
  keep: 'Leave it',

  coach: {
    title: 'Being a coach here',
    lead: 'If you would like to listen to others here, tell us a little. Somebody reads it and writes back.',
    qualifications: 'What you learned, and where',
    expertise: 'What you know well',
    bio: 'What people should know of you as a coach (if you like)',
    send: 'Send it',
    update: 'Keep it',
    states: {
      pending: 'Your words are with the people who run this place. They write back.',
      approved: 'You are a coach here. Thank you.',
      rejected: 'It did not fit. If you would like to talk about it, please write to us.',
      suspended: 'You are not listed as a coach at the moment.',
    },
    change: 'Change what it says',
  },

  export: 'What is kept of you',
  exportLead: 'Everything as one archive: your profile, your conversations, your requests.',
  exportGo: 'Get the archive',
  exporting: 'Gathering it…',
  exportDone: 'The archive is with your downloads.',

  remove: 'Leaving',
  removeLead:
    'Your name, your profile and your logins go. What you wrote to others stays with them, without your name.',
  removeGo: 'Delete my account',
  removeAsk: 'Your password, so that we know it is you',
  removeYes: 'Delete it',
  removePending: (when) =>
    `Your account goes on ${when}. Log in until then, and everything is as before.`,
  removed: 'It is done. Thank you for the time you were here.',
};

export const doors = {
  forgot: 'Forgot the password?',
  forgotTitle: 'A new password',
  forgotLead: 'We send a link to your address; with it you choose a new one.',
  forgotGo: 'Send the link',
  forgotSent: 'If there is an account with this address, a mail is on its way to it.',
  back: 'Back to the login',
  resetTitle: 'Choose a new password',
  password: 'New password',
  passwordHint: 'At least 10 characters. A few words you like are fine.',
  resetGo: 'Keep this password',
  resetDone: 'Your new password is kept. Please log in with it.',
  verified: 'Thank you: your e-mail address is confirmed.',
  emailChanged: 'Thank you: mails go to your new address from now on.',
  over: 'This link was used already, or its time is over. You can ask for a new one.',
  days: (n) => count(n, 'a day', '# days'),
};
