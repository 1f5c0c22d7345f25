/** Above where one writes, while two people don't know each other yet: a yes, a no, or patience. */

import { el } from './element.js';
import { told, words } from './words.en.js';

const w = words.inbox;

/** `{node, key, isMute}`: the notice, what it says, and whether one may not write now; or null. */
export function strangerNotice(home, conversation, { hasWritten, sorry }) {
  const { conversations } = home;
  const { request } = conversation;
  if (!request) return null;
  const name = conversations.title(conversation);
  if (!conversations.isRequest(conversation)) {
    const text = hasWritten ? w.sent(name) : w.waiting(name);
    return {
      key: text,
      isMute: hasWritten,
      node: el('p', { class: 'notice', role: 'status' }, text),
    };
  }
  const answer = (how, after) => async (event) => {
    event.target.disabled = true;
    try {
      await conversations[how](conversation.id);
      after?.();
    } catch (error) {
      event.target.disabled = false;
      sorry(told(error));
    }
  };
  const text = request.refused ? w.said : w.asked(name);
  const refuse = el('button', { onclick: answer('refuse', () => home.go('#/inbox')) }, w.refuse);
  return {
    key: text,
    isMute: false,
    node: el(
      'div',
      { class: 'notice stack' },
      el('p', {}, text),
      el(
        'div',
        { class: 'row wrap' },
        el('button', { class: 'primary', onclick: answer('accept') }, w.accept),
        request.refused ? null : refuse,
      ),
    ),
  };
}
