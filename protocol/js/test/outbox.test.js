import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ME, TALK, event, start } from './server.js';

const message = (text) => ({ conversation_id: TALK, text });
const sent = (seq, duplicate = false) => ({ seq, message_id: `m${seq}`, at: 1, duplicate });

test('a message that was not acknowledged is sent again with its client_id', async () => {
  const { client, clock, server } = start();
  client.connect();
  await server.open();
  const mail = client.send(message('hello'));
  const first = server.take('conversation.send');
  await server.drop();
  await clock.advance(1_000);
  await server.open();
  const again = await server.answer('conversation.send', sent(1, true));
  assert.deepEqual(again, first.params);
  assert.deepEqual(await mail.sent, sent(1, true));
  assert.deepEqual(client.unsent(), []);
});

test('its own event acknowledges it too, so that nothing is sent again', async () => {
  const { client, clock, server } = start();
  client.connect();
  await server.open();
  const mail = client.send(message('hello'));
  await server.drop();
  await clock.advance(1_000);
  const mine = event(1, { sender_id: ME, client_id: mail.client_id });
  await server.open({ events: [mine] });
  assert.equal((await mail.sent).seq, 1);
  assert.deepEqual(client.unsent(), []);
});

test('what is written while offline goes out in order, one at a time', async () => {
  const { client, server } = start();
  for (const text of ['one', 'two', 'three']) client.send(message(text));
  client.connect();
  await server.open();
  const texts = [];
  for (let seq = 1; seq <= 3; seq += 1) {
    texts.push((await server.answer('conversation.send', sent(seq))).text);
  }
  assert.deepEqual(texts, ['one', 'two', 'three']);
});

test('busy is waited out; the next message does not overtake', async () => {
  const { client, clock, server } = start();
  client.connect();
  await server.open();
  client.send(message('one'));
  client.send(message('two'));
  await server.refuse('conversation.send', { code: 'busy', retryable: true, retry_after_ms: 700 });
  await clock.advance(699);
  assert.equal(server.has('conversation.send'), false);
  await clock.advance(1);
  assert.equal((await server.answer('conversation.send', sent(1))).text, 'one');
  assert.equal((await server.answer('conversation.send', sent(2))).text, 'two');
});

test('a refused message is kept for its writer, and the next one goes on', async () => {
  const { client, server } = start();
  const states = [];
  client.on('outbox', ({ text, state }) => states.push(`${text} ${state}`));
  client.connect();
  await server.open();
  const mail = client.send(message('one'));
  client.send(message('two'));
  await server.refuse('conversation.send', { code: 'blocked' });
  await assert.rejects(mail.sent, { code: 'blocked' });
  await server.answer('conversation.send', sent(1));
  assert.deepEqual(states, ['one sending', 'two sending', 'one failed', 'two sent']);
  assert.deepEqual(
    client.unsent(TALK).map(({ text, state }) => [text, state]),
    [['one', 'failed']],
  );
  client.resend(mail.client_id);
  assert.equal((await server.answer('conversation.send', sent(2))).client_id, mail.client_id);
  assert.deepEqual(client.unsent(), []);
});

test('unsent messages survive the program', async () => {
  const kept = new Map();
  const outbox = {
    all: () => [...kept.values()],
    put: (entry) => kept.set(entry.client_id, structuredClone(entry)),
    delete: (id) => kept.delete(id),
  };
  const before = start({ outbox });
  const { client_id } = before.client.send(message('hello'));
  const after = start({ outbox });
  after.client.connect();
  await after.server.open();
  const params = await after.server.answer('conversation.send', sent(1));
  assert.deepEqual(params, { ...message('hello'), client_id });
  assert.equal(kept.size, 0);
});

test('a message larger than a frame may be is refused here, not by a closed socket', async () => {
  const { client, server } = start();
  client.connect();
  await server.open();
  await assert.rejects(client.send(message('x'.repeat(70_000))).sent, { code: 'too_large' });
  assert.equal(server.has('conversation.send'), false);
});
