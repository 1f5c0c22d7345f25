/** To become a coach here: some words, and where they stand. */

import { el, field, fill, form } from './element.js';
import { listOf } from './self.js';
import { told, words } from './words.en.js';

const w = words.account.coach;

/** Asked for only once it is opened: most people never need it. */
export function coachCard({ account, client }) {
  const body = el('div', { class: 'stack' });
  const show = (error) => fill(body, el('p', { class: 'problem' }, told(error)));
  const card = el(
    'details',
    {
      class: 'card',
      ontoggle: () => {
        if (card.open) load().catch(show);
      },
    },
    el('summary', {}, w.title),
    body,
  );

  async function load() {
    const application = await account.get('/v1/me/coach').catch((error) => {
      if (error.code === 'not_found') return null;
      throw error;
    });
    draw(application);
  }

  function draw(application) {
    if (!application) return fill(body, el('p', {}, w.lead), editor(null));
    const { state, note } = application;
    const change = () => el('details', {}, el('summary', {}, w.change), editor(application));
    return fill(
      body,
      el('p', { role: 'status' }, w.states[state]),
      note ? el('p', { class: 'held' }, note) : null,
      state === 'suspended' ? null : change(),
    );
  }

  function editor(application) {
    const qualifications = el('textarea', { rows: 4, maxlength: 4_000 });
    const expertise = el('input', { autocomplete: 'off' });
    const bio = el('textarea', { rows: 3, maxlength: 2_000 });
    qualifications.value = application?.qualifications ?? '';
    expertise.value = (application?.expertise ?? []).join(', ');
    bio.value = application?.bio ?? '';
    const isNew = !application || application.state === 'rejected';
    const send = (path, fields) =>
      isNew ? account.post(path, fields) : account.patch(path, fields);
    return form({
      fields: [
        field(w.qualifications, qualifications),
        field(w.expertise, expertise, words.account.listHint),
        field(w.bio, bio),
      ],
      submit: isNew ? w.send : w.update,
      async onsubmit() {
        const fields = {
          qualifications: qualifications.value.trim(),
          expertise: listOf(expertise.value),
          bio: bio.value.trim() || null,
        };
        draw(await send('/v1/me/coach', fields));
      },
      sorry: told,
    });
  }

  client.on('coach.changed', () => {
    if (card.open) load().catch(show);
  });
  return card;
}
