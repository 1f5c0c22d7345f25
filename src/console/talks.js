/** The list of conversations beside every view. */

import { el, field, fill, form } from './element.js';
import { ago } from './times.js';
import { sorry, words } from './words.en.js';

const w = words.talks;
/** So that "a minute ago" stays true. */
const REFRESH_MS = 60_000;

export function talkList(home) {
  const { client, conversations, me, people } = home;
  const list = el('ul', { class: 'talks' });
  const first = el('div', {});
  let current = '';

  function draw() {
    const all = conversations.list();
    const focused = document.activeElement?.closest('.talks a')?.getAttribute('href');
    fill(list, ...all.map(row));
    const waiting = conversations.requests().length;
    const { inbox } = words;
    fill(
      first,
      waiting > 0 ? el('a', { class: 'first-link', href: '#/inbox' }, inbox.link(waiting)) : null,
    );
    if (all.length === 0) fill(list, el('li', { class: 'none' }, w.none));
    if (focused) list.querySelector(`a[href="${focused}"]`)?.focus({ preventScroll: true });
  }

  function row(conversation) {
    const href = `#/talk/${conversation.id}`;
    const { unread } = conversation;
    const other = conversations.others(conversation)[0];
    return el(
      'li',
      {},
      el(
        'a',
        { href, 'aria-current': current === href ? 'page' : null, class: unread ? 'unread' : null },
        el(
          'span',
          { class: 'who' },
          dot(other?.id),
          el('span', { class: 'name' }, conversations.title(conversation)),
          kindOf(conversation),
        ),
        el('span', { class: 'when' }, ago(conversation.active_at)),
        el('span', { class: 'last' }, lastWords(conversation)),
        unread
          ? el(
              'span',
              { class: 'count' },
              el('span', { 'aria-hidden': 'true' }, unread),
              el('span', { class: 'hidden' }, w.unread(unread)),
            )
          : null,
      ),
    );
  }

  function dot(id) {
    const status = id && people.status(id);
    if (!status) return null;
    return el(
      'span',
      { class: `dot ${status}` },
      el('span', { class: 'hidden' }, `${words.presence[status]}: `),
    );
  }

  function kindOf({ kind, closed }) {
    if (kind !== 'support') return null;
    return el('span', { class: 'tag' }, closed ? w.supportClosed : w.support);
  }

  function lastWords({ last }) {
    if (!last) return '';
    const { data } = last;
    switch (last.event) {
      case 'message.created': {
        const text = data.text ?? w.changed;
        return data.sender_id === me.id ? `${w.you}: ${text}` : text;
      }
      case 'message.edited':
        return data.text ?? w.edited;
      case 'message.deleted':
        return w.deleted;
      case 'message.reacted':
        return w.reacted(data.emoji);
      case 'conversation.opened':
        return w.opened;
      case 'conversation.closed':
        return w.closed;
      case 'conversation.reopened':
      case 'conversation.accepted':
      case 'conversation.resumed':
        return w.opened;
      case 'conversation.paused':
        return words.inbox.paused;
      case 'member.joined':
        return w.joined;
      case 'member.left':
        return w.left;
      default:
        return w.changed;
    }
  }

  const username = el('input', {
    autocomplete: 'off',
    autocapitalize: 'none',
    spellcheck: 'false',
  });
  const find = form({
    fields: [field(w.findHint, username)],
    submit: w.findGo,
    async onsubmit() {
      const name = username.value.trim().toLowerCase().replace(/^@/, '');
      if (!name) return;
      const { profile } = await client.call('profile.get', { username: name });
      if (profile.id === me.id) throw Object.assign(new Error(), { code: 'yourself' });
      const { id } = await conversations.openWith(profile.id);
      username.value = '';
      home.go(`#/talk/${id}`);
    },
    sorry: (error) => {
      if (error.code === 'not_found' || error.code === 'invalid') return w.notFound;
      return error.code === 'yourself' ? w.yourself : sorry(error);
    },
  });

  const ends = [conversations.changed.listen(draw), people.changed.listen(draw)];
  const timer = setInterval(draw, REFRESH_MS);
  draw();
  return {
    node: el(
      'section',
      { class: 'conversations' },
      el('h2', {}, w.title),
      first,
      list,
      el('details', { class: 'find' }, el('summary', {}, w.find), find),
    ),
    current(hash) {
      current = hash;
      draw();
    },
    leave() {
      clearInterval(timer);
      for (const end of ends) end();
    },
  };
}
