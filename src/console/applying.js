/** To become a coach here: some words, and where they stand. */

import { el, field, fill, form } from './element.js';
import { listOf } from './self.js';
import { told, words } from './words.en.js';

const w = words.account.coach;

export function coachCard({ account, client }) {
  const body = el('div', { class: 'stack' });
  const show = (error) => fill(body, el('p', { class: 'problem' }, told(error)));

  async function load() {
    const application = await account.get('/v1/me/coach').catch((error) => {
      if (error.code === 'not_found') return null;
      throw error;
    });
    draw(application);
  }

  function draw(application) {
    if (!application) return fill(body, el('p', {}, w.lead), details(w.title, null));
    const { state, note } = application;
    return fill(
      body,
      el('p', { role: 'status' }, w.states[state]),
      note ? el('p', { class: 'held' }, note) : null,
      state === 'suspended' ? null : details(w.change, application),
    );
  }

  /** Closed, so that it asks for nothing by itself. */
  function details(title, application) {
    const qualifications = el('textarea', { rows: 4, maxlength: 4_000 });
    const expertise = el('input', { autocomplete: 'off' });
    const bio = el('textarea', { rows: 3, maxlength: 2_000 });
    qualifications.value = application?.qualifications ?? '';
    expertise.value = (application?.expertise ?? []).join(', ');
    bio.value = application?.bio ?? '';
    const isNew = !application || application.state === 'rejected';
    const send = (path, fields) =>
      isNew ? account.post(path, fields) : account.patch(path, fields);
    return el(
      'details',
      {},
      el('summary', {}, title),
      form({
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
      }),
    );
  }

  load().catch(show);
  client.on('coach.changed', () => load().catch(show));
  return el('section', { class: 'card stretch' }, el('h2', {}, w.title), body);
}
