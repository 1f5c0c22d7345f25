/** A support desk, as its coaches see it: how one is here oneself, who waits, who is answered. */

import { Board } from './board.js';
import { el, field, fill } from './element.js';
import { servingDetails } from './serving.js';
import { told, words } from './words.en.js';

const w = words.desk;
/** So that waiting times stay true. */
const REFRESH_MS = 30_000;
const CAPACITY_MAX = 500;

export function deskView(home) {
  const { client, coaching, me } = home;
  const problem = el('p', { class: 'notice', role: 'alert' });
  const choice = el('div', {});
  const yours = el('div', {});
  const wait = el('p', { class: 'hint' });
  const waiting = el('div', { class: 'board-list', 'aria-live': 'polite' });
  const active = el('div', { class: 'board-list' });
  const coaches = el('div', { class: 'board-list' });
  let board = null;
  let desk = null;
  let left = false;

  async function load() {
    const { items } = await client.call('desk.list', {}, { retry: true });
    const select = el(
      'select',
      { onchange: () => open(items.find(({ id }) => id === select.value)) },
      items.map(({ id, name }) => el('option', { value: id }, words.support.deskName(name))),
    );
    if (items.length > 1) fill(choice, field(w.choose, select));
    if (items.length > 0) await open(items[0]);
  }

  async function open(chosen) {
    board?.close();
    if (left) return;
    desk = chosen;
    const mine = new Board(client, home.desks, chosen.id);
    board = mine;
    mine.changed.listen(() => board === mine && draw());
    await mine.open().catch(show);
  }

  /** The wait is the list's, read again with the times. */
  async function rereadWait() {
    const { items } = await client.call('desk.list', {}, { retry: true });
    desk = items.find(({ id }) => id === desk?.id) ?? desk;
    draw();
  }

  function show(error) {
    problem.textContent = error.code === 'forbidden' ? w.notYours : told(error);
  }

  function draw() {
    if (!board) return;
    coaching?.see(board);
    const known = desk?.wait && w.waitKnown(desk.wait.low_ms, desk.wait.high_ms);
    wait.textContent = `${w.wait}: ${known || w.waitUnknown}`;
    const more = board.more > 0 ? el('p', { class: 'hint' }, w.more(board.more)) : null;
    keepFocus(() => {
      fill(waiting, rows(board.waiting, w.nobody, waitingRow), more);
      fill(active, rows(board.active, w.noneActive, activeRow));
      fill(coaches, rows(board.coaches, w.noCoaches, coachRow));
    });
  }

  /** Rows are made again; a button that had the focus is found again by its name. */
  function keepFocus(work) {
    const name = document.activeElement?.closest('.board')
      ? document.activeElement.getAttribute('aria-label')
      : null;
    work();
    if (name) view.node.querySelector(`.board [aria-label="${CSS.escape(name)}"]`)?.focus();
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
        if (error.code === 'already_claimed') {
          const by = error.detail?.coach?.name ?? error.detail?.name;
          problem.textContent = by ? w.takenBy(by) : w.taken;
        } else show(error);
      }
    };
    const toOther = request.offered_to && request.offered_to.id !== me.id;
    const about = [
      request.member.name,
      w.waited(home.now() - request.created_at),
      request.expertise ? w.knows(request.expertise) : null,
      toOther ? w.offeredTo(request.offered_to.name) : null,
    ];
    return el(
      'li',
      { class: 'card small row' },
      el(
        'div',
        {},
        el('p', { class: 'subject' }, request.subject),
        el('p', { class: 'hint' }, about.filter(Boolean).join(' · ')),
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
    const handed = request.state === 'transferring' ? w.handing(request.offered_to?.name) : null;
    const about = [
      request.member.name,
      mine || !request.coach ? null : w.with(request.coach.name),
      handed,
    ];
    const nudge = coaching?.nudges.has(request.conversation_id);
    const { name } = request.member;
    return el(
      'li',
      { class: `card small row${nudge ? ' attention' : ''}` },
      el(
        'div',
        {},
        el('p', { class: 'subject' }, request.subject),
        el('p', { class: 'hint' }, about.filter(Boolean).join(' · ')),
        nudge ? el('p', { class: 'warm' }, w.nudged(name)) : null,
        request.grace_until ? el('p', { class: 'hint' }, w.away) : null,
      ),
      mine
        ? el(
            'a',
            {
              class: 'button',
              href: `#/talk/${request.conversation_id}`,
              'aria-label': w.openOf(name),
            },
            w.open,
          )
        : null,
    );
  }

  const coachRow = ({ coach, load: taken, capacity, available }) =>
    el(
      'li',
      { class: 'coach-row' },
      el(
        'span',
        { class: 'row' },
        el('span', { class: `dot ${available ? 'online' : 'offline'}` }),
        el('span', {}, coach.id === me.id ? w.you(coach.name) : coach.name),
      ),
      el(
        'span',
        { class: 'hint' },
        `${w.load(taken, capacity)} · ${available ? w.takesOffers : w.noOffers}`,
      ),
      places(taken, capacity),
    );

  const timer = setInterval(() => rereadWait().catch(() => {}), REFRESH_MS);
  const own = coaching ? ownCard(home, show) : null;
  if (own) fill(yours, own.node);
  load().catch(show);
  const column = (title, ...content) => el('section', {}, el('h2', {}, title), ...content);
  const view = {
    node: el(
      'section',
      { class: 'page wide' },
      el('h1', {}, w.title),
      problem,
      yours,
      choice,
      el(
        'div',
        { class: 'board desk' },
        column(w.waiting, wait, waiting),
        column(w.active, active),
        column(w.coaches, coaches),
      ),
      el('p', {}, el('a', { href: '#/history' }, w.history)),
    ),
    title: w.title,
    leave() {
      left = true;
      clearInterval(timer);
      board?.close();
      own?.leave();
    },
  };
  return view;
}

