/** Where one writes: new words, an answer to a message, or other words for one's own. */

import { el, fill } from './element.js';
import { words } from './words.en.js';

const w = words.talk;
const TYPING_EVERY_MS = 3_000;
const TEXT_MAX = 8_000;

/** `send(text, replyTo)`, `save(seq, text)` and `typing()` are the caller's. */
export function composer({ send, save, typing, label = w.write, submit = w.send }) {
  let mode = { kind: 'new' };
  let typedAt = 0;
  const about = el('div', { class: 'about', hidden: true });
  const button = el('button', { class: 'primary' }, submit);
  const input = el('textarea', {
    'aria-label': label,
    placeholder: label,
    rows: 1,
    maxlength: TEXT_MAX,
    oninput() {
      if (input.value && Date.now() - typedAt > TYPING_EVERY_MS) {
        typedAt = Date.now();
        typing?.();
      }
    },
    onkeydown(event) {
      if (event.key === 'Escape' && mode.kind !== 'new') become({ kind: 'new' }, '');
      // On a phone, Enter makes a line: there is no other key for it.
      const plain = event.key === 'Enter' && !event.shiftKey && !event.isComposing;
      if (plain && matchMedia('(pointer: fine)').matches) {
        event.preventDefault();
        node.requestSubmit();
      }
    },
  });
  const node = el(
    'form',
    {
      class: 'composer',
      onsubmit(event) {
        event.preventDefault();
        const text = input.value.trim();
        if (!text) return;
        if (mode.kind === 'edit') save(mode.seq, text);
        else send(text, mode.kind === 'reply' ? mode.seq : undefined);
        typedAt = 0;
        become({ kind: 'new' }, '');
      },
    },
    about,
    el('div', { class: 'row' }, input, button),
  );

  function become(next, text = input.value) {
    mode = next;
    input.value = text;
    about.hidden = mode.kind === 'new';
    button.textContent = mode.kind === 'edit' ? w.save : submit;
    const cancel = () => become({ kind: 'new' }, mode.kind === 'edit' ? '' : input.value);
    fill(
      about,
      el(
        'span',
        {},
        mode.kind === 'edit' ? w.editing : mode.kind === 'reply' ? w.replyTo(mode.name) : '',
      ),
      el('button', { type: 'button', class: 'link', onclick: cancel }, w.cancel),
    );
    input.focus();
  }

  return {
    node,
    input,
    reply: (seq, name) => become({ kind: 'reply', seq, name }),
    edit: (seq, text) => become({ kind: 'edit', seq }, text),
  };
}
