/** One exchange session: where it stands, what one can say to it, and notes on it. */

import { ask, el, field, fill, form } from './element.js';
import { SESSION_EVENTS } from './exchange.js';
import { askForTime } from './offering.js';
import { dayAndTime } from './times.js';
import { told, words } from './words.en.js';

const w = words.exchange;

export function practiceView(home, exchangeId) {
  const { client, me } = home;
  const problem = el('p', { class: 'problem', role: 'alert' });
  const head = el('header', {});
  const state = el('div', { class: 'card stack', role: 'status' });
  const actions = el('div', { class: 'row wrap' });
  const notes = el('div', {});
  let session = null;

  const show = (error) => {
    problem.textContent = error.code === 'not_found' ? w.gone : told(error);
  };

  async function load() {
    const params = { exchange_id: exchangeId };
    const answer = await client.call('exchange.get', params, { retry: true });
    ({ session } = answer);
    draw();
    drawNotes(answer.notes);
  }

  const other = () => (session.requester.id === me.id ? session.responder : session.requester);

  function draw() {
    const { name, id } = other();
    view.title = w.with(name);
    document.title = `${view.title} · ${words.name}`;
    fill(head, el('h1', {}, el('a', { href: `#/person/${id}` }, w.with(name))));
    const isMine = session.proposed_by !== me.id;
    const asked = session.state === 'requested';
    const confirmed = session.state === 'started' ? (session.confirmed_by ?? []) : [];
    fill(
      state,
      el('p', { class: 'label' }, w.states[session.state]),
      el('p', { class: 'place' }, dayAndTime(session.starts_at)),
      el('p', {}, w.minutes(session.duration_min)),
      gives(session.requester, session.requester_gives),
      gives(session.responder, session.responder_gives),
      session.note ? el('p', { class: 'held' }, w.said(session.note)) : null,
      session.reason ? el('p', { class: 'held' }, w.said(session.reason)) : null,
      asked ? el('p', { class: 'warm' }, isMine ? w.yours : w.theirs(name)) : null,
      asked && session.answer_by
        ? el('p', { class: 'hint' }, w.answerBy(dayAndTime(session.answer_by)))
        : null,
      confirmed.includes(me.id)
        ? el('p', {}, w.confirmedByMe(dayAndTime(session.completes_at)))
        : null,
      confirmed.includes(id) ? el('p', {}, w.confirmedByOther(name)) : null,
    );
    drawActions(asked, isMine, confirmed);
  }

  const gives = ({ id, name }, what) =>
    what ? el('p', {}, id === me.id ? w.youGive(what) : w.gives(name, what)) : null;

  function drawActions(asked, isMine, confirmed) {
    const { state: at } = session;
    const begun = home.now() >= session.starts_at;
    const list = [];
    if (asked && isMine) {
      list.push(
        button(w.accept, 'accept', { primary: true, params: { version: session.version } }),
        el('button', { onclick: counter }, w.counter),
        button(w.decline, 'decline', { withReason: true }),
      );
    }
    if (asked && !isMine) list.push(button(w.withdraw, 'withdraw', { isAsked: true }));
    if (at === 'accepted') {
      if (begun) list.push(button(w.start, 'start', { primary: true }));
      list.push(button(w.cancel, 'cancel', { withReason: true }));
      if (begun) list.push(button(w.noShow, 'no_show', { isAsked: true }));
    }
    if (at === 'started') {
      if (!confirmed.includes(me.id)) list.push(button(w.confirm, 'confirm', { primary: true }));
      list.push(button(w.dispute, 'dispute', { withReason: true }));
      list.push(button(w.noShow, 'no_show', { isAsked: true }));
    }
    if (session.accepted_at) {
      list.push(el('a', { class: 'button', href: `#/talk/${session.conversation_id}` }, w.talk));
    }
    fill(actions, ...list);
  }

  function button(label, what, { primary, params = {}, isAsked, withReason } = {}) {
    const onclick = async () => {
      let more = params;
      if (isAsked || withReason) {
        const note = withReason ? w.reason : undefined;
        const said = await ask({ question: w.ask[what], yes: w.yes, no: w.no, note });
        if (said === null) return;
        if (said) more = { ...params, reason: said };
      }
      await run(what, more);
    };
    return el('button', { onclick, class: primary ? 'primary' : null }, label);
  }

  async function counter() {
    const chosen = await askForTime({ title: w.counter, go: w.counterGo, withNote: true });
    if (chosen) await run('counter', chosen);
  }

  async function run(what, params) {
    problem.textContent = '';
    for (const one of actions.querySelectorAll('button')) one.disabled = true;
    try {
      const call = { exchange_id: exchangeId, ...params };
      const answer = await client.call(`exchange.${what}`, call, { retry: true });
      session = answer.session ?? session;
    } catch (error) {
      show(error);
    }
    draw();
  }

  /** Built once, so that an event does not take what was written. */
  let isDrawn = false;
  function drawNotes(now) {
    if (isDrawn) return;
    isDrawn = true;
    const editor = (label, hint, text, shared) => {
      const input = el('textarea', { rows: 3, maxlength: 4_000 });
      const said = el('p', { class: 'hint', role: 'status' });
      input.value = text ?? '';
      const writing = form({
        fields: [field(label, input, hint)],
        submit: w.keep,
        async onsubmit() {
          said.textContent = '';
          const params = { exchange_id: exchangeId, text: input.value.trim(), shared };
          await client.call('exchange.note', params, { retry: true });
          said.textContent = w.kept;
        },
        sorry: told,
      });
      return el('section', { class: 'card stretch' }, writing, said);
    };
    fill(
      notes,
      el('h2', {}, w.notes),
      editor(w.sharedNote, null, now.shared, true),
      editor(w.ownNote, w.ownNoteHint, now.own, false),
    );
  }

  const ends = SESSION_EVENTS.map((what) =>
    client.on(`exchange.${what}`, ({ data }) => {
      if (data.session?.id !== exchangeId) return;
      session = data.session;
      draw();
    }),
  );
  const view = {
    node: el(
      'section',
      { class: 'page' },
      head,
      problem,
      state,
      actions,
      notes,
      el('p', {}, el('a', { href: '#/exchange' }, w.back)),
    ),
    title: w.title,
    leave() {
      for (const end of ends) end();
    },
  };
  load().catch(show);
  return view;
}
