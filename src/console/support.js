/** Asking for support: the question, the place in line, the coach, and what was before. */

import { ask, el, field, fill, form } from './element.js';
import { historyRow } from './history.js';
import { timeOf } from './times.js';
import { told, words } from './words.en.js';

const w = words.support;
const PAST_SHOWN = 5;
const REFRESH_MS = 30_000;
const ENDS = ['closed', 'cancelled', 'expired', 'abandoned'];

export function supportView(home) {
  const { client, requests } = home;
  const notice = el('p', { class: 'notice', role: 'status' });
  const now = el('div', { class: 'now' });
  const past = el('div', {});
  let shown = null;

  /** The form is built once, so that an event elsewhere does not take what was written. */
  function draw() {
    const { request } = requests;
    const kind = !request ? 'form' : requests.isWaiting ? 'line' : 'coach';
    if (kind === 'form' && shown === 'form') return;
    shown = kind;
    if (kind === 'form') drawForm();
    else if (kind === 'line') drawLine(request);
    else drawCoach(request);
  }

  function drawForm() {
    const desk = el('select', {});
    const about = el('p', { class: 'hint', role: 'status' });
    const subject = el('input', { maxlength: 200, required: true, autocomplete: 'off' });
    const text = el('textarea', { rows: 5, maxlength: 8_000 });
    const wishes = wishesOf(home);
    const deskField = el('div', { class: 'field' }, field(w.desk, desk), about);
    let desks = [];
    const describe = () => {
      const chosen = desks.find(({ id }) => id === desk.value);
      if (!chosen) return;
      const wait = chosen.wait ? w.wait(chosen.wait.low_ms, chosen.wait.high_ms) : w.waitUnknown;
      const line = chosen.waiting === 0 ? w.quiet : `${w.waiting(chosen.waiting)} ${wait}`;
      about.textContent = chosen.open ? line : w.shut;
    };
    desk.addEventListener('change', describe);
    client.call('desk.list', {}, { retry: true }).then(
      ({ items }) => {
        desks = items;
        fill(desk, ...items.map(({ id, name }) => el('option', { value: id }, w.deskName(name))));
        // A choice of one is none.
        if (items.length === 1) fill(deskField, about);
        describe();
      },
      (error) => {
        about.textContent = told(error);
      },
    );
    fill(
      now,
      el('p', { class: 'lead' }, w.lead),
      el(
        'div',
        { class: 'card' },
        form({
          fields: [
            field(w.subject, subject, w.subjectHint),
            field(w.text, text, w.textHint),
            wishes.node,
            deskField,
          ],
          submit: w.ask,
          async onsubmit() {
            notice.textContent = '';
            if (!subject.value.trim()) {
              subject.focus();
              throw Object.assign(new Error(), { code: 'invalid' });
            }
            await requests.ask({
              desk_id: desk.value,
              subject: subject.value.trim(),
              text: text.value.trim() || undefined,
              ...wishes.params(),
            });
          },
          sorry: told,
        }),
      ),
    );
  }

  async function cancel() {
    const yes = await ask({ question: w.cancelAsk, yes: w.cancelYes, no: w.cancelNo });
    if (yes === null) return;
    await requests.cancel().catch((error) => {
      notice.textContent = told(error);
    });
  }

  function drawLine(request) {
    const { position, wait } = requests;
    const place = position === null ? '' : position === 1 ? w.next : w.before(position - 1);
    const since = home.now() - request.created_at;
    // The status region stays, and its words change: that is what is read out.
    let line = now.querySelector('.line');
    if (line?.dataset.request !== request.id) {
      line = el('div', { class: 'line', role: 'status', 'data-request': request.id });
      fill(
        now,
        el(
          'div',
          { class: 'card waiting' },
          el('p', { class: 'label' }, w.yourPlace),
          line,
          el(
            'dl',
            { class: 'facts' },
            el('dt', {}, words.desk.aside.subject),
            el('dd', {}, request.subject),
          ),
          el('p', { class: 'hint since' }),
          el('p', { class: 'held' }, w.held),
          el('button', { class: 'link', onclick: cancel }, w.cancel),
        ),
      );
    }
    now.querySelector('.since').textContent = since < 45_000 ? w.askedNow : w.waitingSince(since);
    const texts =
      request.state === 'awaiting_payment'
        ? [w.payment]
        : request.state === 'offered'
          ? [place, w.offered]
          : [place, wait ? w.wait(wait.low_ms, wait.high_ms) : w.waitUnknown];
    // Only what changed is said again.
    const key = texts.join('|');
    if (line.dataset.said === key) return;
    line.dataset.said = key;
    fill(line, el('p', { class: 'place' }, texts[0]), texts[1] ? el('p', {}, texts[1]) : null);
  }

  function drawCoach(request) {
    const { coach } = request;
    const moving = request.state === 'transferring';
    fill(
      now,
      el(
        'div',
        { class: 'card' },
        el('p', { class: 'label' }, request.subject),
        el('p', { class: 'place', role: 'status' }, coach ? w.with(coach.name) : w.withSomeone),
        requests.graceUntil ? el('p', { role: 'status' }, w.coachAway(coach?.name)) : null,
        moving ? el('p', { role: 'status' }, w.moving(request.offered_to?.name)) : null,
        requests.warnedUntil
          ? el('p', { class: 'notice', role: 'status' }, w.warned(timeOf(requests.warnedUntil)))
          : null,
        el('a', { class: 'button primary', href: `#/talk/${request.conversation_id}` }, w.open),
      ),
    );
  }

  async function drawPast() {
    const { items } = await client.call('support.history', { limit: PAST_SHOWN }, { retry: true });
    if (items.length === 0) return fill(past);
    const row = (request) => historyRow(home, request, { onreopened: () => drawPast() });
    return fill(
      past,
      el('h2', {}, w.history),
      el('ul', { class: 'plain' }, items.map(row)),
      el('p', {}, el('a', { href: '#/history' }, w.allHistory)),
    );
  }

  const ends = [
    requests.changed.listen(draw),
    requests.news.listen(({ what, request, data }) => {
      if (request.member.id !== home.me.id) return;
      if (what === 'requeued' && ['coach_gone', 'unanswered'].includes(data.cause)) {
        notice.textContent = w.requeued[data.cause];
      }
      if (what in { cancelled: 1, expired: 1, abandoned: 1, reopened: 1 }) {
        notice.textContent = w[what];
      }
      if (ENDS.includes(what)) drawPast().catch(() => {});
    }),
  ];
  const timer = setInterval(draw, REFRESH_MS);
  draw();
  drawPast().catch(() => {});
  return {
    node: el('section', { class: 'page' }, el('h1', {}, w.title), notice, now, past),
    title: w.title,
    leave() {
      clearInterval(timer);
      for (const end of ends) end();
    },
  };
}

/** What the coach should know of, and who it may be. Coaches are read once somebody looks. */
function wishesOf({ account }) {
  const expertise = el('input', { maxlength: 80, autocomplete: 'off' });
  const coach = el('select', {}, el('option', { value: '' }, w.anyCoach));
  const coachField = field(w.coach, coach, w.coachHint);
  coachField.hidden = true;
  let isRead = false;
  const read = async () => {
    if (isRead) return;
    isRead = true;
    const { items } = await account.get('/v1/coaches');
    coach.append(...items.map(({ id, name }) => el('option', { value: id }, name)));
    coachField.hidden = items.length === 0;
  };
  return {
    // Without the list, anybody may answer, as if nothing had been wished for.
    node: el(
      'details',
      { ontoggle: () => read().catch(() => {}) },
      el('summary', {}, w.wishes),
      el('div', { class: 'stack' }, field(w.expertise, expertise, w.expertiseHint), coachField),
    ),
    params: () => ({
      expertise: expertise.value.trim() || undefined,
      preferred_coach_id: coach.value || undefined,
    }),
  };
}
