/** What mails link to, before or without a login: an address to confirm, a new password. */

import { post } from './account.js';
import { el, field, form } from './element.js';
import { told, words } from './words.en.js';

const w = words.doors;
const LINK = /^#(verify|reset|email)=(.+)$/;
const CONFIRM = { verify: '/v1/auth/verify', email: '/v1/auth/email/confirm' };
const DONE = { verify: w.verified, email: w.emailChanged };

/** `{purpose, token}` of the address, or null. The secret does not stay in the address. */
export function mailLink() {
  const [, purpose, token] = LINK.exec(location.hash) ?? [];
  if (!purpose) return null;
  history.replaceState(null, '', '#/');
  return { purpose, token: decodeURIComponent(token) };
}

export const isMailLink = (hash) => LINK.test(hash);

/** Follows a link that needs nothing more of the person. Resolves to what to say. */
export async function confirm({ purpose, token }) {
  try {
    await post(CONFIRM[purpose], { token });
    return DONE[purpose];
  } catch (error) {
    return told(error);
  }
}

const passwordInput = () =>
  el('input', {
    type: 'password',
    name: 'password',
    autocomplete: 'new-password',
    required: true,
  });

/** Elements of the card in which one chooses a new password. */
export function resetCard(account, token, ondone) {
  const password = passwordInput();
  return [
    el('h2', {}, w.resetTitle),
    form({
      fields: [field(w.password, password, w.passwordHint)],
      submit: w.resetGo,
      async onsubmit() {
        await post('/v1/auth/password/reset', { token, password: password.value });
        // Whoever was logged in here: the password ended all logins of its account.
        account.forget();
        ondone(w.resetDone);
      },
      sorry: told,
    }),
  ];
}

export function forgotCard(ondone) {
  const email = el('input', {
    type: 'email',
    name: 'email',
    autocomplete: 'username',
    required: true,
  });
  return [
    el('h2', {}, w.forgotTitle),
    el('p', { class: 'hint' }, w.forgotLead),
    form({
      fields: [field(words.welcome.email, email)],
      submit: w.forgotGo,
      async onsubmit() {
        await post('/v1/auth/password/forgot', { email: email.value.trim() });
        ondone(w.forgotSent);
      },
      sorry: told,
    }),
  ];
}
