/** Handing a conversation to a colleague, or to whoever is free. */

import { el, field, fill } from './element.js';
import { told, words } from './words.en.js';

const w = words.desk.hand;

/** Asks to whom; resolves to a colleague's id, to '' for whoever is free, or to null for no. */
export function chooseColleague(home, { deskId, memberName }) {
  return new Promise((resolve) => {
    const list = el('div', { class: 'choices' });
    const option = (value, label, hint, checked) =>
      el(
        'label',
        { class: 'choice-row' },
        el('input', { type: 'radio', name: 'colleague', value, checked }),
        el('span', {}, label, hint ? el('span', { class: 'hint' }, hint) : null),
      );
    const dialog = el(
      'dialog',
      { class: 'ask', 'aria-labelledby': 'hand-title', onclose: () => finish() },
      el(
        'form',
        { method: 'dialog' },
        el('h2', { id: 'hand-title' }, w.title),
        el('p', { class: 'hint' }, w.lead(memberName)),
        el('fieldset', {}, el('legend', {}, w.who), list),
        el(
          'div',
          { class: 'row end' },
          el('button', { value: 'no' }, w.no),
          el('button', { value: 'yes', class: 'primary' }, w.yes),
        ),
      ),
    );
    const finish = () => {
      const chosen = list.querySelector('input:checked')?.value ?? '';
      dialog.remove();
      resolve(dialog.returnValue === 'yes' ? chosen : null);
    };
    fill(list, option('', w.anyone, w.anyoneHint, true));
    document.body.append(dialog);
    dialog.showModal();
    colleagues(home, deskId).then(
      (others) => {
        const row = ({ coach, load, capacity, available }) => {
          const takes = available ? words.desk.takesOffers : words.desk.noOffers;
          return option(coach.id, coach.name, `${words.desk.load(load, capacity)} · ${takes}`);
        };
        list.append(...others.map(row));
        if (others.length === 0) list.append(el('p', { class: 'hint' }, w.none));
      },
      (error) => list.append(el('p', { class: 'problem' }, told(error))),
    );
  });
}

/** Those with a free place, whoever takes offers first. */
async function colleagues({ client, me }, deskId) {
  const board = await client.call('desk.board', { desk_id: deskId }, { retry: true });
  return board.coaches
    .filter(({ coach, load, capacity }) => coach.id !== me.id && load < capacity)
    .sort((a, b) => b.available - a.available || a.load - b.load);
}

/** Closing words before the end. Resolves to the words, or null for no. */
export function askForSummary(isCoach) {
  const s = words.support;
  return new Promise((resolve) => {
    const text = isCoach ? el('textarea', { rows: 4, maxlength: 4_000 }) : null;
    const dialog = el(
      'dialog',
      { class: 'ask', 'aria-labelledby': 'end-title', onclose: () => finish() },
      el(
        'form',
        { method: 'dialog' },
        el('p', { id: 'end-title' }, s.endAsk),
        text ? field(s.summary, text, s.summaryHint) : null,
        el(
          'div',
          { class: 'row end' },
          el('button', { value: 'no' }, s.endNo),
          el('button', { value: 'yes', class: 'primary' }, s.endYes),
        ),
      ),
    );
    const finish = () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes' ? (text?.value.trim() ?? '') : null);
    };
    document.body.append(dialog);
    dialog.showModal();
  });
}
