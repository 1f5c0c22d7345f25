/** Logging in, and making an account. */

import { forgotCard, resetCard } from './doors.js';
import { el, field, fill, form } from './element.js';
import { sorry, words } from './words.en.js';

const w = words.welcome;

/** `reset`: the secret of a mail, with which one chooses a new password. */
export function welcomeView(account, { notice, onwelcome, reset }) {
  const card = el('div', { class: 'card' });
  const note = el('p', { class: 'notice', role: 'status' }, notice ?? '');

  function show(build) {
    fill(card, ...build());
    card.querySelector('input').focus();
  }

  const other = (label, build) =>
    el('button', { type: 'button', class: 'link', onclick: () => show(build) }, label);

  function login() {
    const email = el('input', {
      type: 'email',
      name: 'email',
      autocomplete: 'username',
      required: true,
    });
    const password = el('input', {
      type: 'password',
      name: 'password',
      autocomplete: 'current-password',
      required: true,
    });
    return [
      el('h2', {}, w.login),
      form({
        fields: [field(w.email, email), field(w.password, password)],
        submit: w.login,
        busy: w.opening,
        async onsubmit() {
          await account.login(email.value.trim(), password.value);
          onwelcome();
        },
        sorry(error) {
          if (error.status === 401) return words.errors.wrongLogin;
          return error.status === 403 ? w.suspended : problem(error);
        },
      }),
      other(w.toRegister, register),
      other(words.doors.forgot, forgot),
    ];
  }

  function register() {
    const name = el('input', { name: 'name', autocomplete: 'name', maxlength: 80, required: true });
    const email = el('input', {
      type: 'email',
      name: 'email',
      autocomplete: 'username',
      required: true,
    });
    const username = el('input', {
      name: 'username',
      autocomplete: 'off',
      autocapitalize: 'none',
      spellcheck: 'false',
      maxlength: 32,
    });
    const password = el('input', {
      type: 'password',
      name: 'password',
      autocomplete: 'new-password',
      required: true,
    });
    return [
      el('h2', {}, w.register),
      form({
        fields: [
          field(w.yourName, name),
          field(w.email, email),
          field(w.username, username, w.usernameHint),
          field(w.password, password, w.passwordHint),
        ],
        submit: w.register,
        busy: w.opening,
        async onsubmit() {
          await account.register({
            name: name.value.trim(),
            email: email.value.trim(),
            password: password.value,
            username: username.value.trim().toLowerCase() || undefined,
          });
          onwelcome();
        },
        sorry: problem,
      }),
      other(w.toLogin, login),
    ];
  }

  const say = (text) => {
    note.textContent = text;
    show(login);
  };

  function forgot() {
    return [...forgotCard(say), other(words.doors.back, login)];
  }

  function choosePassword() {
    const back = () => location.reload();
    return [
      ...resetCard(account, reset, say),
      el('button', { type: 'button', class: 'link', onclick: back }, words.doors.back),
    ];
  }

  queueMicrotask(() => show(reset ? choosePassword : login));
  return el(
    'main',
    { class: 'welcome' },
    el(
      'div',
      { class: 'hello' },
      el('p', { class: 'brand' }, words.name),
      el('h1', {}, w.title),
      el('p', {}, w.lead),
    ),
    note,
    card,
  );
}

const problem = (error) => {
  if (error.code === 'conflict') {
    return error.field === 'username' ? words.errors.usernameTaken : words.errors.taken;
  }
  if (error.code === 'invalid' && error.field in words.errors) return words.errors[error.field];
  return sorry(error);
};