/** One mark a place, as long as they can be counted at a glance. */
function places(taken, capacity) {
  if (capacity > 12) return null;
  return el(
    'span',
    { class: 'places', 'aria-hidden': 'true' },
    Array.from({ length: capacity }, (_, index) =>
      el('span', { class: index < taken ? 'place-taken' : 'place-free' }),
    ),
  );
}

/** Whether one takes offers, and how many people at once. */
function ownCard(home, show) {
  const { coaching } = home;
  const hint = el('p', { class: 'hint' });
  const amount = el('output', { class: 'amount' });
  const set = (choice) => coaching.set(choice).catch(show);
  const toggle = el(
    'button',
    {
      class: 'switch',
      role: 'switch',
      onclick: () => set({ available: !coaching.available }),
    },
    el('span', { class: 'switch-mark', 'aria-hidden': 'true' }),
    w.available,
  );
  const step = (by, label, sign) =>
    el(
      'button',
      {
        class: 'round',
        'aria-label': label,
        onclick() {
          const capacity = Math.min(CAPACITY_MAX, Math.max(0, (coaching.capacity ?? 4) + by));
          // Without the switch, the first choice of any kind would turn offers on.
          set({ capacity, available: coaching.available });
        },
      },
      sign,
    );
  const draw = () => {
    toggle.setAttribute('aria-checked', String(coaching.available));
    hint.textContent = coaching.available ? w.availableHint : w.restingHint;
    amount.textContent = coaching.capacity ?? 4;
  };
  const end = coaching.changed.listen(draw);
  draw();
  return {
    node: el(
      'section',
      { class: 'card own', 'aria-label': w.yours },
      el('div', { class: 'own-switch' }, toggle, hint),
      el(
        'div',
        { class: 'own-places', role: 'group', 'aria-label': w.capacity },
        el('span', {}, w.capacity),
        el('div', { class: 'row' }, step(-1, w.less, '−'), amount, step(1, w.morePlaces, '+')),
      ),
      servingDetails(home),
    ),
    leave: end,
  };
}
