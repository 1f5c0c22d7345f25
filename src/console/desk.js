/** A support desk, as its coaches see it. */

import { Board } from './board.js';
import { el, field, fill } from './element.js';
import { sorry, words } from './words.en.js';

const w = words.desk;
/** So that waiting times stay true. */
const REFRESH_MS = 30_000;

export function deskView(home) {
  const { client, me } = home;
  const problem = el('p', { class: 'notice', role: 'alert' });
  const choice = el('div', {});
  const waiting = el('div', { class: 'board-list', 'aria-live': 'polite' });
  const active = el('div', { class: 'board-list' });
  const coaches = el('div', { class: 'board-list' });
  let board = null;
  let left = false;

  async function load() {
    const { items } = await client.call('desk.list', {}, { retry: true });
    const select = el(
      'select',
      { onchange: () => open(select.value) },
      items.map(({ id, name }) => el('option', { value: id }, words.support.deskName(name))),
    );
    if (items.length > 1) fill(choice, field(w.choose, select));
    if (items.length > 0) await open(items[0].id);
  }

  async function open(deskId) {
    board?.close();
    if (left) return;
    const mine = new Board(client, deskId);
    board = mine;
    mine.changed.listen(() => board === mine && draw());
    await mine.open().catch(show);
  }

  function show(error) {
    problem.textContent = error.code === 'forbidden' ? w.notYours : sorry(error);
  }

  function draw() {
    if (!board) return;
    const more = board.more > 0 ? el('p', { class: 'hint' }, w.more(board.more)) : null;
    fill(waiting, rows(board.waiting, w.nobody, waitingRow), more);
    fill(active, rows(board.active, w.noneActive, activeRow));
    fill(coaches, rows(board.coaches, '', coachRow));
  }

  const rows = (list, none, row) =>
    list.length > 0
      ? el('ul', { class: 'plain' }, list.map(row))
      : el('p', { class: 'hint' }, none);

  function waitingRow(request) {
    const claim = async ({ target }) => {
      target.disabled = true;
      problem.textContent = '';
      try {
        await client.call('support.claim', { request_id: request.id });
        home.go(`#/talk/${request.conversation_id}`);
      } catch (error) {
        target.disabled = false;
        if (error.code === 'already_claimed') problem.textContent = w.taken;
        else show(error);
      }
    };
    return el(
      'li',
      { class: 'card small row' },
      el(
        'div',
        {},
        el('p', { class: 'subject' }, request.subject),
        el(
          'p',
          { class: 'hint' },
          `${request.member.name} · ${w.waited(Date.now() - request.created_at)}`,
        ),
      ),
      el(
        'button',
        { class: 'primary', 'aria-label': w.claimOf(request.member.name), onclick: claim },
        w.claim,
      ),
    );
  }

  function activeRow(request) {
    const mine = request.coach?.id === me.id;
    const about = [request.member.name, mine || !request.coach ? null : w.with(request.coach.name)];
    return el(
      'li',
      { class: 'card small row' },
      el(
        'div',
        {},
        el('p', { class: 'subject' }, request.subject),
        el('p', { class: 'hint' }, about.filter(Boolean).join(' · ')),
        request.grace_until ? el('p', { class: 'hint' }, w.away) : null,
      ),
      mine ? el('a', { class: 'button', href: `#/talk/${request.conversation_id}` }, w.open) : null,
    );
  }

  const coachRow = ({ coach, load: taken, capacity }) =>
    el(
      'li',
      { class: 'row spread' },
      el('span', {}, coach.name),
      el('span', { class: 'hint' }, w.load(taken, capacity)),
    );

  const timer = setInterval(draw, REFRESH_MS);
  load().catch(show);
  const column = (title, content) => el('section', {}, el('h2', {}, title), content);
  return {
    node: el(
      'section',
      { class: 'page wide' },
      el('h1', {}, w.title),
      problem,
      choice,
      el(
        'div',
        { class: 'board' },
        column(w.waiting, waiting),
        column(w.active, active),
        column(w.coaches, coaches),
      ),
    ),
    title: w.title,
    leave() {
      left = true;
      clearInterval(timer);
      board?.close();
    },
  };
}
