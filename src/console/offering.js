/** Proposing: an open offer, a session with somebody, another time, or taking what is offered. */

import { uuid } from '/sanctuary.js';
import { el, field, form } from './element.js';
import { told, words } from './words.en.js';

const w = words.exchange;
const DURATION_MIN = 60;

const whenInput = () => el('input', { type: 'datetime-local', step: 900 });
const timeOf = (input) => (input.value ? new Date(input.value).getTime() : undefined);

/** What an offer says, of somebody or (without a name) of oneself. */
export function offerText({ give, receive }, name) {
  const gives = give && (name ? w.gives(name, give) : w.youGive(give));
  const wants = receive && w.wants(receive);
  return [gives, wants].filter(Boolean).join(', ');
}

/** What both kinds of proposals ask for. */
function termFields({ whenLabel, whenHint }) {
  const give = el('input', { maxlength: 80, autocomplete: 'off' });
  const receive = el('input', { maxlength: 80, autocomplete: 'off' });
  const when = whenInput();
  const duration = el('input', { type: 'number', min: 15, max: 240, step: 15 });
  duration.value = DURATION_MIN;
  return {
    nodes: [
      field(w.give, give, w.termsHint),
      field(w.receive, receive),
      el('div', { class: 'fields' }, field(whenLabel, when, whenHint), field(w.duration, duration)),
    ],
    params: () => ({
      starts_at: timeOf(when),
      duration_min: Number(duration.value),
      offer: {
        give: give.value.trim() || undefined,
        receive: receive.value.trim() || undefined,
      },
    }),
    clear() {
      for (const input of [give, receive, when]) input.value = '';
    },
  };
}

export function offerForm({ client }, groupId, { ondone }) {
  const terms = termFields({ whenLabel: w.whenOffer, whenHint: w.whenOfferHint });
  let clientId = uuid();
  return form({
    fields: terms.nodes,
    submit: w.postGo,
    async onsubmit() {
      const params = { group_id: groupId(), client_id: clientId, ...terms.params() };
      await client.call('exchange.post', params, { retry: true });
      clientId = uuid();
      terms.clear();
      ondone();
    },
    sorry: told,
  });
}

/** A session proposed to one person. */
export function proposeView(home, userId) {
  const { client, people } = home;
  const title = el('h1', {});
  const terms = termFields({ whenLabel: w.when });
  const note = el('textarea', { rows: 3, maxlength: 1_000 });
  let clientId = uuid();
  const draw = () => {
    title.textContent = w.propose(people.name(userId));
  };
  const end = people.changed.listen(draw);
  draw();
  return {
    node: el(
      'section',
      { class: 'page' },
      title,
      el('p', { class: 'lead' }, w.lead),
      el(
        'div',
        { class: 'card stretch' },
        form({
          fields: [...terms.nodes, field(w.note, note)],
          submit: w.proposeGo,
          async onsubmit() {
            const { session } = await client.call(
              'exchange.request',
              {
                responder_id: userId,
                client_id: clientId,
                ...terms.params(),
                note: note.value.trim() || undefined,
              },
              { retry: true },
            );
            clientId = uuid();
            home.go(`#/exchange/${session.id}`);
          },
          sorry: told,
        }),
      ),
    ),
    title: w.title,
    leave: end,
  };
}

/** Asks for a time, and perhaps a word with it. Resolves to `{starts_at, note}`, or null for no. */
export function askForTime({ title, go, withNote }) {
  return new Promise((resolve) => {
    const when = whenInput();
    when.required = true;
    const note = withNote ? el('textarea', { rows: 2, maxlength: 1_000 }) : null;
    const dialog = el(
      'dialog',
      { class: 'ask', 'aria-labelledby': 'when-title', onclose: () => finish() },
      el(
        'form',
        { method: 'dialog' },
        el('p', { id: 'when-title' }, title),
        field(w.when, when),
        note ? field(w.note, note) : null,
        el(
          'div',
          { class: 'row end' },
          el('button', { value: 'no', formnovalidate: true }, w.no),
          el('button', { value: 'yes', class: 'primary' }, go),
        ),
      ),
    );
    const finish = () => {
      dialog.remove();
      const starts_at = timeOf(when);
      const said = note?.value.trim() || undefined;
      resolve(dialog.returnValue === 'yes' && starts_at ? { starts_at, note: said } : null);
    };
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Resolves to the session that comes of it, or null if the person thought better of it. */
export async function takeOffer({ client }, offer) {
  let starts_at;
  if (!offer.starts_at) {
    const chosen = await askForTime({ title: w.takeWhen(offer.author.name), go: w.takeGo });
    if (!chosen) return null;
    ({ starts_at } = chosen);
  }
  const params = { offer_id: offer.id, ...(starts_at ? { starts_at } : {}) };
  const { session } = await client.call('exchange.take', params, { retry: true });
  return session;
}
