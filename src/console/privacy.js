/** Who sees what of one. Each choice is kept as it is made. */

import { el, field } from './element.js';
import { told, words } from './words.en.js';

const w = words.privacy;
const CHOICES = [
  ['profile', w.profile, w.profileHint, ['everyone', 'members', 'connections', 'nobody']],
  ['messages', w.messages, w.messagesHint, ['everyone', 'connections', 'nobody']],
  ['presence', w.presence, null, ['everyone', 'connections', 'nobody']],
  ['last_seen', w.lastSeen, w.lastSeenHint, ['everyone', 'connections', 'nobody']],
];

export function privacyView({ client }) {
  const said = el('p', { class: 'hint', role: 'status' });
  const problem = el('p', { class: 'problem', role: 'alert' });
  const inputs = {};

  const show = (error) => {
    said.textContent = '';
    problem.textContent = told(error);
  };

  async function set(choice) {
    problem.textContent = '';
    said.textContent = '';
    const { privacy } = await client.call('privacy.set', choice, { retry: true });
    take(privacy);
    said.textContent = w.kept;
  }

  function take(privacy) {
    for (const [name] of CHOICES) inputs[name].value = privacy[name];
    inputs.read_receipts.checked = privacy.read_receipts;
  }

  const fields = CHOICES.map(([name, label, hint, audiences]) => {
    inputs[name] = el(
      'select',
      { onchange: ({ target }) => set({ [name]: target.value }).catch(show) },
      audiences.map((value) => el('option', { value }, w.audience[value])),
    );
    return field(label, inputs[name], hint);
  });
  inputs.read_receipts = el('input', {
    type: 'checkbox',
    id: 'read-receipts',
    'aria-describedby': 'read-receipts-hint',
    onchange: ({ target }) => set({ read_receipts: target.checked }).catch(show),
  });
  client.call('privacy.get', {}, { retry: true }).then(({ privacy }) => take(privacy), show);
  return {
    node: el(
      'section',
      { class: 'page' },
      el('h1', {}, w.title),
      el('p', { class: 'lead' }, w.lead),
      el(
        'div',
        { class: 'card stretch' },
        fields,
        el(
          'div',
          { class: 'check' },
          inputs.read_receipts,
          el('label', { for: 'read-receipts' }, w.receipts),
          el('p', { class: 'hint', id: 'read-receipts-hint' }, w.receiptsHint),
        ),
        problem,
        said,
      ),
    ),
    title: w.title,
  };
}
