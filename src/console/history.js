/** One's ended support conversations: filtered, searched, and there to read. */

import { el, field, fill, form } from './element.js';
import { ratingCard, starsShown } from './rating.js';
import { canReopen, REOPEN_MS } from './requests.js';
import { ago, dayAndTime } from './times.js';
import { told, words } from './words.en.js';

const w = words.history;
const s = words.support;
const PAGE = 30;
const DAY_MS = 24 * 60 * 60_000;
const FILTERED_PAGES_MAX = 10;

export function historyView(home) {
  const { client } = home;
  const problem = el('p', { class: 'problem', role: 'alert' });
  const count = el('p', { class: 'hint', role: 'status' });
  const list = el('ul', { class: 'plain' });
  const more = el('button', { hidden: true, onclick: () => page().catch(show) }, w.more);
  const text = el('input', { type: 'search', maxlength: 200, autocomplete: 'off' });
  const state = el(
    'select',
    {},
    el('option', { value: '' }, w.any),
    ['closed', 'abandoned', 'expired', 'cancelled'].map((value) =>
      el('option', { value }, s.states[value]),
    ),
  );
  const from = el('input', { type: 'date' });
  const until = el('input', { type: 'date' });
  let items = [];
  let next = null;
  let turn = 0;

  const show = (error) => {
    problem.textContent = told(error);
  };

  function filters() {
    const day = (input) => (input.value ? new Date(`${input.value}T00:00`).getTime() : undefined);
    const last = day(until);
    return {
      text: text.value.trim() || undefined,
      state: state.value || undefined,
      from_at: day(from),
      to_at: last === undefined ? undefined : last + DAY_MS,
    };
  }

  async function search() {
    turn += 1;
    items = [];
    next = null;
    await page();
  }

  /** A page where much was left out may be empty, and more may follow it. */
  async function page() {
    const mine = turn;
    problem.textContent = '';
    let came = 0;
    for (let n = 0; n < FILTERED_PAGES_MAX && (n === 0 || (next && came < PAGE)); n += 1) {
      const params = { ...filters(), limit: PAGE, ...(next ? { after: next } : {}) };
      const answer = await client.call('support.history', params, { retry: true });
      if (mine !== turn) return;
      items.push(...answer.items);
      came += answer.items.length;
      next = answer.next ?? null;
      if (!next) break;
    }
    draw();
  }

  function draw() {
    const filtered = Object.values(filters()).some((value) => value !== undefined);
    count.textContent =
      items.length > 0 ? w.found(items.length, next) : filtered ? w.noneFound : w.none;
    fill(list, ...items.map((request) => historyRow(home, request)));
    more.hidden = !next;
  }

  const clear = () => {
    for (const input of [text, state, from, until]) input.value = '';
    search().catch(show);
  };
  const finding = form({
    fields: [
      field(w.search, text),
      el(
        'div',
        { class: 'fields' },
        field(w.how, state),
        field(w.from, from),
        field(w.until, until),
      ),
    ],
    submit: w.go,
    onsubmit: search,
    sorry: told,
  });
  const buttons = el('div', { class: 'row' });
  finding.append(buttons);
  buttons.append(
    finding.querySelector('.primary'),
    el('button', { type: 'button', class: 'link', onclick: clear }, w.clear),
  );
  finding.setAttribute('role', 'search');
  search().catch(show);
  return {
    node: el(
      'section',
      { class: 'page' },
      el('h1', {}, w.title),
      el('p', { class: 'lead' }, home.isCoach ? w.leadCoach : w.lead),
      el('div', { class: 'card' }, finding),
      problem,
      count,
      list,
      more,
    ),
    title: w.title,
  };
}

/** One ended request, with what can still be done about it. */
export function historyRow(home, request, { onreopened } = {}) {
  const { me, people, requests } = home;
  people.meet([request.member]);
  const isMember = request.member.id === me.id;
  const other = isMember ? request.coach : request.member;
  const problem = el('p', { class: 'problem', role: 'alert' });
  const about = [
    s.states[request.state] ?? request.state,
    other ? s.with_(other.name) : null,
    ago(request.ended_at ?? request.created_at),
  ];
  const reopen = async ({ target }) => {
    target.disabled = true;
    try {
      await requests.reopen(request.id);
      onreopened?.();
      home.go('#/support');
    } catch (error) {
      target.disabled = false;
      problem.textContent = told(error);
    }
  };
  const isAnswered = Boolean(request.coach);
  const mayReopen = isMember && !requests.request && canReopen(request, home.now());
  return el(
    'li',
    { class: 'card small past' },
    el(
      'p',
      { class: 'subject' },
      isAnswered
        ? el('a', { href: `#/talk/${request.conversation_id}` }, request.subject)
        : request.subject,
    ),
    el('p', { class: 'hint' }, about.filter(Boolean).join(' · ')),
    request.summary ? el('p', { class: 'summary' }, request.summary) : null,
    isMember && isAnswered ? rated(home, request) : ratingShown(request),
    mayReopen
      ? el(
          'p',
          { class: 'row wrap' },
          el('button', { onclick: reopen, 'aria-label': s.reopenOf(request.subject) }, s.reopen),
          el('span', { class: 'hint' }, s.reopenHint(dayAndTime(request.ended_at + REOPEN_MS))),
        )
      : null,
    problem,
  );
}

function rated(home, request) {
  if (request.rating) return ratingCard(home, request);
  const details = el('details', {}, el('summary', {}, s.rate.title));
  details.append(ratingCard(home, request));
  return details;
}

const ratingShown = ({ rating }) =>
  rating
    ? el('p', { class: 'given' }, starsShown(rating.stars), rating.text ? ` ${rating.text}` : '')
    : null;
