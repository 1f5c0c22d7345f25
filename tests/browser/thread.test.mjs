/** How the page folds events to messages: node --test tests/browser */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Thread } from '../../src/console/thread.js';

const created = (seq, text, more = {}) => ({
  seq,
  at: seq,
  event: 'message.created',
  data: { sender_id: 'ana', client_id: `c${seq}`, text, ...more },
});
const change = (seq, event, data) => ({ seq, at: seq, event, data: { message_seq: 1, ...data } });
const reacted = (seq, on) => change(seq, 'message.reacted', { user_id: 'ben', emoji: '🌱', on });

function fold(events) {
  const thread = new Thread();
  for (const event of events) thread.add(event);
  return thread.list();
}

/** Any order gives the same, since earlier pages are read after later ones. */
function inAnyOrder(events) {
  const expected = fold(events);
  for (let turn = 1; turn < events.length; turn += 1) {
    assert.deepEqual(fold([...events.slice(turn), ...events.slice(0, turn)]), expected);
  }
  assert.deepEqual(fold([...events].reverse()), expected);
  assert.deepEqual(fold([...events, ...events]), expected);
  return expected;
}

test('the last edit counts', () => {
  const [message] = inAnyOrder([
    created(1, 'one'),
    change(2, 'message.edited', { text: 'two' }),
    change(3, 'message.edited', { text: 'three' }),
  ]);
  assert.deepEqual([message.text, message.edited, message.deleted], ['three', true, false]);
});

test('an edit whose text has left the log is passed over', () => {
  const [message] = inAnyOrder([
    created(1, undefined, { changed_by: 3 }),
    change(2, 'message.edited', {}),
    change(3, 'message.edited', { text: 'now' }),
  ]);
  assert.equal(message.text, 'now');
});

test('a deleted message stays deleted', () => {
  const [message] = inAnyOrder([
    created(1, undefined, { changed_by: 3 }),
    change(2, 'message.edited', {}),
    change(3, 'message.deleted', {}),
  ]);
  assert.deepEqual([message.text, message.edited, message.deleted], [null, false, true]);
});

test('a reaction that was taken away is gone', () => {
  const events = [created(1, 'one'), reacted(2, true), reacted(3, false)];
  assert.deepEqual(inAnyOrder(events)[0].reactions, {});
  assert.deepEqual(inAnyOrder([...events, reacted(4, true)])[0].reactions, { '🌱': ['ben'] });
});

test('messages stand in the order of the log', () => {
  const list = inAnyOrder([created(1, 'one'), created(2, 'two'), created(5, 'five')]);
  assert.deepEqual(
    list.map(({ text }) => text),
    ['one', 'two', 'five'],
  );
});
