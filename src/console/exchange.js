/** Practising together: a group's board of open offers, one's sessions, hours given and received. */

import { el, field, fill } from './element.js';
import { offerForm, offerText, takeOffer } from './offering.js';
import { dayAndTime } from './times.js';
import { told, words } from './words.en.js';

const w = words.exchange;
const PAGE = 50;
export const SESSION_EVENTS = [
  'requested',
  'countered',
  'accepted',
  'declined',
  'withdrawn',
  'expired',
  'started',
  'confirmed',
  'completed',
  'cancelled',
  'no_show',
  'disputed',
  'noted',
];
const OFFER_EVENTS = ['offered', 'offer_withdrawn', 'offer_expired'];

export function exchangeView(home) {
  const { client } = home;
  const problem = el('p', { class: 'problem', role: 'alert' });
  const boards = el('div', {});
  const sessions = el('div', {});
  const ledger = el('div', {});
  const show = (error) => {
    problem.textContent = told(error);
  };
  let groupId = null;

  async function loadBoards() {
    const groups = await home.training.load();
    if (groups.length === 0) return fill(boards, el('p', { class: 'notice' }, w.noGroup));
    groupId ??= groups[0].id;
    const select = el(
      'select',
      {
        onchange: () => {
          groupId = select.value;
          loadBoard().catch(show);
        },
      },
      groups.map(({ id, name }) => el('option', { value: id }, name)),
    );
    const posting = el('details', { class: 'card' }, el('summary', {}, w.post));
    posting.append(
      offerForm(home, () => groupId, {
        ondone: () => {
          posting.open = false;
          loadBoard().catch(show);
        },
      }),
    );
    fill(
      boards,
      el('h2', {}, w.board),
      groups.length > 1 ? field(w.group, select) : el('p', { class: 'hint' }, groups[0].name),
      board,
      posting,
    );
    return loadBoard();
  }

  const board = el('ul', { class: 'plain', 'aria-live': 'polite' });

  async function loadBoard() {
    if (!groupId) return;
    const params = { group_id: groupId, limit: PAGE };
    const { items } = await client.call('exchange.board', params, { retry: true });
    if (items.length === 0) fill(board, el('li', { class: 'hint' }, w.noOffers));
    else fill(board, ...items.map(offerRow));
  }

  function offerRow(offer) {
    const isMine = offer.author.id === home.me.id;
    const { name } = offer.author;
    const take = async ({ target }) => {
      target.disabled = true;
      problem.textContent = '';
      try {
        const session = await takeOffer(home, offer);
        if (session) home.go(`#/exchange/${session.id}`);
      } catch (error) {
        if (error.code === 'already_claimed' || error.code === 'not_found') {
          problem.textContent = w.taken;
          await loadBoard().catch(() => {});
        } else show(error);
      } finally {
        target.disabled = false;
      }
    };
    const withdraw = () =>
      client
        .call('exchange.withdraw', { exchange_id: offer.id }, { retry: true })
        .then(loadBoard)
        .catch(show);
    return el(
      'li',
      { class: 'card small row' },
      el(
        'div',
        {},
        el('p', { class: 'subject' }, offerText(offer.offer, isMine ? null : name)),
        el(
          'p',
          { class: 'hint' },
          [
            isMine ? null : w.by(name),
            offer.starts_at ? dayAndTime(offer.starts_at) : w.openTime,
            w.minutes(offer.duration_min),
          ]
            .filter(Boolean)
            .join(' · '),
        ),
      ),
      isMine
        ? el('button', { onclick: withdraw }, w.withdrawOffer)
        : el('button', { class: 'primary', 'aria-label': w.takeOf(name), onclick: take }, w.take),
    );
  }

  async function loadSessions() {
    const list = (open) => client.call('exchange.list', { open, limit: PAGE }, { retry: true });
    const [now, before] = await Promise.all([list(true), list(false)]);
    const rows = (items) => el('ul', { class: 'plain' }, items.map(sessionRow));
    fill(
      sessions,
      el('h2', {}, w.sessions),
      now.items.length > 0 ? rows(now.items) : el('p', { class: 'hint' }, w.noSessions),
      before.items.length > 0
        ? el('details', {}, el('summary', {}, w.earlier), rows(before.items))
        : null,
    );
  }

  function sessionRow(session) {
    const { me } = home;
    const other = session.requester.id === me.id ? session.responder : session.requester;
    const isMine = session.state === 'requested' && session.proposed_by !== me.id;
    return el(
      'li',
      { class: isMine ? 'card small attention' : 'card small' },
      el(
        'p',
        { class: 'subject' },
        el('a', { href: `#/exchange/${session.id}` }, w.with(other.name)),
      ),
      el(
        'p',
        { class: 'hint' },
        [
          dayAndTime(session.starts_at),
          w.minutes(session.duration_min),
          w.states[session.state],
        ].join(' · '),
      ),
      isMine ? el('p', { class: 'warm' }, w.yours) : null,
    );
  }

  async function loadLedger() {
    const answer = await client.call('exchange.ledger', { limit: 10 }, { retry: true });
    const amount = (min) => (min > 0 ? w.hours(min) : w.noHours);
    fill(
      ledger,
      el('h2', {}, w.ledger),
      el(
        'dl',
        { class: 'ledger' },
        el('div', {}, el('dt', {}, w.given), el('dd', {}, amount(answer.given_min))),
        el('div', {}, el('dt', {}, w.received), el('dd', {}, amount(answer.received_min))),
      ),
      answer.items.length > 0
        ? el(
            'ul',
            { class: 'plain' },
            answer.items.map((entry) =>
              el(
                'li',
                { class: 'hint' },
                `${w.with(entry.with.name)}: ${w.entry(entry.given_min, entry.received_min)} · ${dayAndTime(entry.completed_at)}`,
              ),
            ),
          )
        : null,
    );
  }

  const loadAll = () => {
    for (const load of [loadBoards, loadSessions, loadLedger]) load().catch(show);
  };
  const ends = [
    ...SESSION_EVENTS.map((what) =>
      client.on(`exchange.${what}`, () => {
        for (const load of [loadBoard, loadSessions, loadLedger]) load().catch(show);
      }),
    ),
    ...OFFER_EVENTS.map((what) => client.on(`exchange.${what}`, () => loadBoard().catch(show))),
  ];
  loadAll();
  return {
    node: el(
      'section',
      { class: 'page' },
      el('h1', {}, w.title),
      el('p', { class: 'lead' }, w.lead),
      problem,
      sessions,
      boards,
      ledger,
    ),
    title: w.title,
    leave() {
      for (const end of ends) end();
    },
  };
}
