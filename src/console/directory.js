/** People: a search, who asks one for something, friends and followers. */

import { el, field, fill } from './element.js';
import { told, words } from './words.en.js';

const w = words.people;
const TYPING_PAUSE_MS = 250;
const SEARCH_CHARS_MIN = 2;
const PAGE = 50;
const CHANGES = ['friend.requested', 'friend.accepted', 'follow.requested', 'follow.added'];

export function peopleView(home) {
  const { client } = home;
  const problem = el('p', { class: 'problem', role: 'alert' });
  const results = el('div', {});
  const asking = el('div', {});
  const lists = el('div', {});
  const quiet = el('details', { class: 'card' }, el('summary', {}, w.quiet));
  const query = el('input', {
    type: 'search',
    maxlength: 80,
    autocomplete: 'off',
    autocapitalize: 'none',
    spellcheck: 'false',
    oninput: () => soon(),
  });
  let timer;
  let turn = 0;

  const show = (error) => {
    problem.textContent = told(error);
  };

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(() => search().catch(show), TYPING_PAUSE_MS);
  }

  async function search() {
    turn += 1;
    const mine = turn;
    const text = query.value.trim().replace(/^@/, '');
    if (text.length < SEARCH_CHARS_MIN) return fill(results);
    const page = await client.call('people.search', { text, limit: PAGE }, { retry: true });
    if (mine !== turn) return undefined;
    const { items } = page;
    const said = items.length > 0 ? w.found(items.length) : w.noneFound;
    return fill(
      results,
      el('p', { class: 'hint', role: 'status' }, said),
      el('ul', { class: 'plain people', 'aria-label': w.results }, items.map(personRow)),
    );
  }

  async function load() {
    const list = (method, name) =>
      client.call(method, { list: name, limit: PAGE }, { retry: true }).then(({ items }) => items);
    const [incoming, wishes, friends, outgoing, following, followers] = await Promise.all([
      list('friend.list', 'incoming'),
      list('follow.list', 'requests'),
      list('friend.list', 'friends'),
      list('friend.list', 'outgoing'),
      list('follow.list', 'following'),
      list('follow.list', 'followers'),
    ]);
    home.people.meet([incoming, wishes, friends, outgoing, following, followers].flat());
    drawAsking(incoming, wishes);
    fill(
      lists,
      section('friends', friends),
      outgoing.length > 0 ? section('outgoing', outgoing) : null,
      section('following', following),
      section('followers', followers),
    );
  }

  const section = (name, items) =>
    el(
      'section',
      { class: 'people-list' },
      el('h2', {}, w.lists[name]),
      items.length > 0
        ? el('ul', { class: 'plain people' }, items.map(personRow))
        : el('p', { class: 'hint' }, w.none[name]),
    );

  function drawAsking(incoming, wishes) {
    const row = (person, text, yes, no) => {
      const answer = (method) => async (event) => {
        event.target.disabled = true;
        await client.call(method, { user_id: person.id }, { retry: true }).catch(show);
        await load().catch(show);
      };
      const { name } = person;
      return el(
        'li',
        { class: 'card small row wrap' },
        el('p', {}, link(person), ` ${text}`),
        el(
          'span',
          { class: 'row' },
          el(
            'button',
            { class: 'primary', 'aria-label': w.acceptOf(name), onclick: answer(yes) },
            w.accept,
          ),
          el('button', { 'aria-label': w.declineOf(name), onclick: answer(no) }, w.decline),
        ),
      );
    };
    const rows = [
      ...incoming.map((one) => row(one, w.asksFriend, 'friend.accept', 'friend.decline')),
      ...wishes.map((one) => row(one, w.asksFollow, 'follow.approve', 'follow.reject')),
    ];
    if (rows.length === 0) fill(asking);
    else fill(asking, el('h2', {}, w.asking), el('ul', { class: 'plain' }, rows));
  }

  async function loadQuiet() {
    const params = { limit: PAGE };
    const [blocked, muted] = await Promise.all([
      client.call('block.list', params, { retry: true }),
      client.call('mute.list', params, { retry: true }),
    ]);
    const part = (title, { items }) =>
      el(
        'section',
        { class: 'people-list' },
        el('h2', {}, title),
        items.length > 0
          ? el('ul', { class: 'plain people' }, items.map(personRow))
          : el('p', { class: 'hint' }, w.noneQuiet),
      );
    fill(quiet, el('summary', {}, w.quiet), part(w.blocked, blocked), part(w.muted, muted));
  }

  quiet.addEventListener('toggle', () => {
    if (quiet.open) loadQuiet().catch(show);
  });
  load().catch(show);
  const ends = CHANGES.map((name) => client.on(name, () => load().catch(show)));
  return {
    node: el(
      'section',
      { class: 'page' },
      el('h1', {}, w.title),
      el('p', { class: 'lead' }, w.lead),
      el('div', { role: 'search' }, field(w.search, query, w.searchHint)),
      problem,
      results,
      asking,
      lists,
      quiet,
      el('p', {}, el('a', { href: '#/privacy' }, w.privacy)),
    ),
    title: w.title,
    focus: query,
    leave() {
      clearTimeout(timer);
      for (const end of ends) end();
    },
  };
}

const link = ({ id, name }) => el('a', { href: `#/person/${id}` }, name);

export const personRow = (person) =>
  el(
    'li',
    {},
    el(
      'a',
      { class: 'person', href: `#/person/${person.id}` },
      initials(person.name),
      el(
        'span',
        {},
        el('span', { class: 'name' }, person.name),
        person.username ? el('span', { class: 'hint' }, ` @${person.username}`) : null,
      ),
    ),
  );

/** In place of a picture: a quiet circle with the first letters. */
export function initials(name) {
  const letters = name
    .split(/\s+/)
    .slice(0, 2)
    .map((part) => [...part][0] ?? '')
    .join('')
    .toUpperCase();
  return el('span', { class: 'initials', 'aria-hidden': 'true' }, letters);
}
