/** First messages of people one does not know: each waits for a yes or a no. */

import { personRow } from './directory.js';
import { el, fill } from './element.js';
import { ago } from './times.js';
import { told, words } from './words.en.js';

const w = words.inbox;

export function inboxView(home) {
  const { conversations } = home;
  const problem = el('p', { class: 'problem', role: 'alert' });
  const said = el('p', { class: 'notice', role: 'status' });
  const list = el('ul', { class: 'plain' });

  function draw() {
    const waiting = conversations.requests();
    if (waiting.length === 0) fill(list, el('li', { class: 'hint' }, w.none));
    else fill(list, ...waiting.map(row));
  }

  function row(conversation) {
    const [other] = conversations.others(conversation);
    const name = other?.name ?? words.talk.someone;
    const answer = (how, after) => async (event) => {
      event.target.disabled = true;
      problem.textContent = '';
      try {
        await conversations[how](conversation.id);
        after();
      } catch (error) {
        event.target.disabled = false;
        problem.textContent = told(error);
      }
    };
    const open = () => home.go(`#/talk/${conversation.id}`);
    const text = conversation.last?.event === 'message.created' ? conversation.last.data.text : '';
    return el(
      'li',
      { class: 'card small first' },
      other ? el('div', { class: 'people' }, personRow(other)) : null,
      el('p', { class: 'text' }, text),
      el('p', { class: 'hint' }, ago(conversation.active_at)),
      el(
        'div',
        { class: 'row wrap' },
        el(
          'button',
          { class: 'primary', 'aria-label': w.acceptOf(name), onclick: answer('accept', open) },
          w.accept,
        ),
        el(
          'button',
          {
            'aria-label': w.refuseOf(name),
            onclick: answer('refuse', () => {
              said.textContent = w.refused(name);
            }),
          },
          w.refuse,
        ),
        el('a', { href: `#/talk/${conversation.id}` }, w.read),
      ),
    );
  }

  const end = conversations.changed.listen(draw);
  draw();
  return {
    node: el(
      'section',
      { class: 'page' },
      el('h1', {}, w.title),
      el('p', { class: 'lead' }, w.lead),
      said,
      problem,
      list,
    ),
    title: w.title,
    leave: end,
  };
}
