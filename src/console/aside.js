/** Beside a support conversation, for its coach: what it is about, private notes, what was before. */

import { uuid } from '/sanctuary.js';
import { el, field, fill, form } from './element.js';
import { starsShown } from './rating.js';
import { ago, dayAndTime } from './times.js';
import { told, words } from './words.en.js';

const w = words.desk.aside;
const NOTES = 50;
const EARLIER = 20;

/** `request` has at least `id` and `member`. */
export function coachAside(home, request, { onclose }) {
  const { client } = home;
  const notes = el('ol', { class: 'plain notes', 'aria-label': w.notes });
  const said = el('p', { class: 'hint', role: 'status' });
  const earlier = el('div', {});
  const text = el('textarea', { rows: 3, maxlength: 4_000 });
  let clientId = uuid();

  const noteRow = (note) => {
    const datetime = new Date(note.written_at).toISOString();
    return el(
      'li',
      {},
      el('p', { class: 'text' }, note.text),
      el('time', { class: 'hint', datetime }, ago(note.written_at)),
    );
  };

  async function loadNotes() {
    const params = { member_id: request.member.id, limit: NOTES };
    const { items } = await client.call('support.notes', params, { retry: true });
    fill(notes, ...(items.length > 0 ? items.map(noteRow) : [el('li', { class: 'hint' }, w.none)]));
  }

  async function loadEarlier() {
    const params = { member_id: request.member.id, limit: EARLIER };
    const { items } = await client.call('support.history', params, { retry: true });
    const others = items.filter(({ id }) => id !== request.id);
    if (others.length === 0) {
      fill(earlier, el('p', { class: 'hint' }, w.noEarlier(request.member.name)));
      return;
    }
    fill(earlier, el('ul', { class: 'plain' }, others.map(earlierRow)));
  }

  const earlierRow = (past) =>
    el(
      'li',
      { class: 'earlier-one' },
      el('p', { class: 'subject' }, past.subject),
      el(
        'p',
        { class: 'hint' },
        [
          words.support.states[past.state],
          past.coach ? words.support.with_(past.coach.name) : null,
          ago(past.ended_at ?? past.created_at),
        ]
          .filter(Boolean)
          .join(' · '),
      ),
      past.summary ? el('p', { class: 'summary' }, past.summary) : null,
      past.rating ? starsShown(past.rating.stars) : null,
    );

  const writing = form({
    fields: [field(w.write, text, w.notesHint)],
    submit: w.keep,
    async onsubmit() {
      const note = text.value.trim();
      if (!note) return;
      const params = { request_id: request.id, client_id: clientId, text: note };
      await client.call('support.note', params, { retry: true });
      clientId = uuid();
      text.value = '';
      said.textContent = w.kept;
      await loadNotes();
    },
    sorry: told,
  });
  const show = (where) => (error) => fill(where, el('p', { class: 'hint' }, told(error)));
  loadNotes().catch(show(notes));
  loadEarlier().catch(show(earlier));
  return el(
    'aside',
    {
      class: 'beside',
      'aria-label': w.title,
      onkeydown: ({ key }) => {
        if (key === 'Escape') onclose();
      },
    },
    el('button', { class: 'link beside-close', onclick: onclose }, w.close),
    request.subject
      ? el(
          'section',
          {},
          el('h2', {}, w.about),
          el('p', {}, request.subject),
          el('p', { class: 'hint' }, `${w.since} ${dayAndTime(request.created_at)}`),
        )
      : null,
    el('section', {}, el('h2', {}, w.notes), writing, said, notes),
    el('section', {}, el('h2', {}, w.earlier), earlier),
  );
}
