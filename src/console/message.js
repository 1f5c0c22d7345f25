/** One message on the page, with what can be done to it. */

import { el } from './element.js';
import { timeOf } from './times.js';
import { words } from './words.en.js';

const w = words.talk;
const REACTIONS = ['❤️', '🙏', '🌱', '👍', '😊'];

/** A message of the log. `act` is false where nothing can be done any more. */
export function messageNode(message, { author, isNamed, quote, names, me, mark, act }) {
  const mine = message.sender === me;
  const body = message.deleted
    ? el('p', { class: 'text gone' }, w.deleted)
    : el('p', { class: 'text' }, message.text ?? '');
  return el(
    'li',
    { class: `message ${mine ? 'mine' : 'theirs'}`, 'data-seq': message.seq },
    el(
      'div',
      { class: 'bubble' },
      el('span', { class: isNamed && !mine ? 'author named' : 'author' }, author),
      quote ? el('p', { class: 'quote' }, el('span', {}, w.replyTo(quote.name)), quote.text) : null,
      body,
      reactionRow(message, { names, me, act }),
    ),
    el(
      'p',
      { class: 'foot' },
      el('time', { datetime: new Date(message.at).toISOString() }, timeOf(message.at)),
      message.edited ? el('span', {}, w.edited) : null,
      mark ? el('span', { class: 'state' }, mark) : null,
      act && !message.deleted ? actions(message, mine, act) : null,
    ),
  );
}

function reactionRow({ reactions, deleted }, { names, me, act }) {
  const entries = Object.entries(reactions);
  if (deleted || entries.length === 0) return null;
  return el(
    'div',
    { class: 'reactions' },
    entries.map(([emoji, users]) => {
      const own = users.includes(me);
      const label = w.reactedBy(emoji, users.map(names).join(', '));
      const text = users.length > 1 ? `${emoji} ${users.length}` : emoji;
      return el(
        'button',
        {
          class: 'reaction',
          title: label,
          'aria-label': label,
          'aria-pressed': String(own),
          disabled: !act,
          onclick: () => act.react(emoji, !own),
        },
        text,
      );
    }),
  );
}

function actions(message, mine, act) {
  const choice = el(
    'details',
    { class: 'react' },
    el('summary', {}, w.react),
    el(
      'div',
      { class: 'choice', role: 'group', 'aria-label': w.reactions },
      REACTIONS.map((emoji) => {
        const onclick = () => {
          choice.open = false;
          act.react(emoji, true);
        };
        return el('button', { 'aria-label': `${w.react} ${emoji}`, onclick }, emoji);
      }),
    ),
  );
  return el(
    'span',
    { class: 'actions' },
    choice,
    el('button', { onclick: act.reply }, w.reply),
    mine ? el('button', { onclick: act.edit }, w.edit) : null,
    mine ? el('button', { onclick: act.remove }, w.remove) : null,
  );
}

/** A message on its way. */
export function unsentNode(entry, { author, online, problem, resend, discard }) {
  const failed = entry.state === 'failed';
  const state = failed ? problem : online ? w.sending : w.waiting;
  return el(
    'li',
    { class: `message mine ${failed ? 'failed' : 'sending'}` },
    el(
      'div',
      { class: 'bubble' },
      el('span', { class: 'author' }, author),
      el('p', { class: 'text' }, entry.text),
    ),
    el(
      'p',
      { class: 'foot' },
      el('span', { class: 'state' }, state),
      failed
        ? el(
            'span',
            { class: 'actions shown' },
            el('button', { onclick: resend }, w.again),
            el('button', { onclick: discard }, w.discard),
          )
        : null,
    ),
  );
}
