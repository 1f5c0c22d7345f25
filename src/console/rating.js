/** What a member thinks of how a request was answered: one to five, and words. */

import { el, field, fill, form } from './element.js';
import { told, words } from './words.en.js';

const w = words.support.rate;
let groups = 0;

/** A form, or what was given, with a way to change it. `onrated(rating)` after the server said yes. */
export function ratingCard(home, request, onrated) {
  const node = el('div', { class: 'rating' });
  let rating = request.rating ?? null;

  function drawGiven(thanks) {
    fill(
      node,
      thanks ? el('p', { role: 'status' }, w.thanks) : null,
      el(
        'p',
        { class: 'given' },
        starsShown(rating.stars),
        el('button', { class: 'link', onclick: drawForm }, w.change),
      ),
      rating.text ? el('p', { class: 'hint' }, rating.text) : null,
    );
  }

  function drawForm() {
    groups += 1;
    const name = `stars-${groups}`;
    const choice = (n) =>
      el(
        'label',
        { class: 'star' },
        el('input', {
          type: 'radio',
          name,
          value: n,
          checked: rating?.stars === n,
          'aria-label': w.star(n, w.names[n - 1]),
        }),
        el('span', { 'aria-hidden': 'true' }, n),
      );
    const text = el('textarea', { rows: 3, maxlength: 2_000 });
    text.value = rating?.text ?? '';
    fill(
      node,
      el('h2', {}, w.title),
      el('p', { class: 'hint' }, w.lead(request.coach?.name)),
      form({
        fields: [
          el(
            'fieldset',
            { class: 'stars' },
            el('legend', { class: 'hidden' }, w.stars),
            el('span', { class: 'hint', 'aria-hidden': 'true' }, w.names[0]),
            [1, 2, 3, 4, 5].map(choice),
            el('span', { class: 'hint', 'aria-hidden': 'true' }, w.names[4]),
          ),
          field(w.text, text),
        ],
        submit: w.send,
        async onsubmit() {
          const stars = Number(node.querySelector('input:checked')?.value);
          if (!stars) throw Object.assign(new Error(), { code: 'invalid' });
          const params = { request_id: request.id, stars, text: text.value.trim() || undefined };
          const result = await home.client.call('support.rate', params, { retry: true });
          rating = result.rating;
          drawGiven(true);
          onrated?.(rating);
        },
        sorry: told,
      }),
    );
  }

  if (rating) drawGiven(false);
  else drawForm();
  return node;
}

export const starsShown = (stars) =>
  el(
    'span',
    { class: 'stars-shown' },
    el('span', { 'aria-hidden': 'true' }, '●'.repeat(stars) + '○'.repeat(5 - stars)),
    el('span', { class: 'hidden' }, w.got(stars)),
  );
