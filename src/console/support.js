/** Asking for support: the question, the place in line, and what was before. */

import { ask, el, field, fill, form } from './element.js';
import { ago } from './times.js';
import { sorry, words } from './words.en.js';

const w = words.support;

export function supportView(home) {
  const { client, people, requests } = home;
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
    let desks = [];
    const describe = () => {
      const chosen = desks.find(({ id }) => id === desk.value);
      if (!chosen) return;
      const wait = chosen.wait ? ` ${w.wait(chosen.wait.low_ms, chosen.wait.high_ms)}` : '';
      const line = chosen.waiting === 0 ? w.quiet : w.waiting(chosen.waiting) + wait;
      about.textContent = chosen.open ? line : w.shut;
    };
    desk.addEventListener('change', describe);
    client.call('desk.list', {}, { retry: true }).then(
      ({ items }) => {
        desks = items;
        fill(desk, ...items.map(({ id, name }) => el('option', { value: id }, w.deskName(name))));
        describe();
      },
      (error) => {
        about.textContent = sorry(error);
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
            el('div', { class: 'field' }, field(w.desk, desk), about),
            field(w.subject, subject, w.subjectHint),
            field(w.text, text, w.textHint),
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
            });
          },
          sorry,
        }),
      ),
    );
  }

  function drawLine(request) {
    const { position, wait } = requests;
    const place = position === null ? '' : position === 1 ? w.next : w.before(position - 1);
    const cancel = async () => {
      const yes = await ask({ question: w.cancelAsk, yes: w.cancelYes, no: w.cancelNo });
      if (yes === null) return;
      await requests.cancel().then(
        () => {
          notice.textContent = w.cancelled;
        },
        (error) => {
          notice.textContent = sorry(error);
        },
      );
    };
    // The status region stays, and its words change: that is what is read out.
    let line = now.querySelector('.line');
    if (line?.dataset.request !== request.id) {
      line = el('div', { class: 'line', role: 'status', 'data-request': request.id });
      fill(
        now,
        el(
          'div',
          { class: 'card' },
          el('h2', {}, request.subject),
          line,
          el('p', { class: 'hint' }, w.held),
          el('button', { class: 'link', onclick: cancel }, w.cancel),
        ),
      );
    }
    fill(
      line,
      el('p', { class: 'place' }, place),
      el('p', {}, wait ? w.wait(wait.low_ms, wait.high_ms) : w.waitUnknown),
    );
  }

  function drawCoach(request) {
    fill(
      now,
      el(
        'div',
        { class: 'card' },
        el('h2', {}, request.subject),
        el(
          'p',
          { class: 'place', role: 'status' },
          request.coach ? w.with(request.coach.name) : w.withSomeone,
        ),
        requests.graceUntil ? el('p', {}, w.coachAway(request.coach?.name)) : null,
        el('a', { class: 'button primary', href: `#/talk/${request.conversation_id}` }, w.open),
      ),
    );
  }

  async function drawPast() {
    const { items } = await client.call('support.history', { limit: 20 }, { retry: true });
    if (items.length === 0) return fill(past);
    return fill(past, el('h2', {}, w.history), el('ul', { class: 'plain' }, items.map(pastRow)));
  }

  function pastRow(request) {
    people.meet([request.member]);
    const other = request.member.id === home.me.id ? request.coach : request.member;
    const subject = request.coach
      ? el('a', { href: `#/talk/${request.conversation_id}` }, request.subject)
      : el('span', {}, request.subject);
    const about = [
      w.states[request.state] ?? request.state,
      other ? w.with_(other.name) : null,
      ago(request.ended_at ?? request.created_at),
    ];
    return el(
      'li',
      { class: 'card small' },
      el('p', { class: 'subject' }, subject),
      el('p', { class: 'hint' }, about.filter(Boolean).join(' · ')),
      request.summary ? el('p', {}, request.summary) : null,
    );
  }

  const ends = [
    requests.changed.listen(draw),
    requests.news.listen(({ what, request }) => {
      if (request.member.id !== home.me.id) return;
      if (what === 'requeued') notice.textContent = w.requeued;
      if (what === 'closed' || what === 'cancelled') drawPast().catch(() => {});
    }),
  ];
  draw();
  drawPast().catch(() => {});
  return {
    node: el('section', { class: 'page' }, el('h1', {}, w.title), notice, now, past),
    title: w.title,
    leave() {
      for (const end of ends) end();
    },
  };
}
