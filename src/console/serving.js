/** What a coach knows of, and which desks they answer at. Read once it is opened. */

import { el, field, fill, form } from './element.js';
import { listOf } from './self.js';
import { told, words } from './words.en.js';

const w = words.desk.serving;

export function servingDetails({ client, coaching }) {
  const body = el('div', {});
  const said = el('p', { class: 'hint', role: 'status' });
  let isRead = false;

  async function read() {
    if (isRead) return;
    isRead = true;
    const { available, capacity } = coaching;
    // The choices as they are: said again, nothing changes, and all of them come back.
    const choice = { available, ...(capacity === null ? {} : { capacity }) };
    const [settings, { items }] = await Promise.all([
      client.call('coach.set', choice, { retry: true }),
      client.call('desk.list', {}, { retry: true }),
    ]);
    draw(settings, items);
  }

  function draw({ expertise = [], desks }, items) {
    const knows = el('input', { autocomplete: 'off' });
    knows.value = expertise.join(', ');
    const boxes = items.map(({ id, name }) => ({
      id,
      input: el('input', { type: 'checkbox', checked: !desks || desks.includes(id) }),
      label: words.support.deskName(name),
    }));
    const choices = el(
      'fieldset',
      {},
      el('legend', {}, w.desks),
      boxes.map(({ input, label }) => el('label', { class: 'choice-row' }, input, label)),
    );
    fill(
      body,
      form({
        fields: [
          field(w.knows, knows, w.knowsHint),
          // A choice of one is none.
          ...(items.length > 1 ? [choices] : []),
        ],
        submit: w.keep,
        async onsubmit() {
          said.textContent = '';
          const chosen = boxes.filter(({ input }) => input.checked).map(({ id }) => id);
          await coaching.set({
            available: coaching.available,
            expertise: listOf(knows.value),
            ...(items.length > 1 ? { desks: chosen } : {}),
          });
          said.textContent = w.kept;
        },
        sorry: told,
      }),
    );
  }

  const show = (error) => {
    isRead = false;
    fill(body, el('p', { class: 'problem' }, told(error)));
  };
  const node = el(
    'details',
    { class: 'serving', ontoggle: () => node.open && read().catch(show) },
    el('summary', {}, w.title),
    body,
    said,
  );
  return node;
}
