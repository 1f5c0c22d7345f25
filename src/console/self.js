/** One's own account: profile, address, password, devices, being a coach, the archive, the end. */

import { coachCard } from './applying.js';
import { devicesCard } from './devices.js';
import { ask, el, field, fill, form } from './element.js';
import { dayAndTime } from './times.js';
import { told, words } from './words.en.js';

const w = words.account;
const EXPORT_NAME = 'sanctuary.zip';

/** "a, b,, c" is a list of three. */
export const listOf = (text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);

export function accountView(home) {
  const { account } = home;
  const problem = el('p', { class: 'problem', role: 'alert' });
  const top = el('div', {});
  const body = el('div', { class: 'cards' });

  async function load() {
    const me = await account.get('/v1/me');
    fill(top, pendingCard(me), unverifiedCard(home, me));
    fill(
      body,
      profileCard(home, me),
      emailCard(home, me),
      passwordCard(home),
      devicesCard(home),
      coachCard(home),
      exportCard(home),
      removeCard(home, load),
    );
  }

  load().catch((error) => {
    problem.textContent = told(error);
  });
  return {
    node: el(
      'section',
      { class: 'page' },
      el('h1', {}, w.title),
      el('p', { class: 'lead' }, w.lead),
      el(
        'nav',
        { class: 'row wrap', 'aria-label': w.links },
        el('a', { href: `#/person/${home.me.id}` }, w.preview),
        el('a', { href: '#/privacy' }, w.privacy),
        el('a', { href: '#/telling' }, w.telling),
      ),
      problem,
      top,
      body,
    ),
    title: w.title,
  };
}

const card = (title, ...children) =>
  el('section', { class: 'card stretch' }, el('h2', {}, title), ...children);

/** Closed until it is wanted: most visits are about something else. */
const folded = (title, ...children) =>
  el('details', { class: 'card' }, el('summary', {}, title), ...children);

const pendingCard = ({ delete_at }) =>
  delete_at
    ? el('p', { class: 'notice', role: 'status' }, w.removePending(dayAndTime(delete_at)))
    : null;

/** Also for the first page one sees. */
export function unverifiedCard({ account }, { status, email }) {
  if (status !== 'pending_verification') return null;
  const u = w.unverified;
  const said = el('p', { class: 'hint', role: 'status' });
  const again = () =>
    account.post('/v1/auth/verify/send', {}).then(
      () => {
        said.textContent = u.sent;
      },
      (error) => {
        said.textContent = told(error);
      },
    );
  return el(
    'section',
    { class: 'card' },
    el('h2', {}, u.title),
    el('p', {}, u.lead(email)),
    el('button', { onclick: again }, u.again),
    said,
  );
}

function profileCard(home, me) {
  const said = el('p', { class: 'hint', role: 'status' });
  const name = el('input', { maxlength: 80, required: true, autocomplete: 'name' });
  const username = el('input', {
    maxlength: 32,
    autocomplete: 'off',
    autocapitalize: 'none',
    spellcheck: 'false',
  });
  const bio = el('textarea', { rows: 4, maxlength: 2_000 });
  const interests = el('input', { autocomplete: 'off' });
  const expertise = el('input', { autocomplete: 'off' });
  name.value = me.name;
  username.value = me.username ?? '';
  bio.value = me.bio ?? '';
  interests.value = (me.interests ?? []).join(', ');
  expertise.value = (me.expertise ?? []).join(', ');
  return card(
    w.profile,
    form({
      fields: [
        field(w.name, name),
        field(w.username, username, w.usernameHint),
        field(w.bio, bio, w.bioHint),
        field(w.interests, interests, w.listHint),
        field(w.expertise, expertise, w.listHint),
      ],
      submit: w.save,
      async onsubmit() {
        said.textContent = '';
        const now = await home.account.patch('/v1/me', {
          name: name.value.trim(),
          username: username.value.trim().toLowerCase() || null,
          bio: bio.value.trim() || null,
          interests: listOf(interests.value),
          expertise: listOf(expertise.value),
        });
        home.renamed(now);
        said.textContent = w.kept;
      },
      sorry: told,
    }),
    said,
  );
}

const passwordField = (label, autocomplete, hint) => {
  const input = el('input', { type: 'password', autocomplete, required: true });
  return { input, node: field(label, input, hint) };
};

function emailCard({ account }, me) {
  const said = el('p', { class: 'hint', role: 'status' });
  const email = el('input', { type: 'email', autocomplete: 'email', required: true });
  const password = passwordField(w.yourPassword, 'current-password');
  return folded(
    w.email,
    el('p', {}, w.emailNow(me.email)),
    form({
      fields: [field(w.newEmail, email, w.newEmailHint), password.node],
      submit: w.changeEmail,
      async onsubmit() {
        said.textContent = '';
        const wanted = email.value.trim();
        await account.post('/v1/auth/email/change', {
          email: wanted,
          password: password.input.value,
        });
        email.value = '';
        password.input.value = '';
        said.textContent = w.emailSent(wanted);
      },
      sorry: told,
    }),
    said,
  );
}

function passwordCard({ account }) {
  const said = el('p', { class: 'hint', role: 'status' });
  const current = passwordField(w.current, 'current-password');
  const fresh = passwordField(w.fresh, 'new-password', w.freshHint);
  return folded(
    w.password,
    form({
      fields: [current.node, fresh.node],
      submit: w.changePassword,
      async onsubmit() {
        said.textContent = '';
        await account.post('/v1/auth/password/change', {
          current: current.input.value,
          password: fresh.input.value,
        });
        current.input.value = '';
        fresh.input.value = '';
        said.textContent = w.passwordChanged;
      },
      sorry: told,
    }),
    said,
  );
}

function exportCard({ account }) {
  const said = el('p', { class: 'hint', role: 'status' });
  const get = async ({ target }) => {
    target.disabled = true;
    said.textContent = w.exporting;
    try {
      const archive = await account.download('/v1/me/export');
      const url = URL.createObjectURL(archive);
      el('a', { href: url, download: EXPORT_NAME }).click();
      URL.revokeObjectURL(url);
      said.textContent = w.exportDone;
    } catch (error) {
      said.textContent = told(error);
    } finally {
      target.disabled = false;
    }
  };
  const button = el('div', {}, el('button', { onclick: get }, w.exportGo));
  return folded(w.export, el('p', {}, w.exportLead), button, said);
}

function removeCard(home, load) {
  const password = passwordField(w.removeAsk, 'current-password');
  const removing = form({
    fields: [password.node],
    submit: w.removeGo,
    async onsubmit() {
      const question = { question: w.removeLead, yes: w.removeYes, no: w.keep };
      if ((await ask(question)) === null) return;
      await home.account.remove('/v1/me', { password: password.input.value });
      password.input.value = '';
      await load().catch(() => home.logout());
    },
    sorry: told,
  });
  return folded(w.remove, el('p', {}, w.removeLead), removing);
}
